"""The record types as a Markdown page for `docs/`: what a mapping may fill, field by field."""

from __future__ import annotations

from collections.abc import Iterator

from allpool.mappings.dictionary import Dictionary
from allpool.mappings.records import FieldTarget, RecordType, record_types

CONSORTIUM = frozenset({"study", "centre"})
"""Filled from the consortium's own study files; no mapping names them."""


def records_page(dictionary: Dictionary) -> str:
    """Return the page of all record types that a mapping may name, in the order of their file."""
    types = {name: kind for name, kind in record_types().items() if name not in CONSORTIUM}
    parts = [
        "# Records",
        "What `record:` may say in a mapping, and the fields that each record takes.",
        "This page is generated from `src/allpool/mappings/records.yaml`; change it there.",
        "A field that is *required* must be mapped, and a row where it is empty makes no record.",
        "What is *else* said stands where the field is not mapped or its cell is empty.",
    ]
    parts += ["\n".join(_section(name, kind, dictionary)) for name, kind in types.items()]
    return "\n\n".join(parts) + "\n"


def _section(name: str, kind: RecordType, dictionary: Dictionary) -> Iterator[str]:
    yield f"## {name}\n"
    yield f"{_sentence(kind)}\n"
    if kind.family is not None:
        members = [element for element in dictionary if element.record == kind.family]
        yield "Not named itself; each of these is a record of its own name:"
        yield ", ".join(f"[{element.id}](dictionary.md#{element.id})" for element in members) + ".\n"
    yield "| field | what | type | |"
    yield "|---|---|---|---|"
    if kind.family is not None and kind.table == "observation":
        yield "| `value` | the element's own value | as in the dictionary | required |"
    for field, target in kind.fields.items():
        cells = (_what(field, target, dictionary), _type(target, dictionary), _notes(kind, target))
        yield f"| `{field}` | {' | '.join(cells)} |"


def _sentence(kind: RecordType) -> str:
    title = f"{kind.title[0].upper()}{kind.title[1:]}."
    if kind.singular:
        return f"{title} A patient has one: what several rows and sheets say of it is put together."
    key = ", ".join(f"`{part}`" for part in kind.key)
    return f"{title} Two of one patient are told apart by {key}." if key else title


def _what(field: str, target: FieldTarget, dictionary: Dictionary) -> str:
    if target.element is not None:
        return f"[{dictionary[target.element].title['en']}](dictionary.md#{target.element})"
    return target.title or field.replace("_", " ")


def _type(target: FieldTarget, dictionary: Dictionary) -> str:
    element = dictionary[target.element] if target.element is not None else None
    codes = element.codes if element is not None else target.codes
    said = element.type if element is not None else target.type
    unit = element.unit if element is not None else target.unit
    if codes is not None:
        return f"code of [{codes}](code-tables.md#{codes})"
    return f"{said}, `{unit}`" if unit is not None else str(said)


def _notes(kind: RecordType, target: FieldTarget) -> str:
    if target.required:
        return "required"
    fixed = kind.fixed.get(target.column or "")
    return f"else `{fixed}`" if fixed is not None else ""

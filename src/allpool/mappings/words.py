"""The words that a field understands: those of its code table, of a code file and of the mapping itself."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import PurePosixPath
from typing import NamedTuple, NoReturn

from allpool.errors import MappingError, Place
from allpool.mappings.codes.files import read_code_file
from allpool.mappings.codes.relations import Codes, Relation
from allpool.mappings.plan import Kind, Words
from allpool.mappings.positions import Document, Location
from allpool.mappings.schema import Binding
from allpool.mappings.terminology import CodeTable, Terminology, normal

TRUE_FALSE = frozenset({"true", "false"})


class _Said(NamedTuple):
    """A relation that the author wrote, and how to fail where it stands."""

    relation: Relation
    fail: Callable[[str], NoReturn]


def compile_words(
    document: Document,
    at: Location,
    binding: Binding,
    kind: Kind,
    own: str | None,
    terminology: Terminology,
    *,
    keeps_text: bool,
    sheet: Iterable[tuple[Relation, Callable[[str], NoReturn]]] = (),
) -> Words | None:
    """Return what a field's texts mean; None where it reads no words.

    `own` is the element's code table; `keeps_text` says whether the text as delivered stands beside the code
    in the store; `sheet` is what the mapping's code sheet says, and how to fail there. Raises
    `MappingError` with file and line.
    """
    said = _said(document, at, binding.codes, sheet)
    if kind == "boolean":
        words = _truth(document, at, binding.codes, said, terminology)
    elif kind in ("integer", "text"):
        if binding.codes is None:
            return None
        if binding.codes.table is not None:
            document.fail("this field has no code table: write text -> what it stands for", (*at, "codes"))
        words = _merged({}, frozenset(), said, table=None)
    elif kind == "coding":
        words = _coded(document, at, binding, own, said, terminology)
    else:
        return None
    for relation, fail in said:
        if relation.equivalence in ("wider", "narrower") and not keeps_text:
            fail(
                f"`{relation.equivalence}` is for fields that keep the text as delivered beside the code; "
                "this one does not, and what the source said would be lost"
            )
    return words


def _said(
    document: Document,
    at: Location,
    codes: Codes | None,
    sheet: Iterable[tuple[Relation, Callable[[str], NoReturn]]],
) -> list[_Said]:
    """Return the relations of the mapping, its code file and its sheet; a text with two meanings fails."""
    own = codes.relations if codes is not None else ()
    written = [_Said(item, _failing(document, at, item.text)) for item in own]
    if codes is not None and codes.file is not None:
        path = PurePosixPath(codes.file)
        if path.is_absolute() or ".." in path.parts:
            document.fail("a code file stands beside the mapping or beneath it", (*at, "codes"))
        read = read_code_file(document.path.parent / path, name=codes.file)
        written += [_Said(relation, line.fail) for relation, line in read]
    written += [_Said(relation, fail) for relation, fail in sheet]
    seen: dict[str, Relation] = {}
    for relation, fail in written:
        before = seen.setdefault(normal(relation.text), relation)
        if (before.code, before.equivalence) != (relation.code, relation.equivalence):
            fail(
                f"'{relation.text}' stands here for {_named(relation)} and elsewhere for {_named(before)}; "
                "case and repeated blanks do not tell texts apart"
            )
    return written


def _named(relation: Relation) -> str:
    name = relation.code or "nothing"
    return name if relation.is_equal else f"{name} ({relation.equivalence})"


def _failing(document: Document, at: Location, text: str) -> Callable[[str], NoReturn]:
    long = (*at, "codes", "words", text)
    place = long if long in document.lines else (*at, "codes", text)

    def fail(message: str) -> NoReturn:
        raise MappingError(message, place=Place(file=document.path.name, line=document.line(place)))

    return fail


def _coded(
    document: Document,
    at: Location,
    binding: Binding,
    own: str | None,
    said: list[_Said],
    terminology: Terminology,
) -> Words:
    if own is None or own not in terminology:
        document.fail(f"the element's code table '{own}' does not exist", at)
    table = terminology[own]
    codes = binding.codes
    if codes is not None and codes.table is not None and codes.table != own:
        document.fail(f"this field is coded by '{own}'", (*at, "codes"))
    _check_codes(said, table.codes, own)
    with_table = codes is None or codes.table is not None
    words = _merged(table.lookup() if with_table else {}, _rubbish(table), said, table=own)
    if binding.numeric is not None and binding.numeric not in table.codes:
        document.fail(f"'{binding.numeric}' is not a code of {own}", (*at, "numeric"))
    if binding.constant is None:
        return words
    form = normal(binding.constant)
    constant = words.codes.get(form) or table.lookup().get(form)
    if constant is None:
        document.fail(f"'{binding.constant}' is not a code of {own}; it has {', '.join(table.codes)}", at)
    return Words({**words.codes, form: constant}, words.ignored, own, words.unmatched, words.relations)


def _check_codes(said: list[_Said], codes: Collection[str], table: str) -> None:
    for relation, fail in said:
        if relation.code is not None and relation.code not in codes:
            fail(f"'{relation.code}' is not a code of {table}; it has {', '.join(codes)}")


def _truth(
    document: Document, at: Location, codes: Codes | None, said: list[_Said], terminology: Terminology
) -> Words:
    for relation, fail in said:
        if relation.code is not None and relation.code not in TRUE_FALSE:
            fail("a yes-or-no field is coded by true and false")
    if codes is None:
        return _merged({"true": "true", "false": "false"}, frozenset(), said, table=None)
    if codes.table is None:
        return _merged({}, frozenset(), said, table=None)
    if codes.table not in terminology:
        document.fail(f"there is no code table '{codes.table}'", (*at, "codes"))
    table = terminology[codes.table]
    if not set(table.codes) >= TRUE_FALSE:
        document.fail(f"'{codes.table}' does not say true and false", (*at, "codes"))
    return _merged(table.lookup(), _rubbish(table), said, table=codes.table)


def _rubbish(table: CodeTable) -> frozenset[str]:
    return frozenset(normal(text) for text in table.ignored)


def _merged(
    base: Mapping[str, str], ignored: frozenset[str], said: list[_Said], *, table: str | None
) -> Words:
    """Return the table's words with the author's over them; what is unmatched stands for no code."""
    relations = {normal(item.relation.text): item.relation for item in said}
    codes = {form: code for form, code in base.items() if form not in relations}
    codes |= {form: item.code for form, item in relations.items() if item.code is not None}
    unmatched = {form: item.comment or "" for form, item in relations.items() if item.code is None}
    return Words(codes, ignored - relations.keys(), table, unmatched, tuple(item.relation for item in said))

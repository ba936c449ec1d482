"""The dictionary and the code tables as Markdown pages for `docs/`."""

from __future__ import annotations

from collections.abc import Iterable

from allpool.mappings.dictionary import Code, DataElement, Dictionary, Range
from allpool.mappings.terminology import CodeTable, Terminology

LANGUAGES = {"en": "English", "zh": "Chinese", "cs": "Czech", "de": "German"}


def dictionary_page(dictionary: Dictionary) -> str:
    """Return the page of all data elements, one section for each domain, in the order of the files."""
    elements = tuple(dictionary)
    added = sum(not element.seeds for element in elements)
    parts = [
        "# Data dictionary",
        f"{len(elements)} common data elements, {added} of them beyond the founding list.",
        "This page is generated from `src/allpool/mappings/dictionary`; change it there.",
        "A mapping fills `record`.`field`. Numbers are stored in the unit named first.",
        "A code is *verified* only where a public source was seen to say so.",
    ]
    for domain in dict.fromkeys(element.domain for element in elements):
        parts.append(f"## {domain.replace('_', ' ').capitalize()}")
        parts += [_element(element) for element in elements if element.domain == domain]
    return "\n\n".join(parts) + "\n"


def terminology_page(terminology: Terminology) -> str:
    """Return the page of all code tables: codes, what centres write for them, fixes and ignored texts."""
    parts = [
        "# Code tables",
        f"{len(terminology.tables)} tables. Case and repeated blanks do not matter.",
        "This page is generated from `src/allpool/mappings/terminology`; change it there.",
        "A text that stands nowhere here is quarantined, unless the mapping says what it means.",
        "How it does: [mapping-language.md](mapping-language.md#codes).",
        "Texts that wait come back as a filled work-list ([running.md](running.md#texts-without-a-code)).",
        "`allpool terminology export --table T` writes a table as a FHIR ConceptMap or as CSV.",
    ]
    parts += [_table(terminology[name]) for name in sorted(terminology.tables)]
    return "\n\n".join(parts) + "\n"


def _element(element: DataElement) -> str:
    titles = "; ".join(f"{LANGUAGES[language]}: {title}" for language, title in element.title.items())
    facts = [
        ("Title", titles),
        ("Where", f"`{element.record}`.`{element.field}`, `{element.fhir_path}`"),
        ("Type", f"{element.type}, {element.cardinality}"),
        ("Values", f"[{element.codes}](code-tables.md#{element.codes})" if element.codes else ""),
        ("Units", _units(element)),
        ("Plausible", _range(element.range, element.unit) if element.range else ""),
        ("Profile", element.profile or ""),
        ("Codes", "; ".join(_code(code) for code in element.code)),
        ("Note", element.note or ""),
        ("Founding list", "" if element.seeds else "not in it"),
    ]
    facts += [
        (f"Also written ({LANGUAGES[language]})", ", ".join(f"`{text}`" for text in texts))
        for language, texts in element.synonyms.items()
    ]
    rows = [f"| {name} | {_cell(value)} |" for name, value in facts if value]
    return "\n".join([f"### {element.id}", "", element.definition, "", "| | |", "|---|---|", *rows])


def _units(element: DataElement) -> str:
    if element.unit is None:
        return ""
    others = [f"`{unit}` × {factor:g}" for unit, factor in element.units.items() if unit != element.unit]
    source = f" ({element.units_source})" if element.units_source else ""
    return ", ".join([f"`{element.unit}`", *others]) + source


def _range(plausible: Range, unit: str | None) -> str:
    low = "" if plausible.low is None else f"from {plausible.low:g}"
    high = "" if plausible.high is None else f"to {plausible.high:g}"
    return (
        " ".join(part for part in (low, high, f"`{unit}`" if unit else "") if part) + f" ({plausible.source})"
    )


def _code(code: Code) -> str:
    display = f" {code.display}" if code.display else ""
    return f"`{code.system}` `{code.code}`{display}, {code.status}: {code.source}"


def _table(table: CodeTable) -> str:
    lines = [f"## {table.table}", "", table.title + ".", "", f"Source: {table.source}."]
    if table.system:
        lines.append(f"System: `{table.system}`.")
    lines += ["", "| code | meaning | also written | other codes |", "|---|---|---|---|"]
    for code, term in table.codes.items():
        words = ", ".join(f"`{text}`" for text in _flat(term.synonyms.values()))
        others = "; ".join(_code(other) for other in term.external)
        lines.append(f"| `{_cell(code)}` | {_cell(term.display)} | {_cell(words)} | {_cell(others)} |")
    if table.fixes:
        fixes = ", ".join(f"`{text}` → `{code}`" for text, code in table.fixes.items())
        lines += ["", f"Known misspellings: {fixes}."]
    if table.ignored:
        lines += ["", "Known rubbish, ignored: " + ", ".join(f"`{text}`" for text in table.ignored) + "."]
    return "\n".join(lines)


def _flat(groups: Iterable[Iterable[str]]) -> Iterable[str]:
    return dict.fromkeys(text for group in groups for text in group)


def _cell(text: str) -> str:
    """Return `text` so that it stays within one cell of a Markdown table."""
    return text.replace("|", "\\|").replace("\n", " ")

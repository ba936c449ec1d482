"""The units of every quantity as a page for `docs/`: factors and their source, what is usual, forms."""

from __future__ import annotations

from typing import Final

from allpool.mappings.dictionary import DataElement, Dictionary, Span, Usual
from allpool.mappings.units.written import written_forms

HEAD: Final = """\
# Units

This page is generated from `src/allpool/mappings/dictionary` and `units/written_forms.yaml`; change it there.
How a mapping names units: [mapping-language.md](mapping-language.md#units). UCUM's functional tests: [ucum.md](ucum.md).

## Quantities

Numbers are stored in the first unit, with value and unit as delivered beside them. Any UCUM unit of the same kind of
quantity is taken; those listed are tried as the other reading of a column that does not look as is usual.

| element | stored in | listed, with factor | a column usually has | source |
|---|---|---|---|---|
"""  # noqa: E501  # Markdown
MASSES: Final = """\

## Where mass and amount of substance meet

For every other element a molar unit is refused where the stored one is a mass, and the other way round.

| element | g/mol | source |
|---|---|---|
"""
FORMS: Final = """\

## Written forms

Compared without blanks, full-width signs as ASCII, µ as u, × as x, superscripts as ^ and digits. Case counts.

| UCUM | also written |
|---|---|
"""


def units_page(dictionary: Dictionary) -> str:
    """Return the page of units, in the order of the dictionary."""
    quantities = [element for element in dictionary if element.unit]
    masses = [
        f"| {element.id} | {element.molar_mass.value:g} | {_cell(element.molar_mass.source)} |"
        for element in quantities
        if element.molar_mass
    ]
    parts = [(HEAD, map(_quantity, quantities)), (MASSES, masses), (FORMS, _forms())]
    return "".join(head + "".join(f"{row}\n" for row in rows) for head, rows in parts)


def _quantity(element: DataElement) -> str:
    others = ", ".join(
        f"`{unit}` × {factor:g}" for unit, factor in element.units.items() if unit != element.unit
    )
    usual = _usual(element.usual) if element.usual else ""
    sources = dict.fromkeys(
        text for text in (element.units_source, element.usual.source if element.usual else None) if text
    )
    cells = (element.id, f"`{element.unit}`", others, usual, "; ".join(sources))
    return f"| {' | '.join(_cell(cell) for cell in cells)} |"


def _usual(usual: Usual) -> str:
    said = [
        f"{what} {_span(span)}"
        for what, span in (("middle", usual.median), ("upper end", usual.upper))
        if span
    ]
    if usual.not_below:
        said.append(f"middle not below the row's {usual.not_below}")
    return "; ".join(said)


def _span(span: Span) -> str:
    low = "" if span.low is None else f"from {span.low:g}"
    high = "" if span.high is None else f"to {span.high:g}"
    return " ".join(part for part in (low, high) if part)


def _forms() -> list[str]:
    found: dict[str, list[str]] = {}
    for form, unit in written_forms().items():
        found.setdefault(unit, []).append(form)
    return [
        f"| `{unit}` | {_cell(', '.join(f'`{form}`' for form in forms))} |" for unit, forms in found.items()
    ]


def _cell(text: str) -> str:
    return text.replace("|", "\\|")

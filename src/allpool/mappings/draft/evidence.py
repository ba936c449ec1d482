"""What the cells of a column say for or against a target: codes, numbers, dates, yes and no."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from allpool.mappings.draft.header import Header
from allpool.mappings.draft.lexicon import load_lexicon
from allpool.mappings.draft.targets import Target
from allpool.mappings.draft.units import Fit, fitting_units
from allpool.mappings.profile import ColumnProfile, DateReading
from allpool.mappings.terminology import Terminology, normal

Verdict = Literal["bears out", "allows", "strains", "speaks against", "rules out"]

FACTOR: Mapping[Verdict, float] = {
    "bears out": 1.0,
    "allows": 0.92,
    "strains": 0.8,
    "speaks against": 0.6,
    "rules out": 0.2,
}
"""What is left of the fit of the name; set on the training files (docs/draft.md)."""


IDS = ("study", "centre", "lineage")
"""Texts that may well be numbers."""
FEW = 12
"""Codes that numbers stand for, at most: more are counts or measurements."""
PERCENT = re.compile(r"[<>≤≥＜＞]?=? ?9+([.,]9+)?\s?[%％]")
ISCN = re.compile(r"99([~-]99)?(<9+A?>)?,.*")
"""Shape of a karyotype in the notation of ISCN: the number of chromosomes, then the sex chromosomes."""


@dataclass(frozen=True)
class Evidence:
    """What the cells say of one target, in a sentence, and what follows for the mapping."""

    verdict: Verdict
    reason: str = ""
    codes: Mapping[str, str] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()
    """Texts among the values that the code table does not know."""
    unit: str | None = None
    units: tuple[str, ...] = ()
    """All that fit, where more than one does."""
    date_format: str | None = None


def weigh(target: Target, header: Header, column: ColumnProfile, terminology: Terminology) -> Evidence:
    """Return what the cells of `column` say for `target`."""
    if not column.filled:
        is_key = target.field == "patient"
        return Evidence("rules out" if is_key else "allows", "the column is empty")
    match target.type:
        case "date" | "dateTime":
            return _date(header, column)
        case "code":
            return _code(target, column, terminology)
        case "boolean":
            return _boolean(column, terminology)
        case "decimal" | "integer":
            return _number(target, header, column, terminology)
        case "identifier" if target.field == "patient":
            return _key(column)
        case _:
            return _text(target, column, terminology)


def share(column: ColumnProfile, *kinds: str) -> float:
    """Return the share of the filled cells that are of `kinds`."""
    counts = {str(kind): cells for kind, cells in column.kinds.items()}
    return sum(counts.get(kind, 0) for kind in kinds) / column.filled if column.filled else 0.0


def calendar_readings(column: ColumnProfile) -> list[DateReading]:
    """Return the formats that read the column as more than a bare number: no years alone, no serials."""
    if share(column, "integer") > 0.5:
        return [reading for reading in column.dates if reading.format in ("%Y%m%d",)]
    return list(column.dates)


def numeric_share(column: ColumnProfile) -> float:
    """Return the share of the filled cells that are numbers."""
    plain = share(column, "integer", "decimal", "decimal_comma", "comparator")
    return max(plain, percent_share(column))


def percent_share(column: ColumnProfile) -> float:
    """Return the share of the filled cells that are numbers with a per cent sign."""
    cells = sum(shape.cells for shape in column.shapes if PERCENT.fullmatch(shape.text))
    return cells / column.filled if column.filled else 0.0


def yes_no(column: ColumnProfile, terminology: Terminology) -> bool:
    """Return whether the column says yes and no, in words or as 0 and 1."""
    words = terminology["yes_no"].lookup()
    return bool(column.values) and column.distinct <= 4 and all(
        normal(value.text) in words for value in column.values
    )  # fmt: skip


def says_positive(column: ColumnProfile) -> bool:
    """Return whether the values are the words positive and negative."""
    lexicon = load_lexicon()
    return any(
        "positivity" in token
        for value in column.values
        for token in lexicon.tokens(value.text, mend=False)[0]
    )


def _date(header: Header, column: ColumnProfile) -> Evidence:
    readings = calendar_readings(column)
    if readings:
        best = readings[0]
        if column.is_order_open:
            return Evidence("bears out", "the cells are dates; the order of day and month is open")
        return Evidence("bears out", f"the cells are dates ({best.format})", date_format=best.format)
    named = any({"date", "year", "birth", "start", "end"} & token for token in header.tokens)
    if column.dates and share(column, "integer") > 0.5:
        best = column.dates[0]
        form = "%Y" if best.format in ("%Y", "iso") else best.format
        kind = "years" if form == "%Y" else "serial numbers of days"
        return Evidence(
            "bears out" if named else "allows", f"the cells can be {kind} ({form})", date_format=form
        )
    if share(column, "integer") > 0.9:
        return Evidence("speaks against", "the cells are whole numbers, which may count days from an event")
    if share(column, "date") > 0.5:
        return Evidence("allows", "most cells are dates, in more than one form")
    return Evidence("rules out", "the cells are no dates")


def _code(target: Target, column: ColumnProfile, terminology: Terminology) -> Evidence:
    if calendar_readings(column):
        return Evidence("rules out", "the cells are dates")
    table = terminology[target.codes] if target.codes else None
    if table is None or not column.values:
        free = numeric_share(column) > 0.9 and column.distinct > 12
        return Evidence("rules out" if free else "allows", "no value is frequent enough to look at")
    words, ignored = table.lookup(), {normal(text) for text in table.ignored}
    codes = {value.text: words[normal(value.text)] for value in column.values if normal(value.text) in words}
    unknown = tuple(
        value.text for value in column.values if value.text not in codes and normal(value.text) not in ignored
    )
    cells = sum(value.cells for value in column.values)
    known = sum(value.cells for value in column.values if value.text in codes) / cells if cells else 0.0
    said = f"the code table {target.codes} knows {len(codes)} of {len(codes) + len(unknown)} frequent values"
    if known >= 0.5 and (len(set(codes.values())) > 1 or column.distinct == 1 or len(codes) >= 2):
        return Evidence("bears out", said, codes=codes, unknown=unknown)
    if codes:
        return Evidence("allows", said, codes=codes, unknown=unknown)
    if numeric_share(column) > 0.9:
        few = column.distinct <= FEW and share(column, "integer") > 0.9 and column.longest <= 2
        few = few and column.quantiles.get(0.75, 0.0) <= FEW
        return Evidence(
            "allows" if few else "rules out",
            "the cells are numbers; what they stand for is not said",
            unknown=unknown,
        )
    if yes_no(column, terminology):
        return Evidence(
            "strains", f"the cells say yes and no, which {target.codes} does not know", unknown=unknown
        )
    if column.distinct > 0.6 * column.filled and column.longest > 60:
        return Evidence("rules out", "the cells are free text")
    return Evidence("speaks against", said, unknown=unknown)


def _boolean(column: ColumnProfile, terminology: Terminology) -> Evidence:
    if yes_no(column, terminology):
        words = terminology["yes_no"].lookup()
        return Evidence(
            "allows" if says_positive(column) else "bears out",
            "the cells say yes and no",
            codes={value.text: words[normal(value.text)] for value in column.values},
        )
    if not column.values and column.distinct <= 3:
        return Evidence("allows", "no value is frequent enough to look at")
    if calendar_readings(column) or column.distinct > 8:
        return Evidence("rules out", "the cells are neither yes nor no")
    words = terminology["yes_no"].lookup()
    known = sum(normal(value.text) in words for value in column.values)
    if known:
        return Evidence("allows", "some cells say yes or no")
    return Evidence("speaks against", "the cells are neither yes nor no")


def _number(target: Target, header: Header, column: ColumnProfile, terminology: Terminology) -> Evidence:
    if calendar_readings(column):
        return Evidence("rules out", "the cells are dates")
    numbers = numeric_share(column)
    if numbers < 0.3:
        return Evidence("rules out", "the cells are no numbers")
    if target.type == "decimal" and column.distinct == 2 and yes_no(column, terminology):
        return Evidence("speaks against", "the cells are 0 and 1 only")
    fit: Fit = fitting_units(target, header, column)
    if fit.verdict == "no unit fits":
        return Evidence("rules out", fit.reason)
    if fit.verdict in ("out of range", "unusual"):
        return Evidence("speaks against", fit.reason)
    if target.type == "integer" and share(column, "decimal", "decimal_comma") > 0.1:
        return Evidence("speaks against", "the cells have fractions")
    said = "allows" if numbers < 0.8 else "bears out"
    return Evidence(
        "bears out" if said == "bears out" else "allows", fit.reason, unit=fit.unit, units=fit.units
    )


def _key(column: ColumnProfile) -> Evidence:
    if column.filled < 0.98 * column.rows:
        return Evidence("rules out", "not every row has one")
    if calendar_readings(column) or share(column, "decimal", "decimal_comma", "comparator") > 0:
        return Evidence("rules out", "the cells are no identifiers")
    kind = column.identifier.kind if column.identifier else None
    if kind in ("patient_key", "medical_record_number"):
        return Evidence("bears out", "every row has one, and few are alike")
    if kind is not None:
        return Evidence("rules out", f"the cells look like a {kind.replace('_', ' ')}")
    if column.shapes and not any("9" in shape.text for shape in column.shapes):
        return Evidence("speaks against", "the cells have no number, as initials and names have none")
    if column.distinct <= max(2, 0.02 * column.rows):
        return Evidence("speaks against", "the same few identifiers stand in all rows")
    return Evidence("allows", "every row has one")


def _text(target: Target, column: ColumnProfile, terminology: Terminology) -> Evidence:
    if calendar_readings(column):
        return Evidence("speaks against", "the cells are dates")
    if share(column, "decimal", "decimal_comma") > 0.5:
        return Evidence("speaks against", "the cells are numbers")
    if target.field not in IDS and share(column, "integer") > 0.9 and column.distinct >= FEW:
        return Evidence("speaks against", "the cells are numbers")
    if target.field not in IDS and yes_no(column, terminology):
        return Evidence("speaks against", "the cells say yes and no")
    if target.id == "karyotype_iscn":
        cells = sum(shape.cells for shape in column.shapes)
        shaped = sum(shape.cells for shape in column.shapes if ISCN.fullmatch(shape.text))
        if not cells:
            return Evidence("allows", "no form of its cells is frequent enough to look at")
        if shaped < 0.2 * cells:
            return Evidence("speaks against", "the cells are not in the notation of ISCN")
        return Evidence("bears out", "cells in the notation of ISCN")
    return Evidence("allows")

"""One field of a rule read on all its rows at once, by its kind."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from allpool.etl.transform.numbers import number_steps
from allpool.etl.transform.quantities import read_quantity
from allpool.etl.transform.reading import IGNORED_CODE, MISSING, SKIPPED, UNMATCHED, Cell, Draft, Reading
from allpool.etl.transform.wordings import replaced
from allpool.mappings.plan import FieldPlan

DAYS_PER_WEEK = 7
LARGEST = 2**31 - 1
"""FHIR's integer has 32 bits (https://hl7.org/fhir/R4/datatypes.html#integer)."""


def read_field(plan: FieldPlan, cell: Cell, siblings: Mapping[str, Reading]) -> Reading:
    """Return how the field is read from `cell`; `siblings` are the record's fields read before."""
    draft = Draft(plan.name)
    given: dict[str, pl.Expr] = {"text": cell.text}
    if plan.kind == "partial_date" and plan.binding.relative is None:
        given |= cell.dates
    if plan.kind == "quantity" and cell.unit is not None:
        given |= {"unit": cell.unit.text}
    if cell.missing.get("") is not None:
        read = cell.text.is_null()
        given |= {"blank": read if cell.here is None else read & cell.here}
    draft.step(**given)
    told, ignored = _told(draft, plan, cell)
    match plan.kind:
        case "coding":
            return _coding(draft, plan, cell, told, ignored)
        case "boolean":
            return _boolean(draft, plan, cell, told, ignored)
        case "integer":
            return _integer(draft, plan, cell, told, ignored)
        case "quantity":
            return read_quantity(draft, plan, cell, told=told, ignored=ignored, siblings=siblings)
        case "partial_date" if plan.binding.relative is not None:
            return _relative(draft, plan, cell, told, ignored)
        case "partial_date":
            return _date(draft, plan, cell, told, ignored)
        case _:
            return _text(draft, plan, cell, told, ignored)


def _told(draft: Draft, plan: FieldPlan, cell: Cell) -> tuple[str, str | None]:
    """Return the part that holds the text where it says a value, and the one that says why it does not.

    Texts that say nothing are passed over, and so are those that deliberately have no code; `absence` holds
    why there is no value, where the mapping knows what such a text means.
    """
    text, skip = draft["text"], sorted(plan.binding.skip)
    missing = {word: _rule(MISSING, reason) for word, reason in cell.missing.items() if word}
    unmatched = cell.wordings.coded(plan.words.unmatched) if plan.words else {}
    passed = {word: _rule(UNMATCHED, why) for word, why in unmatched.items()}
    passed |= dict.fromkeys(skip, SKIPPED) | missing
    reasons = {word: reason for word, reason in cell.missing.items() if reason is not None}
    if not passed and not reasons:
        return "text", None
    made = {
        "told": pl.when(~text.is_in(sorted(passed))).then(text),
        "ignored": replaced(text, passed),
    }
    if reasons:
        blank = reasons.pop("", None)
        absence = replaced(text, reasons)
        if blank is not None:
            made["absence"] = pl.when(draft["blank"]).then(pl.lit(blank)).otherwise(absence)
        else:
            made["absence"] = absence
        draft.absent = "absence"
    draft.step(**made)
    return "told", "ignored"


def _rule(name: str, more: str | None) -> str:
    return f"{name}: {more}" if more else name


def _coding(draft: Draft, plan: FieldPlan, cell: Cell, told: str, ignored: str | None) -> Reading:
    assert plan.words is not None  # noqa: S101  # compiled so
    codes = cell.wordings.coded(plan.words.codes)
    if plan.binding.numeric is not None:
        codes = dict.fromkeys(cell.wordings.numbers, plan.binding.numeric) | codes
    rubbish = [item for item in cell.wordings.among(plan.words.ignored) if item not in codes]
    text, code = draft[told], draft["code"]
    draft.step(code=replaced(text, codes))
    unknown = text.is_not_null() & code.is_null()
    made: dict[str, pl.Expr] = {}
    if rubbish:
        made["passed"] = (
            pl.when(text.is_in(rubbish))
            .then(pl.lit(IGNORED_CODE))
            .otherwise(draft[ignored] if ignored else pl.lit(None, dtype=pl.String))
        )
        unknown &= ~text.is_in(rubbish)
    name = str(plan.column)
    columns = {"specimen" if plan.is_specimen else name: "code"}
    if plan.has_system and not plan.is_specimen:
        made["system"] = pl.when(code.is_not_null()).then(pl.lit(plan.system))
        columns[f"{name}_system"] = "system"
    if plan.has_delivered and plan.binding.constant is None and not plan.is_specimen:
        made["delivered"] = pl.when(code.is_not_null()).then(text)
        columns[f"{name}_delivered"] = "delivered"
    draft.step(error=pl.when(unknown).then(pl.lit("unknown_code")), **made)
    return draft.reading(columns, key="code", error="error", ignored="passed" if rubbish else ignored)


def _boolean(draft: Draft, plan: FieldPlan, cell: Cell, told: str, ignored: str | None) -> Reading:
    assert plan.words is not None  # noqa: S101  # compiled so
    draft.step(code=replaced(draft[told], cell.wordings.coded(plan.words.codes)))
    draft.step(value=draft["code"] == "true", error=_wrong(draft, told, "code", "not_a_boolean"))
    return draft.reading({str(plan.column): "value"}, key="code", error="error", ignored=ignored)


def _wrong(draft: Draft, told: str, value: str, rule: str) -> pl.Expr:
    """Return `rule` where there is a text and no value."""
    return pl.when(draft[told].is_not_null() & draft[value].is_null()).then(pl.lit(rule))


def _integer(draft: Draft, plan: FieldPlan, cell: Cell, told: str, ignored: str | None) -> Reading:
    found = cell.wordings.coded(plan.words.codes) if plan.words else {}
    if found:
        draft.step(plain=draft[told].replace(list(found), list(found.values())))
        told = "plain"
    number_steps(draft, told, decimal=cell.decimal, comparators=False)
    number = draft["value"]
    whole = (number == number.round(0)) & (number.abs() <= LARGEST)
    error = (
        pl.when(draft["wrong"].is_not_null())
        .then(draft["wrong"])
        .when((number != number.round(0)) | (number.abs() > LARGEST))
        .then(pl.lit("not_whole"))
    )
    draft.step(whole=pl.when(whole).then(number.cast(pl.Int64, strict=False)), error=error)
    draft.step(integer=pl.when(draft["error"].is_null()).then(draft["whole"]))
    draft.step(key=draft["integer"].cast(pl.String))
    return draft.reading({str(plan.column): "integer"}, key="key", error="error", ignored=ignored)


def _date(draft: Draft, plan: FieldPlan, cell: Cell, told: str, ignored: str | None) -> Reading:
    """Take the dates as they were read for the whole column, where this field reads its cell."""
    name = str(plan.column)
    if told != "text" or cell.partial:
        here = draft[told].is_not_null()
        draft.step(**{part: pl.when(here).then(draft[part]) for part in cell.dates})
    columns = {f"{name}_date": "date", f"{name}_precision": "precision"}
    if plan.has_time:
        columns[f"{name}_time"] = "time"
    hint = "hint" if "hint" in cell.dates else None
    return draft.reading(columns, key="key", error="error", ignored=ignored, hint=hint)


def _relative(draft: Draft, plan: FieldPlan, cell: Cell, told: str, ignored: str | None) -> Reading:
    name, relative = str(plan.column), plan.binding.relative
    assert relative is not None  # noqa: S101  # asked for by the caller
    number_steps(draft, told, decimal=cell.decimal, comparators=False)
    factor = DAYS_PER_WEEK if relative.unit == "wk" else 1
    value, wrong = draft["value"], draft["wrong"]
    if relative.origin == "cdisc":
        # SDTM counts whole days and has no day 0 (SDTMIG 3.4, 4.4.4)
        wrong = (
            pl.when(wrong.is_null() & (value != value.round(0)))
            .then(pl.lit("not_whole"))
            .when(wrong.is_null() & (value == 0))
            .then(pl.lit("impossible_date"))
            .otherwise(wrong)
        )
        value = pl.when(value > 0).then(value - 1).otherwise(value)
    elif relative.origin == "1":
        value = value - 1
    draft.step(
        days=pl.when(wrong.is_null()).then(value * factor),
        error=wrong,
    )
    draft.step(
        anchor=pl.when(draft["days"].is_not_null()).then(pl.lit(relative.anchor)),
        key=draft["days"].cast(pl.String) + pl.lit(f"d after {relative.anchor}"),
    )
    return draft.reading(
        {f"{name}_offset_days": "days", f"{name}_anchor": "anchor"},
        key="key",
        error="error",
        ignored=ignored,
        number="days",
    )


def _text(draft: Draft, plan: FieldPlan, cell: Cell, told: str, ignored: str | None) -> Reading:
    if plan.words is not None:
        draft.step(value=replaced(draft[told], cell.wordings.coded(plan.words.codes)))
        rule = "unknown_code"
    elif plan.binding.pattern is not None:
        fits = draft[told].str.contains(f"^(?:{plan.binding.pattern})$")
        draft.step(value=pl.when(fits).then(draft[told]))
        rule = "pattern"
    else:
        return draft.reading({str(plan.column): told}, key=told, ignored=ignored)
    draft.step(error=_wrong(draft, told, "value", rule))
    return draft.reading({str(plan.column): "value"}, key="value", error="error", ignored=ignored)

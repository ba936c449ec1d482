"""One field of a rule read on all its rows at once, by its kind."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

import polars as pl

from allpool.etl.transform.dates import parse_dates
from allpool.etl.transform.numbers import NUMBER, converted, parse_numbers
from allpool.etl.transform.reading import IGNORED_CODE, MISSING, SKIPPED, Reading, texts
from allpool.mappings.plan import FieldPlan
from allpool.mappings.terminology import normal

DAYS_PER_WEEK = 7
LARGEST = 2**31 - 1
"""FHIR's integer has 32 bits (https://hl7.org/fhir/R4/datatypes.html#integer)."""


def read_field(
    text: pl.Series,
    plan: FieldPlan,
    *,
    missing: frozenset[str],
    decimal: Literal[".", ","],
    timezone: str,
    siblings: Mapping[str, Reading],
    unit_text: pl.Series | None,
    shared: bool,
) -> Reading:
    """Return the field's reading of `text` (n cells; for a constant, n times the constant).

    `siblings` are the record's fields read before; `unit_text` is the unit's own column; `shared` says that
    another field of the record reads the same column.
    """
    absent = _in(text, missing | frozenset(plan.binding.missing))
    skipped = _in(text, frozenset(plan.binding.skip))
    ignored = (
        pl.DataFrame({"absent": absent, "skipped": skipped})
        .select(pl.when("absent").then(pl.lit(MISSING)).when("skipped").then(pl.lit(SKIPPED)))
        .to_series()
        .cast(pl.String)
    )
    told = text.to_frame("t").select(pl.when(~(absent | skipped)).then(pl.col("t"))).to_series()
    match plan.kind:
        case "coding":
            return _coding(told, plan, ignored)
        case "boolean":
            return _boolean(told, plan, ignored)
        case "integer":
            return _integer(told, plan, ignored, decimal)
        case "quantity":
            return _quantity(told, plan, ignored, decimal, siblings, unit_text, shared=shared)
        case "partial_date":
            return _date(told, plan, ignored, decimal, timezone)
        case _:
            return _text(told, plan, ignored)


def _in(text: pl.Series, words: frozenset[str]) -> pl.Series:
    return text.is_in(list(words)).fill_null(value=False) if words else text.is_null() & text.is_not_null()


def _coding(text: pl.Series, plan: FieldPlan, ignored: pl.Series) -> Reading:
    assert plan.words is not None  # noqa: S101  # compiled so
    words = plan.words
    codes: dict[str, str] = {}
    rubbish: list[str] = []
    for item in text.unique().drop_nulls().to_list():
        found = words.codes.get(normal(item))
        if found is None and plan.binding.numeric is not None and _is_number(item):
            found = plan.binding.numeric
        if found is not None:
            codes[item] = found
        elif normal(item) in words.ignored:
            rubbish.append(item)
    code = text.replace_strict(list(codes), list(codes.values()), default=None, return_dtype=pl.String)
    passed = text.is_in(rubbish).fill_null(value=False)
    frame = pl.DataFrame({"t": text, "c": code, "p": passed, "i": ignored})
    if plan.is_specimen:
        columns = {"specimen": code}
    else:
        name = str(plan.column)
        columns = {name: code}
        if plan.has_system:
            columns[f"{name}_system"] = _where(code, plan.system)
        if plan.has_delivered and plan.binding.constant is None:
            columns[f"{name}_delivered"] = frame.select(pl.when(pl.col("c").is_not_null()).then("t"))["t"]
    return Reading(
        columns,
        key=code,
        error=frame.select(
            pl.when(pl.col("t").is_not_null() & pl.col("c").is_null() & ~pl.col("p")).then(
                pl.lit("unknown_code")
            )
        )
        .to_series()
        .cast(pl.String),
        ignored=frame.select(pl.when("p").then(pl.lit(IGNORED_CODE)).otherwise("i")).to_series(),
    )


def _is_number(text: str) -> bool:
    """Whether a text is a number in either decimal sign, with or without comparator and per cent sign."""
    plain = text.replace(",", ".", 1).lstrip("<>=≤≥ ").rstrip("% ")
    return re.fullmatch(NUMBER, plain) is not None


def _where(present: pl.Series, value: str | None) -> pl.Series:
    return present.to_frame("p").select(pl.when(pl.col("p").is_not_null()).then(pl.lit(value))).to_series()


def _boolean(text: pl.Series, plan: FieldPlan, ignored: pl.Series) -> Reading:
    assert plan.words is not None  # noqa: S101  # compiled so
    found = {item: plan.words.codes.get(normal(item)) for item in text.unique().drop_nulls().to_list()}
    code = text.replace_strict(list(found), list(found.values()), default=None, return_dtype=pl.String)
    value = (code == "true").alias("v")
    return Reading(
        {str(plan.column): value},
        key=code,
        error=_error(text, code, "not_a_boolean"),
        ignored=ignored,
    )


def _error(text: pl.Series, value: pl.Series, rule: str) -> pl.Series:
    """Return `rule` where there is a text and no value."""
    return (
        pl.DataFrame({"t": text, "v": value})
        .select(pl.when(pl.col("t").is_not_null() & pl.col("v").is_null()).then(pl.lit(rule)))
        .to_series()
        .cast(pl.String)
    )


def _integer(text: pl.Series, plan: FieldPlan, ignored: pl.Series, decimal: Literal[".", ","]) -> Reading:
    words = plan.words.codes if plan.words else {}
    found = {item: words.get(normal(item), item) for item in text.unique().drop_nulls().to_list()}
    plain = text.replace_strict(list(found), list(found.values()), default=None, return_dtype=pl.String)
    numbers = parse_numbers(plain, decimal=decimal, comparators=False)
    whole = numbers.select(
        v=pl.when((pl.col("value") == pl.col("value").round(0)) & (pl.col("value").abs() <= LARGEST)).then(
            pl.col("value").cast(pl.Int64, strict=False)
        ),
        e=pl.when(pl.col("error").is_not_null())
        .then("error")
        .when((pl.col("value") != pl.col("value").round(0)) | (pl.col("value").abs() > LARGEST))
        .then(pl.lit("not_whole")),
    )
    value = pl.Series("v", whole.select(pl.when(pl.col("e").is_null()).then("v"))["v"])
    return Reading({str(plan.column): value}, key=value.cast(pl.String), error=whole["e"], ignored=ignored)


def _quantity(
    text: pl.Series,
    plan: FieldPlan,
    ignored: pl.Series,
    decimal: Literal[".", ","],
    siblings: Mapping[str, Reading],
    unit_text: pl.Series | None,
    *,
    shared: bool,
) -> Reading:
    binding, name = plan.binding, str(plan.column)
    units = _unit_of_rows(text, plan, unit_text)
    limit_text, limited = _limits(text, plan)
    plain = pl.DataFrame({"t": text, "l": limited}).select(pl.when(~pl.col("l")).then("t"))["t"]
    percent = binding.unit == "%" or unit_text is not None
    numbers = parse_numbers(plain, decimal=decimal, comparators=binding.comparators, percent=percent)
    frame = numbers.with_columns(text=text, unit=units, limited=limited, limit=limit_text)
    factors = plan.units or {}
    value = _canonical(pl.col("value"), factors)
    canonical = pl.lit(None, dtype=pl.Float64)
    for item in dict.fromkeys(binding.below.values()):
        known = siblings[item].columns if item in siblings else {}
        bound = next((series for series in known.values() if series.dtype == pl.Float64), None)
        chosen = pl.lit(bound) if bound is not None else pl.lit(None, dtype=pl.Float64)
        if item not in siblings:
            chosen = _canonical(pl.lit(float(item)), factors)
        canonical = pl.when(pl.col("limit") == item).then(chosen).otherwise(canonical)
    unknown_limit = pl.lit(None, dtype=pl.String) if shared else pl.lit("below_unknown")
    bad_unit = pl.col("text").is_not_null() & ~pl.col("unit").is_in(list(factors)).fill_null(value=False)
    stray = pl.col("text").str.ends_with("%") & (pl.col("unit") != "%") & ~pl.col("limited")
    frame = frame.with_columns(limit_value=canonical).with_columns(
        error=pl.when(bad_unit | stray)
        .then(pl.lit("unit"))
        .when(pl.col("limited"))
        .then(pl.when(pl.col("limit_value").is_null()).then(unknown_limit))
        .otherwise("error"),
    )
    good = pl.col("error").is_null() & (pl.col("value").is_not_null() | pl.col("limit_value").is_not_null())
    result = frame.select(
        value=pl.when(good).then(pl.when("limited").then("limit_value").otherwise(value)),
        comparator=pl.when(good).then(pl.when("limited").then(pl.lit("<")).otherwise("comparator")),
        unit=pl.when(good).then(pl.lit(plan.unit)),
        delivered=pl.when(good).then("text"),
        delivered_unit=pl.when(good & ~pl.col("limited")).then("unit"),
        error="error",
    )
    return Reading(
        {
            name: result["value"],
            f"{name}_comparator": result["comparator"],
            f"{name}_unit": result["unit"],
            f"{name}_delivered": result["delivered"],
            f"{name}_delivered_unit": result["delivered_unit"],
        },
        key=result.select(
            pl.concat_str([pl.col("comparator").fill_null(""), pl.col("value").cast(pl.String)])
        )["comparator"],
        error=result["error"],
        ignored=ignored,
    )


def _canonical(number: pl.Expr, factors: Mapping[str, float]) -> pl.Expr:
    """Return a number in the canonical unit, from the unit of its row."""
    value = pl.lit(None, dtype=pl.Float64)
    for unit, factor in factors.items():
        value = pl.when(pl.col("unit") == unit).then(converted(number, factor)).otherwise(value)
    return value


def _unit_of_rows(text: pl.Series, plan: FieldPlan, unit_text: pl.Series | None) -> pl.Series:
    unit = plan.binding.unit
    if unit_text is None or unit is None or isinstance(unit, str):
        return texts(len(text), unit if isinstance(unit, str) else None)
    words = {normal(word): code for word, code in unit.codes.items()}
    found = {item: words.get(normal(item), item) for item in unit_text.unique().drop_nulls().to_list()}
    return unit_text.replace_strict(list(found), list(found.values()), default=None, return_dtype=pl.String)


def _limits(text: pl.Series, plan: FieldPlan) -> tuple[pl.Series, pl.Series]:
    """Return for each text the limit it is below (a number or a field's name), and whether it has one."""
    below = {normal(word): limit for word, limit in plan.binding.below.items()}
    found = {
        item: below[normal(item)] for item in text.unique().drop_nulls().to_list() if normal(item) in below
    }
    limit = text.replace_strict(list(found), list(found.values()), default=None, return_dtype=pl.String)
    return limit, limit.is_not_null()


def _date(
    text: pl.Series, plan: FieldPlan, ignored: pl.Series, decimal: Literal[".", ","], timezone: str
) -> Reading:
    name = str(plan.column)
    if plan.binding.relative is not None:
        return _relative(text, plan, ignored, decimal)
    dates = parse_dates(text, plan.formats, timezone=timezone)
    if not plan.has_time:
        dates = _without_time(dates)
    columns = {f"{name}_date": dates["date"], f"{name}_precision": dates["precision"]}
    if plan.has_time:
        columns[f"{name}_time"] = dates["time"]
    key = dates.select(
        pl.concat_str(
            [pl.col("date").dt.to_string("%Y-%m-%d"), pl.col("precision"), pl.col("time").fill_null("")]
        )
    ).to_series()
    return Reading(columns, key=key, error=dates["error"], ignored=ignored)


def _without_time(dates: pl.DataFrame) -> pl.DataFrame:
    """Return dates for a field without a time of day: midnight, as spreadsheets write it, is none."""
    timed = pl.col("time").is_not_null() & ~pl.col("time").str.starts_with("00:00:00")
    return dates.select(
        date=pl.when(~timed.fill_null(value=False)).then("date"),
        precision=pl.when(~timed.fill_null(value=False)).then(pl.col("precision").replace("second", "day")),
        time=pl.lit(None, dtype=pl.String),
        error=pl.when(timed).then(pl.lit("not_a_date")).otherwise("error"),
    )


def _relative(text: pl.Series, plan: FieldPlan, ignored: pl.Series, decimal: Literal[".", ","]) -> Reading:
    name, relative = str(plan.column), plan.binding.relative
    assert relative is not None  # noqa: S101  # asked for by the caller
    numbers = parse_numbers(text, decimal=decimal, comparators=False)
    factor = DAYS_PER_WEEK if relative.unit == "wk" else 1
    days = numbers.select(pl.when(pl.col("error").is_null()).then(pl.col("value") * factor))["value"]
    return Reading(
        {
            f"{name}_offset_days": days,
            f"{name}_anchor": _where(days, relative.anchor),
        },
        key=days.cast(pl.String) + f"d after {relative.anchor}",
        error=numbers["error"],
        ignored=ignored,
    )


def _text(text: pl.Series, plan: FieldPlan, ignored: pl.Series) -> Reading:
    if plan.words is not None:
        words = plan.words.codes
        found = {item: words.get(normal(item)) for item in text.unique().drop_nulls().to_list()}
        value = text.replace_strict(list(found), list(found.values()), default=None, return_dtype=pl.String)
        error = _error(text, value, "unknown_code")
    elif plan.binding.pattern is not None:
        fits = text.str.contains(f"^(?:{plan.binding.pattern})$")
        value = text.to_frame("t").select(pl.when(fits).then("t"))["t"]
        error = _error(text, value, "pattern")
    else:
        value, error = text, texts(len(text))
    return Reading({str(plan.column): value}, key=value, error=error, ignored=ignored)

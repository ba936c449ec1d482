"""Response derived from the marrow and the counts nearest to it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import polars as pl
from sqlalchemy import Connection

from allpool.analysis.definitions.rules import Criteria, Limit
from allpool.analysis.derivation.clocks import TIME, clocked
from allpool.analysis.derivation.tables import read
from allpool.mappings.dictionary import Dictionary


def read_values(connection: Connection, subjects: pl.DataFrame, elements: Iterable[str]) -> pl.DataFrame:
    """Return numbers with usubjid, srcid, data_element, comparator, timepoint, course, clock, day, coarse."""
    columns = ["id", "subject_id", "data_element", "value_quantity", "value_quantity_comparator"]
    columns += ["timepoint", "course_number", *TIME]
    frame = read(connection, "observation", columns, elements=elements).rename(
        {
            "id": "srcid",
            "subject_id": "patient_id",
            "value_quantity": "number",
            "value_quantity_comparator": "comparator",
            "course_number": "course",
        }
    )
    return clocked(frame.join(subjects, on="patient_id"))


def met(limit: Limit) -> pl.Expr:
    """Return whether `number` (with its `comparator`) meets a limit; null where that cannot be told."""
    number, sign = pl.col("number"), pl.col("comparator")
    low = pl.when(sign.is_in(["<", "<="])).then(-float("inf")).otherwise(number)
    high = pl.when(sign.is_in([">", ">="])).then(float("inf")).otherwise(number)
    if limit.above is not None:
        yes = (low > limit.above) | ((sign == ">") & (number == limit.above))
        no = high <= limit.above
    else:
        bound = limit.below if limit.below is not None else limit.at_least
        yes, no = low >= bound, (high < bound) | ((sign == "<") & (number == bound))
        if limit.below is not None:
            yes, no = no, yes
    return pl.when(number.is_null()).then(None).when(yes).then(True).when(no).then(False)


def judged_marrow(values: pl.DataFrame, rule: Criteria, dictionary: Dictionary) -> pl.DataFrame:
    """Add verdict (Y, N), open and better (a better response) to each marrow among `values`."""
    marrow = values.filter(pl.col("data_element") == rule.marrow.element).with_columns(
        met(rule.marrow).alias("within")
    )
    enough = _all_met(marrow, values, rule.counts, rule, name="enough")
    better = _all_met(marrow, values, rule.short_of, rule, name="better")
    marrow = marrow.join(enough, on="srcid", how="left").join(better, on="srcid", how="left")
    if not rule.counts:
        marrow = marrow.with_columns(pl.lit(True).alias("enough"))
    if not rule.short_of:
        marrow = marrow.with_columns(pl.lit(False).alias("better"))
    within, enough_, better_ = pl.col("within"), pl.col("enough"), pl.col("better")
    verdict = (
        pl.when(~within | ~enough_ | (within & better_))
        .then(pl.lit("N"))
        .when(within & enough_ & ~better_)
        .then(pl.lit("Y"))
    )
    limits = dict.fromkeys(limit.element for limit in (*rule.counts, *rule.short_of))
    counts = " or ".join(dictionary[name].title["en"].lower() for name in limits)
    near = f"no {counts} within {abs(rule.days[0]):g} days before or {rule.days[1]:g} after the marrow"
    return marrow.with_columns(
        verdict.alias("verdict"),
        (within & better_).fill_null(False).alias("better"),
        pl.lit("observation").alias("srcdom"),
    ).with_columns(
        pl.when(pl.col("verdict").is_not_null())
        .then(None)
        .when(within.is_null())
        .then(pl.lit("a marrow whose share of blasts cannot be placed"))
        .otherwise(pl.lit(near))
        .alias("open")
    )


def _all_met(
    marrow: pl.DataFrame, values: pl.DataFrame, limits: Sequence[Limit], rule: Criteria, *, name: str
) -> pl.DataFrame:
    """Return srcid of each marrow and whether all limits are met by the counts nearest to it."""
    found = marrow.select("srcid")
    for index, limit in enumerate(limits):
        near = _nearest(marrow, values.filter(pl.col("data_element") == limit.element), rule.days)
        answer = near.select("srcid", met(limit).alias(f"{name}{index}"))
        found = found.join(answer, on="srcid", how="left")
    columns = [pl.col(f"{name}{index}") for index in range(len(limits))]
    if not columns:
        return found
    return found.select("srcid", pl.all_horizontal(columns).alias(name))


def _nearest(marrow: pl.DataFrame, counts: pl.DataFrame, days: tuple[float, float]) -> pl.DataFrame:
    """Return the count nearest to each marrow (srcid): of the same visit or course first, then by days.

    Where both are dated on one clock the count must lie within `days` of the marrow.
    """
    keys = ["srcid", "usubjid", "timepoint", "course", "clock", "day", "coarse"]
    pairs = marrow.select(keys).join(
        counts.rename({name: f"count_{name}" for name in counts.columns if name != "usubjid"}), on="usubjid"
    )
    same_visit = pl.col("timepoint") == pl.col("count_timepoint")
    same_course = pl.col("timepoint").is_null() & pl.col("count_timepoint").is_null()
    same_course &= pl.col("course") == pl.col("count_course")
    dated = (
        (pl.col("clock") == pl.col("count_clock")) & (pl.col("coarse") == 0) & (pl.col("count_coarse") == 0)
    )
    apart = pl.when(dated).then(pl.col("count_day") - pl.col("day"))
    pairs = pairs.with_columns(
        (same_visit | same_course).fill_null(False).alias("same"), apart.alias("apart")
    )
    near = pl.when(pl.col("apart").is_not_null()).then(pl.col("apart").is_between(*days)).otherwise("same")
    return (
        pairs.filter(near & pl.col("count_number").is_not_null())
        .sort("srcid", ~pl.col("same"), pl.col("apart").abs(), "apart", "count_srcid", nulls_last=True)
        .unique("srcid", keep="first", maintain_order=True)
        .select(
            "srcid", pl.col("count_number").alias("number"), pl.col("count_comparator").alias("comparator")
        )
    )

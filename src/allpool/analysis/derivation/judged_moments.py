"""Moments that a measurement decides: a level on one side of a threshold, counts above their limits."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl
from sqlalchemy import Connection

from allpool.analysis.definitions.forms import Moment
from allpool.analysis.derivation.marrow import met, read_values
from allpool.analysis.derivation.measurements import judged_measurements

COLUMNS = ("moment", "usubjid", "srcdom", "srcid", "clock", "day", "coarse")


def judged_moments(
    connection: Connection,
    subjects: pl.DataFrame,
    moments: Mapping[str, Moment],
    *,
    measurements: pl.DataFrame,
) -> pl.DataFrame | None:
    """Return each occurrence of the moments that say `measured` or `counts`; none where there are no such.

    moment, usubjid, srcdom, srcid, clock, day, coarse; `measurements` are those of `read_measurements`.
    """
    parts = []
    for name, moment in moments.items():
        if moment.measured is not None:
            judged = judged_measurements(measurements, moment.measured).filter(pl.col("verdict") == "Y")
            parts.append(judged.with_columns(pl.lit(name).alias("moment")).select(COLUMNS))
    counted = {name: moment for name, moment in moments.items() if moment.counts}
    if counted:
        elements = {limit.element for moment in counted.values() for limit in moment.counts}
        values = read_values(connection, subjects, elements)
        parts += [_days_met(values, name, moment) for name, moment in counted.items()]
    return pl.concat(parts) if parts else None


def _days_met(values: pl.DataFrame, name: str, moment: Moment) -> pl.DataFrame:
    """Return the days on which each limit was met by a value of that day."""
    key = ["usubjid", "clock", "day"]
    dated = values.filter(pl.col("clock").is_not_null() & (pl.col("coarse") == 0))
    days: pl.DataFrame | None = None
    for limit in moment.counts:
        own = dated.filter((pl.col("data_element") == limit.element) & met(limit).fill_null(False))
        own = own.sort(*key, "srcid").unique(key, keep="first", maintain_order=True)
        days = own if days is None else days.join(own.select(key), on=key, how="semi")
    if days is None:
        raise AssertionError("a moment of counts has limits")
    return days.with_columns(pl.lit(name).alias("moment"), pl.lit("observation").alias("srcdom")).select(
        COLUMNS
    )

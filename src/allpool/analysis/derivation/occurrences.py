"""Occurrences of moments: each row of the tables that is one, on the clock that it is known on."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl
from sqlalchemy import Connection

from allpool.analysis.definitions.forms import Moment
from allpool.analysis.derivation.clocks import CALENDAR, COARSENESS
from allpool.analysis.derivation.tables import read


def read_occurrences(
    connection: Connection, subjects: pl.DataFrame, moments: Mapping[str, Moment]
) -> pl.DataFrame:
    """Return every occurrence: usubjid, moment, clock, day, coarse, srcdom, srcid; no clock where undated.

    Not of moments that a measurement decides (see `judged_moments`).
    """
    rows = pl.concat([_occurrences(connection, subjects, own) for own in _by_source(moments)])
    return pl.concat([rows, _told(connection, subjects, moments, dated=rows)])


def _by_source(moments: Mapping[str, Moment]) -> list[dict[str, Moment]]:
    """Group the moments that one query can answer: those of the same table and the same date."""
    groups: dict[tuple[str, str], dict[str, Moment]] = {}
    for name, moment in moments.items():
        if moment.measured is None and not moment.counts:
            groups.setdefault((moment.table, moment.time), {})[name] = moment
    return list(groups.values())


def _occurrences(
    connection: Connection, subjects: pl.DataFrame, moments: Mapping[str, Moment]
) -> pl.DataFrame:
    """Return every occurrence: usubjid, moment, clock, day, coarse, srcdom, srcid; no clock where undated."""
    any_moment = next(iter(moments.values()))
    table, time = any_moment.table, any_moment.time
    date, precision, offset, anchor = (
        f"{time}_{part}" for part in ("date", "precision", "offset_days", "anchor")
    )
    who = {"patient": "id", "research_subject": "id"}.get(table, "subject_id")
    extra = {
        "data_element": table not in ("patient", "research_subject"),
        "value_concept": table == "observation",
        "course_number": table in ("observation", "medication_administration"),
    }
    flags = {
        flag for m in moments.values() for flag in (m.flag, m.unless, m.only, *m.where, *m.besides) if flag
    }
    columns = [name for name, there in extra.items() if there]
    if any(moment.days_from for moment in moments.values()):
        columns.append("value_quantity")
    columns += [*sorted(flags), *dict.fromkeys((who, "id")), date, precision, offset, anchor]
    elements = {moment.element for moment in moments.values() if moment.element}
    frame = read(connection, table, columns, elements=elements or None)
    key = "usubjid" if table == "research_subject" else "patient_id"
    frame = frame.with_columns(pl.col(who).alias(key)).join(subjects, on=key)
    parts = [_of_moment(frame, name, moment) for name, moment in moments.items()]
    chosen = pl.concat(parts)
    known = {"moment": pl.String, "usubjid": pl.String, "srcdom": pl.String, "srcid": pl.String}
    frame = chosen.rename({"id": "srcid"}).with_columns(pl.lit(table).alias("srcdom"))
    calendar = frame.filter(pl.col(date).is_not_null()).select(
        *known,
        pl.lit(CALENDAR).alias("clock"),
        pl.col(date).cast(pl.Int32).cast(pl.Float64).alias("day"),
        pl.col(precision).fill_null("day").replace_strict(COARSENESS, return_dtype=pl.Int8).alias("coarse"),
    )
    relative = frame.filter(pl.col(offset).is_not_null()).select(
        *known,
        pl.col(anchor).alias("clock"),
        pl.col(offset).alias("day"),
        pl.lit(0, dtype=pl.Int8).alias("coarse"),
    )
    undated = frame.filter(pl.col(date).is_null() & pl.col(offset).is_null()).select(
        *known,
        pl.lit(None, dtype=pl.String).alias("clock"),
        pl.lit(None, dtype=pl.Float64).alias("day"),
        pl.lit(0, dtype=pl.Int8).alias("coarse"),
    )
    return pl.concat([calendar, relative, undated])


def _told(
    connection: Connection, subjects: pl.DataFrame, moments: Mapping[str, Moment], *, dated: pl.DataFrame
) -> pl.DataFrame:
    """Return the moments that an observation says happened, for subjects with no time of them."""
    parts = [dated.clear()]
    for name, moment in moments.items():
        if moment.told is None:
            continue
        rows = read(
            connection, "observation", ["id", "subject_id", "value_concept"], elements=[moment.told.element]
        )
        known = dated.filter(pl.col("moment") == name)
        parts.append(
            rows.filter(pl.col("value_concept").is_in(moment.told.codes))
            .join(subjects, left_on="subject_id", right_on="patient_id")
            .join(known, on="usubjid", how="anti")
            .select(
                pl.lit(name).alias("moment"),
                "usubjid",
                pl.lit("observation").alias("srcdom"),
                pl.col("id").alias("srcid"),
                pl.lit(None, dtype=pl.String).alias("clock"),
                pl.lit(None, dtype=pl.Float64).alias("day"),
                pl.lit(0, dtype=pl.Int8).alias("coarse"),
            )
        )
    return pl.concat(parts)


def _of_moment(frame: pl.DataFrame, name: str, moment: Moment) -> pl.DataFrame:
    """Return the rows that are this moment; a row without time counts only if it says that it happened."""
    keep = pl.lit(True)
    if moment.element is not None:
        keep &= pl.col("data_element") == moment.element
    if moment.codes:
        keep &= pl.col("value_concept").is_in(moment.codes)
    if moment.course is not None:
        keep &= pl.col("course_number").is_null() | (pl.col("course_number") == moment.course)
    if moment.unless is not None:
        keep &= ~pl.col(moment.unless).fill_null(False)
    if moment.only is not None:
        keep &= pl.col(moment.only).fill_null(False)
    for column, codes in moment.where.items():
        keep &= pl.col(column).is_in(codes).fill_null(False)
    for column, codes in moment.besides.items():
        keep &= ~pl.col(column).is_in(codes).fill_null(False)
    if moment.table in ("patient", "research_subject"):
        timed = (
            pl.col(f"{moment.time}_date").is_not_null() | pl.col(f"{moment.time}_offset_days").is_not_null()
        )
        keep &= timed | (pl.col(moment.flag) if moment.flag else pl.lit(False)).fill_null(False)
    time = [f"{moment.time}_{part}" for part in ("date", "precision", "offset_days", "anchor")]
    frame = frame.filter(keep)
    if moment.days_from is not None:
        date, _, offset, anchor = (pl.col(part) for part in time)
        counted = date.is_null() & offset.is_null() & pl.col("value_quantity").is_not_null()
        frame = frame.with_columns(
            pl.when(counted).then(pl.col("value_quantity")).otherwise(offset).alias(time[2]),
            pl.when(counted).then(pl.lit(moment.days_from)).otherwise(anchor).alias(time[3]),
        )
    return frame.select("usubjid", "id", *time, pl.lit(name).alias("moment"))

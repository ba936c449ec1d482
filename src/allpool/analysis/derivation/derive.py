"""Derive the analysis tables (adsl, adrs, adtte, adfact, adex, adae, admrd) from the resource tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl
from sqlalchemy import Connection, Engine

from allpool.analysis.definitions.catalogue import Catalogue, load_catalogue
from allpool.analysis.definitions.forms import TimeEndpoint
from allpool.analysis.derivation.clocks import CALENDAR, clocked, parts_of
from allpool.analysis.derivation.collected import read_collected
from allpool.analysis.derivation.courses import derive_courses
from allpool.analysis.derivation.facts import derive_facts
from allpool.analysis.derivation.intervals import Intervals
from allpool.analysis.derivation.judged_moments import judged_moments
from allpool.analysis.derivation.measurements import read_measurements
from allpool.analysis.derivation.responses import response_rows
from allpool.analysis.derivation.source_rows import with_source_rows
from allpool.analysis.derivation.subject_level import read_subjects, subject_level
from allpool.analysis.derivation.tables import read, replace
from allpool.analysis.derivation.time_to_event import times_to_event
from allpool.analysis.derivation.timeline import Timeline, build_timeline, read_waiting
from allpool.mappings.dictionary import load_dictionary


@dataclass(frozen=True)
class Derived:
    """How many rows each derived table got."""

    rows: Mapping[str, int]


def derive(engine: Engine, *, catalogue: Catalogue | None = None) -> Derived:
    """Fill adsl, adrs, adtte, adfact, adex, adae and admrd anew from the resource tables, in one transaction.

    The same resources give the same rows. A subject that an endpoint cannot be told for keeps its row, with
    the reason in `adrs.reason` or `adtte.evntdesc`.
    """
    with engine.begin() as connection:
        frames = derived_frames(connection, catalogue or load_catalogue())
        return Derived({name: replace(connection, name, frame) for name, frame in frames.items()})


def derived_frames(connection: Connection, catalogue: Catalogue) -> dict[str, pl.DataFrame]:
    """Return the derived tables by name, without writing them."""
    dictionary = load_dictionary()
    subjects = read_subjects(connection)
    who = subjects.select("usubjid", "patient_id")
    entries = read_waiting(connection, who)
    measurements = read_measurements(connection, who)
    judged = judged_moments(connection, who, catalogue.moments, measurements=measurements)
    timeline = build_timeline(
        connection, who, catalogue.moments, entries=entries, dictionary=dictionary, judged=judged
    )
    intervals = Intervals(
        subjects,
        timeline,
        catalogue.moments,
        collected=read_collected(connection),
        dictionary=dictionary,
    )
    level = subjects.select("studyid", "siteid", "usubjid")
    frames = {
        "adsl": subject_level(
            connection, subjects, timeline=timeline, baseline=catalogue.baseline, dictionary=dictionary
        ),
        "adrs": response_rows(
            connection,
            subjects,
            intervals=intervals,
            timeline=timeline,
            measurements=measurements,
            entries=entries,
            catalogue=catalogue,
            dictionary=dictionary,
        ),
        "adtte": _times(intervals, catalogue),
        "adfact": derive_facts(
            connection,
            subjects,
            catalogue.facts,
            moments=catalogue.moments,
            timeline=timeline,
            entries=entries,
            dictionary=dictionary,
        ),
        "adex": derive_courses(connection, subjects, timeline, element=catalogue.baseline.treated),
        "adae": _adverse_events(connection, subjects, timeline),
        "admrd": _measurements(level, measurements, timeline),
    }
    return with_source_rows(connection, frames)


def _times(intervals: Intervals, catalogue: Catalogue) -> pl.DataFrame:
    parts = []
    for endpoint in catalogue.endpoints.values():
        if not isinstance(endpoint, TimeEndpoint):
            continue
        for name, definition in endpoint.definitions.items():
            parts.append(intervals.rows(times_to_event(intervals, definition), endpoint, name))
    return pl.concat(parts).sort("usubjid", "paramcd", "definition")


def _days_from_first_dose(frame: pl.DataFrame, timeline: Timeline) -> pl.DataFrame:
    """Add ady: days since the first dose where both are known to the day on one clock."""
    doses = timeline.of("first_dose").filter(pl.col("coarse") == 0)
    return frame.join(
        doses.select("usubjid", "clock", pl.col("day").alias("dose_day")),
        on=["usubjid", "clock"],
        how="left",
        maintain_order="left",
    ).with_columns(pl.when(pl.col("coarse") == 0).then(pl.col("day") - pl.col("dose_day")).alias("ady"))


def _calendar_date() -> pl.Expr:
    known = (pl.col("clock") == CALENDAR) & (pl.col("coarse") == 0)
    return pl.when(known).then(pl.col("day").cast(pl.Int32).cast(pl.Date))


def _adverse_events(connection: Connection, subjects: pl.DataFrame, timeline: Timeline) -> pl.DataFrame:
    columns = [
        *("id", "subject_id", "term", "grade", "grade_system", "course_number", "relatedness", "outcome"),
        *("seriousness", *parts_of("date")),
    ]
    who = subjects.select("studyid", "siteid", "usubjid", "patient_id")
    frame = read(connection, "adverse_event", columns).join(who, left_on="subject_id", right_on="patient_id")
    serious = pl.col("seriousness").str.to_lowercase()
    return (
        _days_from_first_dose(clocked(frame, "date"), timeline)
        .select(
            "studyid",
            "siteid",
            "usubjid",
            pl.col("id").alias("srcid"),
            pl.col("term").alias("aedecod"),
            pl.col("grade").alias("aetoxgr"),
            pl.col("grade_system").alias("aetoxsys"),
            _calendar_date().alias("astdt"),
            "ady",
            pl.col("course_number").alias("aecourse"),
            pl.when(serious.str.starts_with("serious"))
            .then(pl.lit("Y"))
            .when(serious.is_not_null())
            .then(pl.lit("N"))
            .alias("aeser"),
            pl.col("relatedness").alias("aerel"),
            pl.col("outcome").alias("aeout"),
            pl.lit("adverse_event").alias("srcdom"),
        )
        .sort("srcid", "usubjid")
    )


def _measurements(level: pl.DataFrame, measurements: pl.DataFrame, timeline: Timeline) -> pl.DataFrame:
    return (
        _days_from_first_dose(measurements, timeline)
        .join(level, on="usubjid")
        .select(
            "studyid",
            "siteid",
            "usubjid",
            "srcid",
            _calendar_date().alias("adt"),
            "ady",
            "timepoint",
            "specimen",
            "method",
            pl.col("level").alias("aval"),
            pl.col("comparator").alias("avalcomp"),
            pl.col("category").alias("avalc"),
            "lod",
            "lloq",
            "threshold",
            pl.lit("observation").alias("srcdom"),
        )
        .sort("srcid", "usubjid")
    )

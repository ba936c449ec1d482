"""Times to event: one definition over the timeline gives each subject a time, or the reason why not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import polars as pl

from allpool.analysis.definitions.forms import Failure, Moment, TimeDefinition
from allpool.analysis.derivation.clocks import CALENDAR, COARSENESS
from allpool.analysis.derivation.intervals import PARTS, Intervals, imprecise, waits

EVENT, CENSORED, COMPETING = 0, 1, 2
COLUMNS = ("usubjid", "aval", "cnsr", "evntdesc", "entry_day", "startdt", "adt", "clock", "srcdom", "srcid")
FAILURE = "treatment failure"
"""Stands beside the names of moments, which hold no blank."""


def times_to_event(intervals: Intervals, definition: TimeDefinition) -> pl.DataFrame:
    """Return one row per subject, with the columns of `COLUMNS`.

    `aval` is days from the origin, `cnsr` 0 for an event, 1 for censoring, 2 for a competing event. Both are
    empty where the subject is not evaluable; then `evntdesc` says why. `entry_day` is empty where the subject
    is under observation from the origin on.
    """
    frame = _side_by_side(intervals, definition)
    if definition.failure is not None:
        frame = frame.with_columns(_failure(definition.failure, definition, intervals))
    frame = frame.with_columns(
        *_first(definition, intervals.moments), *_last(definition, intervals.moments), _entry(definition)
    )
    frame = frame.with_columns(_reason(definition, intervals).alias("reason"))
    answered = pl.col("reason").is_null()
    failed = pl.col("failed") if _at_origin(definition) else pl.lit(False)
    happened = failed | pl.col("event.time").is_not_null()

    def chosen(part: str) -> pl.Expr:
        end = pl.when(happened).then(pl.col(f"event.{part}")).otherwise(pl.col(f"last.{part}"))
        if _at_origin(definition):
            end = pl.when(failed).then(pl.col(f"{FAILURE}.{part}")).otherwise(end)
        return pl.when(answered).then(end)

    sharp = (chosen("clock") == CALENDAR) & (chosen("coarse") == 0)
    return frame.select(
        "usubjid",
        chosen("time").alias("aval"),
        pl.when(~answered)
        .then(None)
        .when(failed)
        .then(EVENT)
        .when(happened)
        .then(pl.col("event.cnsr"))
        .otherwise(CENSORED)
        .alias("cnsr"),
        pl.coalesce("reason", chosen("title")).alias("evntdesc"),
        pl.when(answered & ~failed).then(pl.col("entry_day")).alias("entry_day"),
        pl.when(chosen("clock") == CALENDAR).then(pl.col("origin_date")).alias("startdt"),
        pl.when(sharp).then(chosen("day").cast(pl.Int32).cast(pl.Date)).alias("adt"),
        chosen("clock").alias("clock"),
        chosen("srcdom").alias("srcdom"),
        chosen("srcid").alias("srcid"),
    )


def _side_by_side(intervals: Intervals, definition: TimeDefinition) -> pl.DataFrame:
    """Lay the origin, the times of each moment that is dated and the states of all side by side."""
    failure = definition.failure
    dated = dict.fromkeys((*definition.events, *definition.competing, *definition.censoring))
    dated |= dict.fromkeys((failure.moment, failure.unless) if failure else ())
    dated |= dict.fromkeys([definition.entry] if definition.entry else [])
    parts = [intervals.subjects, intervals.start(definition.origin)]
    parts += [intervals.since(definition.origin, name) for name in dated]
    parts += [intervals.state(name) for name in dict.fromkeys(definition.moments)]
    parts += [intervals.sent(name) for name in definition.collected]
    return pl.concat(parts, how="horizontal")


def _at_origin(definition: TimeDefinition) -> bool:
    return definition.failure is not None and definition.failure.at == "origin"


def _failure(failure: Failure, definition: TimeDefinition, intervals: Intervals) -> list[pl.Expr]:
    """Return failed, failure_reason and the parts of a treatment failure (time 0, or its assessment's)."""
    moment, unless = failure.moment, failure.unless
    reached = pl.col(f"{unless}.happened")
    late: pl.Expr = pl.lit(False)
    if failure.by_day is not None:
        late = (pl.col(f"{unless}.time") > failure.by_day).fill_null(False)
    failed = (pl.col(f"{moment}.happened") & ~reached) | (reached & late)
    waiting = pl.col(f"{moment}.waiting") | pl.col(f"{unless}.waiting")
    success = intervals.moments[unless]
    source = [pl.col(f"{moment}.{part}").alias(f"{FAILURE}.{part}") for part in ("srcdom", "srcid")]
    failed_named = failed.alias("failed")
    reason = pl.when(waiting).then(pl.lit(waits(success)))
    if failure.at == "origin":
        return [
            failed_named,
            reason.alias("failure_reason"),
            pl.lit(0.0).alias(f"{FAILURE}.time"),
            pl.lit(None, dtype=pl.String).alias(f"{FAILURE}.clock"),
            pl.lit(None, dtype=pl.Float64).alias(f"{FAILURE}.day"),
            pl.lit(0, dtype=pl.Int8).alias(f"{FAILURE}.coarse"),
            pl.lit(f"no {success.title}, counted at the origin").alias(f"{FAILURE}.title"),
            *source,
        ]
    limit = pl.lit(failure.by_day, dtype=pl.Float64)
    early = pl.col(f"{moment}.time") <= limit if failure.by_day is not None else pl.lit(True)
    by_limit = late & ~early.fill_null(False)
    problem = intervals.problem(definition.origin, moment, definition.precision)
    return [
        failed_named,
        reason.when(failed & ~by_limit).then(problem).alias("failure_reason"),
        pl.when(by_limit).then(limit).when(failed).then(pl.col(f"{moment}.time")).alias(f"{FAILURE}.time"),
        *(
            pl.when(~by_limit).then(pl.col(f"{moment}.{part}")).alias(f"{FAILURE}.{part}")
            for part in ("clock", "day", "coarse")
        ),
        pl.lit(f"no {success.title}, counted at the assessment").alias(f"{FAILURE}.title"),
        *source,
    ]


def _ordered(definition: TimeDefinition, moments: Mapping[str, Moment]) -> list[tuple[str, int]]:
    """Return events and competing events with their code, in the order in which they count on one day."""
    named = [(name, EVENT) for name in definition.events]
    named += [(name, COMPETING) for name in definition.competing]
    named.sort(key=lambda item: moments[item[0]].terminal)
    if definition.failure is not None and definition.failure.at == "assessment":
        named.insert(0, (FAILURE, EVENT))
    return named


def _first(definition: TimeDefinition, moments: Mapping[str, Moment]) -> list[pl.Expr]:
    """Return the parts of the first event or competing event (event.*)."""
    ordered = _ordered(definition, moments)
    names = [name for name, _ in ordered]
    first = pl.min_horizontal(pl.col(f"{name}.time") for name in names)
    parts = [_picked(first, names, part).alias(f"event.{part}") for part in PARTS]
    title = _labelled(first, {name: _title(name, moments) for name in names})
    code = pl.coalesce(
        pl.when(pl.col(f"{name}.time") == first).then(pl.lit(cnsr, dtype=pl.Int32)) for name, cnsr in ordered
    )
    return [*parts, title.alias("event.title"), code.alias("event.cnsr")]


def _last(definition: TimeDefinition, moments: Mapping[str, Moment]) -> list[pl.Expr]:
    """Return the parts of the moment when the subject was last known free of events (last.*)."""
    names = list(definition.censoring)
    last = pl.max_horizontal(pl.col(f"{name}.time") for name in names)
    parts = [_picked(last, names, part).alias(f"last.{part}") for part in PARTS]
    return [*parts, _labelled(last, {name: moments[name].title for name in names}).alias("last.title")]


def _picked(time: pl.Expr, names: Iterable[str], part: str) -> pl.Expr:
    """Return a part of the first named moment that lies at `time`."""
    return pl.coalesce(
        pl.when(pl.col(f"{name}.time") == time).then(pl.struct(pl.col(f"{name}.{part}").alias("part")))
        for name in names
    ).struct.field("part")


def _labelled(time: pl.Expr, titles: Mapping[str, str | pl.Expr]) -> pl.Expr:
    return pl.coalesce(
        pl.when(pl.col(f"{name}.time") == time).then(pl.lit(title) if isinstance(title, str) else title)
        for name, title in titles.items()
    )


def _title(name: str, moments: Mapping[str, Moment]) -> str | pl.Expr:
    return pl.col(f"{FAILURE}.title") if name == FAILURE else moments[name].title


def _entry(definition: TimeDefinition) -> pl.Expr:
    """Return entry_day: days from the origin to the entry under observation, where that lies after it."""
    if definition.entry is None:
        return pl.lit(None, dtype=pl.Float64).alias("entry_day")
    time = pl.col(f"{definition.entry}.time")
    return pl.when(time > 0).then(time).alias("entry_day")


def _reason(definition: TimeDefinition, intervals: Intervals) -> pl.Expr:
    """Return why a subject is not evaluable, the first of the reasons that apply; none where it is."""
    moments, origin = intervals.moments, intervals.moments[definition.origin]
    reasons: list[pl.Expr] = []

    def because(condition: pl.Expr, text: str | pl.Expr) -> None:
        reasons.append(pl.when(condition).then(pl.lit(text) if isinstance(text, str) else text))

    for name in definition.among:
        because(pl.col(f"{name}.waiting"), waits(moments[name]))
        because(~pl.col(f"{name}.happened"), f"not evaluable: no {moments[name].title}")
    for name in definition.collected:
        because(~pl.col(f"{name}.sent"), f"not collected: the centre sends no {moments[name].title}")
    if definition.failure is not None:
        because(pl.col("failure_reason").is_not_null(), pl.col("failure_reason"))
    unsettled = ~_settled(definition)
    known = pl.col("origin_coarse").is_not_null()
    because(unsettled & pl.col(f"{definition.origin}.waiting"), waits(origin))
    because(unsettled & pl.col(f"{definition.origin}.undated"), f"{origin.title}: without a date")
    because(unsettled & ~known, f"no {origin.title}")
    coarse = pl.col("origin_coarse") > COARSENESS[definition.precision]
    because(unsettled & coarse, imprecise(origin, definition.precision))
    for name in (*definition.events, *definition.competing):
        problem = intervals.problem(definition.origin, name, definition.precision)
        counts = unsettled & problem.is_not_null()
        if moments[name].terminal:
            counts &= ~(pl.col(f"{name}.undated") & pl.col("event.time").is_not_null())
        because(counts, problem)
    open_ = unsettled & pl.col("event.time").is_null()
    if definition.assessed:
        because(
            open_ & ~pl.col(f"{definition.assessed}.happened"), f"no {moments[definition.assessed].title}"
        )
    ends = [intervals.problem(definition.origin, name, definition.precision) for name in definition.censoring]
    end = pl.coalesce(ends)
    because(open_ & pl.col("last.time").is_null() & end.is_null(), _no_end(definition, moments))
    because(open_ & end.is_not_null(), end)
    if definition.entry is not None:
        _entry_reasons(because, definition, intervals, unsettled)
    return pl.coalesce(reasons)


def _settled(definition: TimeDefinition) -> pl.Expr:
    """Whether a failure at time 0 settles the answer, whatever else is known."""
    if definition.failure is None or definition.failure.at == "assessment":
        return pl.lit(False)
    # a failure needs no origin of its own only where the origin is the very success that never came
    needs_origin = definition.failure.unless != definition.origin
    return pl.col("failed") & (pl.col("origin_coarse").is_not_null() if needs_origin else pl.lit(True))


def _entry_reasons(
    because: Callable[[pl.Expr, pl.Expr | str], None],
    definition: TimeDefinition,
    intervals: Intervals,
    unsettled: pl.Expr,
) -> None:
    """Add the reasons of delayed entry: an entry that cannot be told, and an end before it."""
    entry = definition.entry or ""
    problem = intervals.problem(definition.origin, entry, definition.precision)
    before = pl.col(f"{entry}.time") < 0
    because(unsettled & problem.is_not_null() & ~before.fill_null(False), problem)
    end = pl.coalesce("event.time", "last.time")
    title = intervals.moments[entry].title
    because(
        unsettled & (end <= pl.col("entry_day")),
        f"never at risk: observation ends before {title}, or with it",
    )


def _no_end(definition: TimeDefinition, moments: Mapping[str, Moment]) -> str:
    return "no event, and no " + " or ".join(moments[name].title for name in definition.censoring)

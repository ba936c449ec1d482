"""Times to event: one definition over the timeline gives each subject a time, or the reason why not."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from allpool.analysis.definitions.forms import Moment, TimeDefinition
from allpool.analysis.derivation.timeline import CALENDAR, COARSENESS, HALF, Timeline

COLUMNS = ("usubjid", "aval", "cnsr", "evntdesc", "startdt", "adt", "clock", "srcdom", "srcid")


def times_to_event(
    subjects: pl.DataFrame, timeline: Timeline, definition: TimeDefinition, moments: Mapping[str, Moment]
) -> pl.DataFrame:
    """Return one row per subject: usubjid, aval, cnsr, evntdesc, startdt, adt, clock, srcdom, srcid.

    `aval` is days from the origin, `cnsr` 0 for an event and 1 for censoring. Both are empty where the
    subject is not evaluable; then `evntdesc` says why. Of events on the same day the one named first counts.
    """
    question = _Question(timeline, definition, moments)
    frame = subjects.select("usubjid").sort("usubjid")
    for part in (question.origin(), question.failure(), question.event(), question.censored()):
        frame = frame.join(part, on="usubjid", how="left", maintain_order="left")
    frame = _filled(frame).with_columns(_reason(definition, moments))
    failed = pl.col("failed") & pl.col("failure_reason").is_null()
    answered = pl.col("reason").is_null()
    event = answered & (failed | pl.col("event_time").is_not_null())
    censored = answered & ~event

    def chosen(part: str) -> pl.Expr:
        return (
            pl.when(answered & failed)
            .then(pl.col(f"failure_{part}"))
            .when(event)
            .then(pl.col(f"event_{part}"))
            .when(censored)
            .then(pl.col(f"last_{part}"))
        )

    clock = chosen("clock")
    date = pl.when((clock == CALENDAR) & (chosen("coarse") == 0)).then(
        chosen("day").cast(pl.Int32).cast(pl.Date)
    )
    start = pl.when(clock == CALENDAR).then(pl.col("origin_date"))
    return frame.with_columns(
        chosen("time").alias("aval"),
        pl.when(event).then(0).when(censored).then(1).alias("cnsr"),
        pl.coalesce("reason", chosen("title")).alias("evntdesc"),
        start.alias("startdt"),
        date.alias("adt"),
        clock.alias("clock"),
        chosen("srcdom").alias("srcdom"),
        chosen("srcid").alias("srcid"),
    ).select(COLUMNS)


class _Question:
    """One definition over one timeline."""

    def __init__(self, timeline: Timeline, definition: TimeDefinition, moments: Mapping[str, Moment]) -> None:
        self.timeline = timeline
        self.definition = definition
        self.moments = moments
        self.limit = COARSENESS[definition.precision]
        rows = timeline.of(definition.origin)
        self.origins = rows.select(
            "usubjid", "clock", _middle().alias("origin_day"), pl.col("coarse").alias("origin_coarse")
        )

    def origin(self) -> pl.DataFrame:
        """Return usubjid, origin_date, origin_coarse, and the states of origin, `among`, `assessed`."""
        best = (
            self.origins.with_columns((pl.col("clock") == CALENDAR).alias("calendar"))
            .group_by("usubjid")
            .agg(
                pl.col("origin_coarse").min(),
                pl.col("origin_day")
                .filter(pl.col("calendar") & (pl.col("origin_coarse") == 0))
                .first()
                .cast(pl.Int32)
                .cast(pl.Date)
                .alias("origin_date"),
            )
        )
        frame = _states(best, self.timeline, self.definition.origin, "origin")
        if self.definition.among:
            frame = _states(frame, self.timeline, self.definition.among, "among")
        if self.definition.assessed:
            frame = _states(frame, self.timeline, self.definition.assessed, "assessed")
        return frame

    def failure(self) -> pl.DataFrame:
        """Return usubjid, failed and what stands for it: treatment failure, an event at time 0."""
        rule = self.definition.failure
        if rule is None:
            return pl.DataFrame(schema=_FAILURE)
        met = self._since(rule.unless)
        late: pl.Expr = pl.lit(False)
        if rule.by_day is not None:
            late = pl.col("time") > rule.by_day
        response = _states(
            met.group_by("usubjid").agg(late.all().alias("late")), self.timeline, rule.unless, "unless"
        )
        failing = self.timeline.of(rule.moment).sort("usubjid", "clock").unique("usubjid", keep="first")
        known = _states(failing, self.timeline, rule.moment, "failing")
        frame = known.join(response, on="usubjid", how="full", coalesce=True).with_columns(
            pl.col("^(failing|unless)_.*$").fill_null(False), pl.col("late").fill_null(False)
        )
        failed = (pl.col("failing_happened") & ~pl.col("unless_happened")) | (
            pl.col("unless_happened") & pl.col("late")
        )
        waits = pl.col("failing_waiting") | pl.col("unless_waiting")
        title = f"no {self.moments[rule.unless].title}, counted at the origin"
        return frame.select(
            "usubjid",
            failed.alias("failed"),
            pl.when(waits).then(pl.lit(_waits(self.moments[rule.unless]))).alias("failure_reason"),
            pl.lit(0.0).alias("failure_time"),
            pl.lit(None, dtype=pl.String).alias("failure_clock"),
            pl.lit(None, dtype=pl.Float64).alias("failure_day"),
            pl.lit(0, dtype=pl.Int8).alias("failure_coarse"),
            pl.lit(title).alias("failure_title"),
            pl.col("srcdom").alias("failure_srcdom"),
            pl.col("srcid").alias("failure_srcid"),
        )

    def event(self) -> pl.DataFrame:
        """Return usubjid, the first event (event_*) and the reason why it cannot be told (event_reason)."""
        parts = []
        for order, name in enumerate(self.definition.events):
            moment = self.moments[name]
            times = self._since(name).with_columns(
                pl.lit(order).alias("order"), pl.lit(moment.title).alias("title")
            )
            parts.append(
                _states(times, self.timeline, name, "at").with_columns(
                    pl.lit(order).alias("order"),
                    pl.lit(moment.title).alias("title"),
                    self._problem(name).alias("problem"),
                    pl.lit(moment.terminal).alias("terminal"),
                )
            )
        rows = pl.concat(parts)
        known = rows.filter(pl.col("time").is_not_null()).sort("usubjid", "time", "order", "clock")
        first = known.unique("usubjid", keep="first", maintain_order=True).select(
            "usubjid", *(pl.col(part).alias(f"event_{part}") for part in _PARTS)
        )
        problems = (
            rows.filter(pl.col("problem").is_not_null())
            .join(first, on="usubjid", how="left")
            .filter(~(pl.col("terminal") & pl.col("at_undated") & pl.col("event_time").is_not_null()))
            .sort("usubjid", "order")
            .unique("usubjid", keep="first", maintain_order=True)
            .select("usubjid", pl.col("problem").alias("event_reason"))
        )
        return first.join(problems, on="usubjid", how="full", coalesce=True)

    def censored(self) -> pl.DataFrame:
        """Return usubjid, when it was last known free of events (last_*), and why that cannot be told."""
        parts = []
        for order, name in enumerate(self.definition.censoring):
            frame = _states(self._since(name), self.timeline, name, "at")
            parts.append(
                frame.with_columns(
                    pl.lit(order).alias("order"),
                    pl.lit(self.moments[name].title).alias("title"),
                    self._problem(name).alias("problem"),
                )
            )
        rows = pl.concat(parts)
        # of two on the same day the one named first counts
        latest = (
            rows.filter(pl.col("time").is_not_null())
            .sort("usubjid", -pl.col("time"), "order", "clock")
            .unique("usubjid", keep="first", maintain_order=True)
            .select("usubjid", *(pl.col(part).alias(f"last_{part}") for part in _PARTS))
        )
        problems = (
            rows.filter(pl.col("problem").is_not_null())
            .sort("usubjid", "order")
            .unique("usubjid", keep="first", maintain_order=True)
            .select("usubjid", pl.col("problem").alias("last_reason"))
        )
        return latest.join(problems, on="usubjid", how="full", coalesce=True)

    def _since(self, name: str) -> pl.DataFrame:
        """Return the times of a moment since the origin, by the sharpest clock that both are known on."""
        rows = self.timeline.of(name).join(self.origins, on=["usubjid", "clock"], how="left")
        time = _middle() - pl.col("origin_day")
        rows = rows.with_columns(
            time.alias("time"),
            pl.max_horizontal("coarse", "origin_coarse").alias("coarse"),
            pl.col("origin_day").is_null().alias("other_clock"),
        )
        return (
            rows.sort("usubjid", "other_clock", "coarse", pl.col("clock") != CALENDAR, "clock")
            .unique("usubjid", keep="first", maintain_order=True)
            .select("usubjid", "time", "clock", "day", "coarse", "srcdom", "srcid", "other_clock")
        )

    def _problem(self, name: str) -> pl.Expr:
        title = self.moments[name].title
        origin = self.moments[self.definition.origin].title
        return (
            pl.when(pl.col("at_waiting"))
            .then(pl.lit(_waits(self.moments[name])))
            .when(
                pl.col("at_undated")
                & (pl.lit(self.moments[name].take == "first") | pl.col("clock").is_null())
            )
            .then(pl.lit(f"{title}: known to have happened, without a date"))
            .when(pl.col("coarse") > self.limit)
            .then(pl.lit(_imprecise(self.moments[name], self.definition)))
            .when(pl.col("other_clock"))
            .then(pl.lit(f"{title}: known on another clock than {origin}"))
            .when(pl.col("time") < 0)
            .then(pl.lit(f"{title}: before {origin}, which is impossible"))
        )


_PARTS = ("time", "clock", "day", "coarse", "title", "srcdom", "srcid")
_FAILURE = {
    "usubjid": pl.String,
    "failed": pl.Boolean,
    "failure_reason": pl.String,
    "failure_time": pl.Float64,
    "failure_clock": pl.String,
    "failure_day": pl.Float64,
    "failure_coarse": pl.Int8,
    "failure_title": pl.String,
    "failure_srcdom": pl.String,
    "failure_srcid": pl.String,
}


def _middle() -> pl.Expr:
    """Return the day that a date stands for: itself, or the middle of its month or year."""
    return pl.col("day") + pl.col("coarse").replace_strict(HALF, return_dtype=pl.Float64)


def _waits(moment: Moment) -> str:
    return f"{moment.title}: a cell of {' or '.join(moment.elements)} waits in quarantine"


def _imprecise(moment: Moment, definition: TimeDefinition) -> str:
    return f"{moment.title}: the date is less precise than the definition asks ({definition.precision})"


def _states(frame: pl.DataFrame, timeline: Timeline, moment: str, prefix: str) -> pl.DataFrame:
    """Add <prefix>_happened, _undated and _waiting of a moment, and the subjects that only these know."""
    state = timeline.state(moment).rename(lambda part: part if part == "usubjid" else f"{prefix}_{part}")
    return frame.join(state, on="usubjid", how="full", coalesce=True).with_columns(
        pl.col(f"^{prefix}_(happened|undated|waiting)$").fill_null(False)
    )


def _filled(frame: pl.DataFrame) -> pl.DataFrame:
    """Give subjects that nothing is known of a plain no in every flag."""
    flags = [name for name, kind in frame.schema.items() if kind == pl.Boolean]
    return frame.with_columns(pl.col(flags).fill_null(False))


def _reason(definition: TimeDefinition, moments: Mapping[str, Moment]) -> pl.Expr:
    """Return why a subject is not evaluable, the first of the reasons that apply; none where it is."""
    origin = moments[definition.origin]
    reasons: list[tuple[pl.Expr, pl.Expr]] = []

    def because(condition: pl.Expr, text: str | pl.Expr) -> None:
        reasons.append((condition, pl.lit(text) if isinstance(text, str) else text))

    if definition.among:
        among = moments[definition.among]
        because(pl.col("among_waiting"), _waits(among))
        because(~pl.col("among_happened"), f"not evaluable: no {among.title}")
    because(pl.col("failure_reason").is_not_null(), pl.col("failure_reason"))
    # a failure needs no origin of its own only where the origin is the very success that never came
    needs_origin = definition.failure is None or definition.failure.unless != definition.origin
    settled = pl.col("failed") & (pl.col("origin_coarse").is_not_null() if needs_origin else pl.lit(True))
    because(~settled & pl.col("origin_waiting"), _waits(origin))
    because(~settled & pl.col("origin_undated"), f"{origin.title}: without a date")
    because(~settled & pl.col("origin_coarse").is_null(), f"no {origin.title}")
    coarse = pl.col("origin_coarse") > COARSENESS[definition.precision]
    because(
        ~settled & coarse,
        _imprecise(origin, definition),
    )
    because(~settled & pl.col("event_reason").is_not_null(), pl.col("event_reason"))
    open_ = ~settled & pl.col("event_time").is_null()
    if definition.assessed:
        because(open_ & ~pl.col("assessed_happened"), f"no {moments[definition.assessed].title}")
    because(
        open_ & pl.col("last_time").is_null() & pl.col("last_reason").is_null(), _no_end(definition, moments)
    )
    because(open_ & pl.col("last_reason").is_not_null(), pl.col("last_reason"))
    chain = pl.when(reasons[0][0]).then(reasons[0][1])
    for condition, text in reasons[1:]:
        chain = chain.when(condition).then(text)  # type: ignore[assignment]
    return chain.otherwise(None).alias("reason")


def _no_end(definition: TimeDefinition, moments: Mapping[str, Moment]) -> str:
    return "no event, and no " + " or ".join(moments[name].title for name in definition.censoring)

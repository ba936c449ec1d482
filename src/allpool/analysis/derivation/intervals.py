"""Intervals: the time from one moment to another for every subject, computed once for all definitions."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from allpool.analysis.definitions.forms import Endpoint, Moment, Precision
from allpool.analysis.derivation.clocks import CALENDAR, COARSENESS, middle
from allpool.analysis.derivation.collected import collecting
from allpool.analysis.derivation.timeline import Timeline
from allpool.mappings.dictionary import Dictionary

PARTS = ("time", "clock", "day", "coarse", "srcdom", "srcid")
STATES = ("happened", "undated", "waiting")


class Intervals:
    """Frames of one row per subject, in the order of `subjects`; columns begin with the moment's name.

    Definitions lay these frames side by side instead of joining tables again and again.
    """

    def __init__(
        self,
        subjects: pl.DataFrame,
        timeline: Timeline,
        moments: Mapping[str, Moment],
        *,
        collected: pl.DataFrame,
        dictionary: Dictionary,
    ) -> None:
        """Take the subjects (usubjid, studyid, siteid) and what their centres send (`read_collected`)."""
        self.subjects = subjects.select("usubjid")
        self.moments = moments
        self._level = subjects.select("usubjid", "studyid", "siteid")
        self._timeline = timeline
        self._collected = collected
        self._dictionary = dictionary
        self._kept: dict[tuple[str, ...], pl.DataFrame] = {}

    def rows(self, found: pl.DataFrame, endpoint: Endpoint, name: str) -> pl.DataFrame:
        """Return the rows of adrs or adtte for what a definition `found` of each subject, in their order.

        Only of the studies that the definition is meant for.
        """
        studies = endpoint.definitions[name].studies
        frame = pl.concat([self._level, found.drop("usubjid")], how="horizontal").with_columns(
            pl.lit(endpoint.endpoint).alias("paramcd"),
            pl.lit(name).alias("definition"),
            pl.lit(endpoint.version).alias("definition_version"),
        )
        return frame.filter(pl.col("studyid").is_in(studies)) if studies else frame

    def among(self, chosen: pl.DataFrame) -> pl.Series:
        """Return of each subject whether it is one of those `chosen` (usubjid)."""
        return self.subjects["usubjid"].is_in(chosen["usubjid"].implode())

    def state(self, moment: str) -> pl.DataFrame:
        """Return <moment>.happened, .undated and .waiting."""
        if ("state", moment) not in self._kept:
            found = self._aligned(self._timeline.state(moment)).select(pl.col(STATES).fill_null(False))
            self._kept["state", moment] = _named(found, moment)
        return self._kept["state", moment]

    def sent(self, moment: str) -> pl.DataFrame:
        """Return <moment>.sent: whether the subject's centre sends this moment, or has sent one before."""
        if ("sent", moment) not in self._kept:
            elements = self.moments[moment].elements
            by_rule = collecting(self._level, self._collected, elements, self._dictionary)
            happened = self._timeline.state(moment).filter("happened").select("usubjid")
            centres = (
                self._level.join(happened, on="usubjid", how="semi").select("studyid", "siteid").unique()
            )
            by_rows = self._level.join(centres, on=["studyid", "siteid"], how="semi", nulls_equal=True)
            sent = (
                pl.concat([by_rule, by_rows.select("usubjid")])
                .unique()
                .with_columns(pl.lit(True).alias("sent"))
            )
            found = self._aligned(sent).select(pl.col("sent").fill_null(False))
            self._kept["sent", moment] = _named(found, moment)
        return self._kept["sent", moment]

    def start(self, origin: str) -> pl.DataFrame:
        """Return origin_coarse (of the sharpest date; empty where there is none) and origin_date."""
        if ("start", origin) not in self._kept:
            sharp = (pl.col("clock") == CALENDAR) & (pl.col("coarse") == 0)
            best = (
                self._timeline.of(origin)
                .group_by("usubjid")
                .agg(
                    pl.col("coarse").min().alias("origin_coarse"),
                    pl.col("day").filter(sharp).first().cast(pl.Int32).cast(pl.Date).alias("origin_date"),
                )
            )
            self._kept["start", origin] = self._aligned(best).drop("usubjid")
        return self._kept["start", origin]

    def since(self, origin: str, moment: str) -> pl.DataFrame:
        """Return <moment>.time (days since the origin) with .clock, .day, .coarse, .srcdom, .srcid.

        The sharpest clock that both are known on counts; `.other_clock` says that there is none.
        """
        if ("since", origin, moment) not in self._kept:
            origins = self._timeline.of(origin).select(
                "usubjid", "clock", middle().alias("origin_day"), pl.col("coarse").alias("origin_coarse")
            )
            rows = self._timeline.of(moment).join(origins, on=["usubjid", "clock"], how="left")
            best = (
                rows.with_columns(
                    (middle() - pl.col("origin_day")).alias("time"),
                    pl.max_horizontal("coarse", "origin_coarse").alias("coarse"),
                    pl.col("origin_day").is_null().alias("other_clock"),
                )
                .sort("usubjid", "other_clock", "coarse", pl.col("clock") != CALENDAR, "clock")
                .unique("usubjid", keep="first", maintain_order=True)
                .select("usubjid", *PARTS, "other_clock")
            )
            self._kept["since", origin, moment] = _named(self._aligned(best).drop("usubjid"), moment)
        return self._kept["since", origin, moment]

    def problem(self, origin: str, moment: str, precision: Precision) -> pl.Expr:
        """Return why the time of a moment since the origin cannot be told, if it was; else null."""
        own, title = self.moments[moment], self.moments[moment].title
        since = self.moments[origin].title
        part = {name: pl.col(f"{moment}.{name}") for name in (*PARTS, *STATES, "other_clock")}
        undated = part["undated"] & (pl.lit(own.take == "first") | part["clock"].is_null())
        return (
            pl.when(part["waiting"])
            .then(pl.lit(waits(own)))
            .when(undated)
            .then(pl.lit(f"{title}: known to have happened, without a date"))
            .when(part["coarse"] > COARSENESS[precision])
            .then(pl.lit(imprecise(own, precision)))
            .when(part["other_clock"])
            .then(pl.lit(f"{title}: known on another clock than {since}"))
            .when(part["time"] < 0)
            .then(pl.lit(f"{title}: before {since}, which is impossible"))
        )

    def _aligned(self, frame: pl.DataFrame) -> pl.DataFrame:
        return self.subjects.join(frame, on="usubjid", how="left", maintain_order="left")


def waits(moment: Moment) -> str:
    """Say that a cell which the moment needs is in quarantine."""
    return f"{moment.title}: a cell of {' or '.join(moment.elements)} waits in quarantine"


def imprecise(moment: Moment, precision: Precision) -> str:
    """Say that the moment's date is too coarse."""
    return f"{moment.title}: the date is less precise than the definition asks ({precision})"


def _named(frame: pl.DataFrame, moment: str) -> pl.DataFrame:
    return frame.rename({name: f"{moment}.{name}" for name in frame.columns})

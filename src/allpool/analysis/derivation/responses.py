"""Responses: what is read once for all response endpoints, and the answer of each definition."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import polars as pl
from sqlalchemy import Connection

from allpool.analysis.definitions.catalogue import Catalogue
from allpool.analysis.definitions.forms import ResponseDefinition, ResponseEndpoint
from allpool.analysis.definitions.rules import Criteria, Graded, Measured, Reported
from allpool.analysis.derivation.assessments import answers, judged_reports, read_responses
from allpool.analysis.derivation.grades import EVENT, grading, judged_grades, read_grades
from allpool.analysis.derivation.intervals import Intervals
from allpool.analysis.derivation.marrow import judged_marrow, read_values
from allpool.analysis.derivation.measurements import MRD, QUALIFIERS, judged_measurements
from allpool.analysis.derivation.timeline import Timeline, waiting_for
from allpool.mappings.dictionary import Dictionary

Rule = Reported | Measured | Graded | Criteria
MRD_ELEMENTS = (MRD, "mrd_category", *QUALIFIERS)
EVENT_ELEMENTS = (EVENT, "ae_grade", "ae_start")
OWN_RECORD = ("response", "relapse")
"""Records whose date and value are data elements of their own."""


def response_rows(
    connection: Connection,
    subjects: pl.DataFrame,
    *,
    intervals: Intervals,
    timeline: Timeline,
    measurements: pl.DataFrame,
    entries: pl.DataFrame,
    catalogue: Catalogue,
    dictionary: Dictionary,
) -> pl.DataFrame:
    """Return adrs: one row per subject, response endpoint and definition that is meant for its study."""
    asked = list(_asked(catalogue))
    sources = _Sources(
        connection, subjects, [definition.rule for *_, definition in asked], measurements, dictionary
    )
    waiting: dict[tuple[str, ...], pl.Series] = {}
    parts = []
    for endpoint, name, definition in asked:
        rule = definition.rule
        needs = sources.needs(rule)
        if needs not in waiting:
            waiting[needs] = intervals.among(waiting_for(entries, needs, dictionary))
        found = answers(
            sources.judged(rule),
            definition,
            intervals=intervals,
            timeline=timeline,
            waiting=waiting[needs],
            sending=intervals.among(sources.sending(rule)),
        )
        parts.append(intervals.rows(found, endpoint, name))
    return pl.concat(parts).sort("usubjid", "paramcd", "definition")


def _asked(catalogue: Catalogue) -> Iterator[tuple[ResponseEndpoint, str, ResponseDefinition]]:
    for endpoint in catalogue.endpoints.values():
        if isinstance(endpoint, ResponseEndpoint):
            for name, definition in endpoint.definitions.items():
                yield endpoint, name, definition


class _Sources:
    """The assessments that rules judge, each read once, and each rule's verdicts, reached once."""

    def __init__(
        self,
        connection: Connection,
        subjects: pl.DataFrame,
        rules: Iterable[Rule],
        measurements: pl.DataFrame,
        dictionary: Dictionary,
    ) -> None:
        rules = list(rules)
        who = subjects.select("usubjid", "patient_id")
        self.level = subjects.select("usubjid", "studyid", "siteid")
        self.dictionary = dictionary
        self.measurements = measurements
        reported = {rule.element for rule in rules if isinstance(rule, Reported)}
        self.reports = read_responses(connection, who, reported)
        graded = {element for rule in rules if isinstance(rule, Graded) for element in rule.elements}
        self.grades = read_grades(connection, who, graded)
        self.grading = grading(connection, subjects, self.grades)
        limits = {part.element for rule in rules if isinstance(rule, Criteria) for part in rule.limits}
        self.values = read_values(connection, who, limits)
        self._judged: dict[str, pl.DataFrame] = {}
        self._sending: dict[str, pl.DataFrame] = {}

    def judged(self, rule: Rule) -> pl.DataFrame:
        """Return the assessments that count for a rule, with verdict and open."""
        if repr(rule) not in self._judged:
            self._judged[repr(rule)] = self._judge(rule)
        return self._judged[repr(rule)]

    def _judge(self, rule: Rule) -> pl.DataFrame:
        if isinstance(rule, Reported):
            judged = judged_reports(self.reports, rule)
            return self._told_apart(judged, rule) if rule.told_apart else judged
        if isinstance(rule, Measured):
            return judged_measurements(self.measurements, rule)
        if isinstance(rule, Graded):
            return judged_grades(self.grades, rule)
        return judged_marrow(self.values, rule, self.dictionary)

    def _told_apart(self, judged: pl.DataFrame, rule: Reported) -> pl.DataFrame:
        """Leave open the assessments of studies that called nobody so, and may not tell it apart."""
        called = judged.join(self._callers(rule), on="usubjid", how="semi")
        silent = judged.join(self._callers(rule), on="usubjid", how="anti").with_columns(
            pl.lit(None, dtype=pl.String).alias("verdict"),
            pl.lit("not collected: the study calls nobody so, and may not tell it apart").alias("open"),
        )
        return pl.concat([called, silent.select(called.columns)])

    def _callers(self, rule: Reported) -> pl.DataFrame:
        """Return the usubjid of those whose study has used one of the rule's codes."""
        used = self.reports.filter(
            (pl.col("data_element") == rule.element) & pl.col("code").is_in(rule.codes)
        ).select("usubjid")
        studies = self.level.join(used, on="usubjid", how="semi").select("studyid").unique()
        return self.level.join(studies, on="studyid", how="semi").select("usubjid")

    def sending(self, rule: Rule) -> pl.DataFrame:
        """Return the usubjid of those whose study, or for adverse events centre, sends such assessments."""
        if repr(rule) not in self._sending:
            self._sending[repr(rule)] = self._send(rule)
        return self._sending[repr(rule)]

    def _send(self, rule: Rule) -> pl.DataFrame:
        if isinstance(rule, Graded):
            elements = [EVENT, *(rule.elements if rule.terms else ())]
            found = [self.grading[element] for element in elements if element in self.grading]
            return pl.concat(found).unique()
        if isinstance(rule, Reported) and rule.told_apart:
            return self._callers(rule)
        rows = self._rows(rule).select("usubjid").unique()
        studies = self.level.join(rows, on="usubjid", how="semi").select("studyid").unique()
        return self.level.join(studies, on="studyid", how="semi").select("usubjid")

    def _rows(self, rule: Rule) -> pl.DataFrame:
        if isinstance(rule, Reported):
            return self.reports.filter(pl.col("data_element") == rule.element)
        if isinstance(rule, Criteria):
            return self.values.filter(pl.col("data_element") == rule.marrow.element)
        return self.measurements

    def needs(self, rule: Rule) -> tuple[str, ...]:
        """Return the data elements whose quarantined cells leave the answer open."""
        if isinstance(rule, Reported):
            record = self.dictionary[rule.element].record
            if record not in OWN_RECORD:
                return (rule.element,)
            own = (e.id for e in self.dictionary if e.record == record and e.field in ("value", "date"))
            return tuple(dict.fromkeys((rule.element, *own)))
        if isinstance(rule, Measured):
            return MRD_ELEMENTS
        if isinstance(rule, Graded):
            return (*EVENT_ELEMENTS, *rule.elements)
        return tuple(dict.fromkeys(limit.element for limit in rule.limits))

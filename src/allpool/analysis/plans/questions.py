"""How much a result rests on data that nobody questions: its subjects, by the queries about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, delete, select

from allpool.analysis.cell_suppression import Sum, withheld_cells
from allpool.analysis.cohorts.summary import WITHHELD
from allpool.analysis.plans.outcomes import analysis_id, append_rows
from allpool.analysis.plans.run import StepResult
from allpool.models import Adsl, AnalysisQuality, Query

UNSETTLED = ("open", "answered")
"""States of a query that nobody has decided, and no delivery has mended."""


@dataclass(frozen=True)
class Questioned:
    """Subjects behind one result: `subjects` = `held` + `warned` + `clear`."""

    subjects: int
    held: int
    """Of whom something is held back."""
    warned: int
    """Of whom something in the store is doubted, and nothing is held back."""
    clear: int

    def said(self, result: StepResult, *, minimum: int) -> str:
        """Return the line beside the result; where `minimum` is above 1, small counts are withheld.

        Where the result itself tells how many only in part, so does the line: the total would tell the rest.
        """
        if self.subjects == 0:
            return "nobody is behind it"
        counts = asdict(self)
        parts = ("held", "warned", "clear")
        if minimum > 1:
            gone = withheld_cells(counts, [Sum("subjects", parts)], minimum=minimum)
            counts |= dict.fromkeys(gone, WITHHELD)
        known = f"{counts['held']} with data held back, {counts['warned']} with data that are doubted"
        if minimum > 1 and any(item.n is None or item.n < minimum for item in result.statistics):
            return f"{known}, the others with none"
        return f"{known}, {counts['clear']} with none; {counts['subjects']} in all"


def store_questions(
    connection: Connection, results: Sequence[StepResult], *, release: str | None
) -> dict[tuple[str, str], Questioned]:
    """Count the subjects behind each result by their open queries, put that beside it, and return it.

    By plan and step; in the store by `analysis_id`.
    """
    severe = _severity(connection)
    found = {(result.plan.plan, result.step.id): _questioned(result, severe) for result in results}
    rows = [
        {"analysis_id": analysis_id(plan, step, release), **asdict(counts)}
        for (plan, step), counts in found.items()
    ]
    own = AnalysisQuality.__table__
    keys = [row["analysis_id"] for row in rows]
    connection.execute(delete(AnalysisQuality).where(own.c.analysis_id.in_(keys)))
    append_rows(connection, AnalysisQuality, rows)
    return found


def _severity(connection: Connection) -> dict[str, str]:
    """Return usubjid -> `held` or `warned`, of the subjects who have open queries."""
    asked = (
        select(Adsl.usubjid, Query.severity)
        .join(Query, Query.patient_id == Adsl.patient_id)
        .where(Query.status.in_(UNSETTLED))
        .distinct()
    )
    found: dict[str, str] = {}
    for usubjid, severity in connection.execute(asked):
        if severity != "warn" or usubjid not in found:
            found[usubjid] = "warned" if severity == "warn" else "held"
    return found


def _questioned(result: StepResult, severe: dict[str, str]) -> Questioned:
    subjects = set(result.answer.subjects["usubjid"])
    states = [severe.get(usubjid) for usubjid in subjects]
    held, warned = states.count("held"), states.count("warned")
    return Questioned(len(subjects), held, warned, len(subjects) - held - warned)

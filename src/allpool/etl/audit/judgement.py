"""What the audit makes of its counts in one feed: thresholds, the feed's own history, what is promised."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from allpool.etl.audit.completeness import Delivered
from allpool.etl.audit.earlier import DELIVERY, History
from allpool.etl.audit.falls import falls
from allpool.etl.audit.rules import Category, Context, Severity
from allpool.etl.audit.thresholds import Thresholds, Why
from allpool.etl.audit.trend import jumps, usual_shares

COMPLETENESS: Final = "completeness."
PATIENTS: Final = f"{DELIVERY}patients"
ROWS: Final = f"{DELIVERY}rows."


@dataclass(frozen=True)
class RuleResult:
    """What one rule found; `severity` is that in force once the thresholds were looked at."""

    rule: str
    table: str
    column: str
    element: str | None
    category: Category
    context: Context
    severity: Severity
    rows: int
    failed: int
    expected: str
    waived: int = 0
    """Rows that break the rule and need not keep it, as a person has decided; not among the failed."""
    tolerated: float | None = None
    """Share of failing rows that the threshold allows here; None where there is none."""
    usual: float | None = None
    """Share of failing rows in the feed's earlier deliveries; None where there were too few."""
    raised: Why | None = None
    """Why it needs a person beyond its failing rows."""
    only_watched: bool = False
    """Whether failing rows are a share to watch, and no failure unless it is raised: patients without an
    element."""

    @property
    def success(self) -> bool:
        """Whether no row failed; of what is only watched, whether it is not raised."""
        return self.raised is None if self.only_watched else self.failed == 0


def judged(
    found: Sequence[RuleResult],
    *,
    feed: str,
    thresholds: Thresholds,
    history: History,
    delivered: Delivered | None,
    rows: Mapping[str, int],
) -> tuple[RuleResult, ...]:
    """Return the results of a feed with their severities in force, and what is raised and why.

    `found` are the rules' counts, with the severities that the rules have. `delivered` adds one result per
    promised element, `rows` (table -> rows staged) one per number delivered; both are left out where
    `delivered` is None, as for a delivery of which a file could not be read.
    """
    results = list(found)
    if delivered is not None:
        results += _promised(delivered)
    results = [_limited(result, feed, thresholds) for result in results]
    results = _against_history(results, history, thresholds)
    if delivered is not None:
        results += _numbers(delivered.patients, rows, history, thresholds)
    return tuple(results)


def _promised(delivered: Delivered) -> Iterator[RuleResult]:
    """Yield one result per promised element: patients, and how many of them lack it."""
    for share in delivered.elements:
        yield RuleResult(
            rule=f"completeness.{share.element}",
            table=share.table,
            column=share.column,
            element=share.element,
            category="completeness",
            context="verification",
            severity="warn",
            rows=share.patients,
            failed=share.patients - share.given,
            expected="The centre sends this element, as its mapping says, "
            "for as large a share of patients as before.",
            only_watched=True,
        )


def _limited(result: RuleResult, feed: str, thresholds: Thresholds) -> RuleResult:
    judgement = thresholds.judge(
        result.rule, result.severity, feed=feed, failed=result.failed, rows=result.rows
    )
    raised = judgement.raised
    if result.only_watched and result.failed == result.rows >= thresholds.patients:
        raised = "threshold"
    severity = "warn" if result.only_watched else judgement.severity
    return replace(result, severity=severity, tolerated=judgement.tolerated, raised=raised)


def _against_history(
    results: Sequence[RuleResult], history: History, thresholds: Thresholds
) -> list[RuleResult]:
    usual = usual_shares(history.rules, thresholds.trend)
    now = {result.rule: (result.rows, result.failed) for result in results}
    risen = jumps(now, history.rules, thresholds.trend)
    return [
        replace(
            result,
            usual=usual.get(result.rule),
            raised=result.raised or ("trend" if result.rule in risen else None),
        )
        for result in results
    ]


def _numbers(
    patients: int, rows: Mapping[str, int], history: History, thresholds: Thresholds
) -> Iterator[RuleResult]:
    """Yield one result per number delivered; failed are those that are missing where it fell."""
    now = dict.fromkeys(history.delivered, 0)
    now |= {PATIENTS: patients} | {f"{ROWS}{table}": number for table, number in rows.items()}
    fallen = falls(now, history.delivered, mode=history.mode, settings=thresholds.trend)
    for name, number in now.items():
        table = "patient" if name == PATIENTS else name.removeprefix(ROWS)
        yield RuleResult(
            rule=name,
            table=table,
            column="id",
            element=None,
            category="completeness",
            context="verification",
            severity="warn",
            rows=number,
            failed=fallen.get(name, 0),
            expected="A delivery brings as many patients and records as the earlier ones.",
            raised="trend" if name in fallen else None,
            only_watched=True,
        )

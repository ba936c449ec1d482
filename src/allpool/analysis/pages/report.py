"""The static page: results with their definitions, figures, accounting and quarantine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from sqlalchemy import Connection, text

import allpool
from allpool.analysis.definitions.catalogue import Catalogue
from allpool.analysis.disclosure import disclosed_counts
from allpool.analysis.pages.drawn import drawn, shown_by
from allpool.analysis.plans.plan import definition_lines
from allpool.analysis.plans.run import StepResult
from allpool.analysis.plans.steps.base import Statistic

SHARES = (
    "proportion",
    "survival",
    "standard_error",
    "study_estimate",
    "pooled",
    "pooled_common_effect",
    "prediction",
)
ACCOUNT = """
SELECT account.feed, max(feed.study) AS study, max(feed.centre) AS centre, count(*) AS files,
       sum(account."rows") AS rows_read, sum(account."read") AS read, sum(account.loaded) AS loaded,
       sum(account.unchanged) AS unchanged, sum(account.quarantined) AS quarantined,
       sum(account.ignored) AS ignored, sum(account."empty") AS empty
FROM cell_account AS account LEFT JOIN feed ON feed.id = account.feed
WHERE account.run = (SELECT max(run) FROM cell_account AS last WHERE last.feed = account.feed)
GROUP BY account.feed ORDER BY account.feed
"""
FEEDS = "SELECT feed, status, message FROM feed_run WHERE run = (SELECT max(run) FROM feed_run) ORDER BY feed"
WAITING = """
SELECT study, centre, rule, scope, count(*) AS entries FROM quarantine
WHERE status = 'open' GROUP BY study, centre, rule, scope ORDER BY study, centre, rule, scope
"""
SUBJECTS = """
SELECT studyid AS study, count(*) AS subjects, count(DISTINCT siteid) AS centres,
       sum(CASE WHEN dthfl = 'Y' THEN 1 ELSE 0 END) AS known_dead,
       sum(CASE WHEN synthetic THEN 1 ELSE 0 END) AS synthetic
FROM adsl GROUP BY studyid ORDER BY studyid
"""


BESIDE = ("standard_error", "at_risk")
"""Statistics that stand in columns of their own, beside the survival that they belong to."""
WORDS = {
    "tau2": "τ²",
    "i2": "I² (%)",
    "q": "Q",
    "q_p": "P of Q",
    "p": "P",
    "logrank_chi2": "log-rank χ²",
    "logrank_df": "log-rank degrees of freedom",
    "logrank_p": "log-rank P",
}


@dataclass(frozen=True)
class Picture:
    """A figure beside the page, and the words for who cannot see it."""

    svg: str
    png: str
    alternative: str


def write_report(
    connection: Connection,
    results: Sequence[StepResult],
    catalogue: Catalogue,
    *,
    output: Path,
    release: str | None = None,
    minimum: int = 1,
) -> Path:
    """Write `index.html` and `figures/` into `output`; return the page. Same store, same bytes.

    `results` are as they may leave; of the page's own counts of persons those below `minimum` are withheld.
    """
    output.mkdir(parents=True, exist_ok=True)
    pictures = {(r.plan.plan, r.step.id): _picture(r, output) for r in results}
    environment = Environment(
        loader=PackageLoader("allpool.analysis.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    plans = list({result.plan.plan: result.plan for result in results}.values())
    page = environment.get_template("report.html").render(
        plans=[
            {
                "plan": plan,
                "steps": [
                    {
                        "result": result,
                        "definition": definition_lines(result.step, catalogue),
                        "rows": _rows(result),
                        "beside": _beside(result),
                        "notes": _notes(result),
                        "picture": pictures[plan.plan, result.step.id],
                        "table": result.answer.table,
                    }
                    for result in results
                    if result.plan.plan == plan.plan
                ],
            }
            for plan in plans
        ],
        subjects=disclosed_counts(
            _records(connection, SUBJECTS),
            total="subjects",
            parts=("known_dead", "synthetic"),
            minimum=minimum,
        ),
        minimum=minimum,
        accounts=_records(connection, ACCOUNT),
        feeds={row["feed"]: row for row in _records(connection, FEEDS)},
        waiting=_records(connection, WAITING),
        synthetic=any(result.synthetic for result in results),
        release=release,
        code_version=allpool.__version__,
        definitions_hash=catalogue.hash[:12],
    )
    path = output / "index.html"
    path.write_text(page, encoding="utf-8")
    return path


def shown(item: Statistic) -> str:
    """Return a value as a reader wants it: shares in percent, P to three digits, counts whole."""
    if item.value is None:
        return "–"
    if item.statistic in SHARES:
        return f"{100 * item.value:.1f} %"
    if item.statistic in ("logrank_p", "p", "q_p"):
        return "< 0.001" if item.value < 0.001 else f"{item.value:.3f}"
    if item.statistic in ("responders", "events", "at_risk", "observed", "logrank_df"):
        return f"{item.value:g}"
    return f"{item.value:.2f}"


def interval(item: Statistic) -> str:
    """Return the interval in the scale of `shown`; empty where there is none."""
    if item.lower is None and item.upper is None:
        return ""
    low, high = (_limit(value, item) for value in (item.lower, item.upper))
    return f"{low} to {high}"


def _limit(value: float | None, item: Statistic) -> str:
    if value is None:
        return "not reached"
    return f"{100 * value:.1f} %" if item.statistic in SHARES else f"{value:.2f}"


def _rows(result: StepResult) -> list[dict[str, Any]]:
    """Return the table's rows; what stands beside a survival is no row of its own."""
    rows: list[dict[str, Any]] = []
    survivals: dict[tuple[str | None, float | None], dict[str, Any]] = {}
    aside = BESIDE if _beside(result) else ()
    for item in sorted(result.statistics, key=lambda item: item.statistic in aside):
        owner = survivals.get((item.group, item.at)) if item.statistic in aside else None
        if owner is not None:
            owner["beside"][_word(item.statistic)] = shown(item)
            continue
        row: dict[str, Any] = {
            "group": "" if item.group in (None, "all") else item.group,
            "statistic": f"median ({result.plan.unit}s)"
            if item.statistic == "median"
            else _word(item.statistic),
            "at": "" if item.at is None else f"{item.at:g} {result.plan.unit}s",
            "value": shown(item),
            "interval": interval(item),
            "n": "" if item.n is None else item.n,
            "beside": {},
        }
        rows.append(row)
        if item.statistic == "survival":
            survivals[item.group, item.at] = row
    return rows


def _beside(result: StepResult) -> list[str]:
    """Return the headings of the columns beside the survivals; none where there is no survival."""
    found = {item.statistic for item in result.statistics}
    return [_word(name) for name in BESIDE if name in found and "survival" in found]


def _word(statistic: str) -> str:
    return WORDS.get(statistic, statistic.replace("_", " "))


def _notes(result: StepResult) -> list[str]:
    """Return each note once, with the groups it is said of."""
    said: dict[str, list[str]] = {}
    for item in result.statistics:
        if item.note:
            groups = said.setdefault(item.note, [])
            if item.group and item.group != "all" and item.group not in groups:
                groups.append(item.group)
    everybody = {item.group for item in result.statistics if item.group}
    return [
        note if not groups or set(groups) == everybody else f"{', '.join(groups)}: {note}"
        for note, groups in said.items()
    ]


def _picture(result: StepResult, output: Path) -> Picture | None:
    drawing = result.answer.drawing
    if drawing is None:
        return None
    path = output / "figures" / f"{result.plan.plan}-{result.step.id}"
    svg, png = drawn(drawing.draw, path, of=shown_by(result))
    words = f"{drawing.kind}: {result.step.question}. The numbers are in the table below."
    return Picture(f"figures/{svg.name}", f"figures/{png.name}", words)


def _records(connection: Connection, query: str) -> list[dict[str, Any]]:
    rows = connection.execute(text(query)).mappings().all()
    return [
        {name: "" if value is None or pd.isna(value) else value for name, value in row.items()}
        for row in rows
    ]

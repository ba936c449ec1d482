"""The static page: results with their definitions, figures, accounting and quarantine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from sqlalchemy import Connection, text

import allpool
from allpool.analysis.definitions.catalogue import Catalogue
from allpool.analysis.disclosure import disclosed_counts
from allpool.analysis.pages.drawn import drawn, shown_by
from allpool.analysis.pages.wording import beside, notes_of, rows_of
from allpool.analysis.plans.plan import definition_lines
from allpool.analysis.plans.run import StepResult

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
PUBLISHED = """
SELECT study, count(*) AS figures,
       sum(CASE WHEN agreement = 'reproduced' THEN 1 ELSE 0 END) AS reproduced,
       sum(CASE WHEN agreement = 'corrected' THEN 1 ELSE 0 END) AS corrected,
       sum(CASE WHEN agreement = 'differs' THEN 1 ELSE 0 END) AS differs,
       sum(CASE WHEN agreement NOT IN ('reproduced', 'corrected', 'differs') THEN 1 ELSE 0 END) AS otherwise
FROM published_estimate GROUP BY study ORDER BY study
"""


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
    questions: Mapping[tuple[str, str], str] | None = None,
) -> Path:
    """Write `index.html` and `figures/` into `output`; return the page. Same store, same bytes.

    `results` are as they may leave; of the page's own counts of persons those below `minimum` are withheld.
    `questions` says by plan and step how much the result rests on data that nobody questions.
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
    page = environment.get_template(
        "report.html"
    ).render(
        style=Markup(files("allpool").joinpath("page.css").read_text(encoding="utf-8")),  # noqa: S704  # our own
        plans=[
            {
                "plan": plan,
                "steps": [
                    {
                        "result": result,
                        "definition": definition_lines(result.step, catalogue),
                        "rows": rows_of(result),
                        "beside": beside(result),
                        "notes": notes_of(result),
                        "picture": pictures[plan.plan, result.step.id],
                        "table": result.answer.table,
                        "questions": (questions or {}).get((plan.plan, result.step.id)),
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
        published=_records(connection, PUBLISHED),
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

"""The same rows give the same results and the same page, in whatever order they were written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from allpool.analysis.plans.night import analyse
from allpool.models.engine import connect
from tests.analysis.test_steps import EXPOSED, written

STEPS: tuple[dict[str, Any], ...] = (
    {"estimator": "kaplan-meier", "endpoint": "os", "by": "study", "times": [90, 365]},
    {"estimator": "log-rank", "endpoint": "os", "by": "sex", "strata": "study"},
    {"estimator": "restricted-mean", "endpoint": "os", "by": "sex", "tau": 180},
    {"estimator": "follow-up", "endpoint": "os"},
    {"estimator": "cox", "endpoint": "os", "covariates": ["sex", "bm_blasts"], "strata": "study"},
    {"estimator": "fine-gray", "endpoint": "relapse", "population": "in_cr", "covariates": "sex"},
    {"estimator": "logistic", "endpoint": "cr", "covariates": "bm_blasts", "study": "stratified"},
    {"estimator": "cumulative-incidence", "endpoint": "relapse", "population": "in_cr", "times": 90},
    {"estimator": "gray", "endpoint": "relapse", "population": "in_cr", "by": "sex"},
    {
        "estimator": "landmark",
        "endpoint": "os",
        "definition": "response",
        "population": "in_cr",
        "exposure": EXPOSED,
        "at": 90,
    },
    {
        "estimator": "time-dependent",
        "endpoint": "os",
        "definition": "response",
        "population": "in_cr",
        "exposure": EXPOSED,
    },
    {"estimator": "synthesis", "endpoint": "cr"},
    {"estimator": "rare-events", "endpoint": "crs_g3"},
    {"estimator": "latent-level", "endpoint": "mrd"},
    {
        "estimator": "paired",
        "before": "imm_cd3_abs_before",
        "after": "imm_cd3_abs_after_course_1",
        "model": "mixed",
        "studies": "002",
    },
    {"estimator": "overlap"},
    {"estimator": "flow", "endpoint": "os"},
)


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    path = tmp_path / "plan.yaml"
    lines = ["plan: repeat", "title: A plan", "unit: day", "steps:"]
    for number, form in enumerate(STEPS):
        whole = {"id": f"s{number}", "question": "q", "population": "all_treated", **form}
        lines.append(f"  - {whole!r}".replace("'", '"'))  # JSON is YAML
    path.write_text("\n".join(lines))
    return path


def test_the_order_of_rows_changes_nothing(plan: Path, tmp_path: Path) -> None:
    found = []
    for name in ("one", "other"):
        built = written()
        if name == "other":
            built.rows.reverse()
        engine = connect("sqlite://")
        analyse(built.into(engine), plans=[plan], output=tmp_path / name)
        with engine.connect() as connection:
            content = {
                table: connection.exec_driver_sql(f"SELECT * FROM {table}").all()
                for table in (
                    "adsl",
                    "adfact",
                    "adex",
                    "adrs",
                    "adtte",
                    "analysis_result",
                    "analysis_subject",
                )
            }
        engine.dispose()
        pages = {
            str(path.relative_to(tmp_path / name)): path.read_bytes()
            for path in sorted((tmp_path / name).rglob("*"))
            if path.is_file()
        }
        found.append((content, pages))
    (content, pages), (other_content, other_pages) = found
    assert content["analysis_result"]
    assert not [row for row in content["analysis_result"] if "refused" in row]
    for table, rows in content.items():
        assert rows == other_content[table], table
    assert pages.keys() == other_pages.keys()
    assert [name for name in pages if pages[name] != other_pages[name]] == []

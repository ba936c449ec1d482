"""The founding studies: every printed figure recomputed from the store of the example consortium."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, func, select

from allpool.analysis.definitions.catalogue import load_catalogue
from allpool.analysis.lineage.moved import Rests, results_moved
from allpool.analysis.plans.night import analyse
from allpool.analysis.published.forms import PublishedFile
from allpool.analysis.published.load import load_published
from allpool.analysis.published.page import founding_studies_page
from allpool.analysis.published.recompute import RecordResult, recompute
from allpool.analysis.published.storing import plan_name, result_id
from allpool.analysis.store import read_derived
from allpool.analysis.trace import trace
from allpool.errors import DefinitionError
from allpool.models import AnalysisResult, AnalysisSubject, PublishedEstimate
from allpool.models.engine import connect
from tests.nights.conftest import ROOT, ExampleNight

pytestmark = pytest.mark.xdist_group("example")  # one worker: the night is run once

COUNTS = {
    "reproduced": 297,
    "corrected": 13,
    "definition": 33,
    "external": 24,
    "narrative": 9,
    "not_stated": 2,
    "not_collected": 1,
}
"""All 379 records of the five studies, by what became of each."""


@pytest.fixture(scope="module")
def connection(example_night: ExampleNight) -> Iterator[Connection]:
    engine = connect(example_night.url, read_only=True)
    with engine.connect() as found:
        yield found
    engine.dispose()


@pytest.fixture(scope="module")
def files() -> Sequence[PublishedFile]:
    return load_published(ROOT / "examples" / "consortium" / "published", load_catalogue())


@pytest.fixture(scope="module")
def results(connection: Connection, files: Sequence[PublishedFile]) -> Sequence[RecordResult]:
    return recompute(files, read_derived(connection), load_catalogue())


def test_every_record_is_accounted_for(results: Sequence[RecordResult]) -> None:
    assert len(results) == 379
    assert Counter(result.kind for result in results) == COUNTS


def test_nothing_differs_without_a_reason_and_no_reason_is_idle(results: Sequence[RecordResult]) -> None:
    for result in results:
        name = f"{result.study}/{result.record.record}"
        assert (result.agreement == "differs") == (result.record.differs is not None), name
        assert all(part.refused is None for part in result.parts), name
        if result.agreement in ("differs", "corrected") and result.record.differs is None:
            assert result.record.flags, name


def test_agrees_with_what_the_generator_says_it_built(results: Sequence[RecordResult]) -> None:
    """The generator's own check reads its tables with other code; both must come to the same."""
    found = {(result.study, result.record.record): result for result in results}
    met = {"yes": {"reproduced", "corrected"}, "corrected": {"corrected"}, "no": {"differs"}}
    path = ROOT / "examples" / "consortium" / "figures.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        result = found.pop((row["study"], row["record"]))
        assert result.agreement in met[row["met"]], (row, result.agreement)
    # what the generator does not check but the store can answer
    assert all(result.agreement != "differs" for result in found.values())


def test_the_page_is_what_the_store_gives_now(
    files: Sequence[PublishedFile], results: Sequence[RecordResult]
) -> None:
    page = (ROOT / "docs" / "founding-studies.md").read_text(encoding="utf-8")
    assert page == founding_studies_page(files, results), "stale: run `make founding-studies`"


def test_the_night_stored_each_figure(connection: Connection, results: Sequence[RecordResult]) -> None:
    rows = connection.execute(select(PublishedEstimate.__table__)).mappings().all()
    stored = {(row["study"], row["record"]): row for row in rows}
    assert len(stored) == 379
    for result in results:
        row = stored[result.study, result.record.record]
        assert row["agreement"] == result.kind
        for part in result.parts:
            for item in part.compared:
                id_ = result_id(result.study, result.record.record, part.name, item.quantity)
                assert connection.execute(
                    select(AnalysisResult.plan).where(AnalysisResult.id == id_)
                ).scalar() == plan_name(result.study)


def test_survival_is_stored_as_a_synthesis_takes_it(connection: Connection) -> None:
    table = PublishedEstimate.__table__
    row = (
        connection.execute(select(table).where(table.c.study == "001", table.c.record == "os_1y"))
        .mappings()
        .one()
    )
    assert (row["value"], row["standard_error"]) == pytest.approx((0.642, 0.121))
    assert (row["at"], row["time_unit"], row["denominator"]) == (12, "month", 19)
    assert (row["endpoint"], row["definition"], row["population_id"]) == ("os", "common", "all_treated")
    assert round(row["recomputed"], 3) == 0.642


def test_a_recomputed_number_is_walked_back_to_cells(connection: Connection) -> None:
    id_ = result_id("001", "hsct_interval", "", "median")
    row = (
        connection.execute(select(AnalysisResult.__table__).where(AnalysisResult.id == id_)).mappings().one()
    )
    assert (row["value"], row["n"], row["synthetic"]) == (26, 11, True)
    subjects = connection.execute(
        select(func.count()).where(AnalysisSubject.analysis_id == row["analysis_id"])
    ).scalar()
    assert subjects == 11
    walked: dict[str, Any] = trace(connection, id_).parts
    assert {cell["source_column"] for cell in walked["cells"]} >= {"移植日期"}


def test_a_cell_is_walked_to_the_test_of_two_groups(connection: Connection) -> None:
    """A result of no group is of all, also where its subjects are in groups (003: one P of two arms)."""
    own = AnalysisSubject.__table__
    wanted = result_id("003", "blasts_p", "", "p")
    analysis = connection.execute(
        select(AnalysisResult.analysis_id).where(AnalysisResult.id == wanted)
    ).scalar_one()
    query = select(own.c.usubjid).where(own.c.analysis_id == analysis, own.c.group_value == "combination")
    subject = str(connection.execute(query.order_by(own.c.usubjid)).scalars().first())
    blasts = Rests(frozenset(), names={"bm_blasts"})
    moved = results_moved(connection, load_catalogue(), {subject: blasts})
    assert {row["through"] for row in moved if row["id"] == wanted} == {"value: bm_blasts"}
    assert wanted not in {row["id"] for row in results_moved(connection, load_catalogue(), {})}


def test_every_recomputed_record_stands_on_subjects(connection: Connection) -> None:
    plans = [plan_name(study) for study in ("000", "001", "002", "003", "004")]
    asked = select(AnalysisResult.analysis_id).where(AnalysisResult.plan.in_(plans)).distinct()
    every = {row[0] for row in connection.execute(asked)}
    behind = select(AnalysisSubject.analysis_id).where(AnalysisSubject.analysis_id.in_(asked)).distinct()
    assert every == {row[0] for row in connection.execute(behind)}
    assert len(every) > 310


def test_the_page_calls_synthetic_synthetic() -> None:
    page = Path(ROOT / "docs" / "founding-studies.md").read_text(encoding="utf-8")
    assert "synthetic" in page.splitlines()[4]


def test_a_plan_cannot_bear_the_name_of_published_figures(
    example_night: ExampleNight, tmp_path: Path
) -> None:
    plan = tmp_path / "mine.yaml"
    plan.write_text("plan: published_001\ntitle: Mine\nsteps: []\n", encoding="utf-8")
    engine = connect(example_night.url)
    with pytest.raises(DefinitionError, match="the published figures of study 001 are stored under"):
        analyse(engine, plans=[plan], output=None, published=example_night.folder / "published")
    engine.dispose()

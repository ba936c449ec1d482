"""The simulation: batches equal the package, it goes on where it was, its page is what its results say."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks.statistics import batch, batch_glmm, jobs, page, results, settings
from benchmarks.statistics.choice import choose_interval, choose_test
from benchmarks.statistics.figures import draw

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of the tiny grid, run once with a few replicates."""
    folder = tmp_path_factory.mktemp("tiny")
    wanted = jobs.jobs(tiny=True, replicates=20)
    assert list(jobs.run(wanted, folder / "cache", processes=1))[-1] == (len(wanted), len(wanted))
    results.write(jobs.rows(wanted, folder / "cache"), folder / "results")
    return folder


def test_page_and_committed_results_agree():
    written = (ROOT / "docs" / page.NAME).read_text(encoding="utf-8")
    assert written == page.text(results.FOLDER), "run `python -m benchmarks.statistics --page`"


def test_committed_results_hold_every_setting_with_all_replicates():
    for name, module in jobs.FAMILIES.items():
        tables = {
            "pooled_proportions": ["pooled_proportions", "homogeneity"],
            "time_tests": ["time_tests", "effects"],
        }
        for table in tables.get(name, [name]):
            frame = results.read(table)
            columns = list(module.grid()[0])
            wanted = {tuple(str(value) for value in setting.values()) for setting in module.grid()}
            found = {tuple(str(value) for value in row) for row in frame[columns].itertuples(index=False)}
            assert wanted == found, table
            if "replicates" in frame and table != "rate_tests":
                assert set(frame["replicates"]) == {2000}, table


def test_tiny_grid_gives_every_table_a_page_and_figures(tiny: Path):
    draw(tiny / "results", tiny / "figures")
    assert len(list((tiny / "figures").glob("*.svg"))) == 3
    text = page.text(tiny / "results")
    assert "## Conclusion" in text
    assert "nan" not in text
    shares = [results.read(path.stem, tiny / "results") for path in (tiny / "results").glob("*.csv")]
    assert len(shares) == 11
    for frame in shares:
        for column in {"coverage", "size", "given", "below", "above"} & set(frame.columns):
            assert frame[column].dropna().between(0, 1).all()


def test_figures_are_the_same_when_drawn_again(tiny: Path):
    draw(tiny / "results", tiny / "once")
    draw(tiny / "results", tiny / "again")
    for first in (tiny / "once").iterdir():
        assert first.read_bytes() == (tiny / "again" / first.name).read_bytes()


def test_kept_jobs_are_not_run_again_and_seeds_do_not_depend_on_order(tiny: Path, tmp_path: Path):
    wanted = jobs.jobs(tiny=True, replicates=20)
    assert list(jobs.run(wanted, tiny / "cache", processes=1)) == [(len(wanted), len(wanted))]
    job = next(job for job in reversed(wanted) if job.family == "curves")
    alone = job.run(tmp_path)
    assert json.loads(alone.read_text()) == json.loads(job.file(tiny / "cache").read_text())


@pytest.mark.parametrize("k", settings.STUDIES)
def test_batches_of_syntheses_equal_the_package(k: int):
    rng = np.random.default_rng(k)
    y, v = rng.normal(size=(40, k)), rng.uniform(0.01, 2, size=(40, k))
    for found in batch.syntheses(y, v):
        batch.check_rows(y, v, found, np.arange(40))


def test_check_of_batches_sees_a_difference():
    y, v = np.array([[0.1, 0.9, 0.4]]), np.array([[0.1, 0.2, 0.1]])
    found = next(batch.syntheses(y, v))
    with pytest.raises(RuntimeError, match="differ"):
        batch.check_rows(y + 0.001, v, found, np.array([0]))


@pytest.mark.parametrize("k", settings.STUDIES)
def test_batches_of_the_binomial_normal_model_equal_the_package(k: int):
    rng = np.random.default_rng(k)
    n = np.array(settings.SIZES["10 to 60"][:k], dtype=float)
    x = rng.binomial(n.astype(int), rng.uniform(0.3, 0.95, size=(12, k))).astype(float)
    found = batch_glmm.fits(x, n)
    assert not np.isnan(found.mean).any()
    batch_glmm.check_rows(x, n, found, np.arange(6))


def test_binomial_normal_refusals_are_nan_where_the_package_refuses():
    n = np.array([15.0, 20.0])
    found = batch_glmm.fits(np.array([[15.0, 20.0], [0.0, 0.0], [0.0, 20.0], [15.0, 19.0]]), n)
    assert list(np.isnan(found.mean)) == [True, True, True, False]


def test_coverage_counts_misses_and_what_is_not_given():
    lower, upper = np.array([0.0, 0.6, 0.1, np.nan]), np.array([1.0, 0.9, 0.2, np.nan])
    row = settings.coverage(lower, upper, 0.5)
    assert row["given"] == 0.75
    assert row["coverage"] == pytest.approx(1 / 3)
    assert (row["below"], row["above"]) == (pytest.approx(1 / 3), pytest.approx(1 / 3))
    assert row["mcse"] == pytest.approx((1 / 3 * 2 / 3 / 3) ** 0.5)
    weighted = settings.coverage(lower[:2], upper[:2], 0.5, counted=np.array([3.0, 1.0]))
    assert weighted["coverage"] == 0.75


def test_rejections_count_no_answer_as_no_rejection():
    row = settings.rejections([0.01, 0.2, np.nan, 0.04])
    assert (row["size"], row["given"]) == (0.5, 0.75)


def test_rule_takes_the_narrowest_that_covers_and_else_the_best_worst():
    frame = pd.DataFrame(
        {
            "method": ["wide", "wide", "narrow", "narrow", "short", "short"],
            "coverage": [0.97, 0.96, 0.95, 0.93, 0.94, 0.70],
            "width": [2.0, 2.0, 1.0, 1.0, 0.5, 0.5],
        }
    )
    assert choose_interval(frame, ["method"]).chosen == "narrow"
    none = choose_interval(frame.assign(coverage=frame["coverage"] - 0.1), ["method"])
    assert (none.chosen, none.qualified) == ("wide", False)


def test_rule_takes_the_test_nearest_to_five_percent_that_stays_below_six():
    frame = pd.DataFrame(
        {
            "test": ["exact", "exact", "loose", "loose", "right", "right"],
            "size": [0.01, 0.02, 0.05, 0.07, 0.04, 0.055],
            "given": 1.0,
        }
    )
    assert choose_test(frame).chosen == "right"

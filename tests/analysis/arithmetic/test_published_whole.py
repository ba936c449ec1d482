"""A whole paper, printed from simulated patients: nothing in it is called impossible."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from allpool.analysis.proportions import chi_square, fisher, proportion
from allpool.analysis.published.arithmetic.report import check_papers
from allpool.analysis.survival import kaplan_meier, logrank

Record = dict[str, object]
GROUPS = ("a", "b")


def printed_paper(seed: int) -> dict[str, object]:
    """Return what a paper of two simulated arms would print."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(6, 70))
    arm = rng.integers(0, 2, n)
    arm[:2] = 0, 1
    cr = rng.random(n) < rng.uniform(0.1, 0.95)
    neg = cr & (rng.random(n) < 0.6)
    death = rng.exponential(rng.uniform(6, 60), n)
    relapse = np.minimum(death, rng.exponential(rng.uniform(6, 60), n))
    end = rng.uniform(rng.uniform(1, 20), 40, n)
    digits = int(rng.integers(0, 3))
    records = [
        *_counts(n, arm, cr, neg, digits),
        *_survivals(arm, death, relapse, end, digits),
        *_summaries(rng, n, end),
    ]
    return {"document": f"simulated-{seed}", "study": {"n_total": n}, "records": records}


def _counts(n: int, arm: np.ndarray, cr: np.ndarray, neg: np.ndarray, digits: int) -> Iterator[Record]:
    whole = f"{n} treated"
    yield {"id": "n_a", "population": whole, "statistic": "count", "value": int((arm == 0).sum())}
    yield {"id": "n_b", "population": whole, "statistic": "count", "value": int((arm == 1).sum())}
    male = n // 2
    for name, count in (("male", male), ("female", n - male)):
        yield _share(name, whole, count, n, digits)
    for of, measure, met in ((cr, "cr", cr), (neg, "mrdneg", neg)):
        table = []
        for i, name in enumerate(GROUPS):
            size, count = int((arm == i).sum()), int(met[arm == i].sum())
            table.append([count, size - count])
            yield _share(f"{measure}_{name}", f"arm {name} ({size})", count, size, digits)
        if of.any() and not of.all():
            p = fisher(table) if n % 2 else chi_square(table, correction=bool(n % 3)).p
            yield {"id": f"{measure}_p", "population": "both", "statistic": "group_p", "value": f"{p:.3f}"}


def _share(name: str, population: str, count: int, n: int, digits: int) -> Record:
    method = ("clopper-pearson", "wilson")[count % 2]
    interval = proportion(count, n, method=method)
    return {
        "id": name,
        "population": population,
        "statistic": "proportion",
        "percent": f"{100 * count / n:.{digits}f}",
        "numerator": count,
        "denominator": n,
        "ci": {"lo": f"{100 * interval.lower:.1f}", "hi": f"{100 * interval.upper:.1f}", "level": 95},
    }


def _survivals(
    arm: np.ndarray, death: np.ndarray, relapse: np.ndarray, end: np.ndarray, digits: int
) -> Iterator[Record]:
    for endpoint, at in (("os", death), ("efs", relapse)):
        time, event = np.minimum(at, end), (at <= end).astype(int)
        for i, name in enumerate(GROUPS):
            own = arm == i
            curve = kaplan_meier(time[own], event[own], ci=("plain", "log-log")[i])
            for months, years in ((12, "1y"), (24, "2y")):
                row = curve.at([months]).iloc[0]
                if months > time[own].max():
                    continue
                record: Record = {
                    "id": f"{endpoint}_{years}_{name}",
                    "population": f"arm {name} ({own.sum()})",
                    "statistic": "km_probability",
                    "time": months,
                    "percent": f"{100 * row['survival']:.{digits}f}",
                }
                if 0 < row["survival"] < 1:
                    record["se"] = f"{100 * row['standard_error']:.1f}"
                    low, high = max(row["lower"], 0), min(row["upper"], 1)
                    record["ci"] = {"lo": f"{100 * low:.0f}", "hi": f"{100 * high:.0f}", "level": 95}
                yield record
        if event.any():
            p = logrank(time, event, arm).p
            yield {"id": f"{endpoint}_p", "population": "both", "statistic": "logrank_p", "value": f"{p:.3f}"}
    yield {
        "id": "deaths",
        "population": f"{len(arm)} treated",
        "statistic": "count",
        "value": int((death <= end).sum()),
    }


def _summaries(rng: np.random.Generator, n: int, end: np.ndarray) -> Iterator[Record]:
    age = np.clip(rng.normal(rng.uniform(8, 60), rng.uniform(2, 18), n), 0, 90).round()
    q1, median, q3 = np.percentile(age, [25, 50, 75])
    quartiles = {"median": f"{median:g}", "q1": f"{q1:g}", "q3": f"{q3:g}"}
    yield {"id": "age", "population": "all", "statistic": "median_iqr", "value": quartiles, "unit": "a"}
    followed = {"median": f"{np.median(end):.1f}", "min": f"{end.min():.1f}", "max": f"{end.max():.1f}"}
    yield {
        "id": "followup",
        "population": "all",
        "statistic": "median_range",
        "value": followed,
        "unit": "mo",
    }


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("papers")


@settings(max_examples=10, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 100_000))
def test_no_figure_of_real_data_is_called_impossible(folder: Path, seed: int) -> None:
    file = folder / "paper.yaml"
    file.write_text(yaml.safe_dump(printed_paper(seed), sort_keys=False), encoding="utf-8")
    report = check_papers([file])
    assert [finding.line() for finding in report.findings if finding.severity == "error"] == []
    assert len(report.checked) > 10


def test_a_figure_changed_in_a_whole_paper_is_found(folder: Path) -> None:
    """The same paper with the arms' counts of complete remission interchanged."""
    paper = printed_paper(7)
    records = {str(record["id"]): record for record in paper["records"]}  # type: ignore[attr-defined]
    a, b = records["cr_a"], records["cr_b"]
    a["percent"], b["percent"] = b["percent"], a["percent"]
    file = folder / "changed.yaml"
    file.write_text(yaml.safe_dump(paper, sort_keys=False), encoding="utf-8")
    found = {(f.entry.id, f.rule) for f in check_papers([file]).findings}
    assert {("cr_a", "share-of-other-count"), ("cr_b", "share-of-other-count")} <= found

"""Survival estimators on a million subjects, beside R's survival on the same data in the same run.

    python -m benchmarks.survival_speed [--subjects 1000000] [--runs 3] [--tasks cox ...] [--write]

Every run is a process of its own that reads the same columns, warms up on a thousand subjects and times the
estimation alone; allpool and R take turns, so that a drift of the machine's speed meets both. Peak memory is
the operating system's figure for the whole process. What the two computed is compared in the same run. Writes
build/bench/survival.json; `--write` puts the table into docs/benchmarks.md. Without R its half is left out.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "bench" / "survival"
PAGE = ROOT / "docs" / "benchmarks.md"
BEGIN, END = "<!-- survival: begin -->", "<!-- survival: end -->"
RUN = Path(__file__).with_name("survival_run")
SEED = 20261120
CLOSE = 1e-8
DAYS = 3650
TIMES = ("days", "continuous")
COEFFICIENTS = np.array([0.5, -0.3, 0.2, 0.1, -0.1, 0.05, 0.4, 0.0])
HEADINGS = (
    "estimate",
    "times",
    "allpool s",
    "R s",
    "ratio of pairs",
    "allowed",
    "largest difference",
    "allpool MiB",
    "R MiB",
    "bar",
)
TEXT = """
`make bench-survival` times each estimator on {subjects:,} synthetic subjects beside R's package survival
({version}) on the same columns. The two take turns, each run a process of its own that warms up first; the
table has medians of {runs} pairs: seconds of the estimation alone, peak memory of the whole process,
columns and libraries included. {cores} cores, load {before:.1f} before and {after:.1f} after (the runs
themselves are 1); {date}. Days are whole numbers from 0 to 3,650, heavy with ties; continuous times have
hardly a tie. The difference is the largest over all numbers compared (whole curves with errors, limits and
risk sets; observed, expected, chi-square; coefficients, errors, log-likelihoods), relative for numbers
above 1.
"""


@dataclass(frozen=True)
class Task:
    """What is estimated, how much slower than R it may be, and R's task where that has another name."""

    title: str
    bar: float
    against: tuple[str, ...]
    seconds_allowed: float = 600


TASKS = {
    "kaplan_meier": Task("Kaplan-Meier, one curve", 1.0, ("kaplan_meier",)),
    "logrank": Task("log-rank, 3 groups", 1.0, ("logrank",)),
    "incidence": Task("cumulative incidence, 2 causes", 1.0, ("incidence", "incidence_bare")),
    "cox": Task("Cox, 8 covariates, 10 strata (Efron)", 2.0, ("cox",)),
}
# R's variance of a multi-state curve costs subjects times distinct times: hours at a million of each
LEFT_OUT = {("incidence", "continuous"): "R's standard error costs subjects x distinct times"}


def generate(subjects: int) -> None:
    """Write the synthetic columns, unless they are there: little-endian doubles, one file per column."""
    mark = BUILD / f"{subjects}.done"
    if mark.exists():
        return
    shutil.rmtree(BUILD, ignore_errors=True)
    BUILD.mkdir(parents=True)
    rng = np.random.default_rng(SEED)
    x = rng.normal(size=(subjects, 8))
    x[:, 4:7] = x[:, 4:7] > 0  # three 0/1 covariates among eight
    stratum = rng.integers(0, 10, subjects)
    hazard = np.exp(x @ COEFFICIENTS) * (1 + stratum / 10) / 2000
    death = rng.exponential(1 / hazard)
    censoring = rng.uniform(0, DAYS, subjects)
    exits = np.minimum(death, censoring)
    event = (death <= censoring).astype(float)
    columns = {
        "continuous": exits,
        "days": np.floor(exits),
        "event": event,
        "cause": event * (1 + (rng.random(subjects) < 0.4)),
        "group": rng.integers(0, 3, subjects).astype(float),
        "stratum": stratum.astype(float),
        **{f"x{j + 1}": x[:, j] for j in range(8)},
    }
    for name, column in columns.items():
        column.astype("<f8").tofile(BUILD / f"{name}.bin")
    mark.touch()


def _process(command: list[str], *, allowed: float) -> dict[str, Any]:
    done = subprocess.run(command, capture_output=True, text=True, timeout=allowed, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command[:4])} failed:\n{done.stderr}")
    answer: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return answer


def pair(task: str, times: str, against: str | None, *, subjects: int, runs: int) -> dict[str, Any]:
    """Time allpool and, if it is there, R in turn; compare what they computed."""
    ours = [sys.executable, "-P", str(RUN.with_suffix(".py")), task, times, str(BUILD), str(subjects)]
    theirs = [
        "Rscript",
        "--vanilla",
        str(RUN.with_suffix(".R")),
        str(against),
        times,
        str(BUILD),
        str(subjects),
    ]
    here, there = [], []
    for _ in range(runs):
        here.append(_process(ours, allowed=TASKS[task].seconds_allowed))
        if against is not None:
            there.append(_process(theirs, allowed=TASKS[task].seconds_allowed))
    row: dict[str, Any] = {
        "task": task,
        "times": times,
        "against": against,
        "seconds": _median(run["seconds"] for run in here),
        "seconds_all": [run["seconds"] for run in here],
        "mib": max(run["mib"] for run in here),
    }
    if against is not None:
        ratios = [a["seconds"] / b["seconds"] for a, b in zip(here, there, strict=True)]
        row |= {
            "r_seconds": _median(run["seconds"] for run in there),
            "r_seconds_all": [run["seconds"] for run in there],
            "r_mib": max(run["mib"] for run in there),
            "r_version": there[0]["version"],
            "ratio": _median(ratios),
            "difference": difference(task, times, against),
        }
    return row


def _median(values: Iterable[float]) -> float:
    return float(np.median(list(values)))


def difference(task: str, times: str, against: str) -> float:
    """Return the largest difference between the two, relative where the number is above 1."""
    ours = np.fromfile(BUILD / f"{task}-{times}-allpool.bin", dtype="<f8")
    theirs = np.fromfile(BUILD / f"{against}-{times}-r.bin", dtype="<f8")
    if against == "incidence_bare":
        ours = ours[: theirs.size]
    if ours.shape != theirs.shape:
        raise SystemExit(f"{task} on {times}: {ours.size} numbers from allpool, {theirs.size} from R")
    if not np.array_equal(np.isnan(ours), np.isnan(theirs)):
        raise SystemExit(f"{task} on {times}: nan in different places")
    return float(np.nanmax(np.abs(ours - theirs) / np.maximum(np.abs(theirs), 1.0)))


def verdict(row: dict[str, Any]) -> str:
    """Say whether the row meets its bar."""
    if row.get("against") is None:
        return "R not run"
    if row["difference"] > CLOSE:
        return "differs from R"
    return "met" if row["ratio"] <= TASKS[row["task"]].bar else "not met"


def table(rows: list[dict[str, Any]]) -> str:
    """Return the rows as a Markdown table."""
    lines = ["| " + " | ".join(HEADINGS) + " |", "|---" * len(HEADINGS) + "|"]
    for row in rows:
        task = TASKS[row["task"]]
        title = task.title + (", R without standard errors" if row["against"] == "incidence_bare" else "")
        if row["against"] is None:
            compared = ["", "", f"{task.bar:g}", ""]
            memory = ""
        else:
            compared = [
                f"{row['r_seconds']:.2f}",
                f"{row['ratio']:.2g}",
                f"{task.bar:g}",
                f"{row['difference']:.0e}",
            ]
            memory = f"{row['r_mib']:,.0f}"
        cells = [
            title,
            row["times"],
            f"{row['seconds']:.3f}",
            *compared,
            f"{row['mib']:,.0f}",
            memory,
            verdict(row),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def section(report: dict[str, Any]) -> str:
    """Return the section of docs/benchmarks.md between its marks."""
    text = TEXT.format(
        **{name: report[name] for name in ("subjects", "runs", "cores", "date")},
        version=report["r_version"] or "absent: not run",
        before=report["load"][0],
        after=report["load"][1],
    )
    notes = [f"- Not run: {title}, since {why}." for title, why in report["left_out"].items()]
    parts = [
        BEGIN,
        "## Survival on a million subjects",
        "",
        textwrap.fill(text.strip(), 138, break_on_hyphens=False),
        "",
        table(report["rows"]),
    ]
    return "\n".join([*parts, *(["", *notes] if notes else []), END])


def write_section(report: dict[str, Any]) -> None:
    """Put the section into docs/benchmarks.md: in place of the former one, or at the end."""
    text = PAGE.read_text(encoding="utf-8")
    if BEGIN in text:
        before, rest = text.split(BEGIN)
        after = rest.split(END)[1]
    else:
        before, after = text.rstrip("\n") + "\n\n", "\n"
    PAGE.write_text(before + section(report) + after, encoding="utf-8")


def measure(tasks: list[str], *, subjects: int, runs: int) -> dict[str, Any]:
    """Run all pairs and return the report."""
    r_runs = has_r()
    if not r_runs:
        print("R with its package survival is not on this machine: allpool's half alone")
    load = os.getloadavg()[0]
    rows, left_out = [], {}
    for task in tasks:
        for times in TIMES:
            for against in TASKS[task].against if r_runs else (None,):
                if (against, times) in LEFT_OUT:
                    left_out[f"{TASKS[task].title} on {times} times"] = LEFT_OUT[(against, times)]
                    continue
                row = pair(task, times, against, subjects=subjects, runs=runs)
                rows.append(row)
                print(f"{task} {times} against {against}: {row['seconds']:.3f} s here", flush=True)
    return {
        "date": time.strftime("%Y-%m-%d"),
        "subjects": subjects,
        "runs": runs,
        "cores": os.cpu_count(),
        "load": [load, os.getloadavg()[0]],
        "r_version": next((row["r_version"] for row in rows if row["against"]), None),
        "rows": rows,
        "left_out": left_out,
    }


def has_r() -> bool:
    """Say whether R and its package survival are on this machine."""
    if shutil.which("Rscript") is None:
        return False
    asked = ["Rscript", "--vanilla", "-e", "quit(status = !requireNamespace('survival', quietly = TRUE))"]
    return subprocess.run(asked, capture_output=True, check=False).returncode == 0


def main() -> None:
    """Measure, print, and write; exit with 1 where a bar is not met."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--subjects", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--tasks", nargs="+", choices=list(TASKS), default=list(TASKS))
    parser.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    options = parser.parse_args()
    generate(options.subjects)
    report = measure(options.tasks, subjects=options.subjects, runs=options.runs)
    (BUILD.parent / "survival.json").write_text(json.dumps(report, indent=1) + "\n")
    print(table(report["rows"]))
    if options.write:
        write_section(report)
    if any(verdict(row) in ("not met", "differs from R") for row in report["rows"]):
        sys.exit(1)


if __name__ == "__main__":
    main()

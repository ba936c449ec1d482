"""`allpool profile` on a million rows, beside a bare read of the same file by polars in the same run.

    python -m benchmarks.profile [--rows 1000000] [--runs 5] [--write]

Writes a synthetic CSV (of 12 columns four are hardly ever said twice). Each run is a process of its own that
warms up on a few rows first and times the work alone; the two take turns, so that a drift of the machine's
speed meets both. Peak memory is the operating system's figure for the whole process. Writes
build/bench/profile.json; `--write` puts the section into docs/benchmarks.md. Exits with 1 where a bar is not
met: at least a fifth of the bare read's speed, less than 1 GiB.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import textwrap
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "bench"
PAGE = ROOT / "docs" / "benchmarks.md"
BEGIN, END = "<!-- profile: begin -->", "<!-- profile: end -->"
SEED = 20261120
WARM_ROWS = 2_000
SLOWEST = 5.0
MOST_MIB = 1024
TASKS = ("bare read", "bare read, all as text", "profile")
TEXT = """
`make bench-profile` profiles a synthetic CSV of {rows:,} rows and {columns} columns ({megabytes:,.0f} MB;
{texts} texts in all that differ) beside a bare read of the same file by polars, with its guess of types and
without. Each run is a process of its own that warms up first; the tasks take turns, medians of {runs}.
Processor time counts all threads. {cores} cores, load {before:.1f} before and {after:.1f} after (the runs
themselves are 1); {date}. Allowed: five times the bare read, 1 GiB.
"""


def generate(path: Path, rows: int) -> None:
    """Write synthetic visits: ids, dates, codes, numbers, limits, remarks."""
    rng = np.random.default_rng(SEED)
    first = date(2012, 1, 1)
    days = [f"{first + timedelta(days=day):%d.%m.%Y}" for day in range(4_000)]
    births = [f"{date(1950, 1, 1) + timedelta(days=day):%Y-%m-%d}" for day in range(18_000)]
    number = pl.int_range(rows, eager=True)
    visits = pl.DataFrame(
        {
            "patient_id": pl.Series(np.sort(rng.integers(0, rows // 16 + 1, rows))),
            "visit": number.cast(pl.String),
            "visit_date": pl.Series(days).gather(rng.integers(0, 4_000, rows)),
            "sex": pl.Series(["M", "F"]).gather(rng.integers(0, 2, rows)),
            "birth_date": pl.Series(births).gather(rng.integers(0, 18_000, rows)),
            "wbc": pl.Series(rng.lognormal(2, 1, rows)).round(2),
            "bm_blasts": pl.Series(rng.uniform(0, 100, rows)).round(1),
            "mrd_word": pl.Series(["negative", "<0.0001", "0.0023", "0.1"]).gather(rng.integers(0, 4, rows)),
            "mrd": pl.Series(rng.uniform(0, 0.1, rows)),
            "response": pl.Series(["CR", "CRi", "PR", "NR", None]).gather(rng.integers(0, 5, rows)),
            "remark": pl.Series(rng.integers(0, 10**9, rows)),
            "creatinine": pl.Series(rng.integers(30, 300, rows)),
        }
    )
    visits = visits.with_columns(
        patient_id=pl.format("BR{}", pl.col("patient_id").cast(pl.String).str.zfill(6)),
        remark=pl.format("seen in clinic, note {}", "remark"),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    visits.write_csv(path)
    visits.head(WARM_ROWS).write_csv(warm_file(path))


def warm_file(path: Path) -> Path:
    """Return the file to warm up on."""
    return path.with_stem(f"{path.stem}-few")


def run(task: str, path: Path) -> dict[str, float]:
    """Do one task in this process: its seconds, processor seconds and peak memory."""
    from allpool.etl.profile import profile

    def work(file: Path) -> None:
        if task == "profile":
            profile(file)
        else:
            pl.read_csv(file, infer_schema=task == "bare read")

    work(warm_file(path))
    began, used = time.perf_counter(), time.process_time()
    work(path)
    seconds, processor = time.perf_counter() - began, time.process_time() - used
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line)
    return {"seconds": seconds, "processor": processor, "mib": int(peak.split()[1]) / 1024}


def measure(path: Path, runs: int) -> dict[str, Any]:
    """Let the tasks take turns and return the medians, and the ratio of the pairs."""
    load = os.getloadavg()[0]
    found: dict[str, list[dict[str, float]]] = {task: [] for task in TASKS}
    for _ in range(runs):
        for task in TASKS:
            found[task].append(_process(task, path))
    pairs = zip(found["profile"], found["bare read"], strict=True)
    with path.open("rb") as file:
        columns = file.readline().count(b",") + 1
    return {
        "date": time.strftime("%Y-%m-%d"),
        "runs": runs,
        "cores": os.cpu_count(),
        "load": [load, os.getloadavg()[0]],
        "columns": columns,
        "bytes": path.stat().st_size,
        "ratio": statistics.median(ours["seconds"] / bare["seconds"] for ours, bare in pairs),
        "tasks": {
            task: {name: statistics.median(each[name] for each in rows) for name in rows[0]}
            for task, rows in found.items()
        },
    }


def _process(task: str, path: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.profile", "--task", task, "--file", str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    answer: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return answer


def is_met(report: dict[str, Any]) -> bool:
    """Say whether both bars are met."""
    return bool(report["ratio"] <= SLOWEST and report["tasks"]["profile"]["mib"] < MOST_MIB)


def table(report: dict[str, Any]) -> str:
    """Return the figures as a Markdown table."""
    lines = ["| task | seconds | processor seconds | rows per second | peak MiB |", "|---|---|---|---|---|"]
    for task, row in report["tasks"].items():
        rate = report["rows"] / row["seconds"]
        lines.append(
            f"| {task} | {row['seconds']:.2f} | {row['processor']:.2f} | {rate:,.0f} | {row['mib']:,.0f} |"
        )
    verdict = "met" if is_met(report) else "not met"
    lines.append(f"\nMedian ratio of the pairs: {report['ratio']:.1f} times the bare read; bar {verdict}.")
    return "\n".join(lines)


def section(report: dict[str, Any]) -> str:
    """Return the section of docs/benchmarks.md between its marks."""
    text = TEXT.format(
        rows=report["rows"],
        columns=report["columns"],
        megabytes=report["bytes"] / 1e6,
        texts=report["texts"],
        runs=report["runs"],
        cores=report["cores"],
        before=report["load"][0],
        after=report["load"][1],
        date=report["date"],
    )
    folded = textwrap.fill(" ".join(text.split()), 138, break_on_hyphens=False)
    return "\n".join([BEGIN, "## A profile of a million rows", "", folded, "", table(report), END])


def write_section(report: dict[str, Any]) -> None:
    """Put the section into docs/benchmarks.md: in place of the former one, or at the end."""
    text = PAGE.read_text(encoding="utf-8")
    if BEGIN in text:
        before, rest = text.split(BEGIN)
        after = rest.split(END)[1]
    else:
        before, after = text.rstrip("\n") + "\n\n", "\n"
    PAGE.write_text(before + section(report) + after, encoding="utf-8")


def main() -> None:
    """Measure, print, and write; exit with 1 where a bar is not met."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--write", action="store_true", help="put the section into docs/benchmarks.md")
    parser.add_argument("--task", choices=TASKS, help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.task is not None:
        print(json.dumps(run(options.task, options.file)))
        return
    path = BUILD / f"visits-{options.rows}.csv"
    generate(path, options.rows)
    texts = sum(pl.scan_csv(path, infer_schema=False).select(pl.all().n_unique()).collect().row(0))
    report = {"rows": options.rows, "texts": f"{texts:,}", **measure(path, options.runs)}
    (BUILD / "profile.json").write_text(json.dumps(report, indent=1) + "\n")
    print(table(report))
    if options.write:
        write_section(report)
    if not is_met(report):
        sys.exit(1)


if __name__ == "__main__":
    main()

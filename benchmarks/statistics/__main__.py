"""Simulate, write the results, and render the page: `python -m benchmarks.statistics [--page]`.

A whole run takes some ten minutes on two quiet cores. What is done is kept in build/bench/statistics: a
stopped run goes on where it was. `--page` renders docs/statistics.md and its figures from the results alone.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy: the processes share the cores already
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    """Read the arguments and do what they say."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--page", action="store_true", help="render the page from the results alone")
    parser.add_argument("--tiny", action="store_true", help="a few settings only, as the tests do")
    parser.add_argument("--replicates", type=int, default=2000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--cache", type=Path, default=ROOT / "build" / "bench" / "statistics")
    parser.add_argument("--results", type=Path, default=Path(__file__).parent / "results")
    parser.add_argument("--docs", type=Path, default=ROOT / "docs")
    given = parser.parse_args()
    if not given.page:
        simulate(given)
    from benchmarks.statistics.page import render

    render(given.results, given.docs)
    print(f"wrote {given.docs / 'statistics.md'}")


def simulate(given: argparse.Namespace) -> None:
    """Run the jobs that are not kept yet and write the results."""
    from benchmarks.statistics import jobs, results

    wanted = jobs.jobs(tiny=given.tiny, replicates=given.replicates)
    began = time.perf_counter()
    for done, of in jobs.run(wanted, given.cache, processes=given.processes):
        print(f"\r{done} of {of} jobs, {time.perf_counter() - began:.0f} s", end="", flush=True)
    print()
    results.write(jobs.rows(wanted, given.cache), given.results)


if __name__ == "__main__":
    main()

"""`python -m benchmarks.quality`: plant errors in the example consortium and count what the check finds."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from time import perf_counter

from benchmarks.quality.page import alarms, misses, summary, table
from benchmarks.quality.rounds import run

PAGE = Path(__file__).resolve().parents[2] / "docs" / "quality.md"
BEGIN, END = "<!-- planted errors: begin -->", "<!-- planted errors: end -->"


def main() -> int:
    """Run the benchmark; print figures, table and misses."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.quality", description=__doc__)
    parser.add_argument("--errors", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--once", action="store_true", help="one error of each kind")
    parser.add_argument("--kind", action="append", default=[], help="only this kind (may be repeated)")
    parser.add_argument("--write", action="store_true", help="write the table into docs/quality.md")
    given = parser.parse_args()
    began = perf_counter()
    report = run(errors=given.errors, seed=given.seed, only=given.kind, once=given.once)
    print(summary(report), f"in {perf_counter() - began:.0f} s", sep="\n")
    for part in (table(report), misses(report), alarms(report)):
        print(f"\n{part}")
    if given.write:
        text = PAGE.read_text(encoding="utf-8")
        before, rest = text.split(BEGIN)
        shown = "\n".join(
            [BEGIN, *(f"    {line}" for line in summary(report).splitlines()), "", table(report), END]
        )
        PAGE.write_text(before + shown + rest.split(END)[1], encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Command line of the generator: the committed example, a benchmark set, or a new search of the designs."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
if __package__ in (None, ""):  # run as a file: the folder of this file must not shadow other modules
    sys.path[0] = str(ROOT)

from examples.generate import consortium  # noqa: E402


def main(arguments: list[str] | None = None) -> int:
    """Write the example consortium (no arguments) or `--patients N` patients for the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m examples.generate", description=__doc__)
    parser.add_argument(
        "--out", type=Path, default=ROOT / "examples" / "consortium", help="folder to write to"
    )
    parser.add_argument("--patients", type=int, help="scale: write this many patients in the same layouts")
    parser.add_argument("--seed", type=int, default=consortium.SEED)
    parser.add_argument(
        "--redesign",
        action="store_true",
        help="search the designs of 000, 002 and 003 again (about a minute)",
    )
    options = parser.parse_args(arguments)
    if options.redesign:
        from examples.generate.search import redesign

        redesign(Path(__file__).parent / "designs", options.seed)
        return 0
    if options.patients is None:
        consortium.write_example(options.out, seed=options.seed)
        return 0
    if options.patients < 5:
        parser.error("--patients must be at least 5, one for each study")
    if options.out == parser.get_default("out"):
        parser.error("--patients needs --out: benchmark data must not overwrite the example")
    print(consortium.write_benchmark(options.out, patients=options.patients, seed=options.seed))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

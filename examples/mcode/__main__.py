"""`python -m examples.mcode`: deliveries, night, export, comparison, docs/mcode.md (see `make mcode`)."""

from __future__ import annotations

import sys
from pathlib import Path

from allpool.cli.main import run
from examples.mcode.comparison import load_reasons
from examples.mcode.deliveries import HERE, write_deliveries
from examples.mcode.outcome import accounts, compare
from examples.mcode.page import page

ROOT = HERE.parents[1]
FRAMEWORK = ROOT.parent / "shared" / "fhir" / "mcode-extraction-framework"
BUILD = ROOT / "build" / "mcode"
PAGE = ROOT / "docs" / "mcode.md"


def main() -> int:
    """Write docs/mcode.md from a night on the framework's rows."""
    if not FRAMEWORK.is_dir():
        print("skipped: the framework's files are not there (../shared/fhir beside this folder)")
        return 0
    pairs = write_deliveries(BUILD, FRAMEWORK)
    store = BUILD / "allpool.db"
    store.unlink(missing_ok=True)
    config = str(HERE / "allpool.toml")
    for command in (
        ["nightly", "--config", config],
        ["export", "--config", config, "--out", str(BUILD / "fhir"), "--validate"],
    ):
        code = run(command)
        if code > 1:
            return code
    url = f"sqlite:///{store}"
    comparisons = compare(pairs, load_reasons(), store=url, bundles=BUILD / "fhir")
    PAGE.write_text(page(comparisons, accounts(url)), encoding="utf-8")
    print(f"written: {PAGE.relative_to(Path.cwd()) if PAGE.is_relative_to(Path.cwd()) else PAGE}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

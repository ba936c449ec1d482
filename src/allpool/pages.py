"""The generated pages of docs/: `python -m allpool.pages [--check] [DIR]`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from allpool.analysis.definitions.catalogue import load_catalogue
from allpool.analysis.definitions.page import endpoints_page
from allpool.analysis.plans.page import steps_page
from allpool.etl.audit.clinical import rule_files
from allpool.etl.audit.clinical.page import clinical_rules_page
from allpool.mappings.dictionary import load_dictionary
from allpool.mappings.pages import dictionary_page, terminology_page
from allpool.mappings.record_pages import records_page
from allpool.mappings.terminology import load_terminology
from allpool.mappings.units.page import units_page
from allpool.models.pages import tables_page


def pages() -> dict[str, str]:
    """Return file name -> text of every generated page."""
    return {
        "tables.md": tables_page(),
        "dictionary.md": dictionary_page(load_dictionary()),
        "records.md": records_page(load_dictionary()),
        "code-tables.md": terminology_page(load_terminology()),
        "units.md": units_page(load_dictionary()),
        "clinical-rules.md": clinical_rules_page(rule_files()),
        "endpoints.md": endpoints_page(load_catalogue()),
        "steps.md": steps_page(),
    }


def stale(folder: Path) -> list[str]:
    """Return the pages in `folder` that are not what the code would write now."""
    return [
        name
        for name, text in pages().items()
        if not (folder / name).is_file() or (folder / name).read_text(encoding="utf-8") != text
    ]


def main() -> int:
    """Write the pages, or with --check say which are stale (exit code 1)."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path("docs"))
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a page is stale")
    given = parser.parse_args()
    if given.check:
        old = stale(given.folder)
        if old:
            sys.stderr.write(f"stale in {given.folder}: {', '.join(old)}; run `make docs`\n")
        return int(bool(old))
    given.folder.mkdir(parents=True, exist_ok=True)
    for name, text in pages().items():
        (given.folder / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

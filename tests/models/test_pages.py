"""The documentation page is the models' own."""

from __future__ import annotations

from pathlib import Path

from allpool.models import published_tables
from allpool.models.pages import tables_page

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_page_in_docs_is_that_of_the_models() -> None:
    assert (DOCS / "tables.md").read_text(encoding="utf-8") == tables_page(), (
        "the models have changed: python -m allpool.models.pages > docs/tables.md"
    )


def test_every_column_has_its_line_with_a_meaning() -> None:
    sections = {part.partition("\n")[0]: part for part in tables_page().split("\n## ")}
    for table in published_tables():
        lines = {
            line.split("`")[1]: line for line in sections[table.name].splitlines() if line.startswith("| `")
        }
        assert list(lines) == [column.name for column in table.columns]
        for line in lines.values():
            name, type_, path, meaning = (cell.strip() for cell in line.strip("|").split(" | "))
            assert all((name, type_, path, meaning)), line

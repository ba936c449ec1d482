"""The written pages against the code: rules, commands, links, queries."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

import allpool
from allpool.cli.main import allpool as commands
from allpool.etl.audit.clinical import clinical_rules
from allpool.etl.audit.withdrawal import HELD_WITH
from allpool.mappings.dictionary import load_dictionary
from tests.etl.messages import spoken

ROOT = Path(__file__).resolve().parents[2]
GENERATED = ("tables.md", "dictionary.md", "code-tables.md", "endpoints.md", "steps.md", "clinical-rules.md")
PAGES = [ROOT / "README.md", *(path for path in (ROOT / "docs").glob("*.md") if path.name not in GENERATED)]
QUALITY = (ROOT / "docs" / "quality.md").read_text(encoding="utf-8")
CLINICAL = (ROOT / "docs" / "clinical-rules.md").read_text(encoding="utf-8")
TABLE_CELLS = set(re.findall(r"`([a-z_]+)`", QUALITY))


def blocks(text: str, language: str) -> list[str]:
    """Return the fenced blocks of a language."""
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_quality_lists_every_rule_of_readers_and_transform():
    found = {rule for rule in spoken.rules() if re.fullmatch(r"[a-z_]+", rule)}
    assert len(found) > 60
    assert not found - TABLE_CELLS


def test_quality_lists_every_rule_that_the_mapping_page_lists():
    page = (ROOT / "docs" / "mapping-language.md").read_text(encoding="utf-8")
    table = page.split("## What waits in quarantine, by rule")[1]
    rows = [line for line in table.splitlines() if line.startswith("| `")]
    named = {rule for row in rows for rule in re.findall(r"`([a-z_]+)`", row.split("|")[1])}
    assert len(named) > 15
    assert named <= TABLE_CELLS


def test_the_page_of_clinical_rules_lists_each_with_its_severity():
    rows = dict(re.findall(r"^\| `(clinical\.[a-z0-9._-]+)` \| (\w+) \|", CLINICAL, re.MULTILINE))
    assert rows == {rule.id: rule.severity for rule in clinical_rules(load_dictionary())}
    assert "(clinical-rules.md)" in QUALITY
    assert f"`{HELD_WITH}`" in QUALITY


def test_queries_of_the_quality_page_run(calm):
    store = allpool.open(f"sqlite:///{calm.path / 'allpool.db'}")
    queries = [query for block in blocks(QUALITY, "sql") for query in block.split(";") if query.strip()]
    assert len(queries) == 5
    for query in queries:
        assert list(store.sql(query).columns)


def test_index_lists_every_page():
    index = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"\]\(([a-z-]+\.md)\)", index))
    assert listed == {path.name for path in (ROOT / "docs").glob("*.md")} - {"index.md"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path):
    for link in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
        assert (page.parent / link).exists(), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_that_pages_show_exist(page: Path):
    shown = re.findall(r"^    (?:\S*bin/)?allpool ([a-z]+)", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(shown) <= set(commands.commands)


def test_mapping_that_the_readme_shows_is_the_samples():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (block,) = blocks(readme, "yaml")
    sample = ROOT / "src" / "allpool" / "cli" / "template" / "mappings" / "centre_1.yaml"
    known = yaml.safe_load(sample.read_text(encoding="utf-8"))["sources"]["mrd"]
    shown = yaml.safe_load(block)["mrd"]
    assert shown["patient"] == known["patient"]
    (record,) = shown["records"]
    (whole,) = known["records"]
    assert record.items() <= whole.items()

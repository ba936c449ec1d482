"""docs/sources.md: each snippet loads, each word of each format stands there, its limits are the readers'."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from allpool.etl.readers.archive import RATIO_FROM_BYTES
from allpool.etl.readers.flatten import DEPTH
from allpool.etl.readers.source import ReadLimits
from allpool.etl.readers.xml import DEEPEST
from allpool.mappings.compile import load_mapping
from allpool.mappings.read import FhirRead, Read

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "sources.md").read_text(encoding="utf-8")
SNIPPETS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
FORMS = [form for form in get_args(get_args(Read)[0]) if form is not FhirRead]


@pytest.mark.parametrize("snippet", SNIPPETS, ids=range(len(SNIPPETS)))
def test_a_snippet_is_a_source_that_loads(tmp_path: Path, snippet: str) -> None:
    path = tmp_path / "m.yaml"
    path.write_text(f'mapping: page\nversion: "1"\nsources:\n{snippet}', encoding="utf-8")
    compiled = load_mapping(path)
    assert len(compiled.sources) == len(re.findall(r"^  \w+:$", snippet, re.MULTILINE))
    for source in compiled.sources:
        assert source.rules


def test_every_format_has_a_snippet() -> None:
    shown = set(re.findall(r"format: (\w+)", "".join(SNIPPETS)))
    assert shown >= {"csv", "excel", "redcap", "odm", "xpt", "parquet", "jsonl", "sql"}
    for form in FORMS:
        for name in get_args(form.model_fields["format"].annotation):
            assert f"`{name}`" in PAGE


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_every_word_of_a_format_stands_on_the_page(form: type) -> None:
    for word in form.model_fields:  # type: ignore[attr-defined]
        assert re.search(rf"`{word}`|\b{word}: ", PAGE), word


def test_the_limits_are_those_of_the_readers() -> None:
    limits = ReadLimits()
    for number in (limits.cell_characters, limits.sheet_cells, limits.columns):
        assert f"| {number:,}" in PAGE
    assert (limits.file_bytes, limits.line_bytes, limits.workbook_bytes) == (4 * 2**30, 2**20, 2 * 2**30)
    assert "| 4 GiB |" in PAGE
    assert "| 1 MiB |" in PAGE
    assert "| 2 GiB |" in PAGE
    assert f"beyond {RATIO_FROM_BYTES // 2**20} MiB | {limits.workbook_ratio} times |" in PAGE
    assert f"more than {limits.stray_cells:,} cells" in PAGE
    assert f"| {limits.stray_ratio} times (a stray" in PAGE
    assert f"| {limits.packed_ratio} per byte |" in PAGE
    assert f"| {DEEPEST}, {DEPTH} |" in PAGE

"""The guard on real and realistic files: it finds the identifiers in them, and blocks nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from allpool.etl.profile.encoding import found_encoding, found_separator
from allpool.etl.profile.tables import tables, text_format
from allpool.etl.readers import ROW, SourceTable, read_source
from allpool.mappings.identifiers.suspicion import identifying, suspicion
from allpool.mappings.read import DelimitedRead

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "consortium" / "data"
KEYS = ("patient_key", "medical_record_number")
"""What patients are known by in these files; their mappings make it the patient key."""

REDCAP = {
    "blank-for-gray-status": {"name_first", "name_last", "address", "telephone", "email"},
    "clinical-trial-1": {"name_first", "name_last", "address", "phone", "email"},
    "dag": {"first_name", "last_name"},
    "dag-write": {"first_name", "last_name"},
    "longitudinal": {"first_name", "last_name", "telephone_1", "email"},
    "metadata-write": {"name_first", "name_last", "address", "telephone", "email"},
    "repeating-instruments": {"first_name"},
    "repeating-instruments-sparse": {"first_name"},
    "simple": {"name_first", "name_last", "address", "telephone", "email"},
    "simple-write": {"name_first", "name_last", "email"},
    "survey": {"email"},
}
"""Project -> fields that hold names, addresses, phones or e-mails, seen in its data; others hold none."""


def columns(path: Path) -> Iterator[tuple[str, pl.DataFrame]]:
    """Yield the columns of a file that hold something: name, and texts with the cells that say each."""
    if text_format(path):
        raw = path.read_bytes()
        encoding = found_encoding(raw)
        separator = found_separator(raw.decode(encoding, "ignore"))
        read = DelimitedRead(format="csv", encoding=encoding, separator=separator)
        found = next(iter(read_source(path.parent, path.name, read)))
        frames = [found.frame.drop(ROW)] if isinstance(found, SourceTable) else []
    else:
        frames = [table.frame for table in tables(path, None, None)]
    for frame in frames:
        for column in frame.iter_columns():
            texts = column.drop_nulls().rename("text").value_counts(name="cells")
            if texts.height:
                yield column.name, texts


def refused(path: Path) -> set[str]:
    """Return the columns of a file that the guard would refuse if a mapping read them, wholly or in part."""
    found = set()
    for name, texts in columns(path):
        said = suspicion(name, texts)
        if said.kind not in KEYS if said is not None else identifying(texts["text"]).any():
            found.add(name)
    return found


@pytest.mark.parametrize("study", sorted(folder.name for folder in EXAMPLES.iterdir()))
def test_no_column_of_the_example_consortium_is_refused(study: str):
    files = [path for path in sorted((EXAMPLES / study).rglob("*")) if path.is_file()]
    assert files
    assert {path.name: names for path in files if (names := refused(path))} == {}


def test_no_column_of_cdisc_and_published_data_is_refused(shared: Path):
    files = [*(shared / "sources" / "cdisc-pilot").glob("*.xpt"), *(shared / "real").glob("*.csv")]
    assert len(files) > 10
    assert {path.name: names for path in files if (names := refused(path))} == {}


def test_fields_of_redcap_projects_are_refused_that_hold_identifiers(shared: Path):
    projects = shared / "sources" / "redcap-REDCapR" / "inst" / "test-data" / "projects"
    for kind in ("project.xml", "data.csv"):
        files = sorted(projects.glob(f"*/{kind}"))
        assert len(files) > 20
        expected = {name: fields for name, fields in REDCAP.items() if projects / name / kind in files}
        assert {path.parent.name: names for path in files if (names := refused(path))} == expected, kind

"""A source that asks a service names no file; its query may stand beside the mapping."""

from __future__ import annotations

from pathlib import Path

import pytest

from allpool.config import FeedSection
from allpool.errors import MappingError
from allpool.etl.delivery import fingerprint
from allpool.mappings.compile import load_mapping
from allpool.mappings.read import SqlRead

MAPPING = """\
mapping: m
version: "1"
sources:
  patients:
    read: {format: sql, url_env: CENTRE_DB_URL, query_file: patients.sql}
    patient: {column: id, pattern: "[0-9]{4}"}
    records: [{record: patient, sex: {column: sex}}]
"""


@pytest.fixture
def mapping(tmp_path: Path) -> Path:
    path = tmp_path / "m.yaml"
    path.write_text(MAPPING, encoding="utf-8")
    (tmp_path / "patients.sql").write_text("select id, sex from patient order by id", encoding="utf-8")
    return path


def changed(path: Path, old: str, new: str) -> Path:
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    return path


def test_the_query_is_read_with_the_mapping_and_is_part_of_it(mapping: Path) -> None:
    compiled = load_mapping(mapping)
    (source,) = compiled.sources
    assert source.file is None
    assert isinstance(source.read, SqlRead)
    assert source.read.query == "select id, sex from patient order by id"
    (mapping.parent / "patients.sql").write_text("select id, sex from patient", encoding="utf-8")
    assert load_mapping(mapping).hash != compiled.hash


def test_a_query_file_that_is_not_there(mapping: Path) -> None:
    (mapping.parent / "patients.sql").unlink()
    with pytest.raises(MappingError, match=r"line 5: there is no UTF-8 file patients\.sql"):
        load_mapping(mapping)


def test_a_service_takes_no_file_and_a_file_is_named(mapping: Path) -> None:
    with_file = changed(mapping, "    read:", '    file: "*.csv"\n    read:')
    with pytest.raises(MappingError, match="`read` asks a service; leave it out"):
        load_mapping(with_file)
    changed(with_file, '    file: "*.csv"\n', "")
    changed(with_file, "format: sql, url_env: CENTRE_DB_URL, query_file: patients.sql", "format: csv")
    with pytest.raises(MappingError, match=r"line 4: .*`file` is missing; format csv reads files"):
        load_mapping(with_file)


def test_there_is_no_fingerprint_before_it_is_asked(mapping: Path) -> None:
    feed = FeedSection(id="f", mapping="m.yaml", folder="f")
    assert fingerprint(mapping.parent, feed, load_mapping(mapping), settings={}) is None

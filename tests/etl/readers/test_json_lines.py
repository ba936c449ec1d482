"""JSON lines: values by their path, numbers as they were written, bad lines one by one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allpool.etl.readers import ReadLimits, SourceFailure, SourceTable
from tests.etl.readers.conftest import read_bytes

Read = Callable[..., SourceTable]
Fail = Callable[..., SourceFailure]
JSONL = {"format": "jsonl", "name": "f.jsonl"}


def test_values_by_their_path_and_numbers_as_written(table: Read) -> None:
    found = table(
        b'{"id":"0001","wbc":5.10,"dead":false,"drugs":["imatinib","dasatinib"],"site":{"name":"Brno"}}\n'
        b'\r\n{"id": "0002", "wbc": 1e-7, "note": "a\\nb", "site": null, "drugs": []}\n'
        b"{}\n",
        **JSONL,
    )
    assert found.columns == ("id", "wbc", "dead", "drugs[0]", "drugs[1]", "site.name", "note")
    assert found.frame.rows() == [
        ("0001", "5.10", "false", "imatinib", "dasatinib", "Brno", None, 1),
        ("0002", "1e-7", None, None, None, None, "a\nb", 3),
    ]
    assert found.blank_rows == 1
    assert found.facts.encoding == "utf-8"


def test_the_decimal_sign_is_that_of_the_mapping(table: Read) -> None:
    found = table(b'{"n": 5.1, "t": "5.1"}\n', decimal=",", **JSONL)
    assert found.frame.rows() == [("5,1", "5.1", 1)]  # a text stays what it is


def test_a_file_of_a_centre_in_china(table: Read) -> None:
    line = json.dumps({"病人编号": "0001", "疗效": "完全缓解"}, ensure_ascii=False) + "\n"
    assert table(line.encode("gb18030"), encoding="gb18030", **JSONL).frame["疗效"].to_list() == ["完全缓解"]
    assert table(line.encode("utf-16"), **JSONL).frame["疗效"].to_list() == ["完全缓解"]


@pytest.mark.parametrize(
    "line",
    [
        '{"id": "SECRET"',
        '{"id": "SECRET", "id": "2"}',
        '{"a": {"b": "SECRET"}, "a.b": "2"}',
        '["SECRET"]',
        '"SECRET"',
        '{"n": NaN, "id": "SECRET"}',
        '{"id": "SECRET\\u0000"}',
        '{"id": "SECRET\\ud800"}',
        "[" * 50_000,
        '{"a":' * 100 + '"SECRET"' + "}" * 100,
        "id;SECRET",
    ],
)
def test_a_bad_line_costs_that_line(table: Read, line: str) -> None:
    found = table(f'{{"id": "1"}}\n{line}\n{{"id": "3"}}\n'.encode(), **JSONL)
    assert found.frame.rows() == [("1", 1), ("3", 3)]
    told = found.problems.to_dicts()
    assert [(row["row"], row["scope"], row["rule"], row["cells"]) for row in told] == [
        (2, "row", "bad_json", 1)
    ]
    assert "SECRET" not in f"{told}"


def test_a_line_too_long_costs_that_line_and_a_longer_one_the_file(tmp_path: Path) -> None:
    limits = ReadLimits(line_bytes=100)
    content = b'{"id": "1"}\n{"id": "' + b"x" * 200 + b'"}\n'
    found = read_bytes(tmp_path, content, limits=limits, **JSONL)
    assert isinstance(found, SourceTable)
    assert found.problems["rule"].to_list() == ["line_too_long"]
    content = b'{"id": "1"}\n{"id": "' + b"x" * 10_000 + b'"}\n'
    failed = read_bytes(tmp_path, content, limits=limits, **JSONL)
    assert isinstance(failed, SourceFailure)
    assert (failed.rule, failed.row) == ("line_too_long", 2)


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"", "empty_file"),
        (b"\n\n", "empty_file"),
        (b"{}\n{}\n", "empty_file"),
        (b'[{"id": "1"},\n{"id": "2"}]\n', "bad_json"),
        (b'{\n"id": "1"\n}\n', "bad_json"),
        (b"id;sex\n1;m\n", "bad_json"),
        (b"\x1f\x8b\x08\x00\x00", "compressed_file"),
        (b'{"id": "\x00"}\n', "nul_byte"),
        (b'{"id": "\xff"}\n', "encoding"),
        (b'{"_row": "1"}\n', "reserved_header"),
        (b'{" id": "1", "id": "2"}\n', "duplicate_header"),
        (b"x\n" * 5_000 + b'{"id": "1"}\n', "bad_json"),
    ],
)
def test_another_file(failure: Fail, content: bytes, rule: str) -> None:
    assert failure(content, **JSONL).rule == rule


def test_lines_that_have_nothing_in_common(tmp_path: Path, failure: Fail) -> None:
    content = "".join(f'{{"k{n}": {n}}}\n' for n in range(30)).encode()
    wide = read_bytes(tmp_path, content, limits=ReadLimits(columns=10), **JSONL)
    assert isinstance(wide, SourceFailure)
    assert wide.rule == "too_many_columns"
    sparse = read_bytes(tmp_path, content, limits=ReadLimits(sheet_cells=100), **JSONL)
    assert isinstance(sparse, SourceFailure)
    assert "30" not in sparse.message
    assert sparse.rule == "too_many_columns"


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


@given(
    rows=st.lists(
        st.dictionaries(st.sampled_from(["a", "b", "c"]), TEXTS, min_size=1), min_size=1, max_size=8
    )
)
def test_every_text_comes_back(tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, str]]) -> None:
    content = "".join(json.dumps(row) + "\n" for row in rows).encode()
    found = read_bytes(tmp_path_factory.getbasetemp(), content, **JSONL)
    assert isinstance(found, SourceTable), found
    wanted = [
        {name: text.replace("\r\n", "\n").replace("\r", "\n") for name, text in row.items()} for row in rows
    ]
    got = {row["_row"]: row for row in found.frame.to_dicts()}
    for number, row in enumerate(wanted, start=1):
        said = {name: text for name, text in row.items() if stripped(text)}
        assert {name: got.get(number, {}).get(name) for name in said} == {
            name: stripped(text) for name, text in said.items()
        }


def stripped(text: str) -> str:
    """Return a text without Unicode's White_Space around it, as all readers have it."""
    return text.strip(
        "\t\n\x0b\x0c\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008"
        "\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
    )

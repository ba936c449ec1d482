"""CSV and TSV: the same text and the right row numbers, whatever the writer's habits."""

from __future__ import annotations

import csv
import io
import random
import tempfile
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allpool.etl.readers import ROW, ReadLimits, SourceTable, layout, read_source
from allpool.mappings.read import DelimitedRead

Read = Callable[..., SourceTable]


def rows(table: SourceTable) -> list[tuple[object, ...]]:
    return table.frame.select(ROW, *table.columns).rows()


def problems(table: SourceTable) -> list[tuple[object, ...]]:
    return table.problems.select("row", "column", "scope", "rule", "cells").rows()


def test_each_value_is_text_and_each_row_is_the_line_it_starts_on(table: Read) -> None:
    found = table(b'id,note,x\r\n007,"two\r\nlines",1.10\r\n 008 ,"a ""b"", c",NA\r\n')
    assert found.columns == ("id", "note", "x")
    assert rows(found) == [(2, "007", "two\nlines", "1.10"), (4, "008", 'a "b", c', "NA")]
    assert found.frame.schema == {"id": pl.String, "note": pl.String, "x": pl.String, ROW: pl.Int64}
    assert problems(found) == []
    assert found.facts.encoding == "utf-8"


def test_blank_cells_are_null_and_missing_tokens_are_not(table: Read) -> None:
    found = table(" a ;b;c\n \t;\u3000;NA\n".encode(), separator=";")
    assert rows(found) == [(2, None, None, "NA")]
    assert found.columns == ("a", "b", "c")


def test_blank_lines_are_no_records_and_blank_records_are_counted(table: Read) -> None:
    found = table(b'a,b\n\n1,2\n,\n  \n"",""\n3,4\n,,,\n\n')
    assert rows(found) == [(3, "1", "2"), (7, "3", "4")]
    assert found.blank_rows == 4
    assert problems(found) == []


def test_a_ragged_row_costs_that_row_and_shows_no_value(table: Read) -> None:
    found = table(b'a,b,c\n1,2,3\n4,5\n6,7,8,9\n"x\ny",1,2,3\n10,11,12\n')
    assert rows(found) == [(2, "1", "2", "3"), (7, "10", "11", "12")]
    assert problems(found) == [
        (3, None, "row", "ragged_row", 2),
        (4, None, "row", "ragged_row", 4),
        (5, None, "row", "ragged_row", 4),
    ]
    assert found.problems["value"].null_count() == 3
    assert "runs to row 6" in found.problems["expected"][2]


def test_a_ragged_row_with_a_giant_quoted_cell_is_told_and_not_taken_for_a_blank_one(table: Read) -> None:
    found = table(b'a,b,c\n1,"' + b"x" * 200_000 + b'"\n4,5,6\n')
    assert rows(found) == [(3, "4", "5", "6")]
    assert problems(found) == [(2, None, "row", "ragged_row", 2)]
    assert found.blank_rows == 0


def test_a_quote_never_closed_costs_that_row(table: Read) -> None:
    lines = ["a,b,c", '1,"open,3', "4,5,6", '7,"8",9', '10,"x"y,12', '13,5" needle,15']
    found = table("\n".join(lines).encode())
    assert rows(found) == [(3, "4", "5", "6"), (4, "7", "8", "9"), (6, "13", '5" needle', "15")]
    assert [entry[:4] for entry in problems(found)] == [
        (2, None, "row", "broken_quotes"),
        (5, None, "row", "broken_quotes"),
    ]


def test_a_quote_open_to_the_end_of_a_long_file_costs_one_row(table: Read) -> None:
    content = 'a,b\n1,"open\n' + "".join(f"{i},x\n" for i in range(40_000))
    found = table(content.encode())
    assert found.frame.height == 40_000
    assert problems(found) == [(2, None, "row", "broken_quotes", 1)]


def test_no_quoting_at_all_can_be_declared(table: Read) -> None:
    found = table(b'a\tb\n"x\ty"\n', format="tsv", quote="")
    assert rows(found) == [(2, '"x', 'y"')]


def test_separator_and_quote_beyond_ascii(table: Read) -> None:
    found = table("病人；结果\nP1；阴性\n".encode("gb18030"), separator="；", encoding="gb18030")
    assert found.columns == ("病人", "结果")
    assert rows(found) == [(2, "P1", "阴性")]


def test_titles_above_the_header_are_no_data(table: Read) -> None:
    found = table(b'Export, 5" of it\n\nid,x\n1,2\n', header_row=3)
    assert found.columns == ("id", "x")
    assert rows(found) == [(4, "1", "2")]


def test_header_names_are_stripped_and_put_on_one_line(table: Read) -> None:
    assert table(b'\xef\xbb\xbf" a\nb ",c\n1,2\n').columns == ("a b", "c")


def test_a_column_without_a_name_is_called_by_its_position_or_left_out_if_empty(table: Read) -> None:
    found = table(b"a,,b,\n1,2,3,\n4,,5,\n")
    assert found.columns == ("a", "column_2", "b")
    assert rows(found) == [(2, "1", "2", "3"), (3, "4", None, "5")]


def test_header_only_is_a_table_of_no_rows_with_a_notice(table: Read) -> None:
    found = table(b"a,b\n")
    assert found.frame.shape == (0, 3)
    assert problems(found) == [(1, None, "file", "header_only", 0)]


def test_an_overlong_cell_costs_that_cell(table: Read) -> None:
    found = table(
        "a,b\n1,{}\n2,{}\n".format("é" * 11, "é" * 10).encode(), limits=ReadLimits(cell_characters=10)
    )
    assert rows(found) == [(2, "1", None), (3, "2", "é" * 10)]
    assert problems(found) == [(2, "b", "cell", "cell_too_long", 1)]


def test_old_mac_line_ends(table: Read) -> None:
    assert rows(table(b"a,b\r1,2\r3,4")) == [(2, "1", "2"), (3, "3", "4")]


# Characters that quoting, separators, line ends and encodings trip over; all are in each encoding used below.
CELL = st.text(alphabet='ab1 \t\n\r",;|.-é', max_size=8)
ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1250", "cp1252", "gb18030", "latin-1"]


@settings(max_examples=300, deadline=None)
@given(
    table=st.integers(1, 4).flatmap(
        lambda width: st.lists(st.lists(CELL, min_size=width, max_size=width), max_size=12)
    ),
    encoding=st.sampled_from(ENCODINGS),
    separator=st.sampled_from([",", ";", "\t", "|"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    line_end=st.sampled_from(["\n", "\r\n"]),
)
def test_what_the_csv_module_writes_is_read_back(
    table: list[list[str]], encoding: str, separator: str, quoting: int, line_end: str
) -> None:
    width = len(table[0]) if table else 2
    out = io.StringIO()
    writer = csv.writer(out, delimiter=separator, quoting=quoting, lineterminator=line_end)  # type: ignore[arg-type]
    writer.writerow([f"c{i}" for i in range(width)])
    expected, blank = [], 0
    for drawn in table:
        # Python 3.11 writes a lone carriage return unquoted, which breaks the record for every reader.
        record = drawn if quoting == csv.QUOTE_ALL else [cell.replace("\r", "") for cell in drawn]
        row = 1 + _line_breaks(out.getvalue())
        writer.writerow(record)
        cells = [_clean(cell) for cell in record]
        if any(cells):
            expected.append((row, *cells))
        else:
            blank += 1
    found = _read(
        out.getvalue().encode(encoding), DelimitedRead(format="csv", encoding=encoding, separator=separator)
    )
    assert rows(found) == expected
    assert found.blank_rows == blank
    assert [entry[3] for entry in problems(found)] == ([] if expected else ["header_only"])


@settings(max_examples=300, deadline=None)
@given(text=st.text(alphabet='ab \n",;', max_size=60))
def test_no_text_is_lost_and_both_paths_agree(text: str) -> None:
    """Records found by whole-array search are those found one by one, and none of their text is lost."""
    content = f"a,b,c\n{text}\n".encode()
    read = DelimitedRead(format="csv")
    found = _read(content, read)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("allpool.etl.readers.delimited.layout", lambda *_, **__: None)
        closely = _read(content, read)
    assert rows(found) == rows(closely)
    assert problems(found) == problems(closely)
    assert found.blank_rows == closely.blank_rows
    letters = sum(text.count(letter) for letter in "ab")
    kept = sum(str(cell).count(letter) for row in rows(found) for cell in row for letter in "ab")
    if found.problems.filter(pl.col("scope") == "row").is_empty():
        assert kept == letters


def test_blocks_are_joined_without_a_seam(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dice = random.Random(20240501)
    records = [
        [dice.choice(["", "x", 'q"q', "two\nlines", "a,b", "long " * 9]) for _ in range(3)] + [str(number)]
        for number in range(5_000)
    ]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow("abcd")
    expected = []
    line = 2
    for record in records:
        expected.append((line, *[_clean(cell) for cell in record]))
        line += 1 + sum(cell.count("\n") for cell in record)
        writer.writerow(record)
    monkeypatch.setattr(layout, "BLOCK", 4_096)
    assert rows(_read(out.getvalue().encode(), DelimitedRead(format="csv"))) == expected


def test_polars_splits_a_large_quoted_file_right() -> None:
    record = '"x, ""y""","line\nline\nline",{}\n'
    content = "a,b,c\n" + "".join(record.format(number) for number in range(150_000))
    found = _read(content.encode(), DelimitedRead(format="csv"))
    assert found.frame.height == 150_000
    assert found.frame["c"].cast(pl.Int64).to_list() == list(range(150_000))
    assert found.frame[ROW].to_list() == list(range(2, 450_002, 3))
    assert found.frame["b"].unique().to_list() == ["line\nline\nline"]


def _read(content: bytes, read: DelimitedRead) -> SourceTable:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "f.csv").write_bytes(content)
        (outcome,) = read_source(Path(folder), "*.csv", read)
    assert isinstance(outcome, SourceTable), outcome
    return outcome


def _clean(cell: str) -> str | None:
    return cell.replace("\r\n", "\n").replace("\r", "\n").strip() or None


def _line_breaks(text: str) -> int:
    return text.replace("\r\n", "\n").replace("\r", "\n").count("\n")

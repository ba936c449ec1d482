"""Parquet: columns of every type as text, damage and bombs as a failure."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from allpool.etl.readers import ReadLimits, SourceFailure, SourceTable
from tests.etl.readers.conftest import read_bytes

Read = Callable[..., SourceTable]
Fail = Callable[..., SourceFailure]
PARQUET = {"format": "parquet", "name": "f.parquet"}
SMALL = pl.DataFrame({"id": ["0001", "0002"], "wbc": [5.0, 0.1], "name": ["SECRET", None]})


def written(frame: pl.DataFrame | pa.Table) -> bytes:
    out = io.BytesIO()
    if isinstance(frame, pl.DataFrame):
        frame.write_parquet(out)
    else:
        pq.write_table(frame, out)
    return out.getvalue()


def test_each_type_as_text(table: Read) -> None:
    frame = pl.DataFrame(
        {
            "id": ["0001", " 0002 "],
            "whole": pl.Series([2.0, -0.1], dtype=pl.Float64),
            "short": pl.Series([0.1, None], dtype=pl.Float32),
            "n": pl.Series([2**63 - 1, None], dtype=pl.Int64),
            "decimal": pl.Series([Decimal("1.10"), None], dtype=pl.Decimal(10, 2)),
            "day": [date(2023, 1, 5), None],
            "moment": [datetime(2023, 1, 5, 12, 0, 0, 500_000), datetime(1, 1, 1)],
            "utc": [datetime(2023, 1, 5, 12, tzinfo=UTC), None],
            "clock": [time(1, 2, 3), None],
            "lasted": [timedelta(days=1, hours=2), timedelta(seconds=-60, milliseconds=-5)],
            "ok": [True, None],
            "kind": pl.Series(["a", "b"], dtype=pl.Categorical),
            "nothing": pl.Series([None, None], dtype=pl.Null),
            "lines": ["a\r\nb", "c\rd"],
        }
    )
    found = table(written(frame), **PARQUET)
    assert found.columns == tuple(frame.columns)
    assert found.frame.row(0, named=True) == {
        "id": "0001",
        "whole": "2",
        "short": "0.1",
        "n": "9223372036854775807",
        "decimal": "1.10",
        "day": "2023-01-05",
        "moment": "2023-01-05T12:00:00.500",
        "utc": "2023-01-05T12:00:00+00:00",
        "clock": "01:02:03",
        "lasted": "26:00:00",
        "ok": "true",
        "kind": "a",
        "nothing": None,
        "lines": "a\nb",
        "_row": 1,
    }
    second = found.frame.row(1, named=True)
    assert (second["id"], second["whole"], second["lasted"], second["lines"]) == (
        "0002",
        "-0.1",
        "-00:01:00.005",
        "c\nd",
    )
    comma = table(written(frame), decimal=",", **PARQUET)
    assert comma.frame.select("whole", "decimal").row(1) == ("-0,1", None)


def test_structures_and_lists_are_flattened(table: Read) -> None:
    frame = pl.DataFrame(
        {"id": ["1", "2"], "site": [{"name": "Brno", "n": 1}, None], "drugs": [["imatinib", "dasatinib"], []]}
    )
    found = table(written(frame), **PARQUET)
    assert found.columns == ("id", "site.name", "site.n", "drugs[0]", "drugs[1]")
    assert found.frame.rows() == [
        ("1", "Brno", "1", "imatinib", "dasatinib", 1),
        ("2", None, None, None, None, 2),
    ]


def test_dictionaries_and_nanoseconds_of_other_writers(table: Read) -> None:
    arrow = pa.table(
        {
            "code": pa.array(["m", "f"]).dictionary_encode(),
            "at": pa.array([1_672_920_000_000_000_001, None], pa.timestamp("ns")),
            "big": pa.array(["x", "y"], pa.large_string()),
        }
    )
    found = table(written(arrow), **PARQUET)
    assert found.frame.row(0) == ("m", "2023-01-05T12:00:00.000000001", "x", 1)


def test_a_text_with_a_byte_0_waits(table: Read) -> None:
    found = table(written(pl.DataFrame({"id": ["1", "2"], "note": ["a\0b", "c"]})), **PARQUET)
    assert found.frame["note"].to_list() == [None, "c"]
    assert found.problems.select("row", "column", "rule", "scope").rows() == [(1, "note", "nul_byte", "cell")]


def test_bytes_have_no_plain_text(failure: Fail) -> None:
    found = failure(written(pl.DataFrame({"id": ["1"], "scan": [b"SECRET"]})), **PARQUET)
    assert (found.rule, found.column) == ("unreadable_column", "scan")
    assert "SECRET" not in found.message


def test_a_file_without_rows_and_one_without_columns(table: Read, failure: Fail) -> None:
    assert table(written(SMALL.clear()), **PARQUET).problems["rule"].to_list() == ["header_only"]
    assert failure(written(pl.DataFrame()), **PARQUET).rule == "no_header"


def test_names_that_a_frame_cannot_have(failure: Fail) -> None:
    assert failure(written(pl.DataFrame({"_row": ["1"]})), **PARQUET).rule == "reserved_header"
    assert failure(written(pl.DataFrame({"a": ["1"], " a": ["2"]})), **PARQUET).rule == "duplicate_header"


@pytest.mark.parametrize("content", [b"", b"PAR1", b"id;sex\n1;m\n", b"PAR1" + b"\0" * 50 + b"PAR1"])
def test_another_file(failure: Fail, content: bytes) -> None:
    assert failure(content, **PARQUET).rule == "unreadable_parquet"


@pytest.mark.parametrize("left", [0.25, 0.5, 0.99])
def test_a_file_that_is_cut_off(failure: Fail, left: float) -> None:
    content = written(SMALL)
    found = failure(content[: int(len(content) * left)], **PARQUET)
    assert found.rule == "unreadable_parquet"
    assert "SECRET" not in found.message


def test_a_small_file_that_holds_a_billion_cells_is_refused_before_it_grows(failure: Fail) -> None:
    row = pa.array([""]).dictionary_encode()
    many = pa.DictionaryArray.from_arrays(pa.array([0] * 4_000_000, pa.int8()), row.dictionary)
    content = written(pa.table({f"c{n}": many for n in range(20)}))
    assert len(content) < 2**20
    assert failure(content, **PARQUET).rule == "file_too_large"


@pytest.mark.parametrize("is_dictionary", [True, False])
def test_a_long_text_that_every_row_repeats_is_refused_before_it_is_written_out(
    table: Read, failure: Fail, *, is_dictionary: bool
) -> None:
    texts = pa.array(["x" * 30_000] * 3_000)
    content = written(pa.table({"note": texts.dictionary_encode() if is_dictionary else texts}))
    assert len(content) < 200_000
    assert failure(content, **PARQUET).rule == "unreadable_parquet"
    limits = ReadLimits(text_characters=2**30)
    assert table(content, limits=limits, **PARQUET).frame.height == 3_000


def test_a_long_text_within_a_list_is_refused_too(failure: Fail) -> None:
    texts = pa.array([["x" * 30_000]] * 4_000, type=pa.list_(pa.string()))
    found = failure(written(pa.table({"l": texts})), **PARQUET)
    assert found.rule == "unreadable_parquet"
    assert "unpacks to 120,000,000 bytes" in found.message


def test_dates_that_no_calendar_has_have_no_text(failure: Fail) -> None:
    days = pl.Series("died", [0, 2_932_897], dtype=pl.Int32).cast(pl.Date)
    moments = pl.Series("seen", [-(2**62)], dtype=pl.Int64).cast(pl.Datetime("us"))
    for column in (days, moments):
        found = failure(written(column.to_frame()), **PARQUET)
        assert (found.rule, found.column) == ("unreadable_column", column.name)
        assert "years 1 to 9999" in found.message


def test_rows_cut_into_thousands_of_groups_are_refused(failure: Fail) -> None:
    out = io.BytesIO()
    pq.write_table(pa.table({"id": [f"{number:04}" for number in range(2002)]}), out, row_group_size=2)
    found = failure(out.getvalue(), **PARQUET)
    assert found.rule == "unreadable_parquet"
    assert "1,001 row groups" in found.message


def test_a_footer_that_is_larger_than_a_table_needs_is_not_parsed(failure: Fail) -> None:
    content = written(SMALL)
    longer = content[:-8] + bytes(17 * 2**20)
    found = failure(longer + (17 * 2**20).to_bytes(4, "little") + b"PAR1", **PARQUET)
    assert "footer has more than 16,777,216 bytes" in found.message


def test_more_columns_than_the_limit(tmp_path: Path) -> None:
    content = written(pl.DataFrame({f"c{n}": ["1"] for n in range(12)}))
    found = read_bytes(tmp_path, content, limits=ReadLimits(columns=10), **PARQUET)
    assert isinstance(found, SourceFailure)
    assert found.rule == "too_many_columns"
    items = written(pl.DataFrame({"a": [["1"] * 12]}))
    found = read_bytes(tmp_path, items, limits=ReadLimits(columns=10), **PARQUET)
    assert isinstance(found, SourceFailure)
    assert found.rule == "too_many_columns"


WHOLE = written(SMALL)


@given(at=st.integers(0, len(WHOLE) - 1), value=st.integers(0, 255))
def test_a_flipped_byte_is_a_table_or_a_failure(
    tmp_path_factory: pytest.TempPathFactory, at: int, value: int
) -> None:
    content = bytearray(WHOLE)
    content[at] = value
    found = read_bytes(tmp_path_factory.getbasetemp(), bytes(content), **PARQUET)
    if isinstance(found, SourceFailure):
        assert "SECRET" not in found.message

"""SAS files: values as text, dates by their format, missing values with their reason, damage as a failure."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import polars as pl
import pyreadstat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from allpool.etl.readers import ReadLimits, SourceFailure, SourceTable
from allpool.etl.readers.sas.dates import date_texts, kind_of
from tests.etl.readers.conftest import read_bytes

Read = Callable[..., SourceTable]
Fail = Callable[..., SourceFailure]
SYNTHETIC = Path(__file__).parent / "synthetic"
ROWS = {
    "id": ["0001", "0002", "0003"],
    "n": ["1", "0.1", "-10000000000"],
    "tag": [".A", ".Z", "._"],
    "tag2": ["5", None, ".B"],
    "d": ["2023-01-05", "1959-12-31", None],
    "t": ["2023-01-05T01:02:03", "1950-01-01T00:00:00", None],
    "h": ["01:02:03", "00:00:00", None],
}
HEADER = 80


def transport(folder: Path, frame: pd.DataFrame, **words: object) -> bytes:
    path = folder / "written.xpt"
    words = {"file_format_version": 5, "table_name": "DM", **words}
    pyreadstat.write_xport(frame, str(path), **words)  # type: ignore[arg-type]
    return path.read_bytes()


@pytest.fixture
def small(tmp_path: Path) -> bytes:
    frame = pd.DataFrame({"USUBJID": ["01-1", "01-2"], "AGE": [63.0, 1.5]})
    return transport(tmp_path, frame, column_labels=["Unique Subject Identifier", "Age"])


@pytest.mark.parametrize(
    ("name", "sas"), [("haven_v5.xpt", "xpt"), ("haven_v8.xpt", "xpt"), ("haven.sas7bdat", "sas7bdat")]
)
def test_three_formats_say_the_same(table: Read, name: str, sas: str) -> None:
    found = table((SYNTHETIC / name).read_bytes(), format=sas)
    assert found.frame.drop("_row").to_dict(as_series=False) == ROWS
    assert found.frame["_row"].to_list() == [1, 2, 3]
    assert found.labels == {"n": "A number"}
    assert found.problems.is_empty()


def test_labels_numbers_and_rows(table: Read, small: bytes) -> None:
    found = table(small, format="xpt")
    assert found.frame.rows() == [("01-1", "63", 1), ("01-2", "1.5", 2)]
    assert found.labels == {"USUBJID": "Unique Subject Identifier", "AGE": "Age"}
    assert table(small, format="xpt", decimal=",").frame["AGE"].to_list() == ["63", "1,5"]


@pytest.mark.parametrize(
    ("sas", "number", "text"),
    [
        ("DATE9", 19725, "2014-01-02"),
        ("YYMMDD10.", 0, "1960-01-01"),
        ("E8601DA10.", -1, "1959-12-31"),
        ("DATE9", 0.5, None),
        ("DATE9", 1e12, None),
        ("MONYY7.", 19724, "2014-01"),
        ("MONYY7.", 19725, "2014-01-02"),
        ("YEAR4.", 19724, "2014"),
        ("DATETIME20.", 86399.5, "1960-01-01T23:59:59.500"),
        ("E8601DT19", 0, "1960-01-01T00:00:00"),
        ("E8601DZ20", 0, "1960-01-01T00:00:00+00:00"),
        ("DTDATE9", 86400, "1960-01-02"),
        ("DTDATE9", 86401, "1960-01-02T00:00:01"),
        ("DATETIME", 1e20, None),
        ("TIME8", 3723, "01:02:03"),
        ("TIME8", 90061.25, "25:01:01.250000"),
        ("TIME8", -60, "-00:01:00"),
    ],
)
def test_dates_by_their_format(sas: str, number: float, text: str | None) -> None:
    kind = kind_of(sas)
    assert kind is not None
    assert date_texts(pl.Series([number, None], dtype=pl.Float64), kind).to_list() == [text, None]


@pytest.mark.parametrize("sas", ["", "BEST12.", "3", "DOLLAR8.2", "$CHAR10.", "QTR.", None])
def test_mere_numbers(sas: str | None) -> None:
    assert kind_of(sas) is None


def test_what_is_no_date_under_a_date_format_stays_the_number(tmp_path: Path, table: Read) -> None:
    content = transport(
        tmp_path, pd.DataFrame({"ADT": [19725.0, 0.5, 1e12]}), variable_format={"ADT": "DATE9"}
    )
    assert table(content, format="xpt").frame["ADT"].to_list() == ["2014-01-02", "0.5", "1000000000000"]


def test_encodings_are_declared_not_guessed(tmp_path: Path, table: Read, failure: Fail) -> None:
    content = transport(tmp_path, pd.DataFrame({"NAME": ["xxxxxxxx"]}))
    czech = content.replace(b"xxxxxxxx", "Příliš".encode("cp1250").ljust(8))
    assert table(czech, format="xpt", encoding="cp1250").frame["NAME"].to_list() == ["Příliš"]
    found = failure(czech, format="xpt")
    assert found.rule == "encoding"
    assert "UTF-8" in found.message


def test_several_data_sets_in_one_file(tmp_path: Path, table: Read, failure: Fail, small: bytes) -> None:
    other = transport(tmp_path, pd.DataFrame({"AETERM": ["RASH"] * 30}), table_name="AE")
    both = small + other[3 * HEADER :]
    assert table(both, format="xpt", member="DM").frame["USUBJID"].to_list() == ["01-1", "01-2"]
    found = table(both, format="xpt", member=["ADVERSE", "AE"])
    assert found.frame["AETERM"].to_list() == ["RASH"] * 30
    assert found.facts.sheet == "AE"
    for words in ({}, {"member": "EX"}):
        refused = failure(both, format="xpt", **words)
        assert refused.rule == "missing_member"
        assert "there is DM, AE" in refused.message


def test_two_columns_of_one_name(failure: Fail, small: bytes) -> None:
    found = failure(small.replace(b"AGE     ", b"USUBJID "), format="xpt")
    assert (found.rule, found.column) == ("duplicate_header", "USUBJID")


def test_a_text_that_a_reader_in_c_would_cut(tmp_path: Path, table: Read, failure: Fail) -> None:
    content = transport(tmp_path, pd.DataFrame({"NAME": ["xxxxxxxx", "yyyyyyyy"]}))
    found = failure(content.replace(b"yyyyyyyy", b"yy\0yyyyy"), format="xpt")
    assert (found.rule, found.row, found.column) == ("nul_byte", 2, "NAME")
    padded = table(content.replace(b"yyyyyyyy", b"yy\0\0\0\0\0\0"), format="xpt")
    assert padded.frame["NAME"].to_list() == ["xxxxxxxx", "yy"]


@pytest.mark.parametrize("sas", ["xpt", "sas7bdat"])
@pytest.mark.parametrize("content", [b"", b"id,sex\n1,M\n", b"\0" * 5000])
def test_another_format_is_refused(failure: Fail, sas: str, content: bytes) -> None:
    assert failure(content, format=sas).rule == "unreadable_sas"


def test_a_file_that_is_cut_off_is_refused(failure: Fail, small: bytes) -> None:
    assert failure(small[:-7], format="xpt").rule == "unreadable_sas"
    assert failure(small[: 9 * HEADER], format="xpt").rule == "unreadable_sas"
    whole = (SYNTHETIC / "haven.sas7bdat").read_bytes()
    assert failure(whole[:-4096], format="sas7bdat").rule == "unreadable_sas"


def test_a_file_that_is_cut_off_between_two_records_is_refused(tmp_path: Path, failure: Fail) -> None:
    """Version 5 does not say how many rows there are: a row that is not whole tells that some are lost."""
    content = transport(tmp_path, pd.DataFrame({"A": ["x" * 100] * 8, "B": [1.5] * 8}))
    for records in (1, 2, 3):
        found = failure(content[: -records * HEADER], format="xpt")
        assert found.rule == "unreadable_sas"
        assert "cut off among its rows" in found.message


def test_more_cells_than_bytes_could_hold(tmp_path: Path) -> None:
    content = transport(tmp_path, pd.DataFrame({"A": ["x"] * 4000}))
    refused = read_bytes(tmp_path, content, format="xpt", limits=ReadLimits(sheet_cells=1000, packed_ratio=0))
    assert isinstance(refused, SourceFailure)
    assert refused.rule == "file_too_large"


@given(
    at=st.integers(0, 2000), value=st.integers(0, 255), name=st.sampled_from(["haven_v5.xpt", "haven_v8.xpt"])
)
def test_a_flipped_byte_is_a_table_or_a_failure(
    tmp_path_factory: pytest.TempPathFactory, at: int, value: int, name: str
) -> None:
    content = bytearray((SYNTHETIC / name).read_bytes())
    content[at % len(content)] = value
    read_bytes(tmp_path_factory.getbasetemp(), bytes(content), name="flipped.xpt", format="xpt")


@given(at=st.integers(0, 16383), value=st.integers(0, 255))
def test_a_flipped_byte_of_a_data_set_is_a_table_or_a_failure(
    tmp_path_factory: pytest.TempPathFactory, at: int, value: int
) -> None:
    content = bytearray((SYNTHETIC / "haven.sas7bdat").read_bytes())
    content[at] = value
    read_bytes(tmp_path_factory.getbasetemp(), bytes(content), name="flipped.sas7bdat", format="sas7bdat")


def test_the_pilot_of_cdisc_reads_whole(shared: Path, table: Read) -> None:
    folder = shared / "sources" / "cdisc-pilot"
    shapes = {}
    for path in sorted(folder.glob("*.xpt")):
        found = table(path.read_bytes(), format="xpt")
        expected, about = pyreadstat.read_xport(str(path))
        assert found.columns == tuple(about.column_names)
        assert found.labels == dict(zip(about.column_names, about.column_labels, strict=True))
        for name in found.columns:
            theirs = expected[name]
            ours = found.frame[name]
            if name.endswith("DT"):
                wanted = [None if pd.isna(day) else day.isoformat() for day in theirs]
                assert ours.to_list() == wanted, name
            elif theirs.dtype == float:
                got = ours.cast(pl.Float64).to_list()
                assert got == [None if pd.isna(value) else value for value in theirs], name
            else:
                assert ours.to_list() == [text.strip() or None for text in theirs], name
        shapes[path.stem] = (found.frame.height, len(found.columns))
    assert shapes == {
        "adae": (1191, 55),
        "adsl": (254, 48),
        "adtte": (254, 26),
        "ae": (1191, 35),
        "dm": (306, 25),
        "ds": (596, 13),
        "ex": (591, 17),
    }

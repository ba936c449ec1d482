"""What cannot be read costs that file, says where and why, and shows no value of a row."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import time
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from allpool.errors import MappingError
from allpool.etl.readers import (
    ReadLimits,
    SourceFailure,
    SourceTable,
    file_hash,
    list_files,
    read_source,
)
from allpool.mappings.read import DelimitedRead

Fail = Callable[..., SourceFailure]
CSV = DelimitedRead(format="csv")


def only(folder: Path, pattern: str, read: DelimitedRead = CSV) -> SourceTable | SourceFailure:
    (outcome,) = read_source(folder, pattern, read)
    return outcome


def test_a_pattern_without_a_file(tmp_path: Path) -> None:
    found = only(tmp_path, "mrd_*.csv")
    assert isinstance(found, SourceFailure)
    assert (found.rule, found.path, found.facts) == ("missing_file", "mrd_*.csv", None)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    found = only(tmp_path / "gone", "*.csv")
    assert isinstance(found, SourceFailure)
    assert found.rule == "missing_file"
    assert "folder" in found.message


@pytest.mark.parametrize("content", [b"", b"\n \r\n\n", b"\xef\xbb\xbf", b"\xff\xfe"])
def test_an_empty_file(failure: Fail, content: bytes) -> None:
    found = failure(content)
    assert found.rule == "empty_file"
    assert found.facts is not None
    assert found.facts.sha256 == hashlib.sha256(content).hexdigest()
    assert found.facts.bytes == len(content)


def test_a_duplicated_header_names_the_column_and_its_positions(failure: Fail) -> None:
    found = failure(b"id,x, id\n1,2,3\n")
    assert (found.rule, found.row, found.column) == ("duplicate_header", 1, "id")
    assert "1 and 3" in found.message


@pytest.mark.parametrize(
    ("content", "header_row"), [(b"a,b\n1,2\n", 3), (b"a,b\n\n", 9), (b",,\n1,2,3\n", 1)]
)
def test_no_header(failure: Fail, content: bytes, header_row: int) -> None:
    assert failure(content, header_row=header_row).rule == "no_header"


def test_our_own_column_name_is_refused(failure: Fail) -> None:
    assert failure(b"_row,x\n1,2\n").rule == "reserved_header"


def test_a_header_whose_quotes_never_close(failure: Fail) -> None:
    assert failure(b'a,"b\n1,2\n').rule == "broken_quotes"


def test_a_wrong_quote_character_stops_at_a_thousand_rows(failure: Fail) -> None:
    found = failure(b"a,b\n" + b'"x"y,1\n' * 1_001)
    assert (found.rule, found.row) == ("broken_quotes", 1_002)


def test_undecodable_bytes_are_found_by_offset_and_row(failure: Fail) -> None:
    content = "id;jméno\n1;Žofie\n2;Šárka\n".encode("cp1250")
    declared = failure(content, encoding="utf-8", separator=";")
    assert (declared.rule, declared.row) == ("encoding", 1)
    assert "byte 5" in declared.message
    late = failure(b"a,b\r\n1,2\r\n3,\xff\r\n", encoding="ascii")
    assert (late.rule, late.row) == ("encoding", 3)
    assert "byte 12 " in late.message


def test_an_undeclared_encoding_is_never_guessed_but_likely_ones_are_named(failure: Fail) -> None:
    text = "病人编号,性别,诊断,疗效\n" + "1,男,急性淋巴细胞白血病,完全缓解\n" * 30
    found = failure(text.encode("gb18030"))
    assert (found.rule, found.row) == ("encoding", 1)
    assert "gb" in found.message.partition("likely")[2]
    assert "男" not in found.message


def test_a_byte_order_mark_that_contradicts_the_mapping(failure: Fail) -> None:
    found = failure("a,b\n1,é\n".encode("utf-8-sig"), encoding="cp1250")
    assert found.rule == "encoding"
    assert "utf-8" in found.message


def test_bytes_cut_in_the_middle_of_a_character(failure: Fail) -> None:
    assert failure("a\n性".encode()[:-1]).rule == "encoding"
    assert failure("a\n性".encode("gb18030")[:-1], encoding="gb18030").rule == "encoding"


def test_the_offset_holds_beyond_the_first_chunk(failure: Fail, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("allpool.etl.readers.files.CHUNK", 7)
    text = "a,b\n" + "é,性\n" * 5
    found = failure(text.encode() + b"x,\xe6\n")
    assert found.row == 7
    assert f"byte {len(text.encode()) + 2} " in found.message


@pytest.mark.parametrize("encoding", [None, "utf-8", "latin-1"])
def test_a_packed_file_or_a_workbook_is_no_text(failure: Fail, encoding: str | None) -> None:
    """Whatever the mapping declares; a workbook is often called .csv."""
    packed, workbook = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(workbook, "w") as book:
        book.writestr("[Content_Types].xml", "<Types/>")
    with gzip.GzipFile(fileobj=packed, mode="wb") as file:
        file.write(b"a,b\n1,2\n")
    old = bytes.fromhex("D0CF11E0A1B11AE1") + b"\0" * 600
    for content, says in (
        (packed.getvalue(), "unpacked"),
        (workbook.getvalue(), "workbook"),
        (old, "workbook"),
    ):
        found = failure(content, encoding=encoding)
        assert (found.rule, says in found.message) == ("compressed_file", True)


def test_nul_bytes(failure: Fail) -> None:
    assert failure("a,b\n1,2\n".encode("utf-16-le")).rule == "nul_byte"
    assert (lambda found: (found.rule, found.row))(failure(b"a,b\n1,2\n3,\x00\n")) == ("nul_byte", 3)


@pytest.mark.parametrize("encoding", [None, "utf-16-le", "latin-1"])
def test_a_line_of_200_mb_is_refused_in_little_memory(tmp_path: Path, encoding: str | None) -> None:
    with (tmp_path / "long.csv").open("wb") as file:
        file.write("a,b\n1,2\n".encode(encoding or "utf-8"))
        block = ("x" * 2**20).encode(encoding or "utf-8")
        for _ in range(200 * 2**20 // len(block)):
            file.write(block)
    tracemalloc.start()
    found = only(tmp_path, "*.csv", DelimitedRead(format="csv", encoding=encoding))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    (tmp_path / "long.csv").unlink()
    assert isinstance(found, SourceFailure)
    assert (found.rule, found.row) == ("line_too_long", 3)
    assert found.facts is not None
    assert found.facts.bytes > 190 * 2**20
    assert peak < 64 * 2**20


def test_lines_just_within_the_limit_pass(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text("a\n" + ("x" * 99 + "\r\n") * 50)
    (passed,) = read_source(tmp_path, "f.csv", CSV, limits=ReadLimits(line_bytes=99))
    assert isinstance(passed, SourceTable)
    (refused,) = read_source(tmp_path, "f.csv", CSV, limits=ReadLimits(line_bytes=98))
    assert isinstance(refused, SourceFailure)
    assert (refused.rule, refused.row) == ("line_too_long", 2)


def test_a_file_past_the_size_limit(failure: Fail) -> None:
    assert failure(b"a,b\n1,2\n", limits=ReadLimits(file_bytes=5)).rule == "file_too_large"


def test_a_folder_or_a_pipe_where_a_file_is_expected(tmp_path: Path) -> None:
    (tmp_path / "a.csv").mkdir()
    os.mkfifo(tmp_path / "b.csv")
    outcomes = list(read_source(tmp_path, "*.csv", CSV))
    assert [(type(found), found.rule) for found in outcomes if isinstance(found, SourceFailure)] == [
        (SourceFailure, "unreadable_file")
    ] * 2


def test_a_file_that_may_not_be_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "f.csv").write_bytes(b"a\n1\n")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    found = only(tmp_path, "f.csv")
    assert isinstance(found, SourceFailure)
    assert (found.rule, found.facts) == ("unreadable_file", None)
    assert "Permission denied" in found.message


def test_a_file_that_changes_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "f.csv"
    path.write_bytes(b"a,b\n1,2\n")

    def writes_on(*_: object) -> None:
        time.sleep(0.02)
        with path.open("ab") as file:
            file.write(b"3,4\n")

    from allpool.etl.readers import reader

    parsed = reader.read_delimited
    monkeypatch.setattr(reader, "read_delimited", lambda *given: (writes_on(), parsed(*given))[1])
    found = only(tmp_path, "f.csv")
    assert isinstance(found, SourceFailure)
    assert (found.rule, found.facts) == ("file_changed", None)


def test_one_bad_file_does_not_stop_the_next_and_the_order_is_by_path(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    for name, content in (("c.csv", b"x\n1\n"), ("a.csv", b""), ("b/z.csv", b"x\n2\n"), ("~$c.csv", b"lock")):
        (tmp_path / name).write_bytes(content)
    outcomes = list(read_source(tmp_path, "**/*.csv", CSV))
    assert [found.facts.path for found in outcomes if found.facts] == ["a.csv", "b/z.csv", "c.csv"]
    assert [type(found) for found in outcomes] == [SourceFailure, SourceTable, SourceTable]
    assert [path.name for path in list_files(tmp_path, "*")] == ["a.csv", "c.csv"]
    assert file_hash(tmp_path / "c.csv") == hashlib.sha256(b"x\n1\n").hexdigest()


@pytest.mark.parametrize("pattern", ["../*.csv", "/etc/*.csv", ""])
def test_a_pattern_may_not_leave_the_folder(tmp_path: Path, pattern: str) -> None:
    with pytest.raises(MappingError, match="inside the feed's folder"):
        list(read_source(tmp_path, pattern, CSV))


@pytest.mark.parametrize(
    "options",
    [
        {"encoding": "klingon"},
        {"encoding": "rot13"},
        {"separator": "||"},
        {"separator": ""},
        {"separator": "\n"},
        {"quote": ","},
        {"quote": "''"},
        {"header_row": 0},
    ],
)
def test_options_are_valid_once_made(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        DelimitedRead(format="csv", **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "content",
    [
        b"a,b\nSECRET\n",
        b"a,b\n1,SECRET,3\n",
        b'a,b\n"SECRET"x,1\n',
        b'a,"SECRET\n',
        b"a,b\nSECRET,\xff\n",
        b"a,b\nSECRET,\x00\n",
        b"a,b\n1," + b"SECRET" * 9 + b"\n",
        b"a,b\n1," + b"SECRET" * 90 + b"\n",
    ],
)
def test_no_message_shows_a_value(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "f.csv").write_bytes(content)
    (found,) = read_source(tmp_path, "f.csv", CSV, limits=ReadLimits(line_bytes=500, cell_characters=50))
    if isinstance(found, SourceTable):
        assert found.problems.height == 1
        shown = [*found.problems["expected"], *found.problems["rule"]]
    else:
        shown = [found.message, str(found)]
    assert "SECRET" not in "".join(shown)

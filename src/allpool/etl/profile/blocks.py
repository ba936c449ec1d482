"""A text file in blocks of whole records, each a frame of text: bounded memory, whatever the file's size."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

import polars as pl

from allpool.errors import SourceError
from allpool.etl.profile.encoding import found_encoding, found_separator
from allpool.etl.readers.header import header_names
from allpool.etl.readers.quoting import Record, records

BLOCK: Final = 24 * 2**20
SAMPLE: Final = 2**20
LONGEST_RECORD: Final = 2**20
"""Bytes of a record that runs over lines; a quote that is not closed by then is no quote."""
TITLE_ROWS: Final = 10
"""Rows above the header, at most."""


@dataclass(frozen=True)
class TextLayout:
    """How a text file is read."""

    encoding: str
    separator: str
    header_row: int
    names: tuple[str | None, ...]


def text_blocks(file: BinaryIO) -> tuple[TextLayout, Iterator[pl.DataFrame]]:
    """Return how a file is laid out, and its records in blocks: columns `0`, `1`, ... of text, blank as null.

    Records with fewer cells than the header are filled up, further cells left out; lines whose quotes cannot
    be read are left out. Raises SourceError: `empty_file`, `encoding`, `nul_byte`, `no_header`,
    `duplicate_header`, `reserved_header`.
    """
    sample = file.read(SAMPLE)
    if not sample.strip():
        raise SourceError("the file is empty; expected a header row and records", rule="empty_file")
    encoding = found_encoding(_telling(file, sample))
    chunks = _utf8(file, sample, encoding)
    first = next(chunks, b"")
    separator = found_separator(first[: SAMPLE // 4].decode("utf-8", "ignore"))
    header = _header(bytearray(first), separator)
    names = header_names(header.fields or [], row=header.line)
    layout = TextLayout(encoding, separator, header.line, names)
    return layout, _frames(first[header.following :], chunks, layout)


def _telling(file: BinaryIO, sample: bytes) -> bytes:
    """Return the first part of a file that is not all ASCII, where there is one; the file stays where it is."""
    here, found = file.tell(), sample
    while found.isascii() and b"\0" not in sample and (following := file.read(BLOCK)):
        found = following
    file.seek(here)
    if found.isascii() or found is sample:
        return sample
    first = next(
        index for index in range(0, len(found), SAMPLE) if not found[index : index + SAMPLE].isascii()
    )
    start = found.rfind(b"\n", 0, first) + 1
    return found[start : first + SAMPLE]


def _utf8(file: BinaryIO, sample: bytes, encoding: str) -> Iterator[bytes]:
    """Yield the file as UTF-8 with line feeds, in pieces that end anywhere but within a line end.

    Raises SourceError `encoding` for bytes that are no text in it, beyond what the sample showed.
    """
    decoder = codecs.getincrementaldecoder("utf-8-sig" if encoding == "utf-8" else encoding)()
    chunk, rest, began = sample, b"", False
    returns = b"\r" in sample and b"\n" not in sample and not encoding.startswith("utf-16")
    while chunk:
        following = file.read(BLOCK)
        try:
            if encoding == "utf-8" and began:
                # not decoded: the frame library looks at it
                whole = rest + chunk
            else:
                whole = rest + decoder.decode(chunk, final=not following).encode()
                if encoding == "utf-8":
                    whole += decoder.getstate()[0]
        except UnicodeError:
            raise SourceError(
                f"the file begins as {encoding} and holds bytes that are no text in it: export it as UTF-8",
                rule="encoding",
            ) from None
        began = True
        if b"\0" in whole:
            raise SourceError(
                "the file holds NUL bytes; it is damaged or no text: export it again", rule="nul_byte"
            )
        rest = b"\r" if whole.endswith(b"\r") and following else b""
        whole = whole[: len(whole) - len(rest)]
        yield whole.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if returns or b"\r" in whole else whole
        chunk = following


def _header(content: bytearray, separator: str) -> Record:
    """Return the header: the first record that fills most of the columns; above it may stand a title."""
    if not content.endswith(b"\n"):
        content += b"\n"
    found: list[Record] = []
    for record in records(content, start=0, line=1, separator=separator, quote='"'):
        found.append(record)
        if len(found) > TITLE_ROWS:
            break
    width = max((_filled(record) for record in found), default=0)
    return next(record for record in found if _filled(record) * 2 >= width and _filled(record))


def _filled(record: Record) -> int:
    return sum(bool(cell.strip()) for cell in record.fields or [])


def _frames(first: bytes, chunks: Iterator[bytes], layout: TextLayout) -> Iterator[pl.DataFrame]:
    rest = first
    for chunk in chunks:
        rest += chunk
        end = _cut(rest)
        if end:
            yield _frame(rest[:end], layout)
            rest = rest[end:]
    if rest.strip():
        yield _frame(rest if rest.endswith(b"\n") else rest + b"\n", layout)


def _cut(block: bytes) -> int:
    """Return where the last whole record of a block ends: a line end outside quotes."""
    last = end = block.rfind(b"\n") + 1
    is_inside = block.count(b'"', 0, end) % 2 == 1
    while is_inside and end > 0 and last - end < LONGEST_RECORD:
        before = block.rfind(b"\n", 0, end - 1) + 1
        is_inside ^= block.count(b'"', before, end) % 2 == 1
        end = before
    return last if is_inside else end


def _frame(block: bytes, layout: TextLayout) -> pl.DataFrame:
    schema = {str(index): pl.String() for index in range(len(layout.names))}
    try:
        return pl.read_csv(
            block,
            has_header=False,
            schema=schema,
            separator=layout.separator,
            extra_columns="ignore",
            missing_columns="insert",
        )
    except pl.exceptions.PolarsError:
        return _closely(block, layout, schema)


def _closely(block: bytes, layout: TextLayout, schema: dict[str, pl.String]) -> pl.DataFrame:
    """Read a block record by record, where the frame library cannot."""
    try:
        content = bytearray(block.decode().encode())
    except UnicodeError:
        raise SourceError(
            "the file begins as UTF-8 and holds bytes that are no text in it: export it as UTF-8",
            rule="encoding",
        ) from None
    width = len(schema)
    rows = [
        [cell or None for cell in (record.fields + [""] * width)[:width]]
        for record in records(content, start=0, line=1, separator=layout.separator, quote='"')
        if record.fields
    ]
    return pl.DataFrame(rows, schema=schema, orient="row")

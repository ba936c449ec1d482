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


@dataclass
class TextLayout:
    """How a text file is read."""

    encoding: str
    """Known when the blocks have gone by: of a file that begins in ASCII, by the first text that is not."""
    separator: str
    header_row: int
    names: tuple[str | None, ...]


def text_blocks(file: BinaryIO) -> tuple[TextLayout, Iterator[pl.DataFrame]]:
    """Return how a file is laid out, and its records in blocks: columns `0`, `1`, ... of text, blank as null.

    Records with fewer cells than the header are filled up, further cells left out; lines whose quotes cannot
    be read are left out. Raises SourceError: `empty_file`, `encoding`, `nul_byte`, `no_header`,
    `duplicate_header`, `reserved_header`.
    """
    text = _Text(file)
    chunks = iter(text)
    first = next(chunks, b"")
    if not first.strip():
        raise SourceError("the file is empty; expected a header row and records", rule="empty_file")
    separator = found_separator(first[: SAMPLE // 4].decode("utf-8", "ignore"))
    header = _header(bytearray(first), separator)
    names = header_names(header.fields or [], row=header.line)
    layout = TextLayout(text.encoding, separator, header.line, names)
    return layout, _frames(first[header.following :], text, chunks, layout)


class _Text:
    """A file as UTF-8 with line feeds, in pieces that end anywhere but within a line end."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._decoder: codecs.IncrementalDecoder | None = None
        self.encoding = "utf-8"
        self._is_known = False
        self._has_bare_returns = False

    def __iter__(self) -> Iterator[bytes]:
        """Yield the pieces; raises SourceError for bytes that are no text in the encoding found."""
        chunk, rest = self._file.read(SAMPLE), b""
        if chunk:
            self._begin(chunk)
        while chunk:
            following = self._file.read(BLOCK)
            whole = rest + self._utf8(chunk, following)
            if b"\0" in whole:
                raise SourceError(
                    "the file holds NUL bytes; it is damaged or no text: export it again", rule="nul_byte"
                )
            rest = b"\r" if whole.endswith(b"\r") and following else b""
            whole = whole[: len(whole) - len(rest)]
            yield whole.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in whole else whole
            chunk = following

    def _begin(self, sample: bytes) -> None:
        """Find out the encoding; of a sample that is all ASCII nothing is known yet."""
        if sample.isascii() and b"\0" not in sample:
            return
        self._is_known = True
        self.encoding = found_encoding(sample)
        if self.encoding != "utf-8" or sample.startswith(codecs.BOM_UTF8):
            name = "utf-8-sig" if self.encoding == "utf-8" else self.encoding
            self._decoder = codecs.getincrementaldecoder(name)()

    def _utf8(self, chunk: bytes, following: bytes) -> bytes:
        if not self._is_known and not chunk.isascii():
            self._begin(_telling(chunk, following[:SAMPLE]))
        if self._decoder is None:
            return chunk  # ASCII or UTF-8: the frame library looks at it
        try:
            text = self._decoder.decode(chunk, final=not following)
        except UnicodeError:
            raise _undecodable(self.encoding) from None
        if self.encoding != "utf-8":
            return text.encode()
        # only its mark was to be taken off
        begun = self._decoder.getstate()[0]
        self._decoder = None
        return text.encode() + begun


def _telling(chunk: bytes, following: bytes) -> bytes:
    """Return the first text of a chunk that is not all ASCII, and what comes after it."""
    first = next(at for at in range(0, len(chunk), SAMPLE) if not chunk[at : at + SAMPLE].isascii())
    start = chunk.rfind(b"\n", 0, first) + 1
    found = chunk[start : first + SAMPLE]
    return found + following if first + SAMPLE >= len(chunk) else found


def _undecodable(encoding: str) -> SourceError:
    name = "UTF-8" if encoding == "utf-8" else encoding
    return SourceError(
        f"the file begins as {name} and holds bytes that are no text in it: export it as UTF-8",
        rule="encoding",
    )


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


def _frames(first: bytes, text: _Text, chunks: Iterator[bytes], layout: TextLayout) -> Iterator[pl.DataFrame]:
    rest = first
    for chunk in chunks:
        if end := _cut(chunk, is_inside=_is_inside(rest)):
            yield _frame(b"".join((rest, memoryview(chunk)[:end])), layout)
            rest = chunk[end:]
        else:
            rest += chunk
    if rest.strip():
        yield _frame(rest if rest.endswith(b"\n") else rest + b"\n", layout)
    layout.encoding = text.encoding


def _is_inside(text: bytes) -> bool:
    """Return whether quotes that were opened in a text are not closed in it."""
    return b'"' in text and text.count(b'"') % 2 == 1


def _cut(block: bytes, *, is_inside: bool) -> int:
    """Return where the last whole record of a block ends: a line end outside quotes."""
    last = end = block.rfind(b"\n") + 1
    if b'"' in block:
        is_inside ^= block.count(b'"', 0, end) % 2 == 1
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
        raise _undecodable("utf-8") from None
    width = len(schema)
    rows = [
        [cell or None for cell in (record.fields + [""] * width)[:width]]
        for record in records(content, start=0, line=1, separator=layout.separator, quote='"')
        if record.fields
    ]
    return pl.DataFrame(rows, schema=schema, orient="row")

"""Records of a delimited text one by one, for headers and for files whose quotes do not follow the rules."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass

# Python's csv refuses cells of more than 128 KiB; what is too long for us, `cell_too_long` tells.
csv.field_size_limit(2**31 - 1)


@dataclass(frozen=True)
class Record:
    """One record: its first physical line, how many it spans, where the next begins, and its fields.

    `fields` is None if its quotes cannot be read; the record is then that one line.
    """

    line: int
    lines: int
    following: int
    fields: list[str] | None


def records(content: bytearray, *, start: int, line: int, separator: str, quote: str) -> Iterator[Record]:
    """Yield the records of `content` (UTF-8, each line ended by a line feed) from byte `start`, line `line`.

    A quote inside an unquoted field is text. Text after a closing quote, or a quote never closed, breaks that
    line only: reading goes on at the next line.
    """
    mark = quote.encode()
    while start < len(content):
        end = content.index(b"\n", start)
        if mark and content.find(mark, start, end) >= 0:
            record = _quoted(content, start=start, line=line, separator=separator, quote=quote)
        else:
            fields = content[start:end].decode().split(separator)
            record = Record(line=line, lines=1, following=end + 1, fields=fields)
        yield record
        start, line = record.following, line + record.lines


def _quoted(content: bytearray, *, start: int, line: int, separator: str, quote: str) -> Record:
    reader = csv.reader(_lines(content, start), delimiter=separator, quotechar=quote, strict=True)
    try:
        fields, lines = next(reader), reader.line_num
    except csv.Error:
        return Record(line=line, lines=1, following=content.index(b"\n", start) + 1, fields=None)
    following = start
    for _ in range(lines):
        following = content.index(b"\n", following) + 1
    return Record(line=line, lines=lines, following=following, fields=fields)


def _lines(content: bytearray, start: int) -> Iterator[str]:
    while start < len(content):
        end = content.index(b"\n", start) + 1
        yield content[start:end].decode()
        start = end

"""Corruptions of CSV and TSV as text: encodings, separators, quotes, line ends other than declared."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from functools import partial
from random import Random

from allpool.mappings.read import DelimitedRead
from tests.fuzz.corrupt import cells

ENCODINGS = (
    *("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1250", "cp1252", "iso8859-2"),
    *("gb18030", "gbk", "big5", "shift_jis", "euc-kr", "koi8-r", "cp437", "utf-7", "cp037"),
)
DelimitedCorruption = Callable[[Random, bytes, DelimitedRead], bytes]


def of_cells(change: Callable[[Random, cells.Table], cells.Table]) -> DelimitedCorruption:
    """Return the corruption of a file that changes its cells by `change` and writes it well."""

    def corrupted(random: Random, content: bytes, read: DelimitedRead) -> bytes:
        return _written(change(random, _table(content, read)), read, quoting=random.choice(QUOTING))

    corrupted.__name__ = change.__name__
    return corrupted


def other_encoding(random: Random, content: bytes, read: DelimitedRead) -> bytes:
    """Write the file in an encoding that the mapping does not say."""
    return _text(content, read).encode(random.choice(ENCODINGS), "replace")


def half_other_encoding(random: Random, content: bytes, read: DelimitedRead) -> bytes:
    """Go on in another encoding somewhere."""
    text = _text(content, read)
    at = random.randrange(len(text))
    return text[:at].encode(_encoding(read), "replace") + text[at:].encode(
        random.choice(ENCODINGS), "replace"
    )


def mojibake(random: Random, content: bytes, read: DelimitedRead) -> bytes:
    """Read in one encoding and write in another, as programs do that guess."""
    return content.decode(random.choice(ENCODINGS), "replace").encode(_encoding(read), "replace")


def other_separator(random: Random, content: bytes, read: DelimitedRead) -> bytes:
    """Separate the cells by something else, everywhere or here and there."""
    mark, other = read.field_separator, random.choice((",", ";", "\t", "|", " ", ":", "、", "\x1f", "\x01"))
    share = random.choice((1.0, 0.5, 0.02))
    text = "".join(
        other if letter == mark and random.random() < share else letter for letter in _text(content, read)
    )
    return text.encode(_encoding(read), "replace")


def stray_quotes(random: Random, content: bytes, read: DelimitedRead) -> bytes:
    """Put quotes where none belong."""
    text = list(_text(content, read))
    for _ in range(random.choice((1, 2, 3, 20, 200))):
        text.insert(random.randrange(len(text) + 1), random.choice(('"', '"', '""', '"""', "'", "“", '"\n"')))
    return "".join(text).encode(_encoding(read), "replace")


def nested_quotes(random: Random, content: bytes, read: DelimitedRead) -> bytes:
    """Quote what is quoted already, again and again."""
    text = _text(content, read)
    for _ in range(random.choice((1, 2, 6))):
        text = "\n".join(
            '"' + line.replace('"', '""') + '"' if random.random() < 0.8 else line
            for line in text.split("\n")
        )[:2_000_000]
    return text.encode(_encoding(read), "replace")


def never_closed(random: Random, content: bytes, read: DelimitedRead) -> bytes:
    """Open a quote and let everything after it be one cell."""
    text = _text(content, read)
    marks = [found.end() for found in re.finditer(re.escape(read.field_separator), text)] or [0]
    at = random.choice(marks)
    return (text[:at] + '"' + text[at:] * random.choice((1, 1, 200))).encode(_encoding(read), "replace")


def line_ends(random: Random, content: bytes, read: DelimitedRead) -> bytes:
    """End lines in other ways, mixed or not at all."""
    ends = random.choice(
        (["\r"], ["\r\n"], ["\r\r\n"], ["\n", "\r", "\r\n"], ["\u2028"], ["\x85"], [""], ["\n\n"])
    )
    text = "".join(line + random.choice(ends) for line in _text(content, read).splitlines())
    return text.encode(_encoding(read), "replace")


def long_line(random: Random, content: bytes, read: DelimitedRead) -> bytes:
    """Let one line be longer than any record."""
    text = _text(content, read)
    at = random.randrange(len(text) + 1)
    run = random.choice((read.field_separator, "x", " ", '"')) * random.choice((70_000, 1_200_000))
    return (text[:at] + run + text[at:]).encode(_encoding(read), "replace")


def control_characters(random: Random, content: bytes, read: DelimitedRead) -> bytes:
    """Put characters between others that no one sees."""
    text = list(_text(content, read))
    for _ in range(random.choice((1, 10, 100))):
        text.insert(random.randrange(len(text) + 1), chr(random.choice((*range(1, 32), 127, 0x85, 0x200B))))
    return "".join(text).encode(_encoding(read), "replace")


QUOTING = (csv.QUOTE_MINIMAL, csv.QUOTE_ALL)
OF_CELLS = tuple(of_cells(change) for change in cells.ALL)
OF_TEXT: tuple[DelimitedCorruption, ...] = (
    other_encoding,
    half_other_encoding,
    mojibake,
    other_separator,
    stray_quotes,
    nested_quotes,
    never_closed,
    line_ends,
    long_line,
    control_characters,
)
ALL = (*OF_CELLS, *OF_TEXT)


def _encoding(read: DelimitedRead) -> str:
    return read.encoding or "utf-8"


def _text(content: bytes, read: DelimitedRead) -> str:
    return content.decode(_encoding(read), "replace") or "\n"


def _table(content: bytes, read: DelimitedRead) -> cells.Table:
    rows = csv.reader(io.StringIO(_text(content, read), newline=""), delimiter=read.field_separator)
    return [row for row in rows if row]


def _written(table: cells.Table, read: DelimitedRead, *, quoting: int) -> bytes:
    out = io.StringIO(newline="")
    write = partial(csv.writer, out, delimiter=read.field_separator, lineterminator="\n")
    write(quoting=quoting).writerows(table)  # type: ignore[arg-type]
    return out.getvalue().encode(_encoding(read), "replace")

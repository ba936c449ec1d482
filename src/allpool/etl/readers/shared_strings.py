"""A workbook's table of shared strings: a text that stands there once may be said by millions of cells."""

from __future__ import annotations

import re
from typing import Final

from allpool.etl.readers.archive import Archive, unreadable
from allpool.etl.readers.source import ReadLimits
from allpool.etl.readers.xml import parse, refuse_malformed

# ECMA-376-1, 18.4.9: sst, with count (cells that say one) and uniqueCount (si in the table).
TABLE: Final = re.compile(rb"<(?:[\w.-]+:)?sst\b[^>]*>")
COUNT: Final = re.compile(rb"""\b(?:unique)?[cC]ount\s*=\s*["']([^"']*)["']""")
# 18.18.11: t="s"; counted is also what a reference may spell so.
SHARED: Final = re.compile(rb"""\bt\s*=\s*["'](?:s["']|&)""")
LONGEST_TAG: Final = 32
"""Bytes of such an attribute that two pieces of a part may share."""
LONGEST_INDEX: Final = 10
"""Digits."""


def refuse_repeated_texts(archive: Archive, sheet: str, *, cells: int, limits: ReadLimits) -> None:
    """Raise SourceError `unreadable_workbook` if the texts of a sheet are far more than its part.

    `cells` is how many cells it has. What cannot be too much is not looked at closely.
    """
    tables = _tables(archive)
    packed = sum(archive.entries[name].file_size for name in tables)
    most = max(limits.text_characters, limits.text_ratio * (packed + archive.entries[sheet].file_size))
    if packed * cells <= most:
        return
    for name in tables:
        lengths = _lengths(archive, name)
        longest = max(lengths, default=0)
        if longest * cells <= most or longest * _shared_cells(archive, sheet) <= most:
            continue
        said = _said(archive, sheet, lengths)
        if said > most:
            unreadable(f"it unpacks to {said:,} bytes, past the limit")


def refuse_false_tables(archive: Archive) -> None:
    """Raise SourceError `unreadable_workbook` if a table is not well formed, or says that it has more strings
    than the file has bytes.

    The library below makes room for so many before it reads one, and takes one string for another where a tag
    is lost.
    """
    size = sum(entry.file_size for entry in archive.entries.values())
    for name in _tables(archive):
        refuse_malformed(archive.stream(name))
        head = TABLE.search(next(archive.stream(name), b""))
        for count in COUNT.findall(head[0]) if head else ():
            if not count.isdigit() or len(count) > LONGEST_INDEX or int(count) > size:
                unreadable("it is damaged")


def _tables(archive: Archive) -> list[str]:
    return [name for name in archive.entries if name.lower().endswith("sharedstrings.xml")]


def _lengths(archive: Archive, part: str) -> list[int]:
    """Return the characters of each shared string (ECMA-376-1, 18.4.8: si)."""
    lengths: list[int] = []

    def start(name: str, _: dict[str, str]) -> None:
        if name == "si":
            lengths.append(0)

    def text(heard: str) -> None:
        if lengths:
            lengths[-1] += len(heard)

    parse(archive.stream(part), start=start, text=text)
    return lengths


def _shared_cells(archive: Archive, part: str) -> int:
    """Return how many cells of a sheet say a shared string, at most: a quick look, without parsing."""
    found, rest = 0, b""
    for piece in archive.stream(part):
        text = rest + piece
        ends = [match.end() for match in SHARED.finditer(text)]
        found += len(ends)
        rest = text[max(ends[-1] if ends else 0, len(text) - LONGEST_TAG) :]
    return found


def _said(archive: Archive, part: str, lengths: list[int]) -> int:
    """Return the characters that the cells of a sheet say by shared strings (18.3.1.4: c with t="s")."""
    total = 0
    is_shared = False
    heard: list[str] | None = None

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal is_shared, heard
        if name == "c":
            is_shared = attributes.get("t") == "s"
        elif name == "v" and is_shared:
            heard = []

    def text(said: str) -> None:
        if heard is not None:
            heard.append(said)

    def end(name: str) -> None:
        nonlocal total, heard
        if name == "v" and heard is not None:
            index = "".join(heard).strip()
            if (
                len(index) < LONGEST_INDEX
                and index.isascii()
                and index.isdigit()
                and int(index) < len(lengths)
            ):
                total += lengths[int(index)]
            heard = None

    parse(archive.stream(part), start=start, end=end, text=text)
    return total

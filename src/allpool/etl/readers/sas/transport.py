"""Where things stand in a SAS transport file: members, variables, rows; checked before anything is read.

Version 5: SAS Institute, TS-140, "The record layout of a SAS transport data set"; version 8 (and 9): "Record
layout of a SAS version 8 or 9 data set in SAS transport format", support.sas.com.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, NoReturn

import numpy as np

from allpool.errors import SourceError

RECORD: Final = 80
HEADER: Final = b"HEADER RECORD*******"
BANG: Final = b"HEADER RECORD!!!!!!!"
LIBRARIES: Final = (b"LIBRARY ", b"LIBV8   ")
MEMBERS: Final = (b"MEMBER  ", b"MEMBV8  ")
NAMES: Final = (b"NAMESTR ", b"NAMSTV8 ")
OBSERVATIONS: Final = (b"OBS     ", b"OBSV8   ")
NAME_SIZES: Final = (136, 140)
"""Bytes of a variable's description; 136 on VAX."""
NUMERIC, CHARACTER = 1, 2

Bytes = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]
Flags = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]


@dataclass(frozen=True)
class Variable:
    """One column: where its bytes stand in a row."""

    is_numeric: bool
    position: int
    length: int


@dataclass(frozen=True)
class Member:
    """One data set of a transport file."""

    name: str
    content: bytes
    """The file with this data set alone."""
    variables: tuple[Variable, ...]
    data: bytes
    """The rows, and the blanks that fill the last record."""

    @property
    def width(self) -> int:
        """Bytes of a row."""
        return sum(variable.length for variable in self.variables)

    @property
    def rows(self) -> int:
        """Rows at most: blanks at the end may be rows or filling."""
        return len(self.data) // self.width

    def missing(self, index: int, *, rows: int) -> tuple[Bytes, Flags]:
        """Return the first byte of a number in each row, and whether it is a missing value.

        A missing number is `.`, `_` or a letter, and zeros (TS-140, "Missing values").
        """
        cells = self._cells(index, rows)
        first = cells[:, 0]
        said = (first == ord(".")) | (first == ord("_")) | ((first >= ord("A")) & (first <= ord("Z")))
        return first, said & ~cells[:, 1:].any(axis=1)

    def cut_text(self, index: int, *, rows: int) -> int | None:
        """Return the first row (from 0) whose text goes on after a byte 0, where a reader in C stops."""
        cells = self._cells(index, rows)
        ended = np.logical_or.accumulate(cells == 0, axis=1)
        going_on = (ended & (cells != 0) & (cells != ord(" "))).any(axis=1)
        return int(going_on.argmax()) if going_on.any() else None

    def _cells(self, index: int, rows: int) -> Bytes:
        variable = self.variables[index]
        grid = np.frombuffer(self.data, dtype=np.uint8, count=rows * self.width).reshape(rows, self.width)
        return grid[:, variable.position : variable.position + variable.length]


def members(content: bytes) -> tuple[Member, ...]:
    """Return the data sets of a transport file.

    Raises SourceError `unreadable_sas` where a header record is not what the format demands.
    """
    if not any(content.startswith(HEADER + kind + BANG) for kind in LIBRARIES):
        unreadable("it is no SAS transport file, or damaged at its start; export it with the XPORT engine")
    if len(content) % RECORD:
        unreadable("it is cut off, or was sent as text: its length is not that of whole records")
    starts = [*_starts(content), len(content)]
    if len(starts) == 1:
        unreadable("it holds no data set")
    library = content[: starts[0]]
    return tuple(_member(library, content[begin:end]) for begin, end in pairwise(starts))


def unreadable(reason: str) -> NoReturn:
    """Raise SourceError `unreadable_sas`."""
    raise SourceError(f"the SAS file cannot be read: {reason}", rule="unreadable_sas")


def _starts(content: bytes) -> Iterator[int]:
    """Yield where data sets begin."""
    at = content.find(HEADER)
    while at >= 0:
        if at % RECORD == 0 and any(content.startswith(HEADER + kind + BANG, at) for kind in MEMBERS):
            yield at
        at = content.find(HEADER, at + 1)


def _member(library: bytes, part: bytes) -> Member:
    version = MEMBERS.index(part[len(HEADER) : len(HEADER) + 8])
    size, count = _number(part, 0, 73, 78), _number(part, 4, 53, 58)
    if not _is_header(part, 4, NAMES[version]) or size not in NAME_SIZES or count < 1:
        unreadable("the header of a data set is damaged; export it again")
    described = part[5 * RECORD : 5 * RECORD + count * size]
    if len(described) < count * size:
        unreadable("it is cut off among its variables; export it again")
    variables = tuple(_variable(described[at : at + size]) for at in range(0, count * size, size))
    ends = [variable.position + variable.length for variable in variables]
    if [0, *ends[:-1]] != [variable.position for variable in variables]:
        unreadable("the places of its variables do not follow each other; export it again")
    data = part[_data(part, 5 + -(-count * size // RECORD), version) :]
    name = part[2 * RECORD + 8 : 2 * RECORD + (40 if version else 16)]
    member = Member(name.decode("ascii", "replace").strip(), library + part, variables, data)
    _refuse_cut_row(member)
    return member


def _refuse_cut_row(member: Member) -> None:
    """Refuse rows of which the last is not whole: what stands after them only fills the last record."""
    left = member.data[member.rows * member.width :]
    if len(left) >= RECORD or (left.strip(b" ") and left.strip(b"\0")):
        unreadable("it is cut off among its rows; export it again")


def _variable(described: bytes) -> Variable:
    """Return a variable from its NAMESTR: type, length and position are big-endian integers."""
    kind, length = int.from_bytes(described[0:2]), int.from_bytes(described[4:6])
    position = int.from_bytes(described[84:88])
    if kind not in (NUMERIC, CHARACTER) or length < 1 or (kind == NUMERIC and not 2 <= length <= 8):
        unreadable("the description of a variable is damaged; export it again")
    return Variable(is_numeric=kind == NUMERIC, position=position, length=length)


def _data(part: bytes, record: int, version: int) -> int:
    """Return where the rows begin; before them version 8 may have long labels."""
    while record * RECORD < len(part):
        if _is_header(part, record, OBSERVATIONS[version]):
            return (record + 1) * RECORD
        if version == 0:
            break
        record += 1
    unreadable("the header of its rows is damaged; export it again")


def _is_header(part: bytes, record: int, kind: bytes) -> bool:
    return part.startswith(HEADER + kind + BANG, record * RECORD)


def _number(part: bytes, record: int, begin: int, end: int) -> int:
    digits = part[record * RECORD + begin : record * RECORD + end]
    return int(digits) if digits.isdigit() else -1

"""CSV and TSV: the layout of the records first, then the values of the good ones in one go."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
import polars as pl

from allpool.errors import Place, SourceError
from allpool.etl.readers.encodings import Text
from allpool.etl.readers.header import header_names
from allpool.etl.readers.layout import Integers, Layout, layout
from allpool.etl.readers.quoting import Record, records
from allpool.etl.readers.source import Problem, problem
from allpool.etl.readers.table import Cells
from allpool.mappings.read import DelimitedRead

BATCH = 50_000
BROKEN_ROWS = 1_000
"""So many rows with broken quotes mean that the quote character is declared wrong."""


def read_delimited(
    text: Text, read: DelimitedRead, *, names: Callable[..., tuple[str | None, ...]] = header_names
) -> Cells:
    """Return the cells under the header of a delimited text; `names` makes their names of its cells.

    Row numbers are physical lines: the first line of a record, as an editor shows it. Lines above the header
    are no data. A blank line is no record; a record of blanks only, of whatever length, counts as blank row.
    Row-level problems: `ragged_row` (more or fewer cells than the header), `broken_quotes`.
    Raises SourceError: `empty_file`, `no_header`, `duplicate_header`, `reserved_header`, `broken_quotes`.
    """
    content = text.content
    if not content.strip():
        raise SourceError("the file is empty; expected a header row and records", rule="empty_file")
    header = _header(content, read)
    named = names(header.fields or [], row=header.line)
    body = _Body(
        content=content,
        start=header.following,
        line=header.line + header.lines,
        width=len(named),
        separator=read.field_separator,
        quote=read.quote,
    )
    frame, rows = body.quickly() or body.closely()
    return Cells(
        names=named,
        frame=frame,
        rows=rows,
        problems=tuple(body.problems),
        blank_rows=body.blank_rows,
        header_row=header.line,
    )


def _header(content: bytearray, read: DelimitedRead) -> Record:
    start = 0
    for _ in range(read.header_row - 1):
        start = content.find(b"\n", start) + 1
        if start == 0 or start == len(content):
            raise SourceError(
                f"the file has fewer than {read.header_row} rows; set header_row to that of the names",
                rule="no_header",
            )
    separator, quote = read.field_separator, read.quote
    header = next(records(content, start=start, line=read.header_row, separator=separator, quote=quote))
    if header.fields is None:
        raise SourceError(
            "the quotes of the header row cannot be read; check quote in the mapping, or export again",
            rule="broken_quotes",
            place=Place(row=header.line),
        )
    return header


@dataclass
class _Body:
    """What follows the header, and what was found wrong with it."""

    content: bytearray
    start: int
    line: int
    width: int
    separator: str
    quote: str
    problems: list[Problem] = field(default_factory=list)
    blank_rows: int = 0

    def quickly(self) -> tuple[pl.DataFrame, Integers] | None:
        """Return values and rows by Polars' parser; None if the quotes need a closer look."""
        found = layout(
            self.content, start=self.start, line=self.line, separator=self.separator, quote=self.quote
        )
        if found is None:
            return None
        good = (found.fields == self.width) & (found.end - found.start > 1)
        frame = self._parsed(found, good)
        if frame.height != int(good.sum()):
            return None
        for index in np.flatnonzero(~good).tolist():
            self._odd(found, index)
        return frame, found.line[good]

    def _parsed(self, found: Layout, good: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> pl.DataFrame:
        schema = {f"{index}": pl.String() for index in range(self.width)}
        if not good.any():
            return pl.DataFrame(schema=schema)
        view = memoryview(self.content)
        if good.all():
            data = bytes(view[self.start :])
        else:
            edges = np.flatnonzero(np.diff(good, prepend=False, append=False))
            data = b"".join(
                view[found.start[first] : found.end[last - 1]]
                for first, last in zip(edges[0::2].tolist(), edges[1::2].tolist(), strict=True)
            )
        return pl.read_csv(
            data,
            has_header=False,
            schema=schema,
            separator=self.separator,
            quote_char=self.quote or None,
        )

    def _odd(self, found: Layout, index: int) -> None:
        start, end, line = (int(column[index]) for column in (found.start, found.end, found.line))
        raw = self.content[start:end]
        for record in records(raw, start=0, line=line, separator=self.separator, quote=self.quote):
            if record.fields is None:
                self.problems.append(_broken(record.line, 1))
            else:
                self._set_aside(record, record.fields, length=end - start)

    def closely(self) -> tuple[pl.DataFrame, Integers]:
        """Return values and rows, looking at each record alone."""
        good = self._good_records()
        schema = {f"{index}": pl.String() for index in range(self.width)}
        frames, rows = [pl.DataFrame(schema=schema)], [np.empty(0, dtype=np.int64)]
        while batch := list(islice(good, BATCH)):
            columns = zip(*(fields for _, fields in batch), strict=True)
            frames.append(pl.DataFrame(dict(zip(schema, columns, strict=True)), schema=schema))
            rows.append(np.array([line for line, _ in batch], dtype=np.int64))
        return pl.concat(frames), np.concatenate(rows)

    def _good_records(self) -> Iterator[tuple[int, list[str]]]:
        broken, start = 0, self.start
        for record in records(
            self.content, start=start, line=self.line, separator=self.separator, quote=self.quote
        ):
            length, start = record.following - start, record.following
            if record.fields is None:
                broken += 1
                self.problems.append(_broken(record.line, broken))
            elif len(record.fields) != self.width or length == 1:
                self._set_aside(record, record.fields, length=length)
            else:
                yield record.line, record.fields

    def _set_aside(self, record: Record, fields: list[str], *, length: int) -> None:
        """Count a record of blanks, report one not as wide as the header; a blank line is neither."""
        if any(cell.strip() for cell in fields):
            self.problems.append(self._ragged(record.line, record.lines, len(fields)))
        else:
            self.blank_rows += length > 1

    def _ragged(self, row: int, lines: int, cells: int) -> Problem:
        span = f", which runs to row {row + lines - 1} inside quotes" if lines > 1 else ""
        return problem(
            "ragged_row",
            scope="row",
            row=row,
            cells=cells,
            expected=f"{self.width} cells, as in the header; this record has {cells}{span}",
        )


def _broken(row: int, count: int) -> Problem:
    if count > BROKEN_ROWS:
        raise SourceError(
            f"more than {BROKEN_ROWS:,} rows have quotes that cannot be read; check quote in the mapping",
            rule="broken_quotes",
            place=Place(row=row),
        )
    return problem(
        "broken_quotes",
        scope="row",
        row=row,
        cells=1,
        expected="each quoted cell closed before the next separator, quotes inside it doubled",
    )

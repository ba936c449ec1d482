"""Where the records of a delimited text begin and end, by operations on whole arrays of bytes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

BLOCK = 8 * 2**20
LF = 0x0A
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Layout:
    """One entry per record: bytes `start` to `end` (past its line break), physical line, number of fields."""

    start: Integers
    end: Integers
    line: Integers
    fields: Integers


def layout(content: bytearray, *, start: int, line: int, separator: str, quote: str) -> Layout | None:
    """Return the records of `content` from byte `start` on, which is physical line `line`.

    `content` is UTF-8, its lines end in line feeds, the last one too. None, so that the caller looks closer,
    if separator or quote are not ASCII, or a quote stands where RFC 4180 (section 2, rules 5 to 7) has none.
    """
    if not (separator.isascii() and quote.isascii()):
        return None
    parts: list[Layout] = []
    length = len(content)
    while start < length:
        block = np.frombuffer(content, dtype=np.uint8, count=min(BLOCK, length - start), offset=start)
        part = _block(block, separator=ord(separator), quote=ord(quote) if quote else None)
        if part is None:
            return None
        used, lines, found = part
        parts.append(Layout(found.start + start, found.end + start, found.line + line, found.fields))
        start += used
        line += lines
    empty = np.empty(0, dtype=np.int64)
    columns = [
        np.concatenate([empty, *(getattr(part, name) for part in parts)])
        for name in ("start", "end", "line", "fields")
    ]
    return Layout(*columns)


def _block(
    block: npt.NDArray[np.uint8], *, separator: int, quote: int | None
) -> tuple[int, int, Layout] | None:
    """Return bytes and physical lines used up, and the whole records in them, counted from the block."""
    breaks = np.flatnonzero(block == LF)
    separators = np.flatnonzero(block == separator)
    ends = breaks
    if quote is not None:
        is_quote = block == quote
        quotes = np.flatnonzero(is_quote)
        if quotes.size:
            inside = np.bitwise_xor.accumulate(is_quote.view(np.uint8))
            ends = breaks[inside[breaks] == 0]
            separators = separators[inside[separators] == 0]
            if not ends.size or not _well_quoted(
                block, quotes, last=int(ends[-1]), separator=separator, quote=quote
            ):
                return None
    if not ends.size:
        return None
    starts = np.concatenate([[0], ends[:-1] + 1])
    fields = np.diff(np.searchsorted(separators, ends), prepend=0) + 1
    lines = np.arange(starts.size) if ends is breaks else np.searchsorted(breaks, starts)
    used = int(ends[-1]) + 1
    return used, int(np.searchsorted(breaks, used)), Layout(starts, ends + 1, lines, fields)


def _well_quoted(
    block: npt.NDArray[np.uint8], quotes: Integers, *, last: int, separator: int, quote: int
) -> bool:
    """Say whether quotes up to `last` open a field right at its start and close it right at its end."""
    quotes = quotes[quotes < last]
    opening, closing = quotes[0::2], quotes[1::2]
    before = block[opening[opening > 0] - 1]
    after = block[closing + 1]
    is_edge = np.zeros(256, dtype=np.bool_)
    is_edge[[separator, LF, quote]] = True
    return bool(is_edge[before].all() and is_edge[after].all())

"""Corruptions of Parquet and SAS files: tables of other types and sizes, headers and footers that lie."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.fuzz.corrupt import cells

BinaryCorruption = Callable[[Random, bytes], bytes]
RECORD = 80
"""Bytes of a record of a SAS transport file."""
VALUES: tuple[Any, ...] = (
    *(b"\x00\xff", True, 2**62, -1, 1e300, float("nan"), float("inf"), Decimal("1.10"), date(1, 1, 1)),
    *(
        datetime(2021, 3, 28, 2, 30),
        timedelta(days=400),
        [1, 2],
        [],
        [[None]],
        {"a": 1},
        {"a": {"b": [1]}},
        "",
    ),
    *("\0", "a\0b", "x" * 40_000, "\r\n", "田" * 300, None),
)


def of_cells(change: Callable[[Random, cells.Table], cells.Table]) -> BinaryCorruption:
    """Return the corruption of a Parquet file that changes its cells, as texts, by `change`."""

    def corrupted(random: Random, content: bytes) -> bytes:
        table = pq.read_table(io.BytesIO(content))
        records = [list(row.values()) for row in table.to_pylist()]
        texts = [["" if cell is None else str(cell) for cell in row] for row in records]
        header, *rows = change(random, [list(table.column_names), *texts])
        columns = [
            pa.array([row[at] if at < len(row) else None for row in rows]) for at in range(len(header))
        ]
        return _parquet(random, pa.Table.from_arrays(columns, names=[_whole(name) for name in header]))

    corrupted.__name__ = change.__name__
    return corrupted


def other_types(random: Random, content: bytes) -> bytes:
    """Let columns be of other types, nested ones too."""
    table = pq.read_table(io.BytesIO(content))
    for _ in range(random.choice((1, 3))):
        at, value = random.randrange(table.num_columns), random.choice(VALUES)
        column = pa.array([value if random.random() < 0.8 else None for _ in range(table.num_rows)])
        if random.random() < 0.2 and pa.types.is_string(column.type):
            column = column.dictionary_encode()
        table = table.set_column(at, table.column_names[at], column)
    return _parquet(random, table)


def table_bomb(random: Random, content: bytes) -> bytes:
    """Let a table be of millions of cells that pack into very little."""
    table = pq.read_table(io.BytesIO(content))
    match random.randrange(4):
        case 0:
            longer = pa.concat_tables([table.slice(0, 1)] * random.choice((1000, 3000)))
            table = pa.concat_tables([longer] * random.choice((1, 40))).combine_chunks()
        case 1:
            nothing = pa.nulls(table.num_rows, pa.string())
            for number in range(random.choice((100, 3000))):
                table = table.append_column(f"extra {number}", nothing)
        case 2:
            table = table.take(pa.array([0] * random.choice((1000, 40_000))))
            text = "x" * random.choice((200, 30_000))
            texts = pa.array([text]).take(pa.array([0] * table.num_rows))
            encoded = texts.dictionary_encode() if random.random() < 0.5 else texts
            table = table.set_column(random.randrange(table.num_columns), "sex", encoded)
        case _:
            long = [["x"] * random.choice((10, 25_000)), *([None] * (table.num_rows - 1))]
            table = table.append_column("list", pa.array(long))
    return _parquet(random, table)


def footer(random: Random, content: bytes) -> bytes:
    """Change bytes of the footer, or the length that the file says of it (Parquet: File Format)."""
    length = int.from_bytes(content[-8:-4], "little")
    changed = bytearray(content)
    if random.random() < 0.2 or not 8 < length < len(content) - 8:
        changed[-8:-4] = random.choice((0, 1, length - 1, length + 1, 2**31, 2**32 - 1)).to_bytes(4, "little")
        return bytes(changed)
    for _ in range(random.choice((1, 2, 8))):
        changed[len(content) - 8 - random.randrange(1, length)] = random.choice(
            (0, 0xFF, random.randrange(256))
        )
    return bytes(changed)


PARQUET: tuple[BinaryCorruption, ...] = (
    *map(of_cells, cells.ALL),
    other_types,
    table_bomb,
    footer,
    footer,
    footer,
)


def head_bytes(random: Random, content: bytes) -> bytes:
    """Change bytes where a SAS file says what is in it."""
    changed = bytearray(content)
    for _ in range(random.choice((1, 2, 8))):
        changed[random.randrange(min(len(content), 1500))] = random.choice(
            (0, 0xFF, 0x20, random.randrange(256))
        )
    return bytes(changed)


def digits(random: Random, content: bytes) -> bytes:
    """Lie in a number of a header record: how many variables, how long, how many rows."""
    found = list(re.finditer(rb"\d{4,}", content[:2000]))
    if not found:
        return head_bytes(random, content)
    chosen = random.choice(found)
    size = chosen.end() - chosen.start()
    lie = random.choice((b"0" * size, b"9" * size, b"1".rjust(size, b"0"), b" " * size, b"-" * size))
    return content[: chosen.start()] + lie + content[chosen.end() :]


def records(random: Random, content: bytes) -> bytes:
    """Lose, repeat or swap records of 80 bytes, or cut between them."""
    parts = [content[at : at + RECORD] for at in range(0, len(content), RECORD)]
    one, two = random.randrange(len(parts)), random.randrange(len(parts))
    match random.randrange(4):
        case 0:
            del parts[one]
        case 1:
            parts[one:one] = [parts[two]] * random.choice((1, 3, 20_000))
        case 2:
            parts[one], parts[two] = parts[two], parts[one]
        case _:
            del parts[one + 1 :]
    return b"".join(parts)


def numbers(random: Random, content: bytes) -> bytes:
    """Write other numbers among the rows: of the IBM's, the missing ones, texts with zeros in them."""
    begin = content.find(b"HEADER RECORD*******OBS") + RECORD
    changed = bytearray(content)
    for _ in range(random.choice((1, 10, 100))):
        at = random.randrange(begin, len(content) - 8) if begin < len(content) - 8 else 0
        told = random.choice(
            (b"\x7f" + b"\xff" * 7, b"A" + bytes(7), b"." + bytes(7), b"_" + bytes(7), bytes(8))
        )
        changed[at : at + 8] = told
    return bytes(changed)


SAS: tuple[BinaryCorruption, ...] = (head_bytes, head_bytes, digits, records, numbers)


def _parquet(random: Random, table: pa.Table) -> bytes:
    out = io.BytesIO()
    packing = random.choice(("snappy", "gzip", "zstd", "none", "brotli"))
    version = random.choice(("1.0", "2.4", "2.6"))
    pq.write_table(
        table, out, compression=packing, version=version, row_group_size=random.choice((1, 7, 10_000))
    )
    return out.getvalue()


def _whole(text: str) -> str:
    return text.encode("utf-8", "replace").decode()

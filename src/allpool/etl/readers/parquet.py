"""Apache Parquet: columns of any type as text, structures and lists flattened as in JSON lines."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final, NoReturn

import numpy as np
import polars as pl

from allpool.errors import Place, SourceError
from allpool.etl.readers.header import header_names
from allpool.etl.readers.packed import refuse_too_large
from allpool.etl.readers.source import ReadLimits
from allpool.etl.readers.table import Cells, without_nul
from allpool.etl.readers.texts import duration_text, number_texts
from allpool.mappings.read import ParquetRead

# File format: a file begins and ends with it, https://parquet.apache.org/docs/file-format/
MAGIC: Final = b"PAR1"
# The footer's length stands in the 4 bytes before the closing mark. Of a file of millions of rows it has
# kilobytes; it is parsed whole, at many times its size.
FOOTER_BYTES: Final = 16 * 2**20
ROW_GROUPS: Final = 1_000
"""More are read only where they hold as many rows each, on the average: each costs time and memory."""
# Days from 1970-01-01 to 0001-01-01 and to 9999-12-31.
FIRST_DAY: Final = -719_162
LAST_DAY: Final = 2_932_896
PER_SECOND: Final = {"ms": 10**3, "us": 10**6, "ns": 10**9}


def read_parquet(content: bytes, read: ParquetRead, limits: ReadLimits) -> Cells:
    """Return the columns of a Parquet file as text; rows are counted from 1.

    Whole numbers have no decimals, other floating-point numbers their shortest exact text, decimals all
    their digits (both with the declared sign); dates and times are ISO 8601 with as many digits as they
    need; booleans `true` and `false`; categories their text. A structure's fields are columns `a.b`, a
    list's items columns `a[0]`, `a[1]`, up to the longest.
    Raises SourceError: `unreadable_parquet`, `unreadable_column` (bytes and what else has no text),
    `too_many_columns`, `file_too_large`, `no_header`, `duplicate_header`, `reserved_header`.
    """
    _check(content, limits)
    frame = _frame(content)
    leaves = dict[int, pl.Series]()
    names: list[str] = []
    size = 0
    for column in frame.get_columns():
        for name, leaf in _leaves(column.name, column):
            names.append(name)
            refuse_too_large(frame.height, len(names), packed_bytes=len(content), limits=limits)
            size += _text_bytes(leaf)
            _refuse_repeated(size, packed_bytes=len(content), limits=limits)
            leaves[len(leaves)] = _text(leaf, name, read.decimal)
    cells = Cells(
        names=header_names(names, row=None),
        frame=pl.DataFrame([leaf.alias(str(index)) for index, leaf in leaves.items()]),
        rows=np.arange(1, frame.height + 1, dtype=np.int64),
        header_row=None,
    )
    return without_nul(cells)


def _frame(content: bytes) -> pl.DataFrame:
    """Return the table by Arrow: Polars' own reader ends the process over some damaged pages.

    Texts that the file says once for many rows stay so until their size is known.
    """
    import pyarrow as pa
    from pyarrow import parquet

    with _damage():
        file = parquet.ParquetFile(io.BytesIO(content))
        file.schema_arrow.to_string()  # raises where a name is no UTF-8, at any depth
        leaves = (file.schema.column(index) for index in range(len(file.schema)))
        texts = [leaf.path for leaf in leaves if leaf.logical_type.type == "STRING"]
        # not by `read_table`, which takes several times the memory where there are thousands of columns
        table = parquet.ParquetFile(io.BytesIO(content), read_dictionary=texts).read()
        table.validate(full=True)
        # without the metadata, which may be of any bytes and say nothing that is read
        frame = pl.from_arrow(pa.table(table.columns, names=table.column_names))
    assert isinstance(frame, pl.DataFrame)  # noqa: S101  # of a table it is one
    return frame


def _check(content: bytes, limits: ReadLimits) -> None:
    from pyarrow import ArrowException
    from pyarrow.parquet import read_metadata

    if len(content) < 3 * len(MAGIC) or not (content.startswith(MAGIC) and content.endswith(MAGIC)):
        _unreadable("it is damaged, encrypted, or no Parquet file")
    if int.from_bytes(content[-8:-4], "little") > FOOTER_BYTES:
        _unreadable(f"its footer has more than {FOOTER_BYTES:,} bytes")
    try:
        found = read_metadata(io.BytesIO(content))
    except (ArrowException, OSError, ValueError) as error:
        _unreadable(f"its footer is damaged ({type(error).__name__})")
    refuse_too_large(found.num_rows, found.num_columns, packed_bytes=len(content), limits=limits)
    if found.num_row_groups > max(ROW_GROUPS, found.num_rows // ROW_GROUPS):
        _unreadable(f"it is cut into {found.num_row_groups:,} row groups, more than its rows ask for")
    unpacked = sum(found.row_group(index).total_byte_size for index in range(found.num_row_groups))
    if found.num_rows < 0 or unpacked > limits.workbook_bytes:
        _unreadable(f"it says that it unpacks to {unpacked:,} bytes, past the limit")


@contextmanager
def _damage() -> Iterator[None]:
    try:
        yield
    except (KeyboardInterrupt, SystemExit, GeneratorExit, MemoryError):
        raise
    except BaseException as error:
        # A panic of the library below is no Exception; a message of its own may quote cells.
        _unreadable(f"its content is damaged, or of a kind that is not known ({type(error).__name__})")


def _unreadable(reason: str) -> NoReturn:
    raise SourceError(f"the Parquet file cannot be read: {reason}; write it again", rule="unreadable_parquet")


def _leaves(name: str, values: pl.Series) -> Iterator[tuple[str, pl.Series]]:
    """Yield the columns without structure that a column is made of."""
    kind = values.dtype
    if isinstance(kind, pl.Struct):
        for inner in values.struct.fields:
            yield from _leaves(f"{name}.{inner}", values.struct.field(inner))
    elif isinstance(kind, pl.List | pl.Array):
        items = values.cast(pl.List(kind.inner))
        longest = items.list.len().max()
        for place in range(longest if isinstance(longest, int) else 0):
            yield from _leaves(f"{name}[{place}]", items.list.get(place, null_on_oob=True))
    else:
        yield name, values


def _text(values: pl.Series, name: str, decimal: str) -> pl.Series:
    kind = values.dtype
    if isinstance(kind, pl.Date | pl.Datetime):
        _refuse_no_date(values, name)
    if isinstance(kind, pl.Decimal):
        return values.cast(pl.String).str.replace(".", decimal, literal=True)
    if kind.is_float():
        return number_texts(values, decimal)
    if isinstance(kind, pl.Datetime):
        zone = "%:z" if kind.time_zone else ""
        return values.dt.strftime(f"%Y-%m-%dT%H:%M:%S%.f{zone}")
    if kind == pl.Date:
        return values.dt.strftime("%Y-%m-%d")
    if kind == pl.Time:
        return values.dt.strftime("%H:%M:%S%.f")
    if isinstance(kind, pl.Duration):
        return pl.Series(_durations(values, PER_SECOND[kind.time_unit]), dtype=pl.String)
    if isinstance(kind, pl.String | pl.Categorical | pl.Enum):
        return values.cast(pl.String).str.replace_all("\r\n?", "\n")
    if kind.is_integer() or kind in (pl.Boolean, pl.Null):
        return values.cast(pl.String)
    raise SourceError(
        f"the column holds what has no plain text ({kind}); write it as text, or leave it out",
        rule="unreadable_column",
        place=Place(column=name),
    )


def _refuse_no_date(values: pl.Series, name: str) -> None:
    """Refuse what no calendar has, before it is written out, which would end in a panic."""
    kind = values.dtype
    per_day = 86_400 * PER_SECOND[kind.time_unit] if isinstance(kind, pl.Datetime) else 1
    days = values.to_physical() // per_day
    if not ((days >= FIRST_DAY) & (days <= LAST_DAY)).all():
        raise SourceError(
            "the column holds dates beyond the years 1 to 9999; write it as text, or leave it out",
            rule="unreadable_column",
            place=Place(column=name),
        )


def _durations(values: pl.Series, per_second: int) -> Iterator[str | None]:
    """Yield durations as hours, minutes and seconds, with every digit that is not zero."""
    for ticks in values.to_physical():
        if ticks is None:
            yield None
            continue
        seconds, rest = divmod(abs(ticks), per_second)
        digits = f"{rest:0{len(str(per_second)) - 1}d}".rstrip("0")
        sign = "-" if ticks < 0 else ""
        yield f"{sign}{duration_text(timedelta(seconds=seconds))}{'.' if digits else ''}{digits}"


def _text_bytes(values: pl.Series) -> int:
    """Return the bytes of a column's texts, each as often as it is said, before they are written out."""
    if isinstance(values.dtype, pl.Categorical | pl.Enum):
        return int(values.cat.len_bytes().cast(pl.Int64).sum())
    return int(values.str.len_bytes().cast(pl.Int64).sum()) if values.dtype == pl.String else 0


def _refuse_repeated(size: int, *, packed_bytes: int, limits: ReadLimits) -> None:
    """Refuse texts that, many times the same in the file, would fill the memory."""
    most = max(limits.text_characters, limits.packed_text_ratio * packed_bytes)
    if size > min(most, limits.workbook_bytes):
        _unreadable(f"a column unpacks to {size:,} bytes, past the limit")

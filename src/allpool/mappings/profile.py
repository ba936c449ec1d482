"""What a source file is like: what a data manager reads of its columns and a draft starts from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

CellKind = Literal["integer", "decimal", "decimal_comma", "date", "comparator", "text"]
"""How one cell reads: each filled cell has exactly one kind; `comparator` is `<0.01` and the like."""

IdentifierKind = Literal[
    "name", "national_id", "phone", "email", "address", "postcode", "medical_record_number", "patient_key"
]


@dataclass(frozen=True, kw_only=True)
class ValueCount:
    """One text of a column, and the number of cells that hold it."""

    text: str
    cells: int


@dataclass(frozen=True, kw_only=True)
class DateReading:
    """A date format of the mapping language, the cells that it reads, and the years that come out."""

    format: str
    cells: int
    first_year: int | None
    """None, like `last_year`, where fewer cells than the minimum frequency are dates."""
    last_year: int | None


@dataclass(frozen=True, kw_only=True)
class Suspicion:
    """Why a column looks like a direct identifier; never with a value."""

    kind: IdentifierKind
    share: float
    """Of the filled cells that bear it out, 0 to 1; 0 where the name of the column alone speaks."""
    reason: str


@dataclass(frozen=True, kw_only=True)
class ColumnProfile:
    """One column of a source file.

    What may be printed: `values` holds only texts that at least the minimum frequency of cells have, and
    nothing of a column that looks like an identifier; numbers are told by quantiles, never by their extremes.
    """

    name: str
    position: int
    """From 1."""
    rows: int
    filled: int
    distinct: int
    kinds: Mapping[CellKind, int] = field(default_factory=dict)
    values: tuple[ValueCount, ...] = ()
    """The most frequent first."""
    rare: int = 0
    """Filled cells whose text is not among `values`."""
    quantiles: Mapping[float, float] = field(default_factory=dict)
    """Of the cells that are numbers, at 0.01, 0.25, 0.5, 0.75 and 0.99."""
    shapes: tuple[ValueCount, ...] = ()
    """Texts with each digit as 9, each letter as A or a, each Han character as 字: the most frequent."""
    dates: tuple[DateReading, ...] = ()
    """Formats that read at least nine in ten of the filled cells, the best first."""
    longest: int = 0
    """Characters of the longest cell."""
    unit: str | None = None
    """Unit as the header or the cells write it, such as `x10^9/L`."""
    identifier: Suspicion | None = None
    quasi_identifier: str | None = None
    """Why the column identifies a person together with others (a date of birth), though not alone."""
    label: str | None = None
    """What the file calls the column in words (SAS, REDCap, ODM)."""
    is_order_open: bool = False
    """Two of `dates` read the cells as different days (d/m against m/d) and no cell decides: ask."""
    is_approximate: bool = False
    """The column has more texts than are kept: `distinct` is an estimate, and `values` may lack some cells;
    `shapes` and `dates` are of a sample of its texts."""

    @property
    def missing_share(self) -> float:
        """Share of the rows whose cell is blank, 0 to 1."""
        return 1 - self.filled / self.rows if self.rows else 0.0


@dataclass(frozen=True, kw_only=True)
class TableProfile:
    """One file and sheet: its columns in their order."""

    file: str
    sheet: str | None
    rows: int
    columns: tuple[ColumnProfile, ...]
    minimum_frequency: int
    format: str = "csv"
    """As `read` of a mapping calls it: csv, tsv, excel, ..."""
    encoding: str | None = None
    """Of a text file, found out: utf-8, utf-16, gb18030, big5, cp1250, iso-8859-2."""
    separator: str | None = None
    """Of a text file, found out."""
    decimal: Literal[".", ","] = "."
    """The decimal sign that most numbers with a fraction have."""
    header_row: int = 1
    """Row of the column names, from 1."""
    read: Mapping[str, str] = field(default_factory=dict)
    """Further words of `read` in a mapping: a form of ODM, the data dictionary of REDCap."""

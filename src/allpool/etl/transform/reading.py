"""What reading one field of many rows gives."""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

MISSING = "missing-data code"
SKIPPED = "read by another field"
IGNORED_CODE = "ignored code"


@dataclass(frozen=True)
class Reading:
    """One field read on n rows.

    `columns`: target column -> n values; `key`: n texts that tell two values apart (null where nothing was
    read); `error`: the rule that the cell breaks; `ignored`: the named rule that passes it over.
    """

    columns: dict[str, pl.Series]
    key: pl.Series
    error: pl.Series
    ignored: pl.Series = field(default_factory=lambda: pl.Series([], dtype=pl.String))

    @property
    def filled(self) -> pl.Series:
        """Return where a value was read."""
        return self.key.is_not_null()


def texts(length: int, value: str | None = None) -> pl.Series:
    """Return `length` times the same text, or null."""
    return pl.repeat(value, length, dtype=pl.String, eager=True)

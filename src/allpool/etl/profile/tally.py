"""What is counted of one column while its cells go by: bounded in memory, whatever the column says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import polars as pl

from allpool.etl.profile.cells import kinds_of
from allpool.mappings.profile import CellKind

TEXTS: Final = 20_000
"""Distinct texts that are kept; of a column with more, a sample."""
LOOKED_AT: Final = 5_000
"""Texts of a sample that are looked at for dates, shapes and identifiers; all of them for numbers."""
FREQUENT: Final = 2_000
"""Texts counted beside the sample, where the column has more than are kept."""
OFTEN: Final = 200
"""Of these, those that are looked at beside a sample."""
NEARLY_ALL: Final = 0.9
PART: Final = 8
SEED: Final = 7

COUNTED: Final = {"text": pl.String(), "cells": pl.UInt32(), "hash": pl.UInt64()}


@dataclass
class Tally:
    """The counts of one column.

    `sample` holds the texts with the smallest hashes, each with all of its cells: all texts where they are
    few, else a random sample of the distinct ones (Bar-Yossef et al., RANDOM 2002,
    doi:10.1007/3-540-45726-7_1), whose greatest hash also tells how many there are (standard error
    1/sqrt(TEXTS), 0.7 %).
    """

    filled: int = 0
    longest: int = 0
    kinds: dict[CellKind, int] = field(default_factory=dict)
    percents: int = 0
    """Numbers that end in a per cent sign."""
    sample: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=COUNTED))
    frequent: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=COUNTED))
    is_sampled: bool = False
    _differ: bool = False
    """Nearly all cells of the last block said something of their own: to count them is lost labour."""

    def add(self, cells: pl.Series) -> None:
        """Count more cells of the column."""
        texts = _each(cells) if self.is_sampled and self._differ else _counted(cells)
        self.filled += int(texts["cells"].sum())
        if self.is_sampled:
            self._read(texts)
            self._add_frequent(texts)
            texts = texts.filter(pl.col("hash") <= self.sample["hash"].max())
        whole = _added(self.sample, texts)
        if whole.height > TEXTS:
            if not self.is_sampled:
                self._read(whole)
                self.frequent = whole.top_k(FREQUENT, by="cells")
            self.is_sampled = True
            whole = whole.bottom_k(TEXTS, by="hash")
        self.sample = whole

    def finish(self) -> None:
        """Read what could wait until all cells were counted; to be called once, after the last of them."""
        if not self.is_sampled:
            self._read(self.sample)
        self.sample = self.sample.sort("hash")

    def _read(self, texts: pl.DataFrame) -> None:
        """Count kinds and lengths."""
        if texts.is_empty():
            return
        self.longest = max(self.longest, int(texts.select(pl.col("text").str.len_chars().max()).item()))
        found = kinds_of(texts)
        for kind, count in found.cells.items():
            self.kinds[kind] = self.kinds.get(kind, 0) + count
        self.percents += found.percents

    @property
    def distinct(self) -> int:
        """How many texts the column has; an estimate, where a sample is kept."""
        if not self.is_sampled:
            return self.sample.height
        greatest = int(self.sample["hash"][-1])
        return round((TEXTS - 1) / (greatest / 2**64))

    def most_frequent(self) -> pl.DataFrame:
        """Return texts and cells, the most frequent first; of a sampled column at least so many cells."""
        texts = self.sample.select("text", "cells")
        if self.is_sampled:
            texts = (
                pl.concat([texts, self.frequent.select("text", "cells")])
                .group_by("text")
                .agg(pl.col("cells").max())
            )
        return texts.sort("cells", "text", descending=[True, False])

    def looked_at(self, most: int = LOOKED_AT) -> pl.DataFrame:
        """Return what there is to look at, of a sample at most about `most`: `text`, `cells` and `seen`.

        `cells` add up to `filled`; of a sampled column they are estimates: the frequent texts as counted, a
        sample of the others for all others. `seen` is how many cells were seen to say it.
        """
        if not self.is_sampled:
            return self.sample.select("text", "cells", seen="cells")
        often = self.frequent.top_k(OFTEN, by="cells")
        others = self.sample.filter(~pl.col("text").is_in(often["text"].implode())).head(most)
        left = self.filled - int(often["cells"].sum())
        scale = max(1.0, left / max(1, int(others["cells"].sum())))
        return pl.concat(
            [
                often.select("text", pl.col("cells").cast(pl.Float64), seen="cells"),
                others.select("text", pl.col("cells") * scale, seen="cells"),
            ]
        )

    def _add_frequent(self, texts: pl.DataFrame) -> None:
        """Count the texts that are often met; those that are rare in each block fall out again.

        Of cells that were not counted, those are found that a part of them has twice.
        """
        part = texts
        if self._differ:
            part = _grouped(texts.head(1 + texts.height // PART))
            self._differ = part.height > NEARLY_ALL * (texts.height // PART)
        else:
            self._differ = texts.height > NEARLY_ALL * int(texts["cells"].sum())
        known = pl.concat([self.frequent["hash"], part.filter(pl.col("cells") > 1)["hash"]])
        often = texts.filter(pl.col("hash").is_in(known.implode()))
        if often.height:
            self.frequent = _added(self.frequent, often).top_k(FREQUENT, by="cells")


def _counted(cells: pl.Series) -> pl.DataFrame:
    """Return the distinct texts, stripped, that say something, how many cells say each, and their hashes."""
    texts = cells.rename("text")
    raw = pl.DataFrame([texts, _hashes(texts)]).group_by("hash").agg(pl.first("text"), cells=pl.len())
    if texts.null_count():
        raw = raw.drop_nulls("text")
    raw = raw.select(*COUNTED)
    bare = raw["text"].str.strip_chars()
    if bare.str.len_bytes().sum() == raw["text"].str.len_bytes().sum() and not (bare == "").any():
        return raw
    filled = raw.with_columns(bare).filter(pl.col("text") != "")
    return _grouped(filled.with_columns(_hashes(filled["text"])))


def _each(cells: pl.Series) -> pl.DataFrame:
    """Return all texts that say something, stripped, one cell each, whether others say the same or not."""
    texts = cells.rename("text").str.strip_chars()
    filled = texts.filter(texts.is_not_null() & (texts != ""))
    return pl.DataFrame([filled, _hashes(filled)]).select("text", pl.lit(1, pl.UInt32).alias("cells"), "hash")


def _hashes(texts: pl.Series) -> pl.Series:
    """Return hashes of 64 bits, by which texts are told apart."""
    return texts.hash(SEED).alias("hash")


def _added(first: pl.DataFrame, second: pl.DataFrame) -> pl.DataFrame:
    """Return the texts of both with the cells of both."""
    if first.is_empty() or second.is_empty():
        return pl.concat([first, second])
    return _grouped(pl.concat([first, second]))


def _grouped(texts: pl.DataFrame) -> pl.DataFrame:
    """Return each text once, with all its cells."""
    return texts.group_by("hash").agg(pl.first("text"), pl.col("cells").sum()).select(*COUNTED)

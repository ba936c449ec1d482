"""What is counted of one column while its cells go by: bounded in memory, whatever the column says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import polars as pl

from allpool.etl.profile.cells import numbers
from allpool.mappings.profile import CellKind

TEXTS: Final = 20_000
"""Distinct texts that are kept; of a column with more, a sample."""
FREQUENT: Final = 2_000
"""Texts counted beside the sample, where the column has more than are kept."""
NUMBERS: Final = 20_000
"""Distinct numbers that are kept as they are; of more, so many digits count."""
DIGITS: Final = 4
SEED: Final = 7

COUNTED: Final = {"text": pl.String(), "cells": pl.UInt32()}


@dataclass
class Tally:
    """The counts of one column.

    `sample` holds the texts with the smallest hashes, each with all of its cells: all texts where they are
    few, else a random sample of the distinct ones (Bar-Yossef et al., RANDOM 2002, doi:10.1007/3-540-45726-7_1),
    whose greatest hash also tells how many there are (standard error 1/sqrt(TEXTS), 0.7 %).
    """

    filled: int = 0
    longest: int = 0
    kinds: dict[CellKind, int] = field(default_factory=dict)
    percents: int = 0
    """Numbers that end in a per cent sign."""
    sample: pl.DataFrame = field(
        default_factory=lambda: pl.DataFrame(schema={**COUNTED, "hash": pl.UInt64()})
    )
    frequent: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=COUNTED))
    is_sampled: bool = False
    numbers: pl.DataFrame = field(
        default_factory=lambda: pl.DataFrame(schema={"number": pl.Float64(), "cells": pl.UInt32()})
    )

    def add(self, cells: pl.Series) -> None:
        """Count more cells of the column."""
        texts = _counted(cells)
        if texts.is_empty():
            return
        self.filled += int(texts["cells"].sum())
        self.longest = max(self.longest, int(texts.select(pl.col("text").str.len_chars().max()).item()))
        found = numbers(texts)
        for kind, count in found.kinds.items():
            self.kinds[kind] = self.kinds.get(kind, 0) + count
        self.percents += found.percents
        self._add_numbers(found.values)
        self._add_texts(texts)

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
            texts = pl.concat([texts, self.frequent]).group_by("text").agg(pl.col("cells").max())
        return texts.sort("cells", "text", descending=[True, False])

    def _add_texts(self, texts: pl.DataFrame) -> None:
        hashed = texts.with_columns(hash=pl.col("text").hash(SEED))
        if self.is_sampled:
            self._add_frequent(texts)
            hashed = hashed.filter(pl.col("hash") <= self.sample["hash"][-1])
        whole = pl.concat([self.sample, hashed])
        if self.sample.height:
            whole = whole.group_by("text").agg(pl.col("cells").sum(), pl.col("hash").first())
        if whole.height > TEXTS:
            if not self.is_sampled:
                self.frequent = whole.select("text", "cells").top_k(FREQUENT, by="cells")
            self.is_sampled = True
            whole = whole.bottom_k(TEXTS, by="hash")
        self.sample = whole.sort("hash")

    def _add_frequent(self, texts: pl.DataFrame) -> None:
        """Count the texts that are often met; those that are rare in each block fall out again."""
        often = texts.filter((pl.col("cells") > 1) | pl.col("text").is_in(self.frequent["text"].implode()))
        if often.height:
            counted = pl.concat([self.frequent, often]).group_by("text").agg(pl.col("cells").sum())
            self.frequent = counted.top_k(FREQUENT, by="cells")

    def _add_numbers(self, found: pl.DataFrame) -> None:
        if found.is_empty():
            return
        if self.numbers.height > NUMBERS:
            found = found.with_columns(pl.col("number").round_sig_figs(DIGITS))
        whole = pl.concat([self.numbers, found]).group_by("number").agg(pl.col("cells").sum())
        if whole.height > NUMBERS:
            whole = whole.group_by(pl.col("number").round_sig_figs(DIGITS)).agg(pl.col("cells").sum())
        self.numbers = whole


def _counted(cells: pl.Series) -> pl.DataFrame:
    """Return the distinct texts, stripped, that say something, and how many cells say each."""
    raw = cells.rename("text").drop_nulls().value_counts(name="cells")
    texts = raw.with_columns(pl.col("text").str.strip_chars())
    sizes = (frame["text"].str.len_bytes() for frame in (raw, texts))
    if next(sizes).sum() == next(sizes).sum() and not (texts["text"] == "").any():
        return texts
    return texts.filter(pl.col("text") != "").group_by("text").agg(pl.col("cells").sum())

"""The account of every cell: what the transform did with it, and what publishing made of that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np
import numpy.typing as npt
import polars as pl

from allpool.etl.transform.source import Prepared, ignore_reason

Verdicts = npt.NDArray[np.uint8]
Reasons = npt.NDArray[np.uint16]

UNUSED = "no record on this row"
KEPT = "kept in the landed resource"


class Verdict(IntEnum):
    """What became of a cell; where several records read it, the highest counts."""

    EMPTY = 0
    UNREAD = 1
    IGNORED = 2
    HELD = 3
    """Good itself, but the record it belongs to waits in quarantine."""
    UNCHANGED = 4
    LOADED = 5
    FAULT = 6
    """The cell itself is in quarantine."""


@dataclass(frozen=True)
class Use:
    """One rule's records: position of the row, id of the record, and which cells of the row it says.

    `cells` has one boolean column per source column, and as many rows as `at` and `ids`.
    """

    rule: str
    table: str
    at: pl.Series
    ids: pl.Series
    cells: pl.DataFrame


class Ledger:
    """The verdicts on the cells of one source table."""

    def __init__(self, prepared: Prepared) -> None:
        self.source = prepared.source
        self._rows = prepared.frame["_row"]
        self._columns = {column: index for index, column in enumerate(prepared.source.columns)}
        frame = prepared.frame
        shape = (frame.height, len(self._columns))
        self._cells: Verdicts = np.zeros(shape, dtype=np.uint8)
        self._reasons: dict[str, int] = {}
        self._why: Reasons = np.zeros(shape, dtype=np.uint16)
        self._passed: Reasons | None = None
        self._uses: list[Use] = []
        read = {name for names in prepared.plan.named_columns() for name in names}
        self._cells[frame.select(pl.col(*self._columns).is_not_null()).to_numpy()] = Verdict.UNREAD
        for column, index in self._columns.items():
            reason = ignore_reason(prepared.plan, column)
            if reason is not None and column not in read:
                filled = self._cells[:, index] != Verdict.EMPTY
                self._cells[filled, index] = Verdict.IGNORED
                self._why[filled, index] = self._reason(f"ignored by name: {reason}")

        if prepared.source.kept is not None:
            self._set_aside(prepared.source.kept)

    def _set_aside(self, kept: pl.DataFrame) -> None:
        """Note the rule by which cells are not kept as they are, for those that nothing else will read."""
        for (rule,), cells in kept.partition_by("rule", as_dict=True).items():
            rows, columns = self._places(cells)
            fresh = self._cells[rows, columns] == Verdict.UNREAD
            self._cells[rows[fresh], columns[fresh]] = Verdict.IGNORED
            self._why[rows[fresh], columns[fresh]] = self._reason(str(rule))

    def _places(self, cells: pl.DataFrame) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Return the positions of cells known by `row` and `column`; those of no place here are left out."""
        columns = {"column": list(self._columns), "index": list(self._columns.values())}
        found = (
            cells.select("row", "column")
            .join(self._rows.to_frame("row").with_row_index("at"), on="row")
            .join(pl.DataFrame(columns, schema={"column": pl.String, "index": pl.Int64}), on="column")
        )
        return found["at"].to_numpy().astype(np.int64), found["index"].to_numpy()

    def ignore(self, column: str, rows: npt.NDArray[np.int64], reason: str) -> None:
        """Note that a named rule passes over the cells of `column` on `rows`."""
        index = self._columns.get(column)
        if index is None or not len(rows):
            return
        fresh = rows[self._cells[rows, index] == Verdict.UNREAD]
        self._cells[fresh, index] = Verdict.IGNORED
        self._why[fresh, index] = self._reason(reason)

    def mark(self, column: str, rows: npt.NDArray[np.int64], verdict: Verdict) -> None:
        """Raise the verdict on the filled cells of `column` on `rows`."""
        index = self._columns.get(column)
        if index is not None and len(rows):
            filled = rows[self._cells[rows, index] != Verdict.EMPTY]
            self._cells[filled, index] = np.maximum(self._cells[filled, index], verdict)

    def mark_source_rows(self, column: str, rows: pl.Series, verdict: Verdict) -> None:
        """Raise the verdict on the cells of `column` on rows as a person counts them."""
        at = self._rows.to_frame("r").with_row_index("i").filter(pl.col("r").is_in(rows.implode()))
        self.mark(column, at["i"].to_numpy().astype(np.int64), verdict)

    def found_by_reader(self, problems: pl.DataFrame) -> None:
        """Note the cells that the reader emptied because it could not take them."""
        self._cells[self._places(problems.filter(pl.col("scope") == "cell"))] = Verdict.FAULT

    def passed_over_by_reader(self, passed: pl.DataFrame) -> None:
        """Note the cells that the reader emptied because a named rule of its own passes over them."""
        if self._passed is None and not passed.is_empty():
            self._passed = np.zeros_like(self._why)
        for (rule,), cells in passed.partition_by("rule", as_dict=True).items():
            if self._passed is not None:
                self._passed[self._places(cells)] = self._reason(str(rule))

    def mark_rows(self, rows: npt.NDArray[np.int64], verdict: Verdict) -> None:
        """Raise the verdict on all filled cells of `rows` that are not ignored."""
        for column in self._columns:
            index = self._columns[column]
            self.mark(column, rows[self._cells[rows, index] != Verdict.IGNORED], verdict)

    def use(self, use: Use) -> None:
        """Note which cells became which records."""
        self._uses.append(use)

    def settle(self, outcomes: Mapping[str, pl.DataFrame]) -> Account:
        """Return the account, given `id` and `verdict` of each record by table; what is absent is held."""
        for use, verdicts in self._verdicts(outcomes):
            positions = use.at.to_numpy().astype(np.int64)
            once = len(positions) == len(np.unique(positions))
            for column in use.cells.columns:
                index = self._columns.get(column)
                if index is None:
                    continue
                cells = self._cells[:, index]
                mask = use.cells[column].to_numpy() & (cells[positions] != Verdict.EMPTY)
                if once:
                    at = positions[mask]
                    cells[at] = np.maximum(cells[at], verdicts[mask])
                else:
                    np.maximum.at(cells, positions[mask], verdicts[mask])
        return self._account()

    def _verdicts(self, outcomes: Mapping[str, pl.DataFrame]) -> Iterator[tuple[Use, Verdicts]]:
        """Yield each use with the verdicts on its records; those of one table are looked up together."""
        by_table: dict[str, list[Use]] = {}
        for use in self._uses:
            by_table.setdefault(use.table, []).append(use)
        for table, uses in by_table.items():
            ids = pl.concat([use.ids for use in uses]).to_frame("id")
            known = outcomes.get(table)
            if known is None or known.is_empty():
                verdicts = np.full(ids.height, Verdict.HELD, dtype=np.uint8)
            else:
                joined = ids.join(known, on="id", how="left", maintain_order="left")
                verdicts = joined["verdict"].fill_null(int(Verdict.HELD)).to_numpy().astype(np.uint8)
            ends = np.cumsum([len(use.ids) for use in uses])
            yield from zip(uses, np.split(verdicts, ends[:-1]), strict=True)

    def _reason(self, text: str) -> int:
        return self._reasons.setdefault(text, len(self._reasons) + 1)

    def _account(self) -> Account:
        unread = self._cells == Verdict.UNREAD
        self._why[unread] = self._reason(UNUSED if self.source.kept is None else KEPT)
        self._cells[unread] = Verdict.IGNORED
        if self._passed is not None:
            passed = (self._passed > 0) & (self._cells == Verdict.EMPTY)
            self._why[passed] = self._passed[passed]
            self._cells[passed] = Verdict.IGNORED
        counts = np.bincount(self._cells.ravel(), minlength=len(Verdict))
        ignored = self._cells == Verdict.IGNORED
        reasons = np.bincount(self._why[ignored].ravel(), minlength=len(self._reasons) + 1)
        return Account(
            source_file=self.source.id,
            rows=int(self._cells.shape[0]),
            read=int(self._cells.size),
            loaded=int(counts[Verdict.LOADED]),
            unchanged=int(counts[Verdict.UNCHANGED]),
            quarantined=int(counts[Verdict.FAULT] + counts[Verdict.HELD]),
            ignored=int(counts[Verdict.IGNORED]),
            empty=int(counts[Verdict.EMPTY]),
            ignored_by={
                text: int(reasons[number]) for text, number in self._reasons.items() if reasons[number]
            },
        )


@dataclass(frozen=True)
class Account:
    """Design rule 1 for one file: read = loaded + unchanged + quarantined + ignored + empty."""

    source_file: str
    rows: int
    read: int
    loaded: int
    unchanged: int
    quarantined: int
    ignored: int
    empty: int
    ignored_by: Mapping[str, int]

    def with_reader(self, *, blank: int, lost: int) -> Account:
        """Return the account with the cells that never reached the transform: blank rows, unreadable rows."""
        return replace(
            self, read=self.read + blank + lost, empty=self.empty + blank, quarantined=self.quarantined + lost
        )

    @property
    def balanced(self) -> bool:
        """Whether the sum holds."""
        parts = (self.loaded, self.unchanged, self.quarantined, self.ignored, self.empty)
        return self.read == sum(parts)

    def repeated(self) -> Account:
        """Return the account of the same file read again with nothing new: what was loaded is unchanged."""
        return replace(self, loaded=0, unchanged=self.unchanged + self.loaded)


def positions(frame: pl.DataFrame, mask: pl.Series | None = None) -> npt.NDArray[np.int64]:
    """Return the positions (`_i`) of a frame's rows, or of those where `mask` is true."""
    chosen = frame["_i"] if mask is None else frame.filter(mask.fill_null(value=False))["_i"]
    return chosen.to_numpy().astype(np.int64)

"""A column without the texts that stand for no value, so that the others can be told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from allpool.mappings.draft.lexicon import load_lexicon
from allpool.mappings.profile import CellKind, ColumnProfile, DateReading, TableProfile, ValueCount
from allpool.mappings.terminology import normal

SHAPES = {
    "9999-99-99": "%Y-%m-%d",
    "9999/99/99": "%Y/%m/%d",
    "9999/9/9": "%Y/%m/%d",
    "9999/99/9": "%Y/%m/%d",
    "9999/9/99": "%Y/%m/%d",
    "99.99.9999": "%d.%m.%Y",
    "9.9.9999": "%d.%m.%Y",
    "99.9.9999": "%d.%m.%Y",
    "9.99.9999": "%d.%m.%Y",
    "9999字99字99字": "%Y年%m月%d日",
}
"""Shapes of dates that can be read in one way only."""


def missing_texts(column: ColumnProfile) -> tuple[str, ...]:
    """Return the frequent texts of a column that stand for no value in most exports."""
    known = {normal(text) for text in load_lexicon().file.missing}
    return tuple(value.text for value in column.values if normal(value.text) in known)


def without_missing(column: ColumnProfile) -> ColumnProfile:
    """Return the profile of the cells that say something; of one that holds nothing else, as it is."""
    texts = set(missing_texts(column))
    gone = sum(value.cells for value in column.values if value.text in texts)
    if not gone or gone >= column.filled:
        return column
    kinds: dict[CellKind, int] = dict(column.kinds)
    kinds["text"] = max(0, kinds.get("text", 0) - gone)
    filled = column.filled - gone
    return replace(
        column,
        filled=filled,
        distinct=max(1, column.distinct - len(texts)),
        kinds={kind: cells for kind, cells in kinds.items() if cells},
        values=tuple(value for value in column.values if value.text not in texts),
        dates=column.dates or tuple(_dates(column, filled, kinds.get("date", 0))),
    )


def missing_in(table: TableProfile) -> tuple[str, ...]:
    """Return such texts of all columns, the most frequent first."""
    cells: dict[str, int] = {}
    for column in table.columns:
        counts = {value.text: value.cells for value in column.values}
        for text in missing_texts(column):
            cells[text] = cells.get(text, 0) + counts[text]
    return tuple(sorted(cells, key=lambda text: (-cells[text], text)))


def _dates(column: ColumnProfile, filled: int, dates: int) -> Iterable[DateReading]:
    """Return the format of dates beside missing texts, where their frequent shapes leave but one."""
    if dates < 0.9 * filled:
        return
    formats: dict[str, int] = {}
    for shape in _with_digits(column.shapes):
        name = SHAPES.get(shape.text)
        if name is None:
            return
        formats[name] = formats.get(name, 0) + shape.cells
    if len(formats) == 1:
        ((name, cells),) = formats.items()
        yield DateReading(format=name, cells=cells, first_year=None, last_year=None)


def _with_digits(shapes: Iterable[ValueCount]) -> list[ValueCount]:
    return [shape for shape in shapes if "9" in shape.text]

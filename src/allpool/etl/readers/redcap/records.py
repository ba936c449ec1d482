"""Records of REDCap as JSON: one object per row (flat), or one per value (EAV), brought into one table."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import polars as pl

from allpool.errors import Place, SourceError
from allpool.etl.readers.header import header_names
from allpool.etl.readers.redcap.columns import BOX, EVENT, INSTANCE, INSTRUMENT, box_name
from allpool.etl.readers.redcap.dictionary import DataDictionary
from allpool.etl.readers.source import Problem, problem
from allpool.etl.readers.table import CellFinding, Cells, without_nul

# REDCap API help, "Export Records", type eav.
RECORD, FIELD, VALUE = "record", "field_name", "value"
ROW_KEY: Final = (RECORD, EVENT, INSTRUMENT, INSTANCE)
PLAIN = (str, int, float, bool)
WHOLE_CHARACTERS: Final = "whole characters; half a surrogate pair is none"
"""JSON's escapes can say half a character (RFC 8259, 8.2), which no encoding can write."""


def json_cells(
    content: bytes | bytearray, dictionary: DataDictionary, *, labels: bool = False
) -> tuple[Cells, bool]:
    """Return the cells of an export in JSON, and whether it is EAV, which lacks empty columns.

    Row numbers count the objects from 1 (of EAV: the row's first). Of EAV, the columns are those that occur,
    in the dictionary's order, and a box beside a ticked one is `0`, as a flat export has it.
    Findings: `nested_value`, `encoding`, `nul_byte`; row-level problems: `eav_value`, `encoding`.
    Raises SourceError: `unreadable_json`, `empty_file`, `duplicate_header`, `reserved_header`.
    """
    objects = _objects(content)
    if not objects:
        raise SourceError("the export holds no record", rule="empty_file")
    if {RECORD, FIELD, VALUE} <= objects[0].keys():
        return _Values(dictionary, labels=labels).cells(objects), True
    return record_cells(objects), False


def record_cells(objects: Sequence[Mapping[str, Any]]) -> Cells:
    """Return the cells of flat records, one object per row."""
    names = header_names(list(dict.fromkeys(name for item in objects for name in item)), row=None)
    findings: list[CellFinding] = []
    columns: dict[str, list[str | None]] = {}
    for index, name in enumerate(names):
        columns[str(index)] = [
            _text(item.get(str(name)), row=row, index=index, findings=findings)
            for row, item in enumerate(objects, start=1)
        ]
    cells = Cells(
        names=names,
        frame=pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String)),
        rows=np.arange(1, len(objects) + 1, dtype=np.int64),
        header_row=None,
        findings=tuple(findings),
    )
    return without_nul(cells)


class _Values:
    """One object per value, put into rows by record, event, repeating instrument and instance."""

    def __init__(self, dictionary: DataDictionary, *, labels: bool) -> None:
        self._dictionary, self._labels = dictionary, labels
        self._rows: dict[tuple[str, ...], dict[str, str | None]] = {}
        self._first: list[int] = []
        self._problems: list[Problem] = []

    def cells(self, objects: Sequence[Mapping[str, Any]]) -> Cells:
        for number, item in enumerate(objects, start=1):
            self._take(number, item)
        keys = [key for key in ROW_KEY[1:] if any(key in item for item in objects[:1])]
        names = header_names([self._dictionary.record_id, *keys, *self._order()], row=None)
        columns = {
            str(index): [row.get(str(name)) for row in self._rows.values()]
            for index, name in enumerate(names)
        }
        cells = Cells(
            names=names,
            frame=pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String)),
            rows=np.array(self._first, dtype=np.int64),
            header_row=None,
            problems=tuple(self._problems),
        )
        return without_nul(cells)

    def _take(self, number: int, item: Mapping[str, Any]) -> None:
        told = {key: item.get(key) for key in (*ROW_KEY, FIELD, VALUE)}
        if (
            told[RECORD] is None
            or told[FIELD] is None
            or not all(value is None or isinstance(value, PLAIN) for value in told.values())
        ):
            self._problems.append(_refused(number, "record, field_name and value, each one text"))
            return
        if not all(value is None or _is_whole(str(value)) for value in told.values()):
            self._problems.append(
                problem("encoding", scope="row", row=number, cells=1, expected=WHOLE_CHARACTERS)
            )
            return
        key = tuple(str(told[part] or "") for part in ROW_KEY)
        if key not in self._rows:
            own = dict(zip((self._dictionary.record_id, *ROW_KEY[1:]), key, strict=True))
            self._rows[key] = {name: value or None for name, value in own.items()}
            self._first.append(number)
        row, name, value = (
            self._rows[key],
            str(told[FIELD]),
            str(told[VALUE] if told[VALUE] is not None else ""),
        )
        if name in self._dictionary and self._dictionary[name].kind == "checkbox":
            self._tick(row, name, value, number)
        elif name == self._dictionary.record_id:
            if row[name] != value:
                self._problems.append(_refused(number, "the record id as `record` says it"))
        elif name in row and row[name] != value:
            self._problems.append(_refused(number, f"one value of {name} on one form"))
        else:
            row[name] = value

    def _tick(self, row: dict[str, str | None], name: str, value: str, number: int) -> None:
        offered = self._dictionary[name].choices
        codes = [value] if not self._labels else [code for code, said in offered.items() if said == value]
        if len(codes) != 1 or (self._labels is False and value == ""):
            self._problems.append(_refused(number, f"a choice of {name} that the dictionary has once"))
            return
        for code in offered:
            row.setdefault(box_name(name, code), "0")
        row[box_name(name, codes[0])] = "1"

    def _order(self) -> list[str]:
        """Return the fields that occur, in the dictionary's order; others after them."""
        found = dict.fromkeys(name for row in self._rows.values() for name in row)
        place = {item.name: at for at, item in enumerate(self._dictionary.fields)}
        own = {self._dictionary.record_id, *ROW_KEY}
        fields = [name for name in found if name not in own]
        return sorted(fields, key=lambda name: place.get(name.partition(BOX)[0], len(place)))


def _objects(content: bytes | bytearray) -> list[dict[str, Any]]:
    try:
        found = json.loads(content, parse_float=str, parse_int=str, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        raise SourceError(
            "the file is no JSON that can be read (damaged, cut off, or a name stands twice in one object); "
            "export it again",
            rule="unreadable_json",
            place=Place(row=line),
        ) from None
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise SourceError(
            "expected a list of records, as REDCap exports them; this is other JSON", rule="unreadable_json"
        )
    return found


def _once(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError("a name twice")
        if not _is_whole(name):
            raise ValueError("a name with half a character")
        found[name] = value
    return found


def _is_whole(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _text(value: Any, *, row: int, index: int, findings: list[CellFinding]) -> str | None:
    if isinstance(value, str) and not _is_whole(value):
        findings.append(
            CellFinding(row=row, index=index, rule="encoding", expected=WHOLE_CHARACTERS, value=None)
        )
        return None
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, PLAIN):
        return str(value)
    findings.append(
        CellFinding(
            row=row, index=index, rule="nested_value", expected="one text, no list or object", value=None
        )
    )
    return None


def _refused(number: int, expected: str) -> Problem:
    """Return the finding about one value of an EAV export: it stands in no cell of the table."""
    return problem("eav_value", scope="row", row=number, cells=1, expected=expected)

"""CDISC ODM 1.3 (REDCap's project XML too): one form, or one item group, as rows; read as a stream."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import polars as pl

from allpool.errors import Place, SourceError
from allpool.etl.readers.header import header_names
from allpool.etl.readers.odm.metadata import ODM, Metadata, MetadataScan, dictionary_of
from allpool.etl.readers.redcap.boxes import unanswered
from allpool.etl.readers.redcap.columns import columns_of
from allpool.etl.readers.source import ReadLimits
from allpool.etl.readers.table import CellFinding, Cells
from allpool.etl.readers.xml import Cursor, parse
from allpool.mappings.read import OdmRead

# ODM 1.3.2, section 3.1.4 (ClinicalData): the attributes that tell its rows apart.
KEYS: Final = (
    *("SubjectKey", "StudyEventOID", "StudyEventRepeatKey", "FormOID", "FormRepeatKey"),
    *("ItemGroupRepeatKey", "LocationOID"),
)
# ODM 1.3.2, section 3.1.4; REDCap's projects without events have forms within the subject.
PARENTS: Final = {
    "SubjectData": ("ClinicalData",),
    "StudyEventData": ("SubjectData",),
    "FormData": ("StudyEventData", "SubjectData"),
    "ItemGroupData": ("FormData",),
    "ItemData": ("ItemGroupData",),
}
REFERENCE: Final = "ReferenceData"
"""Item groups of no patient; ODM 1.3.2, section 3.1.3."""
BATCH: Final = 20_000
UNIT: Final = "MeasurementUnitOID"


def read_odm(chunks: Iterator[bytes], read: OdmRead, limits: ReadLimits) -> tuple[str, Cells]:
    """Return the OID of the form or item group that was read, and its cells.

    Columns: the keys that the file has, then one per item, called by its OID, in the order of the metadata;
    an item's unit, where it has one, is `<ItemOID>.MeasurementUnitOID`. Codes stay codes. A file within the
    file is its name. Of REDCap's checkboxes, zeros that need not mean no are passed over, as in its other
    exports. The questions are the columns' labels. `_row` is the line on which the form or item group
    begins, or, where two begin on one line, its number among those of the sheet. Memory is that of the
    sheet alone.
    Raises SourceError: `unreadable_odm`, `missing_sheet`, `repeating_item_group`, `not_a_snapshot`,
    `reserved_header`, `empty_file`.
    """
    cursor = Cursor()
    scan = _Scan(read, cursor, limits)
    parse(chunks, start=scan.start, end=scan.end, text=scan.text, document=ODM, cursor=cursor)
    return scan.sheet(), scan.cells()


class _Scan:
    """Keeps the rows of one form or item group as they pass by."""

    def __init__(self, read: OdmRead, cursor: Cursor, limits: ReadLimits) -> None:
        self._read, self._cursor, self._limits = read, cursor, limits
        self._metadata = MetadataScan()
        self._key: dict[str, str] = {}
        self._group = ""
        self._row: dict[str, str] | None = None
        self._at = 0
        self._lines: list[int] = []
        self._batch: list[dict[str, str]] = []
        self._frames: list[pl.DataFrame] = []
        self._columns: dict[str, None] = {}
        self._item: str | None = None
        self._heard: list[str] | None = None
        self._within: list[str] = []
        self._in_data = self._is_odm = False
        self._findings: list[tuple[int, str]] = []
        self._chosen: str | None = None

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if not self._is_odm:
            self._open(name, attributes)
            return
        self._nest(name)
        if not self._in_data:
            self._in_data = name == "ClinicalData"
            self._metadata.start(name, attributes)
        else:
            self._data(name, attributes)

    def _nest(self, name: str) -> None:
        """Raise where data stand in no place of theirs: as they would be nobody's, they would be lost."""
        parents = PARENTS.get("ItemData" if name.startswith("ItemData") else name)
        parent = self._within[-1] if self._within else ""
        if parents is not None and parent not in parents and REFERENCE not in self._within:
            raise SourceError(
                f"{name} stands where CDISC ODM 1.3 has none; expected it within {' or '.join(parents)}",
                rule="unreadable_odm",
                place=Place(row=self._cursor.line),
            )
        self._within.append(name)

    def _open(self, name: str, attributes: dict[str, str]) -> None:
        if name != "ODM":
            raise SourceError(
                "the file is XML, but no ODM: its first element is another; export it as CDISC ODM",
                rule="unreadable_odm",
                place=Place(row=self._cursor.line),
            )
        if attributes.get("ODMVersion", "1").startswith("2"):
            raise SourceError(
                "the file is of version 2 of ODM, which is not read; export it as CDISC ODM 1.3",
                rule="unreadable_odm",
                place=Place(row=self._cursor.line),
            )
        if attributes.get("FileType") == "Transactional":
            _not_a_snapshot(self._cursor.line)
        self._is_odm = True

    def _data(self, name: str, attributes: dict[str, str]) -> None:
        if attributes.get("TransactionType") in ("Remove", "Update", "Upsert", "Context"):
            _not_a_snapshot(self._cursor.line)
        match name:
            case "SubjectData":
                self._key = {"SubjectKey": attributes.get("SubjectKey", "")}
            case "SiteRef" if "StudyEventOID" not in self._key and "FormOID" not in self._key:
                self._key["LocationOID"] = attributes.get("LocationOID", "")
            case "StudyEventData":
                self._key["StudyEventOID"] = attributes.get("StudyEventOID", "")
                self._key["StudyEventRepeatKey"] = attributes.get("StudyEventRepeatKey", "")
            case "FormData":
                self._key["FormOID"] = attributes.get("FormOID", "")
                self._key["FormRepeatKey"] = attributes.get("FormRepeatKey", "")
                if self._read.form is not None and self._is_chosen(self._key["FormOID"]):
                    self._begin()
            case "ItemGroupData":
                self._group = attributes.get("ItemGroupOID", "")
                if self._read.item_group is not None and self._is_chosen(self._group):
                    self._key["ItemGroupRepeatKey"] = attributes.get("ItemGroupRepeatKey", "")
                    self._begin()
            case "MeasurementUnitRef" if self._row is not None and self._item is not None:
                self._keep(f"{self._item}.{UNIT}", attributes.get("MeasurementUnitOID", ""))
            case _ if name.startswith("ItemData") and self._row is not None:
                self._begin_item(name, attributes)

    def _begin(self) -> None:
        self._row, self._at = dict(self._key), self._cursor.line

    def _begin_item(self, name: str, attributes: dict[str, str]) -> None:
        self._item = attributes.get("ItemOID", "")
        self._columns.setdefault(self._item)
        if attributes.get("IsNull") == "Yes":
            return
        if name == "ItemData":
            self._keep(self._item, attributes.get("Value", ""))
        elif "DocName" in attributes:
            self._keep(self._item, attributes["DocName"])
        elif "Binary" in name:
            self._findings.append((len(self._lines), self._item))
        else:
            # typed data (ItemDataString, ItemDataDate, ...) stand between the tags
            self._heard = []

    def _keep(self, column: str, value: str) -> None:
        assert self._row is not None  # noqa: S101  # only asked within a row
        if column in self._row and self._row[column] != value:
            raise SourceError(
                f"the item {column} stands twice in one form; read its item group (`item_group: ...`) "
                "instead, so that each repeat is a row of its own",
                rule="repeating_item_group",
                place=Place(row=self._cursor.line, column=column),
            )
        self._columns.setdefault(column)
        self._row[column] = value

    def text(self, text: str) -> None:
        if self._heard is not None:
            self._heard.append(text)
        elif not self._in_data:
            self._metadata.text(text)

    def end(self, name: str) -> None:
        if self._within:
            self._within.pop()
        if not self._in_data:
            self._metadata.end(name)
            return
        match name:
            case "ClinicalData":
                self._in_data = False
            case "StudyEventData":
                self._forget("StudyEventOID", "StudyEventRepeatKey")
            case "FormData":
                if self._read.form is not None:
                    self._close()
                self._forget("FormOID", "FormRepeatKey")
            case "ItemGroupData":
                if self._read.item_group is not None:
                    self._close()
                self._forget("ItemGroupRepeatKey")
            case _ if name.startswith("ItemData") and self._item is not None:
                if self._heard is not None:
                    self._keep(self._item, "".join(self._heard))
                self._heard = self._item = None

    def _forget(self, *keys: str) -> None:
        for key in keys:
            self._key.pop(key, None)

    def _close(self) -> None:
        if self._row is None:
            return
        self._lines.append(self._at)
        self._batch.append(self._row)
        self._row = None
        if len(self._batch) >= BATCH:
            self._pack()
        if len(self._lines) * len(self._columns) > self._limits.sheet_cells:
            raise SourceError(
                f"the sheet has more than {self._limits.sheet_cells:,} cells; split the export",
                rule="sheet_too_large",
            )

    def _pack(self) -> None:
        names = dict.fromkeys(name for row in self._batch for name in row)
        columns = {name: [row.get(name) for row in self._batch] for name in names}
        self._frames.append(pl.DataFrame(columns, schema=dict.fromkeys(columns, pl.String)))
        self._batch = []

    def _is_chosen(self, oid: str) -> bool:
        return oid == self.sheet()

    def sheet(self) -> str:
        """Return the OID of what is read; the mapping names it by OID, or by a name that only one has."""
        if self._chosen is None:
            self._chosen = _oid(self._read, self._metadata.metadata)
        return self._chosen

    def cells(self) -> Cells:
        self._pack()
        metadata, oid = self._metadata.metadata, self.sheet()
        rows = pl.concat(self._frames, how="diagonal")
        known = metadata.items_of_form(oid) if self._read.form else metadata.items_of.get(oid, [])
        items = [
            name
            for item in known
            for name in (item, f"{item}.{UNIT}")
            if name in rows.columns or name == item
        ]
        others = [name for name in self._columns if name not in items]
        keys = [key for key in KEYS if key in rows.columns and not (key == "FormOID" and self._read.form)]
        names = list(dict.fromkeys([*keys, *items, *others]))
        if not names:
            raise SourceError(f"{oid} has no items and no data in this file", rule="empty_file")
        absent = [pl.lit(None, pl.String).alias(name) for name in names if name not in rows.columns]
        frame = rows.with_columns(absent).select(names)
        lines = np.array(self._lines, dtype=np.int64)
        if len(np.unique(lines)) < len(lines):
            lines = np.arange(1, len(lines) + 1, dtype=np.int64)
        findings = tuple(
            CellFinding(
                row=int(lines[row]),
                index=names.index(item),
                rule="binary_item",
                expected="text; data within the file are not read",
                value=None,
            )
            for row, item in self._findings
        )
        cells = Cells(
            names=header_names(names, row=None),
            frame=frame.rename({name: str(i) for i, name in enumerate(names)}),
            rows=lines,
            header_row=None,
            findings=findings,
            labels=tuple(metadata.label(name) for name in names),
        )
        return self._answered(cells)

    def _answered(self, cells: Cells) -> Cells:
        """Return the cells without the zeros that REDCap writes of boxes that nobody answered."""
        dictionary = dictionary_of(self._metadata.metadata)
        if all(item.kind != "checkbox" for item in dictionary.fields):
            return cells
        columns = columns_of(cells.names, dictionary, dictionary.missing_codes)
        return unanswered(cells, columns, complete_means_no=self._read.unticked == "complete")


def _oid(read: OdmRead, metadata: Metadata) -> str:
    wanted = str(read.form or read.item_group)
    known = metadata.forms if read.form is not None else metadata.groups
    # a file may leave its metadata to another: then only an OID can be meant
    if wanted in known or not (known or metadata.items):
        return wanted
    named = [oid for oid, said in known.items() if wanted in (said.get("FormName"), said.get("Name"))]
    if len(named) == 1:
        return named[0]
    what = "form" if read.form is not None else "item group"
    many = f"{len(named)} are called so" if named else f"there is {', '.join(known) or 'none'}"
    raise SourceError(
        f"expected a {what} {wanted!r}; {many}; correct {what.replace(' ', '_')} in the mapping "
        "(its OID or name)",
        rule="missing_sheet",
        place=Place(sheet=wanted),
    )


def _not_a_snapshot(line: int) -> None:
    raise SourceError(
        "the file tells changes (transactions), not what the data are; export a snapshot",
        rule="not_a_snapshot",
        place=Place(row=line),
    )

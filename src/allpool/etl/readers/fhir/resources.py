"""FHIR R4 resources of one type as rows: a column for each leaf's path, digits as they were written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import numpy as np
import polars as pl

from allpool.errors import SourceError
from allpool.etl.readers.fhir.entries import Entry, Refusal, fhir_entries
from allpool.etl.readers.fhir.parsing import cells
from allpool.etl.readers.fhir.structure import Fault
from allpool.etl.readers.header import RESERVED
from allpool.etl.readers.source import Problem, problem
from allpool.etl.readers.table import CellFinding, Cells
from allpool.mappings.read import FhirRead

FULL_URL: Final = "fullUrl"
"""Column of a Bundle entry's own address, by which others call a resource that has no id yet."""

COLUMNS: Final = 50_000


def read_fhir(content: Iterable[bytes], read: FhirRead, *, lines: bool) -> Cells:
    """Return the resources of type `read.resource` as rows.

    Columns are called by `fhir_json.cells`; the column `fullUrl` is the Bundle entry's. `_row` is the line of
    NDJSON, or the number of the Bundle's entry. An element with a structural fault is no cell but a problem
    (`fhir_element`, `fhir_type`, `fhir_empty`) without its value. Of lines and entries that cannot be taken
    the landing tells, which sees all of them. There are no columns where no resource is of the type.
    Raises SourceError as `fhir_entries` does, and `too_many_columns`.
    """
    made = _Columns()
    for found in fhir_entries(content, read, lines=lines):
        if isinstance(found, Entry) and found.type == read.resource:
            made.add(found)
    return made.cells()


def refused(found: Refusal) -> Problem:
    """Return the problem of a line or entry that cannot be taken; it counts as one cell."""
    return problem(
        found.rule, scope="row", row=found.row, column=found.path, expected=found.expected, cells=1
    )


def row_cells(entry: Entry) -> tuple[dict[str, str], dict[str, Fault]]:
    """Return the cells of a resource, and the faults by the cells that they make unreadable."""
    said = cells("", entry.resource)
    if entry.full_url is not None:
        said[FULL_URL] = entry.full_url
    faulty: dict[str, Fault] = {}
    beneath = _beneath(said, frozenset(fault.path for fault in entry.faults))
    for fault in entry.faults:
        # no element of FHIR is called so and is a text; the name stays the transform's own
        paths = beneath.get(fault.path) or [fault.path]
        faulty |= dict.fromkeys((f"{path}[0]" if path in RESERVED else path for path in paths), fault)
        for path in RESERVED.intersection(paths) & said.keys():
            said[f"{path}[0]"] = said.pop(path)
    return said, faulty


def _beneath(paths: Iterable[str], places: frozenset[str]) -> Mapping[str, list[str]]:
    """Return the paths at each of the places, or beneath it."""
    found: dict[str, list[str]] = {}
    for path in paths if places else ():
        ends = [at for at, letter in enumerate(path) if letter in ".["]
        for place in (*(path[:at] for at in ends), path):
            if place in places:
                found.setdefault(place, []).append(path)
    return found


class _Columns:
    """Cells by column, in the order in which the resources first name them."""

    def __init__(self) -> None:
        self.rows: list[int] = []
        self.columns: dict[str, tuple[list[int], list[str]]] = {}
        self.faults: list[tuple[int, str, Fault]] = []

    def add(self, entry: Entry) -> None:
        """Add a resource as a row."""
        said, faulty = row_cells(entry)
        place = len(self.rows)
        self.rows.append(entry.row)
        for path, text in said.items():
            if faulty and path in faulty:
                continue
            places, texts = self.columns.setdefault(path, ([], []))
            places.append(place)
            texts.append(text)
        for path, fault in faulty.items():
            self.columns.setdefault(path, ([], []))
            self.faults.append((entry.row, path, fault))
        if len(self.columns) > COLUMNS:
            raise SourceError(
                f"the resources have more than {COLUMNS:,} paths; expected fewer: is a list of them nested?",
                rule="too_many_columns",
            )

    def cells(self) -> Cells:
        """Return what was added as the reader's cells."""
        names = list(self.columns)
        frame = pl.DataFrame(list(self._series()), height=len(self.rows))
        index = {name: position for position, name in enumerate(names)}
        return Cells(
            names=tuple(names),
            frame=frame,
            rows=np.array(self.rows, dtype=np.int64),
            header_row=None,
            may_be_empty=True,
            findings=tuple(
                CellFinding(row=row, index=index[path], rule=fault.rule, expected=fault.expected, value=None)
                for row, path, fault in self.faults
            ),
        )

    def _series(self) -> Iterator[pl.Series]:
        """Yield the columns one by one: as lists they would take much more memory."""
        for name, (places, texts) in self.columns.items():
            filled: list[str | None] = [None] * len(self.rows)
            for place, text in zip(places, texts, strict=True):
                filled[place] = text
            yield pl.Series(name, filled, dtype=pl.String)

"""Resources of a FHIR file, a table per type."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from allpool.errors import SourceError
from allpool.etl.profile.table import Table, chosen, read_table, table_of
from allpool.etl.readers.fhir.entries import LINES, Entry, fhir_entries
from allpool.etl.readers.files import Reading, opened
from allpool.mappings.read import FhirRead


def resources(path: Path, sheet: str | None) -> Iterator[Table]:
    """Yield a table per type of resource in a FHIR R4 file, or the one of the type `sheet`.

    Raises SourceError where it cannot be read or holds none.
    """
    read = FhirRead(format="fhir")
    with opened(path) as file:
        found = fhir_entries(Reading(file), read, lines=path.name.lower().endswith(LINES))
        types = list(dict.fromkeys(entry.type for entry in found if isinstance(entry, Entry) and entry.row))
    if not types:
        raise SourceError("the file holds no resource that can be read; see docs/fhir.md", rule="not_fhir")
    for name in chosen(types, sheet, what="type of resource", file=path.name):
        table = read_table(path, FhirRead(format="fhir", resource=name))
        yield table_of(table, sheet=name, format="fhir", read={"resource": name})

"""What allpool made of one feed: resources by the file that they came from, ignored columns, what waits."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from allpool.etl.transform.ledger import UNUSED
from allpool.models.systems import extension_url
from examples.mcode.elements import elements

LINEAGE: Final = extension_url("lineage")
WITHOUT_FILE: Final = frozenset({"Organization", "ResearchStudy"})
"""Resources that the consortium's own study files say."""

PLACE: Final = re.compile(r"(?P<kind>[A-Za-z]+)(?:\[(?P<element>[a-z0-9_]+)\])?(?P<rest>\..+)")


@dataclass(frozen=True)
class Kept:
    """The outcome of one feed."""

    resources: Sequence[Mapping[str, Any]]
    """Of the feed's study."""
    files: Mapping[str, str]
    """Id of a source file -> its name."""
    ignores: Mapping[str, Mapping[str, str]]
    """File -> column -> why the mapping ignores it."""
    quarantine: Mapping[tuple[str, str], str]
    """File and column -> the rule by which a cell waits."""
    left_out: Mapping[str, Mapping[str, int]]
    """File -> rule -> cells that are ignored by it."""

    def of(self, template: str, kind: str) -> Mapping[str, Any] | None:
        """Return the resource of a type made of a template's file, None where there is none."""
        return next((found for found in self._from(template) if found["resourceType"] == kind), None)

    def says(self, template: str, at: str, value: str) -> bool:
        """Tell whether a resource of the template's file, or of the study, says `value` at a place."""
        place = PLACE.fullmatch(at)
        if place is None:
            raise ValueError(f"{at!r} is no place: Type.path or Type[data element].path")
        path = f"{place['kind']}{place['rest']}"
        return any(
            (path, value) in elements(found)
            for found in self._from(template)
            if found["resourceType"] == place["kind"]
            and (place["element"] is None or place["element"] in _codes(found))
        )

    def ignored(self, template: str, column: str) -> str:
        """Return why the mapping ignores a column; ValueError where it does not."""
        ignored = self.ignores[f"{template}.csv"]
        reason = ignored.get(column) or ignored.get("*")
        if reason is None:
            raise ValueError(f"{template}: the mapping does not ignore {column}")
        return reason

    def waiting(self, template: str, column: str) -> str:
        """Return the rule by which a cell of a column waits; ValueError where none does."""
        rule = self.quarantine.get((f"{template}.csv", column))
        if rule is None:
            raise ValueError(f"{template}: no cell of {column} waits")
        return rule

    def has_unread(self, template: str) -> bool:
        """Tell whether a file has cells of rows that make no record."""
        return UNUSED in self.left_out[f"{template}.csv"]

    def _from(self, template: str) -> Iterator[Mapping[str, Any]]:
        for found in self.resources:
            if found["resourceType"] in WITHOUT_FILE or self.file_of(found) == f"{template}.csv":
                yield found

    def file_of(self, resource: Mapping[str, Any]) -> str | None:
        """Return the name of the file that a resource came from."""
        parts = {
            part["url"]: part
            for extension in resource["meta"]["extension"]
            if extension["url"] == LINEAGE
            for part in extension["extension"]
        }
        return self.files.get(parts["source-file"]["valueString"]) if "source-file" in parts else None


def _codes(resource: Mapping[str, Any]) -> set[str]:
    return {coding["code"] for coding in resource.get("code", {}).get("coding", ())}

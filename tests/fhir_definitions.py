"""Two independent readings of FHIR's own definitions, to hold the models' paths against.

`R4Core` reads the StructureDefinitions of the R4 core package (the authority); `R4BModels` reads the classes
of fhir.resources. Both answer the same question: what stands at this member of this type.
"""

from __future__ import annotations

import json
import tarfile
import types
import typing
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from fhir.resources.R4B import get_fhir_model_class

PRIMITIVES = {
    "boolean", "integer", "string", "decimal", "uri", "url", "canonical", "base64Binary", "instant", "date",
    "dateTime", "time", "code", "oid", "id", "markdown", "unsignedInt", "positiveInt", "uuid",
}  # fmt: skip


@dataclass(frozen=True)
class Member:
    """What a definition says of one member: its type, whether it repeats, what a Reference may point to."""

    type: str
    repeats: bool
    required: bool
    targets: frozenset[str] = frozenset()


class R4Core:
    """The StructureDefinitions of the R4 core package."""

    def __init__(self, package: Path) -> None:
        self.definitions: dict[str, dict[str, Any]] = {}
        with tarfile.open(package) as archive:
            for entry in archive:
                name = entry.name.rpartition("/")[2]
                if not name.startswith("StructureDefinition-"):
                    continue
                content = archive.extractfile(entry)
                assert content is not None
                found = json.loads(content.read())
                url = f"http://hl7.org/fhir/StructureDefinition/{found['type']}"
                if found["url"] == url and found.get("fhirVersion") == "4.0.1":
                    assert found["type"] not in self.definitions
                    self.definitions[found["type"]] = {e["path"]: e for e in found["snapshot"]["element"]}

    def member(self, path: str, name: str) -> tuple[str, Member] | None:
        """Return the path to go on from and the definition of JSON member `name` of `path`."""
        elements = self.definitions[path.partition(".")[0]]
        element, type_ = elements.get(f"{path}.{name}"), None
        if element is None:
            for candidate, found in elements.items():
                stem = candidate.removesuffix("[x]")
                if (
                    candidate.endswith("[x]")
                    and stem.rpartition(".")[0] == path
                    and f"{path}.{name}".startswith(stem)
                ):
                    wanted = f"{path}.{name}".removeprefix(stem)
                    for option in found["type"]:
                        if option["code"][:1].upper() + option["code"][1:] == wanted:
                            element, type_ = found, option["code"]
        if element is None:
            return None
        code = type_ or self._only_type(element)
        targets = frozenset(
            url.rpartition("/")[2]
            for option in element.get("type", [])
            for url in option.get("targetProfile", [])
        )
        found_member = Member(code, element["max"] == "*", element["min"] > 0, targets)
        return (f"{path}.{name}" if code in {"BackboneElement", "Element"} else code), found_member

    @staticmethod
    def _only_type(element: dict[str, Any]) -> str:
        code = element["type"][0]["code"] if element.get("type") else "Element"
        return "string" if code == "http://hl7.org/fhirpath/System.String" else str(code)

    def required(self, path: str) -> set[str]:
        """Return the members of `path` that must be there (`medication[x]` for a choice)."""
        elements = self.definitions[path.partition(".")[0]]
        return {
            name.removeprefix(f"{path}.")
            for name, found in elements.items()
            if found["min"] > 0 and name.rpartition(".")[0] == path
        }


class R4BModels:
    """The classes of fhir.resources' R4B."""

    @cache  # noqa: B019 - one instance per test session
    def _class(self, name: str) -> Any:
        return get_fhir_model_class(name)

    def member(self, path: str, name: str) -> tuple[str, Member] | None:
        """Return the class to go on from and the definition of JSON member `name` of class `path`."""
        for found in self._class(path).model_fields.values():
            extra = found.json_schema_extra or {}
            if name in (found.alias, None) and extra.get("element_property"):
                type_, repeats = self._unwrapped(found.annotation)
                required = bool(extra.get("element_required") or found.is_required())
                return type_, Member(
                    type_, repeats, required, frozenset(extra.get("enum_reference_types", ()))
                )
        return None

    def _unwrapped(self, annotation: Any) -> tuple[str, bool]:
        """Return the FHIR type's name and whether a list of it is held."""
        if typing.get_origin(annotation) in (typing.Union, types.UnionType):
            annotation = next(a for a in typing.get_args(annotation) if a is not type(None))
        if typing.get_origin(annotation) is list:
            return self._unwrapped(typing.get_args(annotation)[0])[0], True
        if typing.get_origin(annotation) is typing.Annotated:
            marker = type(typing.get_args(annotation)[1]).__name__
            return marker[:1].lower() + marker[1:], False
        name = annotation.__name__.removesuffix("Type")
        return {"bool": "boolean"}.get(name, name), False

    def required(self, path: str) -> set[str]:
        """Return the members of class `path` that must be there (`medication[x]` for a choice)."""
        found = set()
        for name, field in self._class(path).model_fields.items():
            extra = field.json_schema_extra or {}
            if extra.get("one_of_many_required"):
                found.add(f"{extra['one_of_many']}[x]")
            elif extra.get("element_required") or (field.is_required() and extra.get("element_property")):
                found.add(field.alias or name)
        return found

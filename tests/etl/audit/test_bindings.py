"""The codes that R4 requires are those of the R4 core package, and no required binding is left out."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from allpool.etl.audit.bindings import BINDINGS, COMPARATORS
from allpool.models import STAGING, fhir_element, resource_classes

PACKAGE = "fhir/hl7.fhir.r4.core-4.0.1-rebuilt.tgz"
Core = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def core(shared: Path) -> Core:
    """Definitions, value sets and code systems of the package by canonical URL."""
    found: Core = {}
    with tarfile.open(shared / PACKAGE) as archive:
        for entry in archive:
            name = entry.name.rpartition("/")[2]
            if name.startswith(("StructureDefinition-", "CodeSystem-", "ValueSet-")):
                content = archive.extractfile(entry)
                assert content is not None
                resource = json.loads(content.read())
                found.setdefault(resource["url"], resource)
    return found


def codes(concepts: list[dict[str, Any]]) -> Iterator[str]:
    for concept in concepts:
        yield concept["code"]
        yield from codes(concept.get("concept", []))


def expand(core: Core, value_set: str) -> set[str]:
    found: set[str] = set()
    for part in core[value_set.partition("|")[0]]["compose"]["include"]:
        listed = part.get("concept") or core[part["system"]]["concept"]
        found.update(codes(listed))
    return found


def required(core: Core, type_: str) -> dict[str, set[str]]:
    """Return member -> codes for each required binding at the top of a resource or data type."""
    definition = core[f"http://hl7.org/fhir/StructureDefinition/{type_}"]
    return {
        element["path"].removeprefix(f"{type_}."): expand(core, element["binding"]["valueSet"])
        for element in definition["snapshot"]["element"]
        if element.get("binding", {}).get("strength") == "required"
        and element["path"].count(".") == 1
        and element["path"].rpartition(".")[2] not in ("language", "implicitRules")
    }


def test_codes_are_those_of_the_package(core: Core) -> None:
    wanted: dict[tuple[str, str], set[str]] = {}
    for cls in resource_classes():
        bound = required(core, cls.resource_type)
        for column in STAGING[cls.__tablename__].columns:
            element = fhir_element(STAGING[cls.__tablename__], column.name)
            if element is not None and element.path in {
                path for member in bound for path in (member, f"{member}.coding[0].code")
            }:
                wanted[cls.__tablename__, str(column.name)] = bound[element.path.partition(".")[0]]
    assert {place: set(found) for place, found in BINDINGS.items()} == wanted
    assert set(COMPARATORS) == required(core, "Quantity")["comparator"]

"""A light look at a resource's structure: elements that R4 has, lists where it has lists, kinds of values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from allpool.etl.readers.fhir.parsing import Number, labels
from allpool.models.fhir_types import (
    NUMBERS,
    OPEN,
    RESOURCE,
    Member,
    is_resource_type,
    members,
    other_version,
    version_of_member,
)


class Fault(NamedTuple):
    """What is wrong with one element; no value."""

    path: str
    rule: str
    expected: str


class WrongVersionError(ValueError):
    """The resource is of another version of FHIR; the message is a sentence."""


def structure_faults(resource: Mapping[str, Any]) -> list[Fault]:
    """Return what is wrong with the structure of a resource whose type R4 has.

    Looked at are names of elements, lists, objects, and the JSON kind of values; not what must be there, nor
    codes, nor the form of dates. Raises WrongVersionError where an element is not R4's but another version's.
    """
    type_name = str(resource["resourceType"])
    if type_name in OPEN:
        return []
    known = members(type_name)
    for name in resource:
        if name not in known and name != "resourceType":
            version = version_of_member(type_name, name)
            if version is not None:
                raise WrongVersionError(
                    f"FHIR R4 (4.0.1); {type_name}.{name} is of {version}: export the data as R4"
                )
    return _resource(resource)


def unknown_type(name: str) -> str | None:
    """Return what to say of a resource type that R4 has not, None where it has it."""
    if is_resource_type(name):
        return None
    version = other_version(name)
    if version is not None:
        return f"FHIR R4 (4.0.1); a resource type of {version} stands here: export the data as R4"
    return "a resource type of FHIR R4 (4.0.1)"


def _resource(value: Mapping[str, Any]) -> list[Fault]:
    type_name = value.get("resourceType")
    if not isinstance(type_name, str) or not is_resource_type(type_name):
        return [Fault("", "fhir_type", "a resource of a type that R4 has")]
    if type_name in OPEN:
        return []
    return _object(value, type_name, is_resource=True)


def _object(value: Mapping[str, Any], type_name: str, *, is_resource: bool = False) -> list[Fault]:
    known = members(type_name)
    found: list[Fault] = []
    for name, item in value.items():
        member = known.get(name)
        if member is None:
            if not (is_resource and name == "resourceType"):
                found.append(Fault(name, "fhir_element", f"an element that R4's {type_name} has"))
        elif member.is_list:
            found += _items(name, item, member)
        else:
            found += [_within(name, fault) for fault in _single(item, member)]
    return found


def _items(name: str, value: Any, member: Member) -> list[Fault]:
    if not isinstance(value, list):
        return [Fault(name, "fhir_type", f"a list of {member.type}")]
    if not value:
        return [Fault(name, "fhir_empty", "no empty list")]
    found: list[Fault] = []
    for place, item in enumerate(value):
        # null stands where only the other of `given` and `_given` says something
        if item is None and (member.is_primitive or name.startswith("_")):
            continue
        faults = _single(item, member)
        if faults:
            label = labels(name, value)[place]
            found += [_within(f"{name}{label}", fault) for fault in faults]
    return found


def _single(value: Any, member: Member) -> list[Fault]:
    if not member.is_primitive:
        if not isinstance(value, dict):
            return [Fault("", "fhir_type", f"an object of type {member.type}")]
        if not value:
            return [Fault("", "fhir_empty", "no empty object")]
        return _resource(value) if member.type == RESOURCE else _object(value, member.type)
    if _fits(value, member.type):
        return EMPTY_TEXT if value == "" else NOTHING
    return [Fault("", "fhir_type", f"one {member.type}")]


NOTHING: Final[list[Fault]] = []
EMPTY_TEXT: Final = [Fault("", "fhir_empty", "no empty text")]


def _fits(value: Any, type_name: str) -> bool:
    if type_name == "boolean":
        return isinstance(value, bool)
    if type_name in NUMBERS:
        return isinstance(value, Number)
    return isinstance(value, str) and not isinstance(value, Number)


def _within(place: str, fault: Fault) -> Fault:
    return fault._replace(path=f"{place}.{fault.path}" if fault.path else place)

"""Each column's element path, held against FHIR R4 (the core package) and R4B (fhir.resources)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import pytest
from sqlalchemy import Boolean, Date, Float, Integer, String, Table

from allpool.models import Child, Resource, child_classes, published_tables, resource_classes, systems
from allpool.models.base import Base
from allpool.models.element import Element, NotFhir
from allpool.models.paths import PARENT, Step, steps
from allpool.models.staging import table_of
from tests.fhir_definitions import PRIMITIVES, R4BModels, R4Core

Definitions = R4Core | R4BModels
CLASSES: tuple[type[Resource | Child], ...] = (*resource_classes(), *child_classes())
COMPATIBLE = {
    # a column of our type -> the FHIR primitives it can hold without loss
    "id": {"id", "string"},  # R4 types Resource.id as a System.String
    "code": {"code"},
    "string": {"string", "markdown"},
    "uri": {"uri", "canonical", "url"},
    "boolean": {"boolean"},
    "integer": {"integer"},
    "positiveInt": {"positiveInt"},
    "decimal": {"decimal"},
    "date": {"date"},
    "dateTime": {"dateTime"},
    "Reference": {"Reference"},
}
SQL = {
    "boolean": Boolean,
    "integer": Integer,
    "positiveInt": Integer,
    "decimal": Float,
}


@pytest.fixture(params=["R4", "R4B"])
def definitions(request: pytest.FixtureRequest) -> Definitions:
    return request.getfixturevalue("r4_core") if request.param == "R4" else R4BModels()


def columns() -> Iterator[tuple[type[Resource | Child], str, Element]]:
    for cls in CLASSES:
        for column in table_of(cls).columns:
            if isinstance(found := column.info.get("fhir"), Element):
                yield cls, column.name, found


def start(cls: type[Resource | Child]) -> tuple[str, ...]:
    """Where a class's paths begin: its resource type, or the part of its parent's resource that it is."""
    return (cls.resource_type,) if issubclass(cls, Resource) else (cls.parent.resource_type, cls.parent_path)


def trail_of(cls: type[Resource | Child], path: str) -> tuple[Step, ...]:
    """The steps of `path` from the resource on."""
    return steps(f"{cls.parent_path}.{path}" if issubclass(cls, Child) else path)


def walk(definitions: Definitions, cls: type[Resource | Child], path: str) -> str:
    """Follow `path` from the class's start, check each repetition, and return the type it ends in."""
    here = start(cls)[0]
    trail = trail_of(cls, path)
    type_ = here
    for number, step in enumerate(trail):
        primitive_extension = step.name.startswith("_")
        found = definitions.member(here, step.name.removeprefix("_"))
        assert found is not None, f"{cls.__name__}: {path}: no {step.name!r} in {here}"
        here, member = found
        type_ = member.type
        if primitive_extension:
            assert member.type in PRIMITIVES, f"{cls.__name__}: {path}: {step.name!r} is no primitive"
            assert trail[number + 1].url is not None
            here = "Element"
        part = issubclass(cls, Child) and number == 0
        indexed = step.index is not None or step.url is not None or part
        assert member.repeats == indexed, f"{cls.__name__}: {path}: {step.name!r} repeats: {member.repeats}"
    return type_


def test_every_published_table_has_a_class() -> None:
    assert {table.name for table in published_tables()} == {cls.__tablename__ for cls in CLASSES}


@pytest.mark.parametrize("table", published_tables(), ids=lambda table: table.name)
def test_every_column_says_what_it_is(table: Table) -> None:
    for column in table.columns:
        fhir, other = column.info.get("fhir"), column.info.get("not_fhir")
        assert (fhir is None) != (other is None), column.name
        if other is not None:
            assert isinstance(other, NotFhir)
            assert len(other.reason) > 10


def test_every_path_exists_with_its_type_and_repetition(definitions: Definitions) -> None:
    seen = 0
    for cls, name, found in columns():
        if found.path == PARENT:
            assert issubclass(cls, Child)
            assert found.target == cls.parent.resource_type
            continue
        type_ = walk(definitions, cls, found.path)
        assert type_ in COMPATIBLE[found.type], f"{cls.__name__}.{name}: {found.path} is {type_}"
        seen += 1
    assert seen > 250


def test_constants_beside_a_value_exist(definitions: Definitions) -> None:
    for cls, name, found in columns():
        for path in found.beside:
            assert walk(definitions, cls, path) in {"uri", "code", "string"}, f"{cls.__name__}.{name}: {path}"


def test_references_may_point_where_they_point(definitions: Definitions) -> None:
    for cls, name, found in columns():
        assert (found.type == "Reference") == (found.target is not None), name
        if found.target is None or found.path == PARENT:
            continue
        *before, last = trail_of(cls, found.path)
        if any(step.url for step in before):
            continue  # valueReference of an extension may point to anything
        here = start(cls)[0]
        for step in before:
            here = definitions.member(here, step.name)[0]  # type: ignore[index]
        assert found.target in definitions.member(here, last.name)[1].targets, f"{cls.__name__}.{name}"  # type: ignore[index]


def test_required_elements_have_a_column_that_is_never_empty(definitions: Definitions) -> None:
    for cls in CLASSES:
        here = start(cls)[0]
        if issubclass(cls, Child) and "(" in cls.parent_path:
            continue  # an extension needs its URL only, which the path writes
        if issubclass(cls, Child):
            here = definitions.member(here, cls.parent_path)[0]  # type: ignore[index]
        for required in definitions.required(here):
            stem = required.removesuffix("[x]")
            filled = [
                column.name
                for column in table_of(cls).columns
                if isinstance(found := column.info.get("fhir"), Element)
                and not column.nullable
                and found.path != PARENT
                and steps(found.path)[0].name.startswith(stem)
                and (required.endswith("[x]") or steps(found.path)[0].name == stem)
            ]
            absent = [name for name in getattr(cls, "data_absent", ()) if name.startswith(stem)]
            assert filled or absent, f"{cls.__name__}: {required} is required"


def test_the_sql_type_holds_the_fhir_type() -> None:
    for cls, name, found in columns():
        type_ = table_of(cls).c[name].type
        if found.part == "offset":
            expected: type[object] = Float
        elif found.part == "date":
            expected = Date
        elif found.path == "meta.versionId":
            expected = Integer
        else:
            expected = SQL.get(found.type, String) if found.part == "value" else String
        assert isinstance(type_, expected), f"{cls.__name__}.{name}"


def test_composites_are_whole() -> None:
    suffixes = {
        "quantity": {"", "_comparator", "_unit", "_delivered", "_delivered_unit"},
        "reference": {"_id"},
    }
    for cls in CLASSES:
        for name, composite in cls.composites.items():  # type: ignore[union-attr]
            present = set(composite.columns)
            assert {f"{name}{suffix}" for suffix in present} <= set(table_of(cls).c.keys())
            if composite.kind in suffixes:
                assert present == suffixes[composite.kind], name
            if composite.kind == "partial_date":
                assert {"_date", "_precision"} <= present
                assert ("_offset_days" in present) == ("_anchor" in present)
            if composite.kind == "coding":
                fixed = composite.columns[""].column.info["fhir"].beside
                assert ("_system" in present) != (f"{composite.path}.system" in fixed), name


def test_no_two_columns_hold_the_same_element() -> None:
    for cls in CLASSES:
        held: dict[tuple[str, str], list[str]] = defaultdict(list)
        for other, name, found in columns():
            if other is cls:
                held[found.path, found.part].append(name)
        assert [names for names in held.values() if len(names) > 1] == []


def test_an_extension_has_a_value_or_parts_and_never_both() -> None:
    """Invariant ext-1, and one value per extension."""
    for cls in CLASSES:
        members: dict[tuple[Step, ...], set[str]] = defaultdict(set)
        for other, _, found in columns():
            if other is not cls or found.path == PARENT:
                continue
            trail = trail_of(cls, found.path)
            for number, step in enumerate(trail[:-1]):
                if step.url is not None:
                    members[trail[: number + 1]] |= {trail[number + 1].name} - {"id"}
        for trail, names in members.items():
            assert len(names) == 1, (cls.__name__, trail, names)


def test_repetitions_that_share_a_list_can_be_told_apart() -> None:
    """A list with several slots: at most one without a fixed system, and a fixed one holds one column only.

    A reader finds a repetition again by its system, because empty slots leave no hole behind.
    """
    for cls in CLASSES:
        slots: dict[tuple[object, ...], dict[int, list[Element]]] = defaultdict(lambda: defaultdict(list))
        for other, _, found in columns():
            if other is not cls or found.path == PARENT:
                continue
            trail = steps(found.path)
            for number, step in enumerate(trail):
                if step.index is not None:
                    slots[trail[:number], step.name][step.index].append(found)
        for (_, name), by_index in slots.items():
            if len(by_index) == 1:
                assert list(by_index) == [0], (cls.__name__, name)
                continue
            assert sorted(by_index) == list(range(len(by_index))), (cls.__name__, name)
            variable = [held for held in by_index.values() if not any(e.beside for e in held)]
            assert len(variable) <= 1, (cls.__name__, name)
            assert all(len(held) == 1 for held in by_index.values() if any(e.beside for e in held))
            systems_ = [value for held in by_index.values() for e in held for value in e.beside.values()]
            assert len(systems_) == len(set(systems_)), (cls.__name__, name)


def test_only_one_type_of_a_choice_per_element() -> None:
    """A choice such as value[x] may be declared in several types; each row fills one."""
    choices = {
        (cls.__name__, steps(found.path)[0].name)
        for cls, _, found in columns()
        if found.path != PARENT and steps(found.path)[0].name.startswith(("value", "deceased"))
    }
    assert {name for cls, name in choices if cls == "Observation"} == {
        "valueQuantity",
        "valueCodeableConcept",
        "valueString",
        "valueBoolean",
        "valueInteger",
        "valueDateTime",
    }
    assert {name for cls, name in choices if cls == "Patient"} == {"deceasedBoolean", "deceasedDateTime"}


@pytest.mark.parametrize(
    "path",
    ["", "Code", "code..x", "extension.x", "code(x)", "code[x]", "code[0", "extension(Upper)", "code[0](x)"],
)
def test_what_is_not_a_path_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="element path"):
        steps(path)


def test_steps() -> None:
    assert steps("code.coding[1].code") == (Step("code"), Step("coding", 1), Step("code"))
    assert steps("meta.extension(lineage).extension(study).valueString") == (
        Step("meta"),
        Step("extension", url=systems.extension_url("lineage")),
        Step("extension", url="study"),
        Step("valueString"),
    )
    assert Base.metadata.tables  # the models are loaded

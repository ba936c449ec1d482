"""Rows to FHIR and back: nothing is lost, nothing is added."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from allpool.etl.fhir.parser import parse, unread
from allpool.etl.fhir.serializer import serializer, to_resource
from allpool.models import Resource, resource_classes
from tests.etl.fhir.rows import families

GENERATED = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("cls", resource_classes(), ids=lambda cls: cls.__tablename__)
@GENERATED
@given(data=st.data())
def test_a_row_comes_back_as_it_went(cls: type[Resource], data: st.DataObject) -> None:
    row, parts = data.draw(families(cls))
    resource = to_resource(cls.__tablename__, row, parts)
    parsed = parse(resource)
    assert parsed.table == cls.__tablename__
    assert parsed.row == row
    assert parsed.parts == parts
    assert unread(resource) == ()


@pytest.mark.parametrize("cls", resource_classes(), ids=lambda cls: cls.__tablename__)
@GENERATED
@given(data=st.data())
def test_what_is_written_is_fhir_json(cls: type[Resource], data: st.DataObject) -> None:
    row, parts = data.draw(families(cls))
    plan = serializer(cls.__tablename__)
    tables = {
        table: [tuple(part[name] for name in plan.children[table]) for part in found]
        for table, found in parts.items()
    }
    texts = {plan.dumps(tuple(row[name] for name in plan.columns), tables) for _ in range(2)}
    assert len(texts) == 1
    (text,) = texts
    resource = json.loads(text)
    assert list(resource)[:3] == ["resourceType", "id", "meta"]
    assert resource["resourceType"] == cls.resource_type
    assert not list(holes(resource))


def holes(value: Any) -> list[Any]:
    """Members that FHIR JSON may not have: nulls, empty objects, empty lists."""
    if value is None or value in ({}, []):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [hole for item in inner for hole in holes(item)]

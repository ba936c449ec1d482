"""What it takes to stage rows and audit them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

import pytest
from sqlalchemy import Engine, insert

from allpool.etl.audit import Audited, audit
from allpool.mappings.dictionary import Dictionary, load_dictionary
from allpool.mappings.terminology import Terminology, load_terminology
from allpool.models import STAGING

TODAY = date(2026, 1, 15)
FEED = "004-brno"
LINEAGE = {"content_hash": "0" * 64, "feed": FEED, "source_file": "f" * 16, "rule": "a" * 16}
Rows = Mapping[str, list[dict[str, Any]]]


@pytest.fixture(scope="session")
def dictionary() -> Dictionary:
    return load_dictionary()


@pytest.fixture(scope="session")
def terminology() -> Terminology:
    return load_terminology()


@pytest.fixture
def stage(store: Engine) -> Callable[[Rows], None]:
    """Stage rows, with the lineage that every row has."""

    def put(rows: Rows) -> None:
        with store.begin() as connection:
            for table, found in rows.items():
                for number, row in enumerate(found, start=2):
                    connection.execute(insert(STAGING[table]), {**LINEAGE, "source_row": number, **row})

    return put


@pytest.fixture
def run(store: Engine, dictionary: Dictionary, terminology: Terminology) -> Callable[..., Audited]:
    """Audit what is staged."""

    def audited(**more: Any) -> Audited:
        given = {"run": 7, "today": TODAY, **more}
        return audit(store, feeds=[FEED], dictionary=dictionary, terminology=terminology, **given)[FEED]

    return audited

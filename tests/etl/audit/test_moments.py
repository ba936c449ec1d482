"""Which of two partial dates certainly came first."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import Date, Engine, Float, String, literal, select

from allpool.etl.audit.moments import Moment, before, same_day

Given = tuple[str, str] | tuple[float, str]


def moment(given: Given) -> Moment:
    """Return ('2023-05-01', 'month') or (12.0, 'diagnosis') as columns."""
    value, how = given
    known = isinstance(value, str)
    return Moment(
        literal(date.fromisoformat(value) if isinstance(value, str) else None, Date),
        literal(how if known else None, String),
        literal(None if known else value, Float),
        literal(None if known else how, String),
    )


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (("2023-05-01", "day"), ("2023-05-02", "day"), True),
        (("2023-05-02", "day"), ("2023-05-02", "day"), False),
        (("2023-05-02", "second"), ("2023-05-03", "day"), True),
        (("2023-05-01", "month"), ("2023-05-20", "day"), False),  # may be 31 May
        (("2023-05-01", "month"), ("2023-06-01", "month"), True),
        (("2022-12-01", "month"), ("2023-01-15", "day"), True),
        (("2023-01-01", "year"), ("2023-12-31", "day"), False),
        (("2023-01-01", "year"), ("2024-01-01", "year"), True),
        (("2023-03-01", "day"), ("2023-01-01", "year"), False),
        ((10.0, "diagnosis"), (11.0, "diagnosis"), True),
        ((10.0, "diagnosis"), (11.0, "first-dose"), False),
        ((10.0, "diagnosis"), ("2023-05-01", "day"), False),
    ],
)
def test_before(first: Given, second: Given, expected: bool, store: Engine) -> None:
    with store.connect() as connection:
        found = connection.execute(select(before(moment(first), moment(second)))).scalar_one()
    assert bool(found) is expected


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (("2023-05-01", "day"), ("2023-05-01", "second"), True),
        (("2023-05-01", "day"), ("2023-05-01", "month"), False),
        ((10.0, "diagnosis"), (10.0, "diagnosis"), True),
        ((10.0, "diagnosis"), (10.0, "cr"), False),
    ],
)
def test_same_day(first: Given, second: Given, expected: bool, store: Engine) -> None:
    with store.connect() as connection:
        found = connection.execute(select(same_day(moment(first), moment(second)))).scalar_one()
    assert bool(found) is expected

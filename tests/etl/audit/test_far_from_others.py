"""Rules that compare a row with all others of its delivery: its magnitude, and whose it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from allpool.etl.audit import Audited
from tests.etl.audit.cases import quantity

Stage = Callable[[Mapping[str, list[dict[str, Any]]]], None]
MAGNITUDE = "observation.value_quantity.magnitude"
SAME = "patient.identifier.same-person"


def counts(*values: float, element: str = "platelets", unit: str = "10*9/L") -> list[dict[str, Any]]:
    """Return one observation per value, twenty ordinary ones among them."""
    ordinary = [60.0 + 10 * number for number in range(20)]
    return [quantity(f"q{n}", element, value, unit) for n, value in enumerate([*ordinary, *values])]


def failing(audited: Audited, rule: str) -> list[str]:
    return sorted(audited.failures.filter(rule=rule)["id"].to_list())


def test_a_value_a_thousand_times_off_is_far_from_all_others(
    stage: Stage, run: Callable[..., Audited]
) -> None:
    stage({"observation": counts(114_000.0, 0.114)})
    assert failing(run(), MAGNITUDE) == ["q20", "q21"]


def test_what_treatment_and_disease_do_is_not(stage: Stage, run: Callable[..., Audited]) -> None:
    """Platelets of 12 in aplasia and of 900 after it."""
    stage({"observation": counts(12.0, 900.0)})
    assert failing(run(), MAGNITUDE) == []


def test_few_values_say_nothing_of_one(stage: Stage, run: Callable[..., Audited]) -> None:
    stage({"observation": counts(114_000.0)[3:]})
    assert failing(run(), MAGNITUDE) == []


def test_shares_run_over_all_magnitudes(stage: Stage, run: Callable[..., Audited]) -> None:
    stage({"observation": counts(0.001, element="bm_blasts", unit="%")})
    assert failing(run(), MAGNITUDE) == []


def person(number: str, *, onset: date = date(2023, 2, 1), gender: str = "female") -> dict[str, Any]:
    return {
        "patient": {
            "id": f"p{number}",
            "identifier": f"x{number}",
            "gender": gender,
            "birth_date": date(1980, 1, 1),
            "birth_precision": "year",
        },
        "condition": {
            "id": f"d{number}",
            "data_element": "diagnosis",
            "code": "b_all",
            "subject_id": f"p{number}",
            "onset_date": onset,
            "onset_precision": "day",
        },
    }


def people(*found: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    return {table: [one[table] for one in found] for table in ("patient", "condition")}


def test_one_person_under_two_numbers(stage: Stage, run: Callable[..., Audited]) -> None:
    stage(people(person("1"), person("2"), person("3", gender="male")))
    audited = run()
    assert failing(audited, SAME) == ["p1", "p2"]
    beside = audited.related.filter(rule=SAME).select("id", "other_id", "other_column")
    assert sorted(beside.rows()) == [("p1", "p2", "identifier"), ("p2", "p1", "identifier")]


def test_people_of_one_year_are_not_one_person(stage: Stage, run: Callable[..., Audited]) -> None:
    stage(people(person("1"), person("2", onset=date(2023, 2, 2))))
    assert failing(run(), SAME) == []

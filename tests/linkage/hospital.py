"""A store of three studies in which some patients stand twice. SYNTHETIC."""

from __future__ import annotations

from datetime import timedelta
from random import Random

from sqlalchemy import Engine

from tests.analysis.hand_built import HandBuilt
from tests.linkage.people import EPOCH, Person, person

STUDIES = ("001", "002", "003")
OF_EACH = 15
TWICE = {"001-03": "002-again", "001-07": "003-again"}
"""Who stands twice: the first subject, and the other."""


def day(value: int | None) -> str | None:
    return None if value is None else str(EPOCH + timedelta(days=value))


def admit(built: HandBuilt, key: str, of: Person, *, responds: bool, study: str | None = None) -> None:
    """Write one person down in one study."""
    study = study or key[:3]
    first = EPOCH + timedelta(days=of.first_dose)
    built.patient(
        key,
        study=study,
        centre=f"{study}-north",
        first_dose=day(of.first_dose),
        response=f"{'cr' if responds else 'nr'} {first + timedelta(days=28)}",
        death=day(of.death),
        last_contact=day(of.first_dose + 30),
        status="rr_overt",
        sex=of.sex,
    )
    _, row = next(item for item in built.rows if item[0] == "patient" and item[1]["id"] == f"P-{key}")
    row |= {"birth_date": of.born.replace(day=1), "birth_precision": "month"}
    built.event("condition", key, "diagnosis", "onset", str(day(of.diagnosis)))


def people() -> dict[str, tuple[Person, bool]]:
    """Everybody by key, and whether they respond."""
    random = Random(20)
    return {
        f"{study}-{number:02}": (person(random), random.random() < 0.6)
        for study in STUDIES
        for number in range(OF_EACH)
    }


def filled(engine: Engine) -> Engine:
    """Fill a store: 45 people in three studies, two of whom stand in a second one."""
    built = HandBuilt()
    everybody = people()
    for key, (of, responds) in everybody.items():
        admit(built, key, of, responds=responds)
    for key, again in TWICE.items():
        of, responds = everybody[key]
        later = Person(**{**vars(of), "first_dose": of.first_dose + 3})  # the second study counts from day 4
        admit(built, again, of if again.startswith("003") else later, responds=responds)
    return built.into(engine)

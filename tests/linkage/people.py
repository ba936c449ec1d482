"""Invented people, and centres that each write down what they know of them. SYNTHETIC."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

import polars as pl

from allpool.etl.linkage.persons import SCHEMA

FIRST_DAY = date(2018, 1, 1)
EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class Person:
    """One person's course, as it was; days since 1970-01-01."""

    sex: str
    born: date
    diagnosis: int
    first_dose: int
    transplant: int | None
    death: int | None
    ph_status: str
    body_weight: float


def person(random: Random) -> Person:
    """Return a person whose course hangs together: diagnosis, treatment weeks later, perhaps more."""
    diagnosis = (FIRST_DAY - EPOCH).days + random.randrange(6 * 365)
    first_dose = diagnosis + int(random.lognormvariate(3.8, 0.8)) + 5
    transplant = first_dose + random.randrange(60, 200) if random.random() < 0.3 else None
    death = first_dose + random.randrange(20, 900) if random.random() < 0.25 else None
    born = EPOCH + timedelta(days=diagnosis - random.randrange(2 * 365, 75 * 365))
    weight = round(random.gauss(70, 12))
    return Person(
        random.choice(["male", "female"]),
        born,
        diagnosis,
        first_dose,
        transplant,
        death,
        random.choices(["positive", "negative"], [0.3, 0.7])[0],
        weight,
    )


def row(
    of: Person, random: Random, *, id_: str, study: str, centre: str, birth: str = "month"
) -> dict[str, object]:
    """Return what one centre writes of a person: with slips, gaps, and birth as far as it may tell."""

    def day(value: int | None, *, slip: float = 0.08) -> int | None:
        if value is None or random.random() < 0.05:
            return None
        return value + random.choice([-7, -1, 1, 2, 30]) if random.random() < slip else value

    months = of.born.year * 12 + of.born.month - 1
    first_dose = day(of.first_dose)
    return {
        "id": id_,
        "study": study,
        "centre": centre,
        "number": f"number of {id_}",
        "token": None,
        "sex": of.sex,
        "birth_date": (of.born - EPOCH).days if birth == "day" else None,
        "birth_month": months if birth in ("day", "month") else None,
        "birth_year": of.born.year,
        "age": None if first_dose is None else float((first_dose - (of.born - EPOCH).days) // 365.25),
        "diagnosis": day(of.diagnosis, slip=0.15),
        "first_dose": first_dose,
        "transplant": day(of.transplant),
        "death": day(of.death),
        "ph_status": of.ph_status if random.random() < 0.8 else None,
        "body_weight": of.body_weight + random.choice([0, 0, 1, -2, 4]) if random.random() < 0.7 else None,
    }


def frame(rows: Sequence[dict[str, object]]) -> pl.DataFrame:
    """Return rows as a frame of persons."""
    return pl.DataFrame(rows, schema=SCHEMA).sort("id")


def consortium(
    random: Random, *, sizes: Sequence[int], births: Sequence[str], twice: int
) -> tuple[pl.DataFrame, set[tuple[str, str]]]:
    """Return the persons of several studies, `twice` of them in two, and the pairs that are one person."""
    rows: list[dict[str, object]] = []
    members: list[list[tuple[str, Person]]] = []
    for place, (size, birth) in enumerate(zip(sizes, births, strict=True)):
        people = [(f"{place}-{number:05d}", person(random)) for number in range(size)]
        members.append(people)
        rows += [
            row(of, random, id_=id_, study=f"s{place}", centre=f"c{number % 3}", birth=birth)
            for number, (id_, of) in enumerate(people)
        ]
    pairs: set[tuple[str, str]] = set()
    for number in range(twice):
        here, there = random.sample(range(len(sizes)), 2)
        id_, of = random.choice(members[here])
        other = f"{there}-again-{number:03d}"
        if any(id_ in pair for pair in pairs):
            continue
        rows.append(row(of, random, id_=other, study=f"s{there}", centre="c9", birth=births[there]))
        pairs.add((min(id_, other), max(id_, other)))
    return frame(rows), pairs

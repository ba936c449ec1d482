"""Numbers that are numbers, and cannot be: magnitude, share, unit, and one against another."""

from __future__ import annotations

from random import Random

from benchmarks.quality.copies import Cell, Copy
from benchmarks.quality.planting import CATALOGUE, Planted
from benchmarks.quality.targets import targets

RANGE = "*.possible.* *.plausible.* clinical.* *magnitude* *outlier* doubtful_unit not_whole"
BLOOD = ("visit.wbc", "visit.anc", "visit.platelets", "visit.alt", "visit.ast", "visit.bilirubin")


def _times(copy: Copy, patient: str, rng: Random, factor: float, *roles: str) -> Planted | None:
    choice = [(role, row) for role in roles for row in copy.rows(role, patient)]
    rng.shuffle(choice)
    for role, row in choice:
        value = copy.number(role, row)
        if value:
            copy.put_number(role, row, value * factor)
            return Planted((copy.cell(role, row),))
    return None


@CATALOGUE.cell("magnitude", RANGE)
def weight_ten_times_too_high(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """A lost decimal sign: 701 kg."""
    found = copy.rows("weight", patient)
    value = copy.number("weight", found[0]) if found else None
    return _times(copy, patient, rng, 10, "weight") if value and value > 26 else None


@CATALOGUE.cell("magnitude", RANGE)
def weight_ten_times_too_low(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """A decimal sign one place too early: 7.01 kg."""
    return _times(copy, patient, rng, 0.1, "weight")


@CATALOGUE.cell("magnitude", RANGE)
def weight_in_grams(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """70100 for 70.1 kg."""
    return _times(copy, patient, rng, 1000, "weight")


@CATALOGUE.cell("magnitude", RANGE)
def surface_ten_times_off(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """A body surface of 16 or 0.16 m2."""
    return _times(copy, patient, rng, rng.choice([10, 0.1]), "bsa")


@CATALOGUE.cell("magnitude", RANGE)
def age_in_months_or_days(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """An age twelve times too high."""
    return _times(copy, patient, rng, 12, "age")


@CATALOGUE.cell("magnitude", RANGE)
def blood_count_a_thousand_times_too_high(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """Per microlitre where 10^9/L is meant."""
    return _times(copy, patient, rng, 1000, "visit.wbc", "visit.anc", "visit.platelets")


@CATALOGUE.cell("magnitude", RANGE)
def platelets_a_thousand_times_too_low(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """0.114 for 114."""
    return _times(copy, patient, rng, 0.001, "visit.platelets")


@CATALOGUE.cell("magnitude", RANGE)
def enzyme_a_hundred_times_off(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """A decimal sign lost or won, twice over."""
    return _times(copy, patient, rng, 0.01, "visit.alt", "visit.ast")


@CATALOGUE.cell("magnitude", RANGE)
def bilirubin_a_hundred_times_too_high(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """A lost decimal sign, twice over."""
    return _times(copy, patient, rng, 100, "visit.bilirubin")


@CATALOGUE.cell("magnitude", RANGE)
def laboratory_value_in_another_unit(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """One value of a long table in another unit than it says (U/L for ukat/L, per uL for 10^9/L)."""
    rows = copy.rows("test.value", patient)
    if not rows:
        return None
    row = rng.choice(rows)
    value = copy.number("test.value", row)
    if not value:
        return None
    factor = {"µkat/l": 0.001, "µmol/l": 1000.0}.get(copy.get("test.unit", row), 1000.0)
    copy.put_number("test.value", row, value * factor)
    return Planted((copy.cell("test.value", row),))


@CATALOGUE.cell("shares", RANGE)
def share_above_the_whole(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """A percentage over 100, a fraction over 1."""
    choice = [
        (target, row)
        for target in targets(copy, "quantity")
        if target.unit in ("%", "1")
        for row in target.rows(copy, patient)
    ]
    if not choice:
        return None
    target, row = rng.choice(choice)
    sheet = copy.sheets[target.sheet]
    value = 1.85 if target.unit == "1" else 185.3
    text = f"{value}".replace(".", copy.feed.decimal)
    sheet.rows[row][sheet.at(target.column)] = value if sheet.name else text
    return Planted((Cell(sheet.file, sheet.name, row + 2, target.column),))


@CATALOGUE.cell("shares", RANGE)
def percentage_in_a_column_of_fractions(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """85 where 0.85 is meant."""
    if copy.style["percent"] == 1:
        return None
    return _times(copy, patient, rng, 100, "response.blasts", "mrd.value", "mrd.sensitivity")


@CATALOGUE.cell("shares", RANGE)
def fraction_in_a_column_of_percentages(copy: Copy, patient: str, _: Random) -> Planted | None:
    """0.85 where 85 is meant: blasts of overt disease."""
    if copy.style["percent"] != 1:
        return None
    for role in ("baseline.blasts", "response.blasts"):
        for row in copy.rows(role, patient):
            value = copy.number(role, row)
            if value is not None and value >= 50:
                if role == "response.blasts" and not _baseline_of_overt_disease(copy, row):
                    continue
                copy.put_number(role, row, value / 100)
                return Planted((copy.cell(role, row),), _status_cells(copy, patient, row))
    return None


def _baseline_of_overt_disease(copy: Copy, row: int) -> bool:
    if copy.feed.id.startswith("000"):
        return copy.get("visit.timepoint", row) == "baseline"
    return copy.get("response.value", row) == copy.word("nr")


def _status_cells(copy: Copy, patient: str, row: int) -> tuple[Cell, ...]:
    roles = ("response.value", "mrd.value", "mrd.result", "baseline.mrd_value", "baseline.mrd")
    return tuple(
        copy.cell(role, other) for role in roles for other in copy.rows(role, patient) if other == row
    )


@CATALOGUE.cell("against each other", RANGE)
def neutrophils_above_leukocytes(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """More neutrophils than white cells in one sample."""
    rows = copy.rows("visit.anc", patient)
    rng.shuffle(rows)
    for row in rows:
        wbc = copy.number("visit.wbc", row)
        if wbc:
            copy.put_number("visit.anc", row, round(wbc * 3 + 1, 2))
            return Planted((copy.cell("visit.anc", row),), (copy.cell("visit.wbc", row),))
    return None


@CATALOGUE.cell("against each other", RANGE)
def subset_above_all_t_cells(copy: Copy, patient: str, _: Random) -> Planted | None:
    """More CD4 than CD3 cells."""
    rows = copy.rows("immune.cd4", patient)
    for row in rows:
        all_cells = copy.number("immune.cd3", row)
        if all_cells:
            copy.put_number("immune.cd4", row, round(all_cells * 2 + 0.5, 3))
            return Planted((copy.cell("immune.cd4", row),), (copy.cell("immune.cd3", row),))
    return None


@CATALOGUE.cell("against each other", RANGE)
def surface_against_weight(copy: Copy, patient: str, _: Random) -> Planted | None:
    """A body surface that no body of this weight has."""
    rows = copy.rows("bsa", patient)
    weight = copy.number("weight", rows[0]) if rows else None
    if not weight:
        return None
    copy.put_number("bsa", rows[0], 2.6 if weight < 55 else 0.7)
    return Planted((copy.cell("bsa", rows[0]),), (copy.cell("weight", rows[0]),))


@CATALOGUE.cell("against each other", RANGE)
def weight_against_age(copy: Copy, patient: str, _: Random) -> Planted | None:
    """An adult of 12 kg."""
    rows = copy.rows("weight", patient)
    births, diagnosed = copy.rows("birth", patient), copy.rows("diagnosis", patient)
    if not rows or not births or not diagnosed:
        return None
    born, then = copy.day("birth", births[0]), copy.day("diagnosis", diagnosed[0])
    if born is None or then is None:
        return None
    years = then.year - born.year
    if years >= 18:
        copy.put_number("weight", rows[0], 12.4)
    elif years <= 6:
        copy.put_number("weight", rows[0], 84.0)
    else:
        return None
    partners = [copy.cell("birth", births[0])]
    partners += [copy.cell(role, row) for role in ("age", "bsa") for row in copy.rows(role, patient)]
    return Planted((copy.cell("weight", rows[0]),), tuple(partners))

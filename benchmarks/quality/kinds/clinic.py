"""What cannot both be true of one patient: response and marrow, MRD, dose, genetics, life and death."""

from __future__ import annotations

from datetime import timedelta
from random import Random

from benchmarks.quality.copies import Cell, Copy
from benchmarks.quality.planting import CATALOGUE, Planted

CLINICAL = "clinical.*"


def _first(copy: Copy, role: str, patient: str) -> int | None:
    rows = copy.rows(role, patient)
    return rows[0] if rows else None


def _cells(copy: Copy, patient: str, *roles: str) -> tuple[Cell, ...]:
    return tuple(copy.cell(role, row) for role in roles for row in copy.rows(role, patient))


@CATALOGUE.cell("life and death", CLINICAL)
def alive_with_a_date_of_death(copy: Copy, patient: str, _: Random) -> Planted | None:
    """Alive, and the day of death beside it."""
    row = _first(copy, "death", patient)
    if row is None or _first(copy, "vital", patient) is None:
        return None
    copy.put("vital", row, copy.word("alive"))
    return Planted((copy.cell("vital", row),), _cells(copy, patient, "death", "death_cause"))


@CATALOGUE.cell("life and death", CLINICAL)
def dead_without_a_date(copy: Copy, patient: str, _: Random) -> Planted | None:
    """Dead, and no day of death."""
    row = _first(copy, "vital", patient)
    if row is None or copy.get("vital", row) != copy.word("alive"):
        return None
    copy.put("vital", row, copy.word("dead"))
    return Planted((copy.cell("vital", row), copy.cell("death", row)))


@CATALOGUE.cell("life and death", f"{CLINICAL} *.complete.* required_missing")
def date_of_death_lost(copy: Copy, patient: str, _: Random) -> Planted | None:
    """The day of death of somebody who is dead is empty."""
    row = _first(copy, "death", patient)
    if row is None:
        return None
    copy.put("death", row, None if copy.is_workbook("death") else "")
    return Planted((copy.cell("death", row), *_cells(copy, patient, "vital", "death_cause")))


@CATALOGUE.cell("life and death", CLINICAL)
def cause_of_death_of_the_living(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """A date of death for a patient who is alive."""
    row, contact = _first(copy, "vital", patient), _first(copy, "last_contact", patient)
    if row is None or contact is None or copy.get("vital", row) != copy.word("alive"):
        return None
    day = copy.day("last_contact", contact)
    if day is None:
        return None
    copy.put_day("death", row, day - timedelta(days=rng.randrange(0, 2)))
    return Planted((copy.cell("death", row),), _cells(copy, patient, "vital", "last_contact"))


@CATALOGUE.cell("response", CLINICAL)
def remission_with_blasts(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """Complete remission with 5 % blasts or more."""
    for row in copy.rows("response.blasts", patient):
        if copy.feed.id.startswith("000"):
            answer = _first(copy, "response.value", patient)
            late = copy.get("visit.timepoint", row) == copy.word("after_course_1")
            if not late or answer is None or copy.get("response.value", answer) != copy.word("cr"):
                continue
            partner = copy.cell("response.value", answer)
        elif copy.get("response.value", row) != copy.word("cr"):
            continue
        else:
            partner = copy.cell("response.value", row)
        copy.put_number("response.blasts", row, rng.randrange(20, 80) * float(copy.style["percent"]))
        return Planted((copy.cell("response.blasts", row),), (partner,))
    return None


@CATALOGUE.cell("response", CLINICAL)
def remission_of_a_refractory_marrow(copy: Copy, patient: str, _: Random) -> Planted | None:
    """The code of a remission beside a marrow full of blasts."""
    row = next(
        (
            row
            for row in copy.rows("response.value", patient)
            if copy.get("response.value", row) == copy.word("nr")
        ),
        None,
    )
    if row is None:
        return None
    blasts = copy.rows("response.blasts", patient)
    if copy.feed.id.startswith("000"):
        blasts = [item for item in blasts if copy.get("visit.timepoint", item) == copy.word("after_course_1")]
    else:
        blasts = [item for item in blasts if item == row]
    high = [
        item
        for item in blasts
        if (copy.number("response.blasts", item) or 0) >= 5 * float(copy.style["percent"])
    ]
    if not high:
        return None
    copy.put("response.value", row, copy.word("cr"))
    return Planted((copy.cell("response.value", row),), (copy.cell("response.blasts", high[0]),))


def _mrd_row(copy: Copy, patient: str, word: str) -> int | None:
    return next(
        (row for row in copy.rows("mrd.result", patient) if copy.get("mrd.result", row) == copy.word(word)),
        None,
    )


def _filled_row(copy: Copy, patient: str, result: str, column: str) -> int | None:
    """Return the patient's first MRD row of that result, where the centre sends `column` and filled it."""
    row = _mrd_row(copy, patient, result)
    return row if row is not None and copy.place(column) is not None and copy.number(column, row) else None


def _mrd_cells(copy: Copy, row: int) -> tuple[Cell, ...]:
    roles = ("mrd.result", "mrd.value", "mrd.sensitivity")
    return tuple(copy.cell(role, row) for role in roles if copy.place(role))


@CATALOGUE.cell("MRD", CLINICAL)
def negative_with_a_value(copy: Copy, patient: str, _: Random) -> Planted | None:
    """MRD negative, and a level of 2 %."""
    row = _mrd_row(copy, patient, "negative")
    if row is None or copy.place("mrd.value") is None:
        return None
    copy.put_number("mrd.value", row, 2.0 * float(copy.style["percent"]))
    return Planted((copy.cell("mrd.value", row),), _mrd_cells(copy, row))


@CATALOGUE.cell("MRD", CLINICAL)
def negative_beside_its_level(copy: Copy, patient: str, _: Random) -> Planted | None:
    """The word negative beside a level that was measured."""
    row = _filled_row(copy, patient, "positive", "mrd.value")
    if row is None:
        return None
    if (copy.number("mrd.value", row) or 0) <= 10 * (
        copy.number("mrd.sensitivity", row) or 0.01 * float(copy.style["percent"])
    ):
        return None
    copy.put("mrd.result", row, copy.word("negative"))
    return Planted((copy.cell("mrd.result", row),), _mrd_cells(copy, row))


@CATALOGUE.cell("MRD", f"{CLINICAL} *.complete.* required_missing *.given")
def positive_without_a_value(copy: Copy, patient: str, _: Random) -> Planted | None:
    """MRD positive and quantified, and the level is empty."""
    row = _filled_row(copy, patient, "positive", "mrd.value")
    if row is None:
        return None
    copy.put("mrd.value", row, None if copy.is_workbook("mrd.value") else "")
    return Planted((copy.cell("mrd.value", row),), _mrd_cells(copy, row))


@CATALOGUE.cell("MRD", f"{CLINICAL} *.complete.* required_missing below_unknown")
def negative_without_sensitivity(copy: Copy, patient: str, _: Random) -> Planted | None:
    """MRD negative down to an unknown level."""
    row = _filled_row(copy, patient, "negative", "mrd.sensitivity")
    if row is None:
        return None
    copy.put("mrd.sensitivity", row, None if copy.is_workbook("mrd.sensitivity") else "")
    return Planted((copy.cell("mrd.sensitivity", row),), _mrd_cells(copy, row))


@CATALOGUE.cell("MRD", f"{CLINICAL} *.plausible.* *.possible.*")
def sensitivity_worse_than_the_threshold(copy: Copy, patient: str, _: Random) -> Planted | None:
    """A negative of an assay that sees 1 % at best."""
    row = _filled_row(copy, patient, "negative", "mrd.sensitivity")
    if row is None:
        return None
    scale = 0.01 if copy.feed.id.startswith("004") else float(copy.style["percent"])
    copy.put_number("mrd.sensitivity", row, 1.0 * scale)
    return Planted((copy.cell("mrd.sensitivity", row),), _mrd_cells(copy, row))


@CATALOGUE.cell("MRD", f"{CLINICAL} *.plausible.* *.possible.* doubtful_unit")
def sensitivity_of_zero_or_all(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """A sensitivity of 0, or of half of all cells."""
    rows = copy.rows("mrd.sensitivity", patient)
    if not rows:
        return None
    scale = 0.01 if copy.feed.id.startswith("004") else float(copy.style["percent"])
    row = rng.choice(rows)
    copy.put_number("mrd.sensitivity", row, rng.choice([0.0, 50 * scale]))
    return Planted((copy.cell("mrd.sensitivity", row),), _mrd_cells(copy, row))


DOSE = f"{CLINICAL} *.plausible.* *.possible.*"


@CATALOGUE.cell("dose", DOSE)
def dose_ten_times_off(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """280 or 2.8 ug for 28."""
    role = rng.choice(["course.dose1", "course.dose8"])
    rows = copy.rows(role, patient)
    value = copy.number(role, rows[0]) if rows else None
    if not value:
        return None
    copy.put_number(role, rows[0], value * rng.choice([10, 0.1]))
    return Planted((copy.cell(role, rows[0]),), _cells(copy, patient, "dose_unit"))


@CATALOGUE.cell("dose", DOSE)
def doses_swapped(copy: Copy, patient: str, _: Random) -> Planted | None:
    """28 in the first week and 9 after it."""
    rows = copy.rows("course.dose1", patient)
    if not rows or not copy.place("course.dose8"):
        return None
    row = rows[0]
    first, later = copy.get("course.dose1", row), copy.get("course.dose8", row)
    if first == later or later in (None, ""):
        return None
    copy.put("course.dose1", row, later)
    copy.put("course.dose8", row, first)
    return Planted(
        (copy.cell("course.dose1", row), copy.cell("course.dose8", row)), _cells(copy, patient, "dose_unit")
    )


@CATALOGUE.cell("dose", DOSE)
def dose_of_the_other_weight_class(copy: Copy, patient: str, _: Random) -> Planted | None:
    """9 and 28 ug a day for a child of 20 kg, or 5 and 15 for an adult."""
    rows, weights = copy.rows("course.dose1", patient), copy.rows("weight", patient)
    weight = copy.number("weight", weights[0]) if weights else None
    if not rows or weight is None or copy.feed.id.startswith("004"):
        return None
    row = rows[0]
    unit = copy.rows("dose_unit", patient)
    light = weight < 45
    if unit:
        words = ("1", "2") if copy.feed.id.startswith("002") else ("μg/d", "μg/m2/d")
        if copy.get("dose_unit", unit[0]) != words[1 if light else 0]:
            return None
        copy.put("dose_unit", unit[0], words[0 if light else 1])
        row = unit[0]
    elif light:
        return None
    copy.put_number("course.dose1", row, 9 if light else 5)
    copy.put_number("course.dose8", row, 28 if light else 15)
    roles = ["course.dose1", "course.dose8", *(["dose_unit"] if unit else [])]
    return Planted(tuple(copy.cell(role, row) for role in roles), _cells(copy, patient, "weight"))


@CATALOGUE.cell("dose", f"{CLINICAL} unknown_code")
def planned_days_against_the_course(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """A course of 14 days that was planned for 28."""
    rows = copy.rows("course.planned", patient)
    if not rows:
        return None
    row = rng.choice(rows)
    value = copy.number("course.planned", row)
    start, end = copy.day("course.start", row), copy.day("course.end", row)
    if not start or not end or value is None or abs((end - start).days - value) > 3:
        return None
    copy.put_number("course.planned", row, 28 if value == 14 else 14)
    return Planted(
        (copy.cell("course.planned", row),), (copy.cell("course.end", row), copy.cell("course.start", row))
    )


@CATALOGUE.cell("genetics", f"{CLINICAL} conflict")
def ph_negative_with_bcr_abl1(copy: Copy, patient: str, _: Random) -> Planted | None:
    """Ph negative with the transcript, or positive without it."""
    row = _first(copy, "ph", patient)
    if row is None:
        return None
    if copy.place("subtype_bcr_abl1"):
        if copy.get("ph", row) == copy.word("ph_positive"):
            copy.put("ph", row, copy.word("ph_negative"))
        elif copy.get("ph", row) == copy.word("ph_negative"):
            copy.put("subtype_bcr_abl1", row, "1")
            return Planted((copy.cell("subtype_bcr_abl1", row),), (copy.cell("ph", row),))
        return Planted((copy.cell("ph", row),), (copy.cell("subtype_bcr_abl1", row),))
    tested = [
        r for r in copy.rows("mrd.method", patient) if copy.get("mrd.method", r) == copy.word("bcr_abl1")
    ]
    if copy.word("bcr_abl1") and tested and copy.get("ph", row) == copy.word("ph_positive"):
        copy.put("ph", row, copy.word("ph_negative"))
        partners = _cells(copy, patient, "mrd.method", "mrd.value", "mrd.result", "partner", "tki")
        return Planted((copy.cell("ph", row),), partners)
    said = {role: copy.get(role, row) for role in ("ph", "ph_like") if copy.place(role)}
    if said == {"ph": copy.word("ph_negative"), "ph_like": copy.word("yes")}:
        copy.put("ph", row, copy.word("ph_positive"))
        return Planted((copy.cell("ph", row),), (copy.cell("ph_like", row),))
    return None


GRADE = f"{CLINICAL} *.possible.* *.plausible.* *.code.* unknown_code not_a_number not_whole"


@CATALOGUE.cell("adverse events", GRADE)
def grade_out_of_range(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """A CTCAE grade of 7, 33 or -1."""
    choice = [(role, row) for role in ("ae.grade", "crs", "grade") for row in copy.rows(role, patient)]
    if not choice:
        return None
    role, row = rng.choice(choice)
    copy.put(role, row, str(rng.choice([6, 7, 9, 33])))
    return Planted((copy.cell(role, row),))


@CATALOGUE.cell("adverse events", GRADE)
def fatal_grade_of_the_living(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """Grade 5 is death, and the patient is alive."""
    row = _first(copy, "vital", patient)
    choice = [(role, r) for role in ("ae.grade", "grade") for r in copy.rows(role, patient)]
    if row is None or not choice or copy.get("vital", row) != copy.word("alive"):
        return None
    role, at = rng.choice(choice)
    copy.put(role, at, "5")
    return Planted((copy.cell(role, at),), _cells(copy, patient, "vital", "last_contact"))


@CATALOGUE.cell("transplant", CLINICAL)
def transplant_against_its_flag(copy: Copy, patient: str, _: Random) -> Planted | None:
    """No transplant, and its date."""
    row = _first(copy, "hsct_done", patient)
    if row is None or copy.get("hsct_done", row) != copy.word("yes"):
        return None
    copy.put("hsct_done", row, copy.word("no"))
    return Planted((copy.cell("hsct_done", row),), _cells(copy, patient, "hsct"))


@CATALOGUE.cell("transplant", f"{CLINICAL} required_missing *.complete.* *.given")
def relapse_without_its_date(copy: Copy, patient: str, _: Random) -> Planted | None:
    """The kind of a relapse without its day."""
    row = _first(copy, "relapse_type", patient)
    if row is None or not copy.rows("relapse", patient):
        return None
    copy.put("relapse", row, None if copy.is_workbook("relapse") else "")
    return Planted((copy.cell("relapse", row), copy.cell("relapse_type", row)))


@CATALOGUE.cell("transplant", f"{CLINICAL} required_missing *.complete.* *.given")
def relapse_without_its_kind(copy: Copy, patient: str, _: Random) -> Planted | None:
    """The day of a relapse without its kind."""
    row = _first(copy, "relapse_type", patient)
    if row is None or not copy.rows("relapse", patient):
        return None
    copy.put("relapse_type", row, None if copy.is_workbook("relapse_type") else "")
    return Planted((copy.cell("relapse_type", row), copy.cell("relapse", row)))


@CATALOGUE.cell("response", CLINICAL)
def response_of_the_not_evaluable(copy: Copy, patient: str, _: Random) -> Planted | None:
    """Not evaluable for response, and a response beside it."""
    row = _first(copy, "evaluable", patient)
    if (
        row is None
        or copy.get("evaluable", row) != copy.word("yes")
        or not copy.rows("response.value", patient)
    ):
        return None
    copy.put("evaluable", row, copy.word("no"))
    return Planted((copy.cell("evaluable", row),), _cells(copy, patient, "response.value"))

"""Whole rows: told twice, of another patient, shifted, swapped, half empty."""

from __future__ import annotations

from random import Random
from typing import Any

from benchmarks.quality.copies import Cell, Copy, Sheet
from benchmarks.quality.planting import CATALOGUE, Planted

WRONG_CELL = (
    "not_a_date impossible_date unknown_code not_a_number decimal_sign unit not_a_boolean not_whole pattern "
    "required_missing *.possible.* *.plausible.* clinical.* *.order *.future *.ancient conflict comparator "
    "below_unknown not_computed ambiguous_date ragged_row unmapped_column patient_id doubtful_unit"
)


def _patient_row(copy: Copy, patient: str) -> tuple[Sheet, int] | None:
    sheet = copy.sheet_of("patients")
    rows = copy.all_rows("birth", patient)
    return (sheet, rows[0]) if sheet is not None and rows else None


def _some_row(copy: Copy, patient: str, rng: Random) -> tuple[Sheet, int]:
    choice = [
        (sheet, number)
        for sheet in copy.sheets
        if copy.style["key"] in sheet.header
        for number, row in enumerate(sheet.rows)
        if row[sheet.at(copy.style["key"])] == patient
    ]
    return rng.choice(choice)


def _new_number(copy: Copy, patient: str) -> str | None:
    """Return a number in the form of the patients' that stands in no file."""
    key = copy.style["key"]
    known = {row[sheet.at(key)] for sheet in copy.sheets if key in sheet.header for row in sheet.rows}
    tried = (patient[:-2] + f"{number:02}" for number in range(99, 0, -1))
    return next((number for number in tried if number not in known), None)


def _whole(sheet: Sheet, row: int, columns: list[str] | None = None) -> tuple[Cell, ...]:
    return tuple(Cell(sheet.file, sheet.name, row + 2, name) for name in columns or sheet.header)


@CATALOGUE.cell("rows", "conflict clinical.*")
def patient_twice_with_another_sex(copy: Copy, patient: str, _: Random) -> Planted | None:
    """A second row of the patient, of the other sex."""
    found = _patient_row(copy, patient)
    if found is None:
        return None
    sheet, row = found
    sheet.rows.append(list(sheet.rows[row]))
    other = copy.word("female") if copy.get("sex", row) == copy.word("male") else copy.word("male")
    copy.put("sex", len(sheet.rows) - 1, other)
    return Planted((copy.cell("sex", len(sheet.rows) - 1),), (copy.cell("sex", row),))


@CATALOGUE.cell("rows", "conflict clinical.*")
def two_dates_of_death(copy: Copy, patient: str, _: Random) -> Planted | None:
    """The row of follow-up stands twice, with another day of death."""
    rows = copy.rows("death", patient)
    place = copy.place("death")
    day = copy.day("death", rows[0]) if rows else None
    if not rows or place is None or day is None:
        return None
    sheet = place[0]
    sheet.rows.append(list(sheet.rows[rows[0]]))
    copy.put_day("death", len(sheet.rows) - 1, day.replace(year=day.year - 1, day=min(day.day, 28)))
    return Planted((copy.cell("death", len(sheet.rows) - 1),), (copy.cell("death", rows[0]),))


@CATALOGUE.cell("rows", "conflict clinical.*")
def measurement_twice_with_another_value(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """The same sample twice, with another result."""
    role = rng.choice(["visit.wbc", "visit.platelets", "test.value", "response.blasts", "visit.alt"])
    rows = copy.rows(role, patient)
    place = copy.place(role)
    if not rows or place is None or not copy.rows("visit.date", patient):
        return None
    row = rng.choice(rows)
    value = copy.number(role, row)
    if not value:
        return None
    sheet = place[0]
    if copy.feed.id.startswith("001"):
        return None
    sheet.rows.append(list(sheet.rows[row]))
    copy.put_number(role, len(sheet.rows) - 1, round(value * 1.3, 4))
    return Planted((copy.cell(role, len(sheet.rows) - 1),), (copy.cell(role, row),))


@CATALOGUE.cell("rows", "unknown_patient patient_id")
def patient_whom_nobody_knows(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """A slip in the patient's number makes a number that no patient has."""
    key = copy.style["key"]
    choice = [
        (sheet, number)
        for sheet in copy.sheets
        if key in sheet.header and sheet is not copy.sheet_of("patients")
        for number, row in enumerate(sheet.rows)
        if row[sheet.at(key)] == patient
    ]
    if not choice:
        return None
    sheet, row = rng.choice(choice)
    other = _new_number(copy, patient)
    if other is None:
        return None
    sheet.rows[row][sheet.at(key)] = other
    return Planted((Cell(sheet.file, sheet.name, row + 2, key),))


@CATALOGUE.cell("rows", "patient_id")
def patient_number_in_another_form(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """Lost zeros, a letter, `1.0`."""
    sheet, row = _some_row(copy, patient, rng)
    key = copy.style["key"]
    bare = patient.lstrip("0")
    forms = [f"{patient}.0", f"P{patient}", patient[:-1], f"{patient}a"] + ([bare] if bare != patient else [])
    sheet.rows[row][sheet.at(key)] = rng.choice(forms)
    return Planted((Cell(sheet.file, sheet.name, row + 2, key),))


@CATALOGUE.cell("rows", "patient_id")
def patient_number_missing(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """A row without its patient."""
    sheet, row = _some_row(copy, patient, rng)
    key = copy.style["key"]
    sheet.rows[row][sheet.at(key)] = None if sheet.name else ""
    return Planted((Cell(sheet.file, sheet.name, row + 2, key),))


@CATALOGUE.cell("rows", WRONG_CELL)
def cells_shifted_to_the_right(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """A cell too many in the middle: all after it stand one column too far."""
    found = _patient_row(copy, patient)
    if found is None:
        return None
    sheet, row = found
    first = rng.randrange(3, 6)
    cells = sheet.rows[row]
    cells.insert(first, None if sheet.name else "")
    cells.pop(-1)
    return Planted(_whole(sheet, row, sheet.header[first:]))


@CATALOGUE.cell("rows", "ragged_row")
def cell_too_many_in_a_row(copy: Copy, patient: str, _: Random) -> Planted | None:
    """A separator too many: the row is longer than the header."""
    found = _patient_row(copy, patient)
    if found is None or found[0].name is not None:
        return None
    sheet, row = found
    sheet.rows[row].insert(4, "")
    return Planted((Cell(sheet.file, sheet.name, row + 2, None),))


@CATALOGUE.cell("rows", WRONG_CELL)
def two_columns_swapped_in_a_row(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """Two neighbours of different kind change places: a date and a word, a word and a number."""
    pairs = [
        ("sex", "birth"),
        ("diagnosis", "first_dose"),
        ("vital", "last_contact"),
        ("relapse", "relapse_type"),
        ("diagnosis", "sex"),
        ("weight", "birth"),
    ]
    rng.shuffle(pairs)
    for one, other in pairs:
        rows = set(copy.rows(one, patient)) & set(copy.rows(other, patient))
        if rows and copy.place(one) and copy.place(other):
            row = min(rows)
            a, b = copy.get(one, row), copy.get(other, row)
            copy.put(one, row, b)
            copy.put(other, row, a)
            return Planted((copy.cell(one, row), copy.cell(other, row)))
    return None


@CATALOGUE.cell("rows", "required_missing *.complete.* clinical.* *.required")
def start_of_a_course_missing(copy: Copy, patient: str, _: Random) -> Planted | None:
    """A course with its end and dose, and no start."""
    rows = copy.rows("course.end", patient)
    if not rows or copy.feed.id.startswith("004"):
        return None
    copy.put("course.start", rows[-1], _nothing(copy, "course.start"))
    return Planted((copy.cell("course.start", rows[-1]),))


@CATALOGUE.cell("rows", "required_missing *.complete.* clinical.* *.required")
def date_of_a_response_missing(copy: Copy, patient: str, _: Random) -> Planted | None:
    """A response or measurement without its day."""
    rows = [row for row in copy.rows("mrd.date", patient) if copy.rows("mrd.result", patient)]
    role = "mrd.date" if rows else "response.date"
    rows = rows or copy.rows("response.date", patient)
    if not rows:
        return None
    copy.put(role, rows[-1], _nothing(copy, role))
    return Planted((copy.cell(role, rows[-1]),))


def _nothing(copy: Copy, role: str) -> Any:
    return None if copy.is_workbook(role) else ""


@CATALOGUE.cell("rows", "clinical.*same* *.same-person")
def patient_under_two_numbers(copy: Copy, patient: str, _: Random) -> Planted | None:
    """The same person registered again under a new number."""
    found = _patient_row(copy, patient)
    if found is None:
        return None
    sheet, row = found
    other = _new_number(copy, patient)
    if other is None:
        return None
    sheet.rows.append(list(sheet.rows[row]))
    key = copy.style["key"]
    sheet.rows[-1][sheet.at(key)] = other
    return Planted(_whole(sheet, len(sheet.rows) - 1), _whole(sheet, row))

"""Dates that no calendar has, that are in another form, or that cannot be in the order they say."""

from __future__ import annotations

import calendar
from collections.abc import Callable
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

from benchmarks.quality.copies import EPOCH, Copy
from benchmarks.quality.planting import CATALOGUE, Planted

DATES = [
    "diagnosis",
    "enrolment",
    "first_dose",
    "hsct",
    "relapse",
    "death",
    "last_contact",
    "course.start",
    "course.end",
    "response.date",
    "visit.date",
    "mrd.date",
    "ae.start",
    "ae.end",
    "event",
    "recovery",
    "interruption.start",
    "interruption.end",
    "baseline.date",
]
NO_DATE = "not_a_date impossible_date ambiguous_date not_computed *.future *.ancient doubtful*"
ORDER = "clinical.* *.order *.ancient *.future"


def _spoil(
    copy: Copy, patient: str, rng: Random, change: Callable[[str, date], Any], *roles: str
) -> Planted | None:
    """Change one date of the patient to what `change` returns, where it returns something."""
    choice = [(role, row) for role in roles or DATES for row in copy.rows(role, patient)]
    rng.shuffle(choice)
    for role, row in choice:
        day = copy.day(role, row)
        after = change(role, day) if day else None
        if after is not None:
            copy.put(role, row, after)
            return Planted((copy.cell(role, row),))
    return None


def _is_text(copy: Copy) -> bool:
    return copy.style["dates"] not in ("excel", "cell")


@CATALOGUE.cell("dates", NO_DATE)
def day_that_no_month_has(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """The 31st of February."""

    def change(role: str, day: date) -> Any:
        month = rng.choice([2, 4, 6, 9, 11])
        if copy.style["dates"] == "excel":
            return None
        if copy.style["dates"] == "cell":
            return f"{day.year}-{month:02}-31"
        model = str(copy.written(role, date(day.year, 1, 28)))
        months = {
            ".01.": f".{month:02}.",
            "-01-": f"-{month:02}-",
            "/1/": f"/{month}/",
            "年1月": f"年{month}月",
        }
        for january, other in months.items():
            model = model.replace(january, other)
        return model.replace("28", "31")

    return _spoil(copy, patient, rng, change)


@CATALOGUE.cell("dates", NO_DATE)
def month_thirteen(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """Day and month in the other order, where that makes no date."""

    def change(role: str, day: date) -> Any:
        if copy.style["dates"] == "excel" or day.day <= 12 or (role == "diagnosis" and "001" in copy.feed.id):
            return None
        if copy.style["dates"] == "%d.%m.%Y":
            return f"{day.month:02}.{day.day:02}.{day.year}"
        sign = "/" if "/" in str(copy.style["dates"]) else "-"
        return (
            f"{day.year}{sign}{day.day}{sign}{day.month}"
            if sign == "/"
            else f"{day.year}-{day.day:02}-{day.month:02}"
        )

    return _spoil(copy, patient, rng, change)


@CATALOGUE.cell("dates", NO_DATE)
def two_digit_year(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """03.08.19."""

    def change(_: str, day: date) -> Any:
        return f"{day.day:02}.{day.month:02}.{day.year % 100:02}"

    return _spoil(copy, patient, rng, change)


@CATALOGUE.cell("dates", NO_DATE)
def another_date_format(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """A date as another programme writes it."""

    def change(_: str, day: date) -> Any:
        return day.strftime("%d-%b-%Y") if copy.style["dates"] != "%d.%m.%Y" else day.strftime("%Y/%m/%d")

    return _spoil(copy, patient, rng, change)


@CATALOGUE.cell("dates", NO_DATE)
def serial_number_for_a_date(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """A spreadsheet's serial where the column holds dates."""

    def change(role: str, day: date) -> Any:
        if copy.style["dates"] == "excel":
            return None
        serial = (day - EPOCH).days
        return serial if copy.is_workbook(role) else str(serial)

    return _spoil(copy, patient, rng, change)


@CATALOGUE.cell("dates", NO_DATE)
def date_for_a_serial_number(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """A written date where the column holds serials."""
    return _spoil(
        copy, patient, rng, lambda _, day: f"{day:%d/%m/%Y}" if copy.style["dates"] == "excel" else None
    )


@CATALOGUE.cell("dates", NO_DATE)
def words_in_a_date_cell(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """`unknown`, `about June`."""
    return _spoil(copy, patient, rng, lambda *_: rng.choice(["about June", "spring 2020", "?", "last visit"]))


@CATALOGUE.cell("dates", f"{NO_DATE} clinical.*")
def date_in_the_future(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """A year typed too late."""

    def change(role: str, day: date) -> Any:
        later = date(day.year + rng.choice([20, 40]), day.month, min(day.day, 28))
        return copy.written(role, later)

    return _spoil(copy, patient, rng, change)


@CATALOGUE.cell("dates", f"{NO_DATE} clinical.*")
def ancient_date(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """A year typed as 0202, or 1900 where nothing is known."""

    def change(role: str, day: date) -> Any:
        if copy.style["dates"] == "cell":
            return f"0{day.year // 10}-{day.month:02}-{min(day.day, 28):02}"
        if copy.style["dates"] == "excel":
            return 3 if copy.is_workbook(role) else "3"
        return str(copy.written(role, day)).replace(str(day.year), f"0{day.year // 10}")

    return _spoil(copy, patient, rng, change)


@CATALOGUE.cell("order of dates", ORDER)
def date_before_birth(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """A year so early that the patient was not born."""
    births = copy.rows("birth", patient)
    born = copy.day("birth", births[0]) if births else None
    if born is None:
        return None

    def change(role: str, _: date) -> Any:
        if role in ("death", "last_contact"):
            return None
        earlier = max(date(1905, 1, 1), born - timedelta(days=rng.randrange(400, 3000)))
        return copy.written(role, earlier)

    return _spoil(copy, patient, rng, change)


def _pair(copy: Copy, patient: str, role: str, other: str) -> tuple[int, date, int, date] | None:
    """Return the first row and day of two roles of a patient."""
    for row in copy.rows(role, patient):
        for beside in copy.rows(other, patient):
            day, then = copy.day(role, row), copy.day(other, beside)
            if day and then:
                return row, day, beside, then
    return None


def _moved(copy: Copy, patient: str, role: str, other: str, days: int) -> Planted | None:
    """Move a date to `days` after (before, where negative) the other."""
    found = _pair(copy, patient, role, other)
    if found is None:
        return None
    row, _, beside, then = found
    if (then + timedelta(days=days)) > date(2026, 11, 1):
        return None
    copy.put_day(role, row, then + timedelta(days=days))
    return Planted((copy.cell(role, row),), (copy.cell(other, beside),))


@CATALOGUE.cell("order of dates", ORDER)
def diagnosis_after_the_first_dose(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """The diagnosis is of another year."""
    first = "first_dose" if copy.place("first_dose") else "course.start"
    return _moved(copy, patient, "diagnosis", first, rng.randrange(20, 300))


@CATALOGUE.cell("order of dates", ORDER)
def death_before_treatment(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """The day of death lies before the first course."""
    return _moved(copy, patient, "death", "course.start", -rng.randrange(20, 200))


@CATALOGUE.cell("order of dates", ORDER)
def visit_after_death(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """An assessment of somebody who is dead."""
    role = rng.choice(
        [name for name in ("visit.date", "mrd.date", "response.date") if copy.rows(name, patient)]
        or ["visit.date"]
    )
    return _moved(copy, patient, role, "death", rng.randrange(20, 400))


@CATALOGUE.cell("order of dates", ORDER)
def last_contact_after_death(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """Seen alive after death."""
    return _moved(copy, patient, "last_contact", "death", rng.randrange(10, 400))


@CATALOGUE.cell("order of dates", ORDER)
def last_contact_before_a_visit(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """The last contact lies before treatment."""
    if copy.rows("death", patient):
        return None
    return _moved(copy, patient, "last_contact", "course.start", -rng.randrange(10, 60))


@CATALOGUE.cell("order of dates", ORDER)
def relapse_before_treatment(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """A relapse before the first dose."""
    role = "relapse" if copy.place("relapse") else "event"
    return _moved(copy, patient, role, "course.start", -rng.randrange(10, 300))


@CATALOGUE.cell("order of dates", ORDER)
def relapse_before_the_response(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """A relapse before the remission that it ends."""
    role = "relapse" if copy.place("relapse") else "event"
    row = _row_of_remission(copy, patient)
    return _moved(copy, patient, role, "response.date", -rng.randrange(3, 10)) if row is not None else None


def _row_of_remission(copy: Copy, patient: str) -> int | None:
    rows = copy.rows("response.value", patient)
    return next((row for row in rows if copy.get("response.value", row) == copy.word("cr")), None)


@CATALOGUE.cell("order of dates", ORDER)
def transplant_before_the_first_dose(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """A transplant after the treatment, dated before it."""
    return _moved(copy, patient, "hsct", "course.start", -rng.randrange(20, 300))


@CATALOGUE.cell("order of dates", ORDER)
def course_ends_before_it_starts(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """The end of a course lies before its start."""
    rows = copy.rows("course.end", patient)
    if not rows:
        return None
    row = rng.choice(rows)
    day = copy.day("course.start", row)
    if day is None:
        return None
    copy.put_day("course.end", row, day - timedelta(days=rng.randrange(1, 60)))
    return Planted((copy.cell("course.end", row),), (copy.cell("course.start", row),))


@CATALOGUE.cell("order of dates", ORDER)
def course_far_too_long(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """A course of half a year: the end is of another course or month."""
    rows = copy.rows("course.end", patient)
    if not rows:
        return None
    row = rows[-1]
    day = copy.day("course.start", row)
    if day is None:
        return None
    copy.put_day("course.end", row, day + timedelta(days=rng.randrange(60, 200)))
    return Planted((copy.cell("course.end", row),), (copy.cell("course.start", row),))


@CATALOGUE.cell("order of dates", ORDER)
def courses_overlap(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """The second course starts before the first has ended."""
    if copy.place("course2.start"):
        first, second = copy.rows("course.end", patient), copy.rows("course2.start", patient)
        if not first or not second:
            return None
        end = copy.day("course.end", first[0])
        assert end is not None
        copy.put_day("course2.start", second[0], end - timedelta(days=rng.randrange(3, 10)))
        cells = ("course.start", "course.end", "course2.end")
        return Planted((copy.cell("course2.start", second[0]),), tuple(copy.cell(r, first[0]) for r in cells))
    rows = copy.rows("course.start", patient)
    if len(rows) < 2:
        return None
    before, row = rows[-2], rows[-1]
    end = copy.day("course.end", before)
    if end is None:
        return None
    copy.put_day("course.start", row, end - timedelta(days=rng.randrange(3, 10)))
    partners = (
        copy.cell("course.start", before),
        copy.cell("course.end", before),
        copy.cell("course.end", row),
    )
    return Planted((copy.cell("course.start", row),), partners)


@CATALOGUE.cell("order of dates", ORDER)
def response_before_the_course(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """The response to a course dated before the course."""
    rows = copy.rows("response.date", patient)
    if copy.feed.id.startswith("000"):
        rows = [row for row in rows if copy.get("visit.timepoint", row) == copy.word("after_course_1")]
    starts = copy.rows("course.start", patient)
    if not rows or not starts:
        return None
    day = copy.day("course.start", starts[0])
    assert day is not None
    copy.put_day("response.date", rows[0], day - timedelta(days=rng.randrange(15, 40)))
    return Planted((copy.cell("response.date", rows[0]),), (copy.cell("course.start", starts[0]),))


@CATALOGUE.cell("order of dates", ORDER)
def event_ends_before_it_starts(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """An adverse event or interruption that ends before it begins."""
    role = rng.choice(["ae", "interruption", "venetoclax"])
    rows = copy.rows(f"{role}.end", patient)
    if not rows:
        return None
    row = rng.choice(rows)
    day = copy.day(f"{role}.start", row)
    if day is None:
        return None
    copy.put_day(f"{role}.end", row, day - timedelta(days=rng.randrange(1, 30)))
    return Planted((copy.cell(f"{role}.end", row),), (copy.cell(f"{role}.start", row),))


@CATALOGUE.cell("order of dates", ORDER)
def interruption_outside_its_course(copy: Copy, patient: str, _: Random) -> Planted | None:
    """A pause of a course that lies after it."""
    rows = copy.rows("interruption.start", patient)
    if not rows:
        return None
    end = copy.day("course.end", rows[0])
    if end is None:
        return None
    copy.put_day("interruption.start", rows[0], end + timedelta(days=30))
    copy.put_day("interruption.end", rows[0], end + timedelta(days=35))
    cells = (copy.cell("interruption.start", rows[0]), copy.cell("interruption.end", rows[0]))
    return Planted(cells, (copy.cell("course.start", rows[0]), copy.cell("course.end", rows[0])))


@CATALOGUE.cell("order of dates", ORDER)
def adverse_event_after_death(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """An adverse event of the dead."""
    return _moved(copy, patient, "ae.start", "death", rng.randrange(20, 200))


@CATALOGUE.cell("order of dates", ORDER)
def adverse_event_before_treatment(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """An adverse event long before the first dose."""
    return _moved(copy, patient, "ae.start", "course.start", -rng.randrange(100, 700))


@CATALOGUE.cell("order of dates", f"{ORDER} *.possible.* *.plausible.*")
def recovery_before_treatment(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """Counts that recover before the course that they recover from."""
    return _moved(copy, patient, "recovery", "course.start", -rng.randrange(5, 60))


@CATALOGUE.cell("order of dates", ORDER)
def enrolment_after_death_or_contact(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """Enrolled after the last contact."""
    return _moved(copy, patient, "enrolment", "last_contact", rng.randrange(20, 100))


@CATALOGUE.cell("order of dates", ORDER)
def swapped_day_and_month(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """03.08. for 08.03., where the new day breaks the order of what happened."""
    floor = [copy.day("diagnosis", row) for row in copy.rows("diagnosis", patient)]
    starts = [copy.day("course.start", row) for row in copy.rows("course.start", patient)]
    last = [copy.day("last_contact", row) for row in copy.rows("last_contact", patient)]
    if not floor or not starts or not last or None in (floor[0], starts[0], last[0]):
        return None
    low, start, high = floor[0], starts[0], last[0]

    def change(role: str, day: date) -> Any:
        if day.day > 12 or day.day == day.month:
            return None
        other = date(day.year, day.day, day.month)
        early = other < (start if role in ("relapse", "hsct", "course.end") else low) and day >= low  # type: ignore[operator]
        late = other > (start if role == "diagnosis" else high) + timedelta(days=1)  # type: ignore[operator]
        return (
            copy.written(role, other) if (early or late) and role not in ("death", "last_contact") else None
        )

    return _spoil(copy, patient, rng, change)


@CATALOGUE.cell("order of dates", f"{ORDER} *.possible.*")
def year_slip(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """The year before, or 2002 for 2022, in a date of treatment or response."""

    def change(role: str, day: date) -> Any:
        low = [copy.day("diagnosis", row) for row in copy.rows("diagnosis", patient)]
        other = date(day.year - rng.choice([10, 20]), day.month, min(day.day, 28))
        return copy.written(role, other) if low and low[0] and other < low[0] else None

    return _spoil(
        copy,
        patient,
        rng,
        change,
        "course.start",
        "course.end",
        "response.date",
        "mrd.date",
        "visit.date",
        "relapse",
        "hsct",
    )


def _last_day(year: int, month: int) -> int:
    return calendar.monthrange(year, month)[1]


@CATALOGUE.cell("clinic", "clinical.*age* clinical.*birth* *.possible.* *.plausible.*")
def age_against_birth_date(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """An age that the birth date does not give."""
    rows, births = copy.rows("age", patient), copy.rows("birth", patient)
    if not rows or not births:
        return None
    age = copy.number("age", rows[0])
    if age is None:
        return None
    other = age + rng.choice([10, 7, -10, 20])
    copy.put_number("age", rows[0], other if other > 0 else age + 10)
    first = "first_dose" if copy.rows("first_dose", patient) else "course.start"
    partners = [copy.cell("birth", births[0])] + [
        copy.cell(first, row) for row in copy.rows(first, patient)[:1]
    ]
    return Planted((copy.cell("age", rows[0]),), tuple(partners))


@CATALOGUE.cell("clinic", "clinical.*")
def birth_year_of_somebody_else(copy: Copy, patient: str, _: Random) -> Planted | None:
    """A birth date that the age, or what happened since, does not allow."""
    births = copy.rows("birth", patient)
    if not births:
        return None
    day = copy.day("birth", births[0])
    if day is None or not copy.rows("age", patient):
        return None
    other = datetime(day.year - 12 if day.year > 1935 else day.year + 12, day.month, 1).date()
    copy.put_day("birth", births[0], other)
    return Planted((copy.cell("birth", births[0]),), (copy.cell("age", copy.rows("age", patient)[0]),))

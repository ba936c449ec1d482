"""Study 003: 64 adults of ten hospitals, blinatumomab with venetoclax or alone."""

from __future__ import annotations

from datetime import date, timedelta

from examples.generate.draws import Draws
from examples.generate.layout_003 import write
from examples.generate.writing import Row, Tables, design, table

__all__ = ["cohort", "write"]

CUTOFF, FIRST_ENROLMENT = date(2024, 6, 30), date(2021, 10, 8)
COURSE_DAYS, REST_DAYS = 28, 14
# hospital 01 holds the immune substudy; the sizes of the others are free
HOSPITALS = {
    f"hospital_{n:02d}": size for n, size in zip(range(1, 11), (26, 8, 6, 5, 4, 4, 4, 3, 2, 2), strict=True)
}
MEASURES = ("treg_cd4", "cd45ra_cd8", "cd45ro_cd8", "t_lymph", "nkt_lymph")


def cohort(draws: Draws) -> Tables:
    """64 synthetic adults; tables patients, courses, responses, laboratory, immune."""
    seeds = design("design_003")
    substudy = [seed for seed in seeds if seed["t_lymph_before"] != ""]
    others = [seed for seed in seeds if seed["t_lymph_before"] == ""]
    places = [
        name
        for name, size in HOSPITALS.items()
        for _ in range(size - (len(substudy) if name == "hospital_01" else 0))
    ]
    centres = {seed["number"]: "hospital_01" for seed in substudy}
    centres |= {seed["number"]: name for seed, name in zip(others, draws.shuffled(places), strict=True)}
    ages = _ages(len(seeds), draws)
    cycles = _cycles(seeds, draws)
    transplants = _transplants(seeds, cycles, draws)
    counters = dict.fromkeys(HOSPITALS, 0)
    tables: dict[str, list[Row]] = {
        name: [] for name in ("patients", "courses", "responses", "laboratory", "immune")
    }
    for place, seed in enumerate(seeds):
        centre = centres[seed["number"]]
        counters[centre] += 1
        patient = _patient(seed, centre, f"{centre[-2:]}{counters[centre]:04d}", ages[place], draws)
        patient["cycles"] = cycles[place]
        first: date = patient["first_dose"]  # type: ignore[assignment]
        last: date = patient["last_contact"]  # type: ignore[assignment]
        if place in transplants:
            earliest = (COURSE_DAYS + REST_DAYS) * cycles[place]
            limit = int(seed["relapse_days"] or (last - first).days) - 5
            patient["hsct_date"] = first + timedelta(days=min(limit, earliest + draws.between(5, 40)))
        tables["patients"].append(patient)
        courses = _courses(seed, patient, cycles[place])
        tables["courses"] += courses
        tables["responses"] += _responses(seed, patient, courses, draws)
        tables["laboratory"] += _laboratory(seed, patient, courses, draws)
        tables["immune"] += _immune(seed, patient)
    chemotherapy = [
        row for row in tables["patients"] if row["death_date"] is None and row["hsct_date"] is None
    ]
    for row in draws.shuffled(chemotherapy)[:11]:
        row["on_chemotherapy"] = 1
    return {name: table(rows) for name, rows in tables.items()}


def _ages(count: int, draws: Draws) -> list[int]:
    """Median 46, range 17-74 (printed as an interquartile range: flag F003-02)."""
    half = count // 2 - 1
    below = [17, *[draws.between(18, 46) for _ in range(half - 1)]]
    above = [74, *[draws.between(46, 73) for _ in range(half - 1)]]
    return draws.shuffled([*below, 46, 46, *above])


def _cycles(seeds: list[dict[str, str]], draws: Draws) -> list[int]:
    """52 patients with one course, 9 with two, 1 with three, 2 with four."""
    longest = sorted(range(len(seeds)), key=lambda i: _free_days(seeds[i]), reverse=True)
    candidates = draws.shuffled(
        [i for i in longest if _free_days(seeds[i]) > 260 and seeds[i]["response"] != "NR"]
    )
    cycles = [1] * len(seeds)
    for index, count in zip(candidates, [4, 4, 3, *[2] * 9], strict=False):
        cycles[index] = count
    return cycles


def _free_days(seed: dict[str, str]) -> int:
    return int(seed["relapse_days"] or seed["follow_up_days"])


def _transplants(seeds: list[dict[str, str]], cycles: list[int], draws: Draws) -> set[int]:
    """30 transplanted, all after a response and while free of relapse."""
    able = [
        i
        for i, seed in enumerate(seeds)
        if seed["response"] != "NR" and _free_days(seed) > (COURSE_DAYS + REST_DAYS) * cycles[i] + 20
    ]
    return set(draws.shuffled(able)[:30])


def _patient(seed: dict[str, str], centre: str, key: str, age: int, draws: Draws) -> Row:
    observed = int(seed["follow_up_days"])
    died = seed["death"] == "1"
    if died:
        first = FIRST_ENROLMENT + timedelta(days=draws.between(0, (CUTOFF - FIRST_ENROLMENT).days - observed))
    else:
        first = max(FIRST_ENROLMENT, CUTOFF - timedelta(days=observed + draws.between(0, 20)))
    combination = seed["arm"] == "combination"
    relapsed = seed["relapse_days"] != ""
    return {
        "patient": key,
        "centre": centre,
        "number": int(seed["number"]),
        "sex": draws.pick(["M", "F"]),
        "birth": (date(first.year - age, first.month, 1) - timedelta(days=draws.between(45, 300))).replace(
            day=1
        ),
        "age": age,
        "weight": draws.skewed(64, 0.15, low=46, high=98, digits=1),
        "diagnosis_date": first - timedelta(days=draws.between(60, 900)),
        "status": seed["status"],
        "burden": seed["burden"],
        "arm": seed["arm"],
        "first_dose": first,
        "baseline_date": first - timedelta(days=draws.between(8, 12) if combination else draws.between(1, 5)),
        "blasts": float(seed["blasts"]),
        "mrd": _baseline_mrd(seed, draws),
        "response": seed["response"],
        "mrd_negative": int(seed["mrd_negative"]),
        "hsct_date": None,
        "relapse_date": first + timedelta(days=int(seed["relapse_days"])) if relapsed else None,
        "relapse_type": draws.pick(["marrow", "marrow", "extramedullary"]) if relapsed else None,
        "death_date": first + timedelta(days=observed) if died else None,
        "death_cause": ("relapse" if relapsed else "no response") if died else None,
        "on_chemotherapy": 0,
        "last_contact": first + timedelta(days=observed),
        "remark": draws.pick([None, None, None, "NA", "已核对"]),
    }


def _baseline_mrd(seed: dict[str, str], draws: Draws) -> float | None:
    """Percent of nucleated cells by flow cytometry; null when negative."""
    if seed["status"] == "mrdneg":
        return None
    if seed["status"] == "mrdpos":
        return draws.uniform(0.02, 3.5, 2)
    return round(float(seed["blasts"]) * draws.uniform(0.75, 0.98), 1)


def _courses(seed: dict[str, str], patient: Row, cycles: int) -> list[Row]:
    first: date = patient["first_dose"]  # type: ignore[assignment]
    rows = []
    for number in range(1, cycles + 1):
        start = first + timedelta(days=(COURSE_DAYS + REST_DAYS) * (number - 1))
        venetoclax = seed["arm"] == "combination" and number == 1
        rows.append(
            {
                "patient": patient["patient"],
                "centre": patient["centre"],
                "course": number,
                "start": start,
                "end": min(start + timedelta(days=COURSE_DAYS), patient["last_contact"]),  # type: ignore[type-var]
                "dose_start": 9,
                "dose_target": 28,
                "venetoclax_start": start - timedelta(days=7) if venetoclax else None,
                "venetoclax_end": start - timedelta(days=1) if venetoclax else None,
                "venetoclax_dose": 400 if venetoclax else None,
            }
        )
    return rows


def _responses(seed: dict[str, str], patient: Row, courses: list[Row], draws: Draws) -> list[Row]:
    rows = []
    for course in courses:
        end: date = course["end"]  # type: ignore[assignment]
        response, negative = seed["response"], seed["mrd_negative"] == "1"
        blasts = {
            "CR": draws.uniform(0, 3.5, 1),
            "PR": draws.uniform(6, 20, 1),
            "NR": draws.uniform(26, 85, 1),
        }[response]
        rows.append(
            {
                "patient": patient["patient"],
                "centre": patient["centre"],
                "course": course["course"],
                "date": end + timedelta(days=draws.between(1, 7)),
                "blasts": blasts,
                "anc": draws.uniform(1.1, 4.5, 2) if response == "CR" else draws.uniform(0.1, 0.9, 2),
                "platelets": draws.between(103, 260) if response == "CR" else draws.between(10, 80),
                "response": response,
                "mrd": None
                if negative
                else draws.uniform(0.02, 0.9, 2)
                if response == "CR"
                else round(blasts * 0.9, 1),
            }
        )
    return rows


def _laboratory(seed: dict[str, str], patient: Row, courses: list[Row], draws: Draws) -> list[Row]:
    """Counts and liver values; the white cells before the first dose are those of the design."""
    rows = []
    for course in courses:
        start: date = course["start"]  # type: ignore[assignment]
        for offset in (-1, 3, 7, 10, 14, 21):
            white = draws.skewed(3.2, 0.45, low=0.4, high=20, digits=2)
            if course["course"] == 1 and offset < 0:
                white = float(seed["wbc"])
            rows.append(
                {
                    "patient": patient["patient"],
                    "centre": patient["centre"],
                    "date": start + timedelta(days=offset),
                    "wbc": white,
                    "anc": round(white * draws.uniform(0.2, 0.6), 2),
                    "platelets": draws.between(18, 240),
                    "alt": draws.between(8, 120),
                    "ast": draws.between(9, 100),
                    "bilirubin": draws.uniform(4, 24, 1),
                }
            )
    return rows


def _immune(seed: dict[str, str], patient: Row) -> list[Row]:
    if seed["t_lymph_before"] == "":
        return []
    first: date = patient["first_dose"]  # type: ignore[assignment]
    return [
        {
            "patient": patient["patient"],
            "centre": patient["centre"],
            "timepoint": label,
            "date": first + timedelta(days=day),
            **{name: float(seed[f"{name}_{label}"]) for name in MEASURES},
        }
        for label, day in (("before", -1), ("day28", 28))
    ]

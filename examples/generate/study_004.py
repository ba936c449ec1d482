"""Study 004: four Czech centres; a wide patient table, long tables of MRD, adverse events and laboratory."""

from __future__ import annotations

from datetime import date, timedelta

from examples.generate.draws import Draws
from examples.generate.layout_004 import write
from examples.generate.writing import Row, Tables, days, design, table

__all__ = ["cohort", "write"]

FIRST_ENROLMENT, LAST_ENROLMENT, CUTOFF = date(2019, 5, 6), date(2022, 3, 28), date(2024, 4, 22)
# day of the protocol counted from the start of treatment; the letter numbers the first day 1 and
# assesses on day 40
BLINATUMOMAB_START, RESPONSE_DAY, WEEK_11, WEEK_18 = 11, 40, 77, 126
CENTRES = {"praha": 12, "brno": 9, "ostrava": 5, "hradec": 3}
INTERRUPTIONS = {"ALT/AST": (2, 12), "CRS": (1, 3)}


def cohort(draws: Draws) -> Tables:
    """The 29 synthetic patients of the seed cohort (one withdrew) with dates; MRD, adverse events
    and laboratory long."""
    centres = draws.shuffled([name for name, count in CENTRES.items() for _ in range(count)])
    events: dict[str, list[tuple[str, int]]] = {}
    for row in design("design_004_ae"):
        events.setdefault(row["patient"], []).append((row["term"], int(row["grade"])))
    patients, mrd, adverse, laboratory = [], [], [], []
    for seed, centre in zip(design("design_004"), centres, strict=True):
        patient = _patient(seed, centre, draws)
        patients.append(patient)
        mrd += _mrd(seed, patient, draws)
        grades = dict(events.get(seed["patient"], []))
        adverse += _adverse_events(seed, patient, grades, draws)
        laboratory += _laboratory(seed, patient, grades, draws)
    return {
        "patients": table(patients),
        "mrd": table(mrd),
        "adverse_events": table(adverse),
        "laboratory": table(laboratory),
    }


def _start(seed: dict[str, str], draws: Draws) -> date:
    """The first seven are enrolled before the others; nobody alive is followed beyond the cut-off."""
    if seed["first7"] == "1":
        return FIRST_ENROLMENT + timedelta(days=draws.between(0, 120))
    earliest = date(2019, 11, 4)
    latest = min(LAST_ENROLMENT, CUTOFF - timedelta(days=days(float(seed["os"]))))
    return max(earliest, latest - timedelta(days=draws.between(0, 200)))


def _patient(seed: dict[str, str], centre: str, draws: Draws) -> Row:
    start = _start(seed, draws)
    withdrew = seed["os"] == ""
    age = int(float(seed["age"])) if seed["age"] else 44
    observed = 34 if withdrew else days(float(seed["os"]))
    event = days(float(seed["ev"])) if seed["event"] == "1.0" else None
    blina = start + timedelta(days=BLINATUMOMAB_START)
    # before the amendment by day-11 blasts, afterwards for all; the doses given decide, not the
    # protocol (F004-01)
    stepped = float(seed["bm_blasts_d11"] or 0) > 50 or seed["crs_after_step_up"] == "1.0"
    split_dose = stepped or seed["first7"] == "0"
    hsct = days(float(seed["hsct"])) if seed["hsct"] else None
    died = seed["dead"] == "1.0"
    stop = RESPONSE_DAY - 1 if not withdrew else BLINATUMOMAB_START + 9
    weight = draws.skewed(82 if seed["sex"] == "M" else 68, 0.13, low=48, high=115, digits=1)
    row: Row = {
        "patient": seed["patient"],
        "centre": centre,
        "sex": seed["sex"] or "F",
        "birth_year": date(
            (blina - timedelta(days=age * 365 + age // 4 + draws.between(20, 300))).year, 1, 1
        ),
        "age": age,
        "weight": weight,
        "start": start,
        "diagnosis_date": start - timedelta(days=draws.between(1, 6)),
        "wbc": float(seed["wbc"]) if seed["wbc"] else draws.uniform(2, 30, 1),
        "blasts": float(seed["bm_blasts"]) if seed["bm_blasts"] else draws.between(40, 90),
        "blasts_day11_date": start + timedelta(days=BLINATUMOMAB_START - 1),
        "blasts_day11": float(seed["bm_blasts_d11"]) if seed["bm_blasts_d11"] else draws.between(1, 40),
        "immunophenotype": seed["immunophenotype"] or "B-II",
        "karyotype": seed["karyotype"] or "Normal",
        "ikzf1plus": int(float(seed["ikzf1plus"] or 0)),
        "ph_like": int(float(seed["ph_like"] or 0)),
        "cns": seed["cns_status"] or "CNS1",
        "igtr": None if seed["igtr_target"] == "" else int(float(seed["igtr_target"])),
        "blina_start": blina,
        "blina_end": start + timedelta(days=stop),
        "dose_start": 9 if split_dose else 28,
        "dose_target": 28,
        "step_date": blina + timedelta(days=7) if split_dose else None,
        "evaluable": int(seed["evaluable"]),
        "withdrawal_date": start + timedelta(days=stop + 3) if withdrew else None,
        "response_date": None if withdrew else start + timedelta(days=RESPONSE_DAY),
        "response": None if withdrew else "CR" if seed["cr_day40"] == "1.0" else "refractory",
        "recovery_date": blina + timedelta(days=int(float(seed["recovery_days"])))
        if seed["recovery_days"]
        else None,
        "event_date": None
        if event is None
        else start + timedelta(days=RESPONSE_DAY if seed["kind"] == "refractory" else event),
        "event_kind": seed["kind"] or None,
        "hsct_date": None if hsct is None else start + timedelta(days=hsct),
        "death_date": start + timedelta(days=observed) if died else None,
        "death_cause": seed["cause"] or None,
        "last_contact": start + timedelta(days=observed),
        "remark": draws.pick([None, None, "bez poznámky", "NA", "kontrola zdrojových dat provedena"]),
    }
    row |= _response_counts(complete=row["response"] == "CR", withdrew=withdrew, draws=draws)
    row |= _interruptions(seed, blina, draws)
    row |= _second_blinatumomab(seed, start, event)
    return row


def _response_counts(*, complete: bool, withdrew: bool, draws: Draws) -> Row:
    if withdrew:
        return {"response_blasts": None, "response_anc": None, "response_platelets": None}
    return {
        "response_blasts": draws.uniform(0, 3, 1) if complete else draws.uniform(28, 85, 1),
        "response_anc": draws.uniform(1.1, 4.6, 2) if complete else draws.uniform(0.1, 0.8, 2),
        "response_platelets": draws.between(105, 290) if complete else draws.between(10, 55),
    }


def _interruptions(seed: dict[str, str], blina: date, draws: Draws) -> Row:
    row: Row = {}
    count = int(float(seed["interruptions"] or 0))
    begin = blina + timedelta(days=draws.between(1, 3))
    for number in (1, 2):
        reason = "CRS" if seed["patient"] in ("SYN004-28",) else "ALT/AST"
        end = begin + timedelta(days=draws.between(*INTERRUPTIONS[reason]) if number == 1 else 2)
        given = number <= count
        row[f"interruption_{number}_start"] = begin if given else None
        row[f"interruption_{number}_end"] = end if given else None
        row[f"interruption_{number}_reason"] = reason if given else None
        begin = end + timedelta(days=1)
    return row


def _second_blinatumomab(seed: dict[str, str], start: date, event: int | None) -> Row:
    """MRD-triggered courses: one after molecular failure at week 18, two after a molecular relapse."""
    count, begin = 0, 0
    if seed["w18fail"] == "1.0":
        count, begin = 1, WEEK_18 + 14
    elif "molecular" in seed["kind"] and event is not None:
        count, begin = 2, event + 10
    row: Row = {}
    for number in (1, 2):
        first = start + timedelta(days=begin + 35 * (number - 1))
        row[f"mrd_course_{number}_start"] = first if number <= count else None
        row[f"mrd_course_{number}_end"] = first + timedelta(days=28) if number <= count else None
    return row


def _mrd(seed: dict[str, str], patient: Row, draws: Draws) -> list[Row]:
    """IG/TR qPCR at day 40, weeks 11, 18, 26 and 52, and at a molecular relapse; NGS where week 11
    was not quantifiable."""
    if seed["cr_day40"] != "1.0":
        return []
    start, observed = patient["start"], (patient["last_contact"] - patient["start"]).days  # type: ignore[operator]
    event = (patient["event_date"] - patient["start"]).days if patient["event_date"] else observed + 1  # type: ignore[operator]
    schedule = [("D40", RESPONSE_DAY, seed["mrd_day40"]), ("W11", WEEK_11, seed["mrd_week11"])]
    later = "quantifiable >1e-4" if seed["w18fail"] == "1.0" else "undetectable"
    schedule += [("W18", WEEK_18, later)]
    schedule += [
        (f"W{week}", 7 * week, "undetectable")
        for week in (26, 39, 52)
        if 7 * week < min(event, observed) - 20
    ]
    if "molecular" in seed["kind"]:
        schedule.append(("relapse", event, "quantifiable >1e-4"))
        schedule.append(("after relapse", event + 45, "undetectable"))
    rows = []
    for label, day, result in schedule:
        if seed["igtr_target"] != "1.0":
            result = "no target"
        elif label == "W26" and seed["w18fail"] == "1.0":
            result = "undetectable" if not seed["kind"] else "quantifiable >1e-4"
        rows.append(
            _mrd_row(
                patient,
                label,
                start + timedelta(days=day + (0 if label in ("D40", "relapse") else draws.between(-3, 3))),
                result,
                draws,
            )
        )  # type: ignore[operator]
        if label == "W11" and result == "positive not quantifiable":
            rows.append({**rows[-1], "method": "NGS", "sensitivity": "1e-5"})
    return rows


def _mrd_row(patient: Row, label: str, day: date, result: str, draws: Draws) -> Row:
    return {
        "patient": patient["patient"],
        "centre": patient["centre"],
        "date": day,
        "timepoint": label,
        "method": "qPCR",
        "sensitivity": draws.pick(["1e-4", "5e-5", "1e-5"], [0.6, 0.2, 0.2]),
        "result": result,
        "value": draws.skewed(1.5e-3, 0.8, low=1.6e-4, high=2e-2, digits=5)
        if result == "quantifiable >1e-4"
        else None,
        "remark": draws.pick([None, None, None, "opakováno"]),
    }


def _adverse_events(seed: dict[str, str], patient: Row, grades: dict[str, int], draws: Draws) -> list[Row]:
    blina: date = patient["blina_start"]  # type: ignore[assignment]
    rows = []
    for term, grade in grades.items():
        onset = draws.between(0, 3) if term.endswith("increased") else draws.between(1, 18)
        if term == "Cytokine release syndrome" and seed["crs_onset_day"]:
            onset = int(float(seed["crs_onset_day"]))
        begin = blina + timedelta(days=onset)
        rows.append(
            {
                "patient": patient["patient"],
                "centre": patient["centre"],
                "term": term,
                "grade": grade,
                "start": begin,
                "end": begin + timedelta(days=draws.between(2, 14)),
                "remark": draws.pick([None, None, None, "bez nutnosti léčby"]),
            }
        )
    return rows


# analyte: unit of the centre, normal median, upper limit, (factor of the upper limit for grade 1,
# for grade 3), term
ANALYTES = {
    "ALT": ("µkat/l", 0.45, 0.78, (1.5, 8.0), "ALT increased"),
    "AST": ("µkat/l", 0.40, 0.72, (1.5, 7.0), "AST increased"),
    "GGT": ("µkat/l", 0.50, 0.92, (1.6, 7.5), "GGT increased"),
    "bilirubin": ("µmol/l", 9.0, 21.0, (1.3, 4.0), "Bilirubin increased"),
    "leukocyty": ("10^9/l", 4.0, 9.8, (1.0, 1.0), ""),
    "neutrofily": ("10^9/l", 2.0, 7.0, (1.0, 1.0), ""),
    "trombocyty": ("10^9/l", 120.0, 350.0, (1.0, 1.0), ""),
}


def _laboratory(seed: dict[str, str], patient: Row, grades: dict[str, int], draws: Draws) -> list[Row]:
    """Seven analytes on five days; the third day carries the values behind the graded liver events."""
    rows = []
    blina: date = patient["blina_start"]  # type: ignore[assignment]
    for offset in (-1, 2, 7, 14, 28) if seed["os"] else (-1, 2, 7):
        white = draws.skewed(4.0, 0.4, low=0.8, high=12, digits=2)
        for analyte, (unit, median, upper, factors, term) in ANALYTES.items():
            value = draws.skewed(median, 0.2, low=median * 0.4, high=upper * 0.98, digits=2)
            if analyte == "leukocyty":
                value = white
            elif analyte == "neutrofily":
                value = round(white * draws.uniform(0.3, 0.65), 2)
            elif offset == 2 and term in grades:
                value = round(upper * factors[0 if grades[term] < 3 else 1] * draws.uniform(0.9, 1.2), 2)
            elif analyte == "trombocyty":
                value = float(round(value))
            rows.append(
                {
                    "patient": patient["patient"],
                    "centre": patient["centre"],
                    "date": blina + timedelta(days=offset),
                    "analyte": analyte,
                    "value": value,
                    "unit": unit,
                }
            )
    return rows

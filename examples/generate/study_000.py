"""Study 000: two centres, English; centre A sends CSV with Excel serials and percentages, centre B
a workbook with fractions."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import polars as pl

from examples.generate.draws import Draws
from examples.generate.writing import Row, Tables, coded, design, serial, table, write_csv, write_workbook

CUTOFF, FIRST_ENROLMENT = date(2025, 5, 31), date(2022, 1, 4)
REST_DAYS = 14
CENTRES = {"centre_a": 60, "centre_b": 43}
IMMUNE = ("pd1_cd4", "pd1_cd8", "cd8_naive", "cd8_effector", "cd8_memory", "th1", "th2", "th17")


def cohort(draws: Draws) -> Tables:
    """103 synthetic patients; tables patients, courses, assessments, immune."""
    centres = draws.shuffled([name for name, count in CENTRES.items() for _ in range(count)])
    counters = dict.fromkeys(CENTRES, 0)
    combined = _combined_partners(draws)
    tables: dict[str, list[Row]] = {name: [] for name in ("patients", "courses", "assessments", "immune")}
    for seed, centre in zip(design("design_000"), centres, strict=True):
        counters[centre] += 1
        patient = _patient(seed, centre, f"{counters[centre]:04d}", draws)
        patient["partner"] = "TKI" if seed["ph"] == "1" else combined.get(seed["number"], "none")
        tables["patients"].append(patient)
        courses = _courses(seed, patient)
        tables["courses"] += courses
        tables["assessments"] += _assessments(seed, patient, courses, draws)
        tables["immune"] += _immune(seed, patient, draws)
    return {name: table(rows) for name, rows in tables.items()}


def _combined_partners(draws: Draws) -> dict[str, str]:
    """Ph-negative: 3 of 26 consolidations are not monotherapy; the induction counts are not printed."""
    negative = [seed for seed in design("design_000") if seed["ph"] == "0"]
    induction = draws.shuffled([seed["number"] for seed in negative if seed["cohort"] == "induction"])
    consolidation = draws.shuffled([seed["number"] for seed in negative if seed["cohort"] == "consolidation"])
    partners = {
        number: "venetoclax" if place % 3 == 0 else "chemotherapy"
        for place, number in enumerate(induction[:24])
    }
    return partners | dict.fromkeys(consolidation[:3], "chemotherapy")


def _patient(seed: dict[str, str], centre: str, key: str, draws: Draws) -> Row:
    observed = int(seed["follow_up_days"])
    died = seed["death_days"] != ""
    if died:
        room = (CUTOFF - FIRST_ENROLMENT).days - observed - 30
        first = FIRST_ENROLMENT + timedelta(days=draws.between(0, room))
    else:
        first = max(FIRST_ENROLMENT, CUTOFF - timedelta(days=observed + draws.between(0, 25)))
    consolidation = seed["cohort"] == "consolidation"
    age = int(seed["age"])
    relapse = seed["event"] in ("haematological", "molecular")
    return {
        "patient": key,
        "centre": centre,
        "number": int(seed["number"]),
        "cohort": seed["cohort"],
        "arm": int(seed["arm"]),
        "sex": draws.pick(["M", "F"], [0.54, 0.46]),
        "birth": (date(first.year - age, first.month, 1) - timedelta(days=draws.between(45, 300))).replace(
            day=1
        ),
        "age": age,
        "weight": draws.skewed(68, 0.16, low=46, high=105, digits=1),
        "ph": int(seed["ph"]),
        "diagnosis_date": first
        - timedelta(days=draws.between(90, 260) if consolidation else draws.between(4, 30)),
        "first_dose": first,
        "cycles": int(seed["cycles"]),
        "partner": "none",
        "tki": draws.pick(["dasatinib", "ponatinib", "imatinib", "olverembatinib"])
        if seed["ph"] == "1"
        else None,
        "crc": None if seed["crc"] == "" else int(seed["crc"]),
        "mrd_negative": int(seed["mrd_negative"]),
        "hsct_date": first + timedelta(days=int(seed["hsct_days"])) if seed["hsct_days"] else None,
        "relapse_date": first + timedelta(days=int(seed["event_days"])) if relapse else None,
        "relapse_type": seed["event"] if relapse else None,
        "refractory": int(seed["event"] == "refractory"),
        "death_date": first + timedelta(days=observed) if died else None,
        "death_cause": "leukaemia" if died else None,
        "last_contact": first + timedelta(days=observed),
        "remark": draws.pick([None, None, None, "NA", "source data verified"]),
    }


def _courses(seed: dict[str, str], patient: Row) -> list[Row]:
    first: date = patient["first_dose"]  # type: ignore[assignment]
    length = int(seed["arm"])
    step = length + REST_DAYS if int(seed["cycles"]) > 1 else length
    return [
        {
            "patient": patient["patient"],
            "centre": patient["centre"],
            "course": number,
            "setting": seed["cohort"],
            "start": first + timedelta(days=step * (number - 1)),
            "end": first + timedelta(days=step * (number - 1) + length),
            "planned_days": length,
            "dose_start": 9,
            "dose_target": 28,
        }
        for number in range(1, int(seed["cycles"]) + 1)
    ]


def _assessments(seed: dict[str, str], patient: Row, courses: list[Row], draws: Draws) -> list[Row]:
    """Marrow and counts at baseline, after each course, at follow-up and at relapse; MRD as
    percent, null when negative."""
    first: date = patient["first_dose"]  # type: ignore[assignment]
    last: date = patient["last_contact"]  # type: ignore[assignment]
    relapse: date | None = patient["relapse_date"]  # type: ignore[assignment]
    induction = seed["cohort"] == "induction"
    blasts = draws.uniform(25, 94, 1) if induction else draws.uniform(0, 2.5, 1)
    rows = [
        _assessment(
            patient,
            first - timedelta(days=draws.between(1, 5)),
            "baseline",
            blasts,
            round(blasts * 0.9, 2) if induction else None,
            draws,
            remission=not induction,
        )
    ]
    failed = patient["refractory"] == 1
    for course in courses if seed["crc"] != "" or not induction else []:
        day = course["end"] + timedelta(days=draws.between(1, 6))  # type: ignore[operator]
        after = draws.uniform(22, 70, 1) if failed else draws.uniform(0, 3.2, 1)
        value = (
            round(after * 0.9, 2)
            if failed
            else None
            if seed["mrd_negative"] == "1"
            else draws.uniform(0.02, 0.6, 3)
        )
        if relapse is None or day < relapse:
            rows.append(
                _assessment(
                    patient,
                    day,
                    f"after course {course['course']}",
                    after,
                    value,
                    draws,
                    remission=not failed,
                )
            )
    ended = rows[-1]["date"]
    for month in (3, 6, 9, 12, 18):
        day = first + timedelta(days=round(month * 30.4375) + draws.between(-5, 5))
        if (
            ended < day - timedelta(days=30)
            and day < min(last, relapse or last) - timedelta(days=10)
            and not failed
        ):  # type: ignore[operator]
            value = None if seed["mrd_negative"] == "1" else draws.uniform(0.01, 0.3, 3)
            rows.append(
                _assessment(
                    patient, day, f"month {month}", draws.uniform(0, 3, 1), value, draws, remission=True
                )
            )
    if relapse is not None:
        overt = patient["relapse_type"] == "haematological"
        blasts = draws.uniform(18, 85, 1) if overt else draws.uniform(0.5, 4, 1)
        rows.append(
            _assessment(
                patient,
                relapse,
                "relapse",
                blasts,
                round(blasts * 0.9, 2) if overt else draws.uniform(0.05, 0.9, 3),
                draws,
                remission=not overt,
            )
        )
    return rows


def _assessment(
    patient: Row, day: date, label: str, blasts: float, mrd: float | None, draws: Draws, *, remission: bool
) -> Row:
    white = draws.uniform(2.8, 8, 2) if remission else draws.skewed(6, 0.9, low=0.5, high=90, digits=2)
    neutrophils = (
        max(1.1, white * draws.uniform(0.4, 0.65)) if remission else white * draws.uniform(0.05, 0.3)
    )
    return {
        "patient": patient["patient"],
        "centre": patient["centre"],
        "ph": patient["ph"],
        "date": day,
        "timepoint": label,
        "blasts": blasts,
        "wbc": white,
        "anc": round(neutrophils, 2),
        "platelets": draws.between(105, 290) if remission else draws.between(12, 90),
        "alt": draws.between(9, 80),
        "bilirubin": draws.uniform(4, 20, 1),
        "mrd": mrd,
        "sensitivity": 0.001 if patient["ph"] else 0.01,
    }


def _immune(seed: dict[str, str], patient: Row, draws: Draws) -> list[Row]:
    """9 patients: PD-1 up in all, CD8 effector cells not up in the one without response, Th1 to
    Th2/Th17 in 8."""
    if seed["immune"] != "1":
        return []
    first: date = patient["first_dose"]  # type: ignore[assignment]
    answered = seed["crc"] == "1"
    before = {name: draws.uniform(6, 22, 1) for name in IMMUNE}
    before["th1"] = draws.uniform(14, 26, 1)
    growth = {name: draws.uniform(1.15, 1.9) for name in IMMUNE}
    growth["th1"] = draws.uniform(0.5, 0.85) if answered else 1.1
    growth["th2"], growth["th17"] = (growth["th2"], growth["th17"]) if answered else (0.9, 0.92)
    growth["cd8_effector"] = growth["cd8_effector"] if answered else 0.93
    after = {name: round(value * growth[name], 1) for name, value in before.items()}
    key = {"patient": patient["patient"], "centre": patient["centre"]}
    end = timedelta(days=int(seed["arm"]))
    return [
        {**key, "timepoint": "baseline", "date": first - timedelta(days=1), **before},
        {**key, "timepoint": "end of course 1", "date": first + end, **after},
    ]


def write(tables: Tables, folder: Path) -> None:
    """Write four CSV files for centre A and one workbook of four sheets for centre B."""
    for name, frame in sheets_of(tables, "centre_a").items():
        write_csv(frame, folder / "centre_a" / f"{name.lower()}_synthetic.csv")
    write_workbook(sheets_of(tables, "centre_b"), folder / "centre_b" / "centre_b_synthetic.xlsx")


def sheets_of(tables: Tables, centre: str) -> dict[str, pl.DataFrame]:
    """Patients, Courses, Assessments, Immune; centre A gives percent, centre B fractions of one."""
    scale = 1.0 if centre == "centre_a" else 0.01
    columns = {
        "Patients": ("patients", _patients()),
        "Courses": ("courses", _course_columns()),
        "Assessments": ("assessments", _assessment_columns(centre, scale)),
        "Immune": ("immune", _immune_columns(scale)),
    }
    return {
        sheet: tables[name]
        .filter(pl.col("centre") == centre)
        .select(cell.alias(header) for header, cell in cells.items())
        for sheet, (name, cells) in columns.items()
    }


def _patients() -> dict[str, pl.Expr]:
    return {
        "patient_id": pl.col("patient"),
        "synthetic": pl.lit("yes"),
        "cohort": pl.col("cohort"),
        "regimen_days": pl.col("arm"),
        "sex": pl.col("sex"),
        "birth_year": pl.col("birth").dt.year(),
        "age": pl.col("age"),
        "weight_kg": pl.col("weight"),
        "ph_status": coded("ph", {1: "Ph+", 0: "Ph-"}),
        "diagnosis_date": serial("diagnosis_date"),
        "first_dose_date": serial("first_dose"),
        "partner": pl.col("partner"),
        "tki": pl.col("tki"),
        "best_response": pl.when(pl.col("cohort") == "consolidation")
        .then(None)
        .when(pl.col("crc").is_null())
        .then(pl.lit("NE"))
        .when(pl.col("crc") == 1)
        .then(pl.lit("CRc"))
        .otherwise(pl.lit("NR")),
        "hsct_date": serial("hsct_date"),
        "relapse_date": serial("relapse_date"),
        "relapse_type": pl.col("relapse_type"),
        "vital_status": pl.when(pl.col("death_date").is_null())
        .then(pl.lit("alive"))
        .otherwise(pl.lit("dead")),
        "death_date": serial("death_date"),
        "death_cause": pl.col("death_cause"),
        "last_contact_date": serial("last_contact"),
        "remarks": pl.col("remark"),
    }


def _course_columns() -> dict[str, pl.Expr]:
    return {
        "patient_id": pl.col("patient"),
        "course_no": pl.col("course"),
        "setting": pl.col("setting"),
        "start": serial("start"),
        "stop": serial("end"),
        "planned_days": pl.col("planned_days"),
        "dose_d1_7_ug": pl.col("dose_start"),
        "dose_d8_ug": pl.col("dose_target"),
        "synthetic": pl.lit("yes"),
    }


def _assessment_columns(centre: str, scale: float) -> dict[str, pl.Expr]:
    suffix = "pct" if centre == "centre_a" else "fraction"

    def scaled(column: str) -> pl.Expr:
        return (pl.col(column) * scale).round(7)

    return {
        "patient_id": pl.col("patient"),
        "date": serial("date"),
        "timepoint": pl.col("timepoint"),
        f"marrow_blasts_{suffix}": scaled("blasts"),
        "wbc_10e9_l": pl.col("wbc"),
        "anc_10e9_l": pl.col("anc"),
        "platelets_10e9_l": pl.col("platelets"),
        "alt_u_l": pl.col("alt"),
        "bilirubin_umol_l": pl.col("bilirubin"),
        "mrd_method": coded("ph", {1: "BCR-ABL1 RT-qPCR", 0: "MFC"}),
        "mrd_result": pl.when(pl.col("mrd").is_null()).then(pl.lit("negative")).otherwise(pl.lit("positive")),
        f"mrd_{suffix}": scaled("mrd"),
        f"mrd_sensitivity_{suffix}": scaled("sensitivity"),
        "synthetic": pl.lit("yes"),
    }


def _immune_columns(scale: float) -> dict[str, pl.Expr]:
    names = {
        "pd1_cd4": "PD1_of_CD4",
        "pd1_cd8": "PD1_of_CD8",
        "cd8_naive": "naive_of_CD8",
        "cd8_effector": "effector_of_CD8",
        "cd8_memory": "memory_of_CD8",
        "th1": "Th1_of_CD4",
        "th2": "Th2_of_CD4",
        "th17": "Th17_of_CD4",
    }
    return {
        "patient_id": pl.col("patient"),
        "date": serial("date"),
        "timepoint": pl.col("timepoint"),
        **{header: (pl.col(name) * scale).round(5) for name, header in names.items()},
        "synthetic": pl.lit("yes"),
    }

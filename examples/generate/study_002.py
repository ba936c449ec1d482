"""Study 002: a REDCap-like flat export; events, repeating instruments, data access groups, checkboxes."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import polars as pl

from examples.generate.draws import Draws
from examples.generate.writing import Row, Tables, coded, dated, design, table, write_csv

CUTOFF, FIRST_ENROLMENT = date(2024, 9, 30), date(2021, 3, 1)
CENTRES = {"hosp_11": 29, "hosp_12": 24, "hosp_13": 21, "hosp_14": 17, "hosp_15": 14}
COURSE_DAYS, REST_DAYS = 28, 14


def cohort(draws: Draws) -> Tables:
    """105 synthetic children; tables patients, courses, mrd, immune, laboratory."""
    centres = draws.shuffled([name for name, count in CENTRES.items() for _ in range(count)])
    counters = dict.fromkeys(CENTRES, 0)
    patients, courses, mrd, immune, laboratory = [], [], [], [], []
    for seed, centre in zip(design("design_002"), centres, strict=True):
        counters[centre] += 1
        patient = _patient(seed, centre, f"{centre[-2:]}-{counters[centre]:03d}", draws)
        patients.append(patient)
        given = _courses(seed, patient, draws)
        courses += given
        mrd += _mrd(seed, patient, given, draws)
        immune += _immune(seed, patient, given[0], draws)
        laboratory += _laboratory(patient, given, draws)
    return {
        "patients": table(patients),
        "courses": table(courses),
        "mrd": table(mrd),
        "immune": table(immune),
        "laboratory": table(laboratory),
    }


def _patient(seed: dict[str, str], centre: str, key: str, draws: Draws) -> Row:
    observed = int(seed["follow_up_days"])
    died = seed["death_days"] != ""
    if died:
        room = (CUTOFF - FIRST_ENROLMENT).days - observed - 120
        first = FIRST_ENROLMENT + timedelta(days=draws.between(0, room))
    else:
        first = CUTOFF - timedelta(days=observed + draws.between(0, 25))
    age_days = draws.between(420, 6300)
    weight = round(9 + age_days / 365 * 2.9 * draws.uniform(0.85, 1.2), 1)
    relapse = None
    if seed["event_days"] and not _refractory(seed):
        relapse = first + timedelta(days=int(seed["event_days"]))
    gap = draws.between(20, 75) if seed["enrolled"] != "delay" else draws.between(60, 110)
    bridged = seed["good_response"] == "1" and observed > 130 and relapse is None
    hsct = bridged and seed["before"] != "mrdneg" and draws.chance(0.7)
    # not converted, no relapse: bridged to CAR-T
    cart = (
        not hsct and observed > 130 and relapse is None and seed["before"] != "mrdneg" and draws.chance(0.6)
    )
    return {
        "patient": key,
        "centre": centre,
        "number": int(seed["number"]),
        "sex": draws.pick(["M", "F"], [0.58, 0.42]),
        "birth": (first - timedelta(days=age_days)).replace(day=1),
        "diagnosis_date": first - timedelta(days=draws.between(70, 380)),
        "enrolment_date": first
        - timedelta(days=draws.between(1, 10) if seed["debulked"] == "0" else draws.between(25, 45)),
        "weight": weight,
        "bsa": round((4 * weight + 7) / (weight + 90), 2),
        "enrolled": seed["enrolled"],
        "before": seed["before"],
        "debulked": int(seed["debulked"]),
        "delay": draws.pick(["infection", "liver", "neurotoxicity", "pancreatitis"])
        if seed["enrolled"] == "delay"
        else None,
        "bcr_abl1": int(seed["bcr_abl1"]),
        "poor_cytogenetics": int(seed["poor_cytogenetics"]),
        "cytogenetics": _cytogenetics(seed, draws),
        "cd19_loss": None if seed["cd19_loss"] == "" else int(seed["cd19_loss"]),
        "high_mrd": int(seed["high_mrd"]),
        "good_response": int(seed["good_response"]),
        "first_dose": first,
        "hsct_date": first + timedelta(days=draws.between(50, 110)) if hsct else None,
        "cart_date": first + timedelta(days=draws.between(50, 110)) if cart else None,
        "relapse_date": relapse,
        "refractory_date": first + timedelta(days=int(seed["event_days"])) if _refractory(seed) else None,
        "relapse_type": None if relapse is None else draws.pick(["marrow", "marrow", "CNS", "combined"]),
        "death_date": first + timedelta(days=observed) if died else None,
        "death_cause": draws.pick(["leukaemia", "infection"], [0.7, 0.3]) if died else None,
        "last_contact": first + timedelta(days=observed),
        "gap": gap,
    }


def _refractory(seed: dict[str, str]) -> bool:
    """R/R children whose event is the failed assessment of course 1."""
    return seed["before"] == "rr" and seed["good_response"] == "0"


def _cytogenetics(seed: dict[str, str], draws: Draws) -> str:
    if seed["bcr_abl1"] == "1":
        return "BCR::ABL1"
    if seed["poor_cytogenetics"] == "1":
        return draws.pick(["KMT2A", "hypodiploidy", "TCF3::HLF"])
    return draws.pick(["hyperdiploidy", "ETV6::RUNX1", "none", "none"])


def _courses(seed: dict[str, str], patient: Row, draws: Draws) -> list[Row]:
    first: date = patient["first_dose"]  # type: ignore[assignment]
    rows = []
    failed = seed["good_response"] == "0"
    for number in range(1, int(seed["courses"]) + 1):
        start = first + timedelta(days=(COURSE_DAYS + REST_DAYS) * (number - 1))
        end = start + timedelta(days=COURSE_DAYS)
        last = number == int(seed["courses"])
        overt = seed["before"] == "rr"
        turned = failed and last
        assessed = end + timedelta(days=draws.between(1, 4))
        if _refractory(seed):
            assessed = first + timedelta(days=int(seed["event_days"]))
        heavy = patient["weight"] >= 45  # type: ignore[operator]
        rows.append(
            {
                "patient": patient["patient"],
                "course": number,
                "start": start,
                "end": end,
                "dose_start": 9 if heavy else 5,
                "dose_target": 28 if heavy else 15,
                "dose_unit": "ug/d" if heavy else "ug/m2/d",
                "status": seed["before"],
                "assessment_date": assessed,
                "response": "NR" if overt and failed else "CR",
                "mrd_after": int(turned),
                "blasts": draws.uniform(22, 80, 1) if overt and failed else draws.uniform(0, 3, 1),
                "anc": draws.uniform(0.2, 0.8, 2) if overt and failed else draws.uniform(1.1, 4.2, 2),
                "platelets": draws.between(15, 60) if overt and failed else draws.between(105, 320),
            }
        )
    return rows


def _mrd(seed: dict[str, str], patient: Row, courses: list[Row], draws: Draws) -> list[Row]:
    """Marrow flow cytometry before the first course, on day 15 and after each course."""
    first: date = patient["first_dose"]  # type: ignore[assignment]
    before = seed["before"]
    high = seed["high_mrd"] == "1"
    if before == "rr":
        level = draws.uniform(12, 85, 1)
    else:
        level = draws.uniform(1, 4.5, 2) if high else draws.uniform(0.02, 0.9, 2)
    failed = seed["good_response"] == "0"
    residual = round(level * draws.uniform(0.2, 0.8), 2)
    points = [(first - timedelta(days=draws.between(1, 5)), "before", None if before == "mrdneg" else level)]
    points.append(
        (
            first + timedelta(days=14),
            "day 15",
            None if before == "mrdneg" else max(residual, 0.02) if failed or draws.chance(0.3) else None,
        )
    )
    for course in courses:
        value = (
            max(residual, 0.03)
            if course["mrd_after"] and before != "mrdneg"
            else draws.uniform(0.02, 0.4, 2)
            if course["mrd_after"]
            else None
        )
        points.append((course["assessment_date"], f"after course {course['course']}", value))  # type: ignore[arg-type]
    return [
        {
            "patient": patient["patient"],
            "date": day,
            "timepoint": label,
            "value": None if value is None else round(value, 2),
        }
        for day, label, value in points
    ]


def _immune(seed: dict[str, str], patient: Row, course: Row, draws: Draws) -> list[Row]:
    """T-cell subsets before and after course 1 in 61 children; CD19 in cells per microlitre;
    interleukin 6."""
    if seed["cd3_before"] == "":
        return []
    first: date = patient["first_dose"]  # type: ignore[assignment]
    rows = []
    for label, day in (("before", first - timedelta(days=draws.between(1, 4))), ("after", course["end"])):
        rows.append(
            {
                "patient": patient["patient"],
                "timepoint": label,
                "date": day,
                "cd3": float(seed[f"cd3_{label}"]),
                "cd4": float(seed[f"cd4_{label}"]),
                "cd8": float(seed[f"cd8_{label}"]),
                "cd19": draws.between(0, 4) if label == "after" else draws.between(5, 240),
                "il6": draws.skewed(6.0 if label == "before" else 9.0, 0.9, low=1.5, high=300, digits=1),
            }
        )
    return rows


def _laboratory(patient: Row, courses: list[Row], draws: Draws) -> list[Row]:
    rows = []
    for course in courses:
        start: date = course["start"]  # type: ignore[assignment]
        for offset in (-1, 3, 8, 15):
            white = draws.skewed(3.6, 0.4, low=0.6, high=15, digits=2)
            rows.append(
                {
                    "patient": patient["patient"],
                    "date": start + timedelta(days=offset),
                    "wbc": white,
                    "anc": round(white * draws.uniform(0.25, 0.6), 2),
                    "platelets": draws.between(30, 300),
                    "alt": draws.between(9, 90),
                    "ast": draws.between(10, 80),
                    "bilirubin": draws.uniform(4, 20, 1),
                    "il6": draws.skewed(8, 1.0, low=1.5, high=900, digits=1),
                }
            )
    return rows


ISO = "%Y-%m-%d"
STATUS = {"rr": 1, "mrdpos": 2, "mrdneg": 3, "delay": 3}
CHECKBOXES = {
    1: "hyperdiploidy",
    2: "ETV6::RUNX1",
    3: "KMT2A",
    4: "hypodiploidy",
    5: "TCF3::HLF",
    6: "BCR::ABL1",
    7: "none",
}
DELAYS = {1: "infection", 2: "liver", 3: "neurotoxicity", 4: "pancreatitis"}
MRD_TIMES = {"before": 1, "day 15": 2, "after course 1": 3, "after course 2": 4}


def write(tables: Tables, folder: Path) -> None:
    """Write `redcap_records_synthetic.csv`: one line per record, event and repeat."""
    write_csv(layout(tables), folder / "redcap_records_synthetic.csv")


def layout(tables: Tables) -> pl.DataFrame:
    groups = tables["patients"].select("patient", "centre")
    blocks = [_block(tables["patients"], "baseline_arm_1", None, _baseline()).sort("record_id")]
    for name, event, instrument, columns in (
        ("courses", "treatment_arm_1", "course", _course()),
        ("mrd", "treatment_arm_1", "mrd", _mrd_form()),
        ("immune", "treatment_arm_1", "immune", _immune_form()),
        ("laboratory", "treatment_arm_1", "laboratory", _laboratory_form()),
    ):
        frame = tables[name].join(groups, on="patient", how="left", maintain_order="left")
        blocks.append(_block(frame, event, instrument, columns))
    blocks.append(_block(tables["patients"], "followup_arm_1", None, _follow_up()))
    records = pl.concat(blocks, how="diagonal")
    return records.sort("record_id", maintain_order=True)


def _block(
    frame: pl.DataFrame, event: str, instrument: str | None, columns: dict[str, pl.Expr]
) -> pl.DataFrame:
    repeat = (
        pl.int_range(1, pl.len() + 1).over("patient").cast(pl.String)
        if instrument
        else pl.lit(None, pl.String)
    )
    keys = {
        "record_id": pl.col("patient"),
        "redcap_event_name": pl.lit(event),
        "redcap_repeat_instrument": pl.lit(instrument, pl.String),
        "redcap_repeat_instance": repeat,
        "redcap_data_access_group": pl.col("centre"),
    }
    return frame.select(
        expression.cast(pl.String).alias(name) for name, expression in {**keys, **columns}.items()
    )


def _baseline() -> dict[str, pl.Expr]:
    columns = {
        "synthetic": pl.lit("yes"),
        "sex": coded("sex", {"M": 1, "F": 2}),
        "birth_ym": dated("birth", "%Y-%m"),
        "diagnosis_date": dated("diagnosis_date", ISO),
        "enrolment_date": dated("enrolment_date", ISO),
        "weight_kg": pl.col("weight"),
        "bsa_m2": pl.col("bsa"),
        "class_enrolment": coded("enrolled", STATUS),
        "status_before": coded("before", STATUS),
        "debulking": pl.col("debulked"),
    }
    columns |= {
        f"delay_reason___{code}": (pl.col("delay") == name).fill_null(False).cast(pl.Int8)
        for code, name in DELAYS.items()
    }
    columns |= {
        f"cytogenetics___{code}": (pl.col("cytogenetics") == name).cast(pl.Int8)
        for code, name in CHECKBOXES.items()
    }
    return columns | {
        "cyto_risk_poor": pl.col("poor_cytogenetics"),
        "bcr_abl1": pl.col("bcr_abl1"),
        "cd19_loss": pl.col("cd19_loss").cast(pl.String).fill_null("NA"),
        "high_mrd": pl.col("high_mrd"),
        "first_dose_date": dated("first_dose", ISO),
        "baseline_complete": pl.lit(2),
    }


def _course() -> dict[str, pl.Expr]:
    return {
        "course_start": dated("start", ISO),
        "course_end": dated("end", ISO),
        "course_dose_start": pl.col("dose_start"),
        "course_dose_target": pl.col("dose_target"),
        "course_dose_unit": coded("dose_unit", {"ug/d": 1, "ug/m2/d": 2}),
        "course_status": coded("status", STATUS),
        "response_date": dated("assessment_date", ISO),
        "response": coded("response", {"CR": 1, "NR": 2}),
        "bm_blasts_pct": pl.col("blasts"),
        "anc": pl.col("anc"),
        "plt": pl.col("platelets"),
        "course_complete": pl.lit(2),
    }


def _mrd_form() -> dict[str, pl.Expr]:
    return {
        "mrd_date": dated("date", ISO),
        "mrd_time": coded("timepoint", MRD_TIMES),
        "mrd_method": pl.lit(1),
        "mrd_result": pl.col("value").is_not_null().cast(pl.Int8),
        "mrd_pct": pl.col("value"),
        "mrd_lod_pct": pl.lit("0.01"),
        "mrd_complete": pl.lit(2),
    }


def _immune_form() -> dict[str, pl.Expr]:
    return {
        "imm_date": dated("date", ISO),
        "imm_time": coded("timepoint", {"before": 1, "after": 2}),
        "imm_cd3": pl.col("cd3"),
        "imm_cd4": pl.col("cd4"),
        "imm_cd8": pl.col("cd8"),
        "imm_cd19_ul": pl.col("cd19"),
        "imm_il6": pl.col("il6"),
        "immune_complete": pl.lit(2),
    }


def _laboratory_form() -> dict[str, pl.Expr]:
    return {
        "lab_date": dated("date", ISO),
        "lab_wbc": pl.col("wbc"),
        "lab_anc": pl.col("anc"),
        "lab_plt": pl.col("platelets"),
        "lab_alt": pl.col("alt"),
        "lab_ast": pl.col("ast"),
        "lab_tbil_umol": pl.col("bilirubin"),
        "lab_il6": pl.col("il6"),
        "laboratory_complete": pl.lit(2),
    }


def _follow_up() -> dict[str, pl.Expr]:
    def done(column: str) -> pl.Expr:
        return pl.col(column).is_not_null().cast(pl.Int8)

    return {
        "hsct_done": done("hsct_date"),
        "hsct_date": dated("hsct_date", ISO),
        "cart_done": done("cart_date"),
        "cart_date": dated("cart_date", ISO),
        "relapse": done("relapse_date"),
        "relapse_date": dated("relapse_date", ISO),
        "relapse_type": coded("relapse_type", {"marrow": 1, "CNS": 2, "combined": 3}),
        "vital_status": pl.col("death_date").is_not_null().cast(pl.Int8) + 1,
        "death_date": dated("death_date", ISO),
        "death_cause": coded("death_cause", {"leukaemia": 1, "infection": 2}),
        "last_contact": dated("last_contact", ISO),
        "followup_complete": pl.lit(2),
    }

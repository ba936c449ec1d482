"""Printed figures of study 002 against its synthetic cohort."""

from __future__ import annotations

import polars as pl

from examples.generate import measures
from examples.generate.ledger import Ledger, months, p_text, share, survival
from examples.generate.writing import Tables

CLASS = "classification at enrolment"
BEFORE = "status immediately before blinatumomab"


def figures_002(tables: Tables, ledger: Ledger) -> None:
    """Counts, responses, predictors, immune subsets and survival of the 105 children."""
    patients, courses = tables["patients"], tables["courses"]
    ledger.count("n", 105, patients)
    for record, group, printed in (("n_rr", "rr", 30), ("n_mrdpos", "mrdpos", 21), ("n_delay", "delay", 54)):
        ledger.count(record, printed, patients, pl.col("enrolled") == group)
    relapsed = patients.filter(enrolled="rr")
    ledger.count("rr_direct", 8, relapsed, pl.col("debulked") == 0)
    ledger.count("rr_debulked", 22, relapsed, pl.col("debulked") == 1)
    ledger.count("status_at_start_rr", 11, patients, pl.col("before") == "rr")
    ledger.count("status_at_start_mrdpos", 40, patients, pl.col("before") == "mrdpos", "F002-01")
    _responses(patients, courses, ledger)
    _predictors(patients, ledger)
    _immune(tables["immune"], ledger)
    _survival(patients, ledger)


def _responses(patients: pl.DataFrame, courses: pl.DataFrame, ledger: Ledger) -> None:
    first = courses.filter(course=1).join(patients.select("patient", "before"), on="patient")
    overt, positive = first.filter(before="rr"), first.filter(before="mrdpos")
    answered = overt.filter(response="CR").height
    converted = positive.filter(mrd_after=0).height
    ledger.add("cr_rr", "9/11 (81.8%)", share(answered, overt.height, 1))
    ledger.add(
        "cr_mrdpos",
        "33/40 (82.5%)",
        share(converted, positive.height, 1),
        "conversion to MRD-negative (F002-02)",
    )
    p = measures.fisher(answered, overt.height - answered, converted, positive.height - converted)
    ledger.add("cr_p", "1.000", p_text(p, 3), "different estimands compared (F002-02)")
    negative = courses.filter(status="mrdneg")
    ledger.count("courses_mrdneg", 74, negative)
    ledger.add(
        "courses_stay_neg",
        "73/74",
        f"{negative.filter(mrd_after=0).height}/{negative.height}",
        "unit is the course (F002-03)",
    )


def _predictors(patients: pl.DataFrame, ledger: Ledger) -> None:
    note = "Fisher; poor response = no CR, no conversion or MRD reappearing (not defined in the paper)"
    for record, column, printed, digits in (
        ("uni_poor_cytogenetics", "poor_cytogenetics", "0.0001", 4),
        ("uni_cd19_loss", "cd19_loss", "0.046", 3),
        ("uni_bcr_abl1", "bcr_abl1", "0.002", 3),
    ):
        known = patients.filter(pl.col(column).is_not_null())
        counts = [
            known.filter(pl.col("good_response") == good, pl.col(column) == value).height
            for good in (0, 1)
            for value in (1, 0)
        ]
        ledger.add(record, printed, p_text(measures.fisher(*counts), digits), note)
    times, events = months(_with_event(patients), "first_dose", ["event_date", "death_date"], "last_contact")
    design = patients.select("high_mrd", "bcr_abl1", "poor_cytogenetics").to_numpy()
    _, p_values = measures.cox(times, events, design)
    for (record, printed), p in zip(
        (("cox_high_mrd", "0.014"), ("cox_bcr_abl1", "0.065"), ("cox_poor_cytogenetics", "0.025")),
        p_values,
        strict=True,
    ):
        flag = "; F002-04" if record == "cox_bcr_abl1" else ""
        ledger.add(
            record,
            printed,
            p_text(float(p), 3),
            f"Cox on event-free survival with the three covariates; end point not stated{flag}",
        )


def _with_event(patients: pl.DataFrame) -> pl.DataFrame:
    """The event date: relapse, or for R/R children without response the failed assessment (in the
    seed design)."""
    return patients.with_columns(pl.coalesce("relapse_date", "refractory_date").alias("event_date"))


def _immune(immune: pl.DataFrame, ledger: Ledger) -> None:
    printed = {
        "cd3": "0.96 (0.03-3.79) to 1.13 (0.26-7.74), P 0.016",
        "cd4": "0.35 (0.01-1.39) to 0.47 (0.07-2.94), P 0.005",
        "cd8": "0.41 (0.01-2.39) to 0.56 (0.07-6.07), P 0.006",
    }
    before, after = (immune.filter(timepoint=label).sort("patient") for label in ("before", "after"))
    for name, text in printed.items():
        first, second = before[name].to_list(), after[name].to_list()
        parts = [f"{measures.quartiles(v)[1]:.2f} ({min(v):.2f}-{max(v):.2f})" for v in (first, second)]
        p = p_text(measures.signed_rank(first, second), 3)
        ledger.add(
            f"imm_{name}",
            text,
            f"{parts[0]} to {parts[1]}, P {p}",
            "61 pairs; the number is not printed; Wilcoxon without correction",
        )


def _survival(patients: pl.DataFrame, ledger: Ledger) -> None:
    frame = _with_event(patients)
    groups = {
        "mrdneg": (
            frame.filter(enrolled="delay"),
            f"{CLASS}, 54 of whom 9 are censored before the event (F002-05)",
        ),
        "mrdpos": (
            frame.filter(before="mrdpos"),
            f"{BEFORE}, 40 of whom 10 are censored before the first event (F002-05)",
        ),
        "rr": (frame.filter(enrolled="rr"), f"{CLASS}, 30 (F002-05)"),
    }
    for end, events, printed in (
        (
            "efs",
            ["event_date", "death_date"],
            {"mrdneg": "97.8 (SE 2.2)", "mrdpos": "86.7 (SE 6.2)", "rr": "73.3 (SE 8.1)"},
        ),
        ("os", ["death_date"], {"mrdneg": "97.8 (SE 2.2)", "mrdpos": "100.0", "rr": "93.3 (SE 4.6)"}),
    ):
        for group, (part, note) in groups.items():
            value, error, _ = survival(part, "first_dose", events, "last_contact", 12, digits=1)
            ledger.add(
                f"{end}_1y_{group}",
                printed[group],
                value if value == "100.0" else f"{value} (SE {error})",
                note,
            )
        p = measures.logrank(
            *months(frame, "first_dose", events, "last_contact"), frame["enrolled"].to_numpy()
        )
        flag = " (F002-06)" if end == "os" else ""
        ledger.add(f"{end}_p", {"efs": "0.001", "os": "0.029"}[end], p_text(p, 3), f"{CLASS}, 54/21/30{flag}")

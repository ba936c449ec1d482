"""Printed figures of study 000 against its synthetic cohort."""

from __future__ import annotations

import polars as pl

from examples.generate import measures
from examples.generate.ledger import Ledger, half_up, months, p_text, period, significance, survival
from examples.generate.study_000 import IMMUNE
from examples.generate.writing import Tables

SWAPPED = "printed arm labels are swapped; the cohort carries the corrected arms (F000-05)"
EVENTS = ["event_date", "death_date"]


def figures_000(tables: Tables, ledger: Ledger) -> None:
    """Counts, responses and two-year survival of the induction and consolidation cohorts."""
    first_assessment = (
        tables["assessments"].filter(timepoint="after course 1").select("patient", "centre", assessed="date")
    )
    patients = (
        tables["patients"]
        .join(first_assessment, on=["patient", "centre"], how="left")
        .with_columns(
            pl.when(pl.col("refractory") == 1)
            .then(pl.col("assessed"))
            .otherwise(pl.col("relapse_date"))
            .alias("event_date")
        )
    )
    ledger.add("centres", 2, patients["centre"].n_unique())
    ledger.add("inclusion_period", "2022-01..2025-05", period(patients["first_dose"], "2022-01", "2025-05"))
    _induction(patients.filter(cohort="induction"), ledger)
    _consolidation(patients.filter(cohort="consolidation"), ledger)
    _immune(tables["immune"], ledger)


def _arms(frame: pl.DataFrame, stem: str, printed: dict[int, int], ledger: Ledger) -> None:
    for arm, count in printed.items():
        ledger.count(f"{stem}_{arm}d_n", count, frame, pl.col("arm") == arm)


def _induction(frame: pl.DataFrame, ledger: Ledger) -> None:
    positive, negative = frame.filter(ph=1), frame.filter(ph=0)
    ledger.count("ind_n", 49, frame)
    ledger.add("ind_age_median", 41, f"{measures.quartiles(frame['age'].to_list())[1]:.0f}")
    ledger.count("ind_phpos_n", 11, positive)
    ledger.count("ind_phneg_n", 38, negative)
    _arms(positive, "ind_phpos", {14: 7, 28: 4}, ledger)
    _arms(negative, "ind_phneg", {14: 35, 28: 3}, ledger)
    ledger.share("ind_phpos_tki", "11/11 (100%)", positive, pl.col("partner") == "TKI")
    ledger.share("ind_phpos_crc", "11/11 (100%)", positive, pl.col("crc") == 1)
    molecular = positive.filter(mrd_negative=1).height
    ledger.add(
        "ind_phpos_cmr",
        "90.1%",
        f"{half_up(100 * molecular / positive.height, 1)}%",
        "10/11 is 90.9 %; no k of 11 gives 90.1 % (F000-01)",
        corrected="90.9%",
    )
    evaluable = negative.filter(pl.col("crc").is_not_null())
    ledger.share("ind_phneg_crc", "32/37 (86.5%)", evaluable, pl.col("crc") == 1, digits=1, note="F000-02")
    ledger.share(
        "ind_phneg_mrdneg",
        "28/32 (87.5%)",
        evaluable.filter(crc=1),
        pl.col("mrd_negative") == 1,
        digits=1,
        note="F000-03",
    )
    follow, _ = months(frame, "first_dose", [], "last_contact")
    ledger.add("ind_followup", "7.5", f"{measures.quartiles(follow)[1]:.1f}", "observed time of all 49")
    for stem, part, efs in (
        ("ind_phpos", positive, "85.71"),
        ("ind_phneg14", negative.filter(arm=14), "31.68"),
        ("ind_phneg28", negative.filter(arm=28), "66.67"),
    ):
        ledger.add(
            f"{stem}_os_2y",
            "100.00",
            survival(part, "first_dose", ["death_date"], "last_contact", 24)[0],
            "F000-04",
        )
        note = "events: no CRc (at assessment), relapse, death (F000-04)"
        ledger.add(f"{stem}_efs_2y", efs, survival(part, "first_dose", EVENTS, "last_contact", 24)[0], note)
    p = measures.logrank(*months(positive, "first_dose", EVENTS, "last_contact"), positive["arm"].to_numpy())
    ledger.add(
        "ind_phpos_14v28", "not significant", significance(p), "log-rank on event-free survival assumed"
    )


def _consolidation(frame: pl.DataFrame, ledger: Ledger) -> None:
    positive, negative = frame.filter(ph=1), frame.filter(ph=0)
    ledger.count("con_n", 54, frame)
    ledger.add("con_age_median", 46, f"{measures.quartiles(frame['age'].to_list())[1]:.0f}")
    ledger.count("con_phpos_n", 28, positive)
    ledger.count("con_phneg_n", 26, negative)
    for stem, part, printed in (("con_phpos", positive, "2.4 (1-8)"), ("con_phneg", negative, "2.6 (1-15)")):
        cycles = part["cycles"].to_list()
        ledger.add(
            f"{stem}_cycles",
            printed,
            f"{sum(cycles) / len(cycles):.1f} ({min(cycles)}-{max(cycles)})",
            "mean (range)",
        )
        reversions = part.filter(relapse_type="molecular").height
        ledger.add(f"{stem}_mrd_reversion", 1, reversions)
    ledger.share("con_phpos_tki", "28/28 (100%)", positive, pl.col("partner") == "TKI")
    _arms(positive, "con_phpos", {14: 22, 28: 6}, ledger)
    _arms(negative, "con_phneg", {14: 23, 28: 3}, ledger)
    for stem, part, events, printed in (
        ("con_phpos_os_2y", positive, ["death_date"], ("94.44", "0.56")),
        ("con_phpos_efs_2y", positive, EVENTS, ("88.54", "0.42")),
        ("con_phneg_os_2y", negative, ["death_date"], ("88.54", "0.63")),
        ("con_phneg_efs_2y", negative, EVENTS, ("78.24", "0.40")),
    ):
        for arm, text, fixed in ((14, "100.00", printed[0]), (28, printed[0], "100.00")):
            value = survival(part.filter(arm=arm), "first_dose", events, "last_contact", 24)[0]
            ledger.add(f"{stem}_{arm}d", text, value, SWAPPED, corrected=fixed)
        p = measures.logrank(*months(part, "first_dose", events, "last_contact"), part["arm"].to_numpy())
        ledger.add(f"{stem}_p", printed[1], p_text(p, 2), SWAPPED)
    ledger.count("con_phpos_hsct", 1, positive, pl.col("hsct_date").is_not_null())
    ledger.count("con_phneg_hsct", 9, negative, pl.col("hsct_date").is_not_null())
    ledger.add("con_phneg_mono", "23/26", f"{negative.filter(partner='none').height}/{negative.height}")
    _transplant(negative, ledger)


def _transplant(negative: pl.DataFrame, ledger: Ledger) -> None:
    note = "by eventual transplant, as printed (F000-06)"
    done = pl.col("hsct_date").is_not_null()
    for stem, events, printed in (
        ("os", ["death_date"], ("100.00", "83.92", "0.28")),
        ("efs", EVENTS, ("85.71", "79.33", "0.71")),
    ):
        for group, part, text in zip(
            ("hsct", "nohsct"), (negative.filter(done), negative.filter(~done)), printed, strict=False
        ):
            ledger.add(
                f"con_phneg_{group}_{stem}_2y",
                text,
                survival(part, "first_dose", events, "last_contact", 24)[0],
                note,
            )
        p = measures.logrank(
            *months(negative, "first_dose", events, "last_contact"),
            negative.select(done).to_series().to_numpy(),
        )
        ledger.add(f"con_phneg_hsct_{stem}_p", printed[2], p_text(p, 2), note)


def _immune(immune: pl.DataFrame, ledger: Ledger) -> None:
    keys = ["centre", "patient"]
    before = immune.filter(timepoint="baseline").sort(keys)
    after = immune.filter(timepoint="end of course 1").sort(keys)
    ledger.count("imm_n", 9, before)
    up = {name: after[name] > before[name] for name in IMMUNE}
    ledger.add("imm_pd1", "9/9", f"{(up['pd1_cd4'] & up['pd1_cd8']).sum()}/9")
    ledger.add("imm_cd8eff_nonresponder", "1/9", f"{(~up['cd8_effector']).sum()}/9", "F000-07")
    ledger.add("imm_th_shift", "8/9", f"{(~up['th1'] & up['th2'] & up['th17']).sum()}/9")

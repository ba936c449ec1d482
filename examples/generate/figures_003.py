"""Printed figures of study 003 against its synthetic cohort."""

from __future__ import annotations

import numpy as np
import polars as pl

from examples.generate import measures
from examples.generate.ledger import Ledger, half_up, months, p_text, period, share, survival
from examples.generate.writing import Tables

FISHER = "Pearson without correction, as printed; Fisher differs (F003-04)"


def figures_003(tables: Tables, ledger: Ledger) -> None:
    """Counts, responses, follow-up and immune subsets of the 64 adults."""
    white = tables["laboratory"].group_by("patient").agg(pl.col("wbc").sort_by("date").first())
    patients = (
        tables["patients"]
        .with_columns(pl.col("response").is_in(["CR", "PR"]).alias("orr"))
        .join(white.rename({"wbc": "white_before"}), on="patient", how="left", maintain_order="left")
    )
    _baseline(patients, ledger)
    _responses(patients, ledger)
    _course_of_disease(patients, ledger)
    _immune(tables["immune"].join(patients.select("patient", "arm"), on="patient"), ledger)


def _baseline(patients: pl.DataFrame, ledger: Ledger) -> None:
    ledger.add("centres", 10, patients["centre"].n_unique())
    ledger.count("n", 64, patients)
    ledger.add("period", "2021-10..2024-06", period(patients["first_dose"], "2021-10", "2024-06"))
    for record, status, printed in (
        ("n_rr", "rr", 33),
        ("n_mrdpos", "mrdpos", 25),
        ("n_mrdneg", "mrdneg", 6),
    ):
        ledger.count(record, printed, patients, pl.col("status") == status)
    ledger.count("n_combination", 19, patients, pl.col("arm") == "combination")
    ledger.count("n_mono", 45, patients, pl.col("arm") == "alone")
    ledger.spread(
        "age", "46 (17-74)", patients["age"].to_list(), note="printed as IQR, loaded as range (F003-02)"
    )
    blasts = {
        arm: patients.filter(status="rr", arm=arm)["blasts"].to_list() for arm in ("combination", "alone")
    }
    for record, arm, printed in (
        ("blasts_combo", "combination", "60 (25-86)"),
        ("blasts_mono", "alone", "42 (19-85)"),
    ):
        low, middle, high = measures.quartiles(blasts[arm])
        ledger.add(record, printed, f"{middle:.0f} ({low:.0f}-{high:.0f})")
    ledger.add(
        "blasts_p",
        "0.57",
        p_text(measures.mann_whitney(blasts["combination"], blasts["alone"]), 2),
        "Mann-Whitney assumed",
    )
    ledger.count("derived_mrdneg_entry", 6, patients.filter(arm="alone"), pl.col("status") == "mrdneg")


def _responses(patients: pl.DataFrame, ledger: Ledger) -> None:
    relapsed = patients.filter(status="rr")
    arms = (("combo", "combination"), ("mono", "alone"))
    printed = {
        "rr_orr_combo": "10/12 (83%)",
        "rr_orr_mono": "14/21 (67%)",
        "rr_mrdneg_combo": "7/12 (58%)",
        "rr_mrdneg_mono": "13/21 (62%)",
        "hi_orr_combo": "5/6 (83%)",
        "hi_orr_mono": "3/9 (33%)",
        "hi_mrd_combo": "4/6 (67%)",
        "hi_mrd_mono": "2/9 (22%)",
        "mrdneg_74_combo": "14/19 (74%)",
        "mrdneg_74_mono": "29/39 (74%)",
    }
    detectable = patients.filter(pl.col("status") != "mrdneg")
    high = relapsed.filter(pl.col("blasts") > 60)
    cells: dict[str, list[int]] = {}
    for label, frame, column in (
        ("rr_orr", relapsed, "orr"),
        ("rr_mrdneg", relapsed, "mrd_negative"),
        ("hi_orr", high, "orr"),
        ("hi_mrd", high, "mrd_negative"),
        ("mrdneg_74", detectable, "mrd_negative"),
    ):
        cells[label] = []
        for short, arm in arms:
            part = frame.filter(arm=arm)
            hits = part.filter(pl.col(column).cast(pl.Boolean)).height
            cells[label] += [hits, part.height - hits]
            note = "all 58 with detectable disease (F003-05)" if label == "mrdneg_74" else ""
            ledger.add(f"{label}_{short}", printed[f"{label}_{short}"], share(hits, part.height, 0), note)
    for record, label, text in (
        ("hi_orr_p", "hi_orr", "0.057"),
        ("hi_mrd_p", "hi_mrd", "0.085"),
        ("mrdneg_74_p", "mrdneg_74", "0.956"),
    ):
        ledger.add(record, text, p_text(measures.chi_square(*cells[label]), 3), FISHER)
    positive, low = patients.filter(status="mrdpos"), relapsed.filter(pl.col("blasts") <= 60)
    for record, arm, text in (
        ("derived_mrdpos_combo", "combination", "7/7"),
        ("derived_mrdpos_mono", "alone", "16/18"),
    ):
        part = positive.filter(arm=arm)
        ledger.add(record, text, f"{part.filter(mrd_negative=1).height}/{part.height}")
    for record, column, text in (
        ("derived_lo_orr", "orr", "5/6, 11/12"),
        ("derived_lo_mrd", "mrd_negative", "3/6, 11/12"),
    ):
        parts = [low.filter(arm=arm) for _, arm in arms]
        ledger.add(
            record,
            text,
            ", ".join(f"{p.filter(pl.col(column).cast(pl.Boolean)).height}/{p.height}" for p in parts),
        )
    ratios, p = measures.logistic(
        (detectable["response"] == "CR").to_numpy(),
        detectable.select("blasts", pl.col("arm") == "combination", "white_before").to_numpy(),
    )
    ledger.add(
        "or_blasts",
        "0.95, P 0.001",
        f"{ratios[0]:.2f}, P {p[0]:.3f}",
        "CR in the 58 on blasts, arm and white cells; neither covariates nor n are stated (F003-06)",
    )


def _course_of_disease(patients: pl.DataFrame, ledger: Ledger) -> None:
    follow, _ = months(patients, "first_dose", [], "last_contact")
    low, middle, high = measures.quartiles(follow)
    ledger.add("followup", "16 (11-25)", f"{middle:.0f} ({low:.0f}-{high:.0f})", "observed time of all 64")
    for count, printed in ((1, 52), (2, 9), (3, 1), (4, 2)):
        ledger.count(f"cycles_{count}", printed, patients, pl.col("cycles") == count)
    ledger.count("hsct", 30, patients, pl.col("hsct_date").is_not_null())
    ledger.count("relapse", 8, patients, pl.col("relapse_date").is_not_null())
    ledger.count(
        "deaths", 19, patients, pl.col("death_date").is_not_null(), "of no response or relapse (F003-07)"
    )
    ledger.count("on_chemo", 11, patients, pl.col("on_chemotherapy") == 1)
    ledger.add(
        "dfs_2y",
        "55",
        survival(patients, "first_dose", ["relapse_date", "death_date"], "last_contact", 24, digits=0)[0],
        "relapse or death, all 64, from the first dose; population not printed (F003-07)",
    )
    ledger.add(
        "os_2y", "64", survival(patients, "first_dose", ["death_date"], "last_contact", 24, digits=0)[0]
    )


def _immune(immune: pl.DataFrame, ledger: Ledger) -> None:
    sizes = [immune.filter(arm=arm, timepoint="before").height for arm in ("combination", "alone")]
    ledger.add("imm_n", "21 = 11 + 10", f"{sum(sizes)} = {sizes[0]} + {sizes[1]}")
    pairs = {
        (arm, when): immune.filter(arm=arm, timepoint=when).sort("patient")
        for arm in ("combination", "alone")
        for when in ("before", "day28")
    }
    for record, column, arm, printed in (
        ("imm_treg", "treg_cd4", "combination", "8 to 5, P 0.046"),
        ("imm_cd8ra", "cd45ra_cd8", "combination", "39 to 31, P 0.075"),
        ("imm_cd8ro", "cd45ro_cd8", "combination", "50 to 60, P 0.028"),
        ("imm_t", "t_lymph", "alone", "74 to 78, P 0.038"),
        ("imm_nkt", "nkt_lymph", "alone", "20 to 15, P 0.015"),
    ):
        before, after = (pairs[arm, when][column].to_list() for when in ("before", "day28"))
        middles = [half_up(measures.quartiles(values)[1], 0) for values in (before, after)]
        note = "Wilcoxon signed rank, normal approximation without correction" + (
            "; not significant (F003-08)" if record == "imm_cd8ra" else ""
        )
        ledger.add(
            record,
            printed,
            f"{middles[0]} to {middles[1]}, P {measures.signed_rank(before, after):.3f}",
            note,
        )
    for record, column, printed, note in (
        (
            "imm_ratio_nkt",
            "nkt_lymph",
            "0.071",
            "with ties (unchanged shares); 11 against 10 without ties give 0.067 or 0.072 (F003-08)",
        ),
        ("imm_ratio_cd8ro", "cd45ro_cd8", "0.029", ""),
        ("imm_ratio_cd8ra", "cd45ra_cd8", "0.011", ""),
    ):
        ratios = [
            np.array(pairs[arm, "day28"][column]) / np.array(pairs[arm, "before"][column])
            for arm in ("combination", "alone")
        ]
        ledger.add(record, printed, p_text(measures.mann_whitney(*ratios), 3), note)

"""Printed figures of study 004 against its synthetic cohort."""

from __future__ import annotations

import math

import polars as pl

from examples.generate import measures
from examples.generate.ledger import Ledger, half_up, months, period, share, survival
from examples.generate.writing import Tables

CLOCK = "from the assessment on day 40; refractory patients fail at its start (F004-04)"


def figures_004(tables: Tables, ledger: Ledger) -> None:
    """Counts, table 1, response, MRD, survival and table 2."""
    patients = tables["patients"]
    evaluable = patients.filter(evaluable=1)
    ledger.add("centres", 4, patients["centre"].n_unique())
    ledger.count("enrolled", 29, patients)
    ledger.add("enrolment", "2019-05..2022-03", period(patients["start"], "2019-05", "2022-03"))
    ledger.count("withdrawn", 1, patients, pl.col("withdrawal_date").is_not_null())
    _table_1(evaluable, ledger)
    _response(evaluable, tables["mrd"], ledger)
    _survival(evaluable, ledger)
    _adverse_events(patients, tables["adverse_events"], ledger)


def _table_1(frame: pl.DataFrame, ledger: Ledger) -> None:
    for record, column, printed, digits in (
        ("t1_age", "age", "41 (19-65)", 0),
        ("t1_wbc", "wbc", "5.9 (0.6-67.7)", 1),
        ("t1_bm_blasts", "blasts", "81 (24-98)", 0),
        ("t1_bm_blasts_d11", "blasts_day11", "5 (0-97)", 0),
    ):
        ledger.spread(record, printed, frame[column].to_list(), digits=digits)
    for record, column, value, printed in (
        ("t1_male", "sex", "M", "19/28 (68%)"),
        ("t1_female", "sex", "F", "9/28 (32%)"),
        ("t1_b1_pro", "immunophenotype", "B-I", "5/28 (18%)"),
        ("t1_b2_common", "immunophenotype", "B-II", "15/28 (54%)"),
        ("t1_b3_pre", "immunophenotype", "B-III", "8/28 (29%)"),
        ("t1_karyo_normal", "karyotype", "Normal", "12/28 (43%)"),
        ("t1_karyo_t9_22", "karyotype", "t(9;22)", "0/28 (0%)"),
        ("t1_karyo_tX_11", "karyotype", "t(X;11)", "2/28 (7%)"),
        ("t1_karyo_t2_8", "karyotype", "t(2;8)", "1/28 (3%)"),
        ("t1_karyo_lowhypo_neartriploid", "karyotype", "Low hypodiploidy/near triploidy", "3/28 (11%)"),
        ("t1_karyo_hyperdiploid", "karyotype", "Hyperdiploidy", "3/28 (11%)"),
        ("t1_karyo_complex", "karyotype", "Complex", "4/28 (14%)"),
        ("t1_karyo_failed", "karyotype", "Failed", "3/28 (11%)"),
        ("t1_ph_like", "ph_like", 1, "4/28 (14%)"),
        ("t1_ikzf1plus", "ikzf1plus", 1, "8/28 (29%)"),
        ("t1_cns1", "cns", "CNS1", "24/28 (86%)"),
        ("t1_cns2", "cns", "CNS2", "0/28 (0%)"),
        ("t1_cns3", "cns", "CNS3", "0/28 (0%)"),
        ("t1_tlp_pos", "cns", "TLP+", "0/28 (0%)"),
        ("t1_tlp_neg", "cns", "TLP-", "4/28 (14%)"),
    ):
        note = "1/28 is 4 %; the printed 3 % is 1/29 (F004-02)" if record == "t1_karyo_t2_8" else ""
        ledger.share(
            record, printed, frame, pl.col(column) == value, note=note, corrected="1/28 (4%)" if note else ""
        )
    ledger.share("t1_d11_le50", "20/28 (71%)", frame, pl.col("blasts_day11") <= 50)
    ledger.share("t1_d11_gt50", "8/28 (29%)", frame, pl.col("blasts_day11") > 50)


def _response(frame: pl.DataFrame, mrd: pl.DataFrame, ledger: Ledger) -> None:
    ledger.share("cr_d40", "26/28 (93%)", frame, pl.col("response") == "CR")
    ledger.share("refractory", "2/28 (7%)", frame, pl.col("response") == "refractory")
    ledger.count("induction_death", 0, frame, pl.col("death_date") <= pl.col("response_date"))
    central = mrd.filter(pl.col("method") == "qPCR", pl.col("result") != "no target")
    day40, week11 = central.filter(timepoint="D40"), central.filter(timepoint="W11")
    for stem, sample, printed in (
        ("mrd_d40", day40, ("14/25 (56%)", "10/25 (40%)", "1/25 (4%)")),
        ("mrd_w11", week11, ("21/25 (84%)", "2/25 (8%)", "2/25 (8%)")),
    ):
        for suffix, result, text in zip(
            ("undetectable", "pos_nonquant", "quant_gt1e4"),
            ("undetectable", "positive not quantifiable", "quantifiable >1e-4"),
            printed,
            strict=True,
        ):
            ledger.share(f"{stem}_{suffix}", text, sample, pl.col("result") == result)
    low = [
        share(sample.filter(pl.col("value").is_null()).height, sample.height, 0) for sample in (day40, week11)
    ]
    ledger.add("derived_mrd_lt1e4", "24/25 (96%), 23/25 (92%)", ", ".join(low))
    failures = frame.filter(pl.col("mrd_course_1_start").is_not_null())
    ledger.count("mrd_triggered", 5, failures)
    ledger.count(
        "mol_failure_w18",
        2,
        failures,
        pl.col("event_kind").is_null() | (pl.col("event_kind") != "molecular relapse"),
    )
    relapses = frame.filter(event_kind="molecular relapse")
    times = sorted(round(t) for t in months(relapses, "start", ["event_date"], "last_contact")[0])
    ledger.add("mol_relapse_times", "14, 25, 37", ", ".join(str(t) for t in times))
    cleared = mrd.filter(timepoint="after relapse", result="undetectable")["patient"].n_unique()
    ledger.add("mol_relapse_response", "3/3", f"{cleared}/{relapses.height}")
    ledger.count("hsct", 6, frame, pl.col("hsct_date").is_not_null())
    ledger.add(
        "refractory_ikzf1",
        "2/2",
        f"{frame.filter(response='refractory', ikzf1plus=1).height}/2",
    )


def _survival(frame: pl.DataFrame, ledger: Ledger) -> None:
    alive = frame.filter(pl.col("death_date").is_null())
    follow, _ = months(alive, "start", [], "last_contact")
    ledger.add(
        "followup", "37, minimum 25", f"{measures.quartiles(follow)[1]:.0f}, minimum {min(follow):.0f}"
    )
    ledger.count("events", 9, frame, pl.col("event_date").is_not_null())
    ledger.count("deaths", 6, frame, pl.col("death_date").is_not_null())
    cns = frame.filter(event_kind="CNS relapse")
    ledger.add(
        "cns_relapse_time",
        22,
        round(months(cns, "hsct_date", ["event_date"], "last_contact")[0][0]),
        "months after transplant",
    )
    value, _, interval = survival(
        frame, "response_date", ["event_date", "death_date"], "last_contact", 24, digits=0
    )
    ledger.add("efs_2y", "75 (59-91)", f"{value} ({interval})", CLOCK)
    value, _, interval = survival(frame, "start", ["death_date"], "last_contact", 24, digits=0)
    ledger.add("os_2y", "86 (73-99)", f"{value} ({interval})")
    free = measures.median_survival(
        *months(frame, "response_date", ["event_date", "death_date"], "last_contact")
    )
    ledger.add("efs_median", 47, round(free), CLOCK)
    overall = measures.median_survival(*months(frame, "start", ["death_date"], "last_contact"))
    ledger.add("os_median", "not reached", "not reached" if math.isinf(overall) else round(overall))
    remission = frame.filter(response="CR")
    relapse = pl.col("event_kind").str.contains("relapse")
    for record, limit, printed in (("cir_1y", 12, "1/26 (4%)"), ("cir_2y", 24, "3/26 (12%)")):
        within = (pl.col("event_date") - pl.col("response_date")).dt.total_days() <= limit * 30.4375
        ledger.share(
            record,
            printed,
            remission,
            relapse & within,
            note="nobody is censored before 24 months; from day 40 (F004-04)",
        )
    recovery = (frame["recovery_date"] - frame["blina_start"]).dt.total_days().to_list()
    ledger.spread("recovery", "8 (1-16)", recovery)


GROUPS = {
    "hepatic": ["Bilirubin increased", "ALT increased", "AST increased", "GGT increased"],
    "bilirubin": ["Bilirubin increased"],
    "alt": ["ALT increased"],
    "ast": ["AST increased"],
    "ggt": ["GGT increased"],
    "crs": ["Cytokine release syndrome"],
    "infection": [
        "Febrile neutropenia",
        "Soft tissue infection",
        "Catheter-related infection",
        "SARS-CoV-2 infection",
    ],
    "febrile_neutropenia": ["Febrile neutropenia"],
    "soft_tissue": ["Soft tissue infection"],
    "catheter": ["Catheter-related infection"],
    "sarscov2": ["SARS-CoV-2 infection"],
    "neurologic": ["Paresthesia", "Ataxia", "Attention disturbance", "Muscle cramps"],
    "paresthesia": ["Paresthesia"],
    "ataxia": ["Ataxia"],
    "attention": ["Attention disturbance"],
    "muscle_cramps": ["Muscle cramps"],
    "laboratory": ["Hypophosphatemia", "Hypofibrinogenemia", "Hypoalbuminemia"],
    "hypophosphatemia": ["Hypophosphatemia"],
    "hypofibrinogenemia": ["Hypofibrinogenemia"],
    "hypoalbuminemia": ["Hypoalbuminemia"],
}
# table 2 of the letter: any grade, grade 3-4, out of 29
PRINTED = {
    "hepatic": (26, 14),
    "bilirubin": (7, 1),
    "alt": (18, 9),
    "ast": (12, 3),
    "ggt": (22, 8),
    "crs": (19, 1),
    "infection": (8, 4),
    "febrile_neutropenia": (3, 2),
    "soft_tissue": (3, 1),
    "catheter": (1, 1),
    "sarscov2": (1, 0),
    "neurologic": (5, 0),
    "paresthesia": (2, 0),
    "ataxia": (1, 0),
    "attention": (1, 0),
    "muscle_cramps": (1, 0),
    "laboratory": (5, 3),
    "hypophosphatemia": (3, 1),
    "hypofibrinogenemia": (1, 1),
    "hypoalbuminemia": (1, 1),
}


def _adverse_events(patients: pl.DataFrame, events: pl.DataFrame, ledger: Ledger) -> None:
    for name, terms in GROUPS.items():
        chosen = events.filter(pl.col("term").is_in(terms))
        for suffix, part, printed in (
            ("all", chosen, PRINTED[name][0]),
            ("g34", chosen.filter(pl.col("grade") >= 3), PRINTED[name][1]),
        ):
            hit = part["patient"].n_unique()
            ledger.add(f"ae_{name}_{suffix}", share(printed, 29, 0), share(hit, patients.height, 0))
    severe_share = []
    for name in ("hepatic", "crs", "infection", "neurologic", "laboratory"):
        part = events.filter(pl.col("term").is_in(GROUPS[name]), pl.col("grade") >= 3)
        severe_share.append(half_up(100 * part["patient"].n_unique() / patients.height, 0))
    ledger.add("ae_text_percent", "48, 3, 14, 0, 10", ", ".join(severe_share), "shares of all 29 (F004-06)")
    crs = events.filter(term="Cytokine release syndrome").join(patients, on="patient", suffix="_patient")
    onset = (crs["start"] - crs["blina_start"]).dt.total_days().to_list()
    ledger.spread("crs_onset", "1 (0-22)", onset)
    stepped = crs.filter(pl.col("start") >= pl.col("step_date"))
    ledger.count("crs_after_step", 4, stepped)
    pauses = sum(
        patients[f"interruption_{number}_start"].len() - patients[f"interruption_{number}_start"].null_count()
        for number in (1, 2)
    )
    ledger.add("interruptions", 7, pauses)
    early = patients.sort("start").head(7)["patient"].to_list()
    severe = events.filter(
        pl.col("patient").is_in(early),
        pl.col("term").is_in(["ALT increased", "AST increased"]),
        pl.col("grade") >= 3,
    )
    ledger.add("g3_alt_first7", "4/7", f"{severe['patient'].n_unique()}/7")

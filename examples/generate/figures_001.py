"""Printed figures of study 001 against its synthetic cohort."""

from __future__ import annotations

import math

import polars as pl

from examples.generate import measures
from examples.generate.ledger import Ledger, half_up, months, p_text, period, significance, survival
from examples.generate.writing import Tables


def figures_001(tables: Tables, ledger: Ledger) -> None:
    """Counts, response, survival and adverse events of the 19 patients."""
    frame = tables["patients"].with_columns(
        pl.col("mrd_after").is_null().alias("mrd_response"),
        (pl.col("blasts_before") >= 5).alias("overt"),
        (pl.col("blasts_before") >= 50).alias("high"),
        pl.col("hsct_date").is_not_null().alias("transplanted"),
    )
    _baseline(frame, ledger)
    _response(frame, ledger)
    _transplant(frame, ledger)
    _survival(frame, ledger)
    _adverse_events(frame, ledger)


def _baseline(frame: pl.DataFrame, ledger: Ledger) -> None:
    ledger.count("n", 19, frame)
    ledger.add("period", "2021-11..2024-11", period(frame["first_dose"], "2021-11", "2024-11"))
    ledger.add("sex", "10/9", f"{frame.filter(sex='M').height}/{frame.filter(sex='F').height}")
    ledger.spread("age", "49 (9-66)", frame["age"].to_list())
    gap = [
        round((a - b).days / 30.4375)
        for a, b in zip(frame["first_dose"], frame["diagnosis_date"], strict=True)
    ]
    ledger.spread("dx_to_blina", "12 (2-84)", gap)
    ledger.count("ph_pos", 9, frame, pl.col("ph") == 1)
    ledger.count("prior_hsct", 4, frame, pl.col("prior_hsct") == 1)
    ledger.count("prior_cart", 2, frame, pl.col("prior_cart") == 1)
    ledger.count("blasts_lt5", 4, frame, ~pl.col("overt"))
    ledger.count("blasts_ge5", 15, frame, pl.col("overt"))
    ledger.share("blasts_ge50", "7/19 (36.8%)", frame, pl.col("high"), digits=1)
    ledger.add("mrd_pos_baseline", "19/19", f"{frame.filter(pl.col('mrd_before') >= 0.01).height}/19")
    ledger.spread("cycles_median", "1 (1-6)", frame["cycles"].to_list())
    ledger.share("cycles_1", "12/19 (63.2%)", frame, pl.col("cycles") == 1, digits=1)
    ledger.share("cycles_2", "4/19 (21.1%)", frame, pl.col("cycles") == 2, digits=1)
    ledger.count("cycles_6", 2, frame, pl.col("cycles") == 6)
    for record, action, printed in (
        ("interruption", "interrupted", 2),
        ("dose_reduction", "reduced", 1),
        ("discontinuation", "stopped", 1),
    ):
        ledger.count(record, printed, frame, pl.col("dose_change") == action)


def _interval(k: int, n: int) -> str:
    low, high = measures.clopper_pearson(k, n)
    return f"{k}/{n} ({half_up(100 * k / n, 1)}%; {low:.1f}-{high:.1f})"


def _response(frame: pl.DataFrame, ledger: Ledger) -> None:
    overt = frame.filter("overt")
    ledger.add(
        "cr_overt", "12/15 (80.0%; 51.9-95.7)", _interval(overt.filter(response="CR").height, overt.height)
    )
    ledger.add(
        "cr_overt_mrdneg",
        "8/15",
        f"{overt.filter((pl.col('response') == 'CR') & pl.col('mrd_response')).height}/{overt.height}",
    )
    ledger.count("nonresponse_overt", 3, overt, pl.col("response") != "CR")
    entry = frame.filter(~pl.col("overt"))
    ledger.add("mrd_entry_response", "4/4", f"{entry.filter('mrd_response').height}/{entry.height}")
    ledger.add(
        "mrd_response_all",
        "12/19 (63.2%; 38.4-83.7)",
        _interval(frame.filter("mrd_response").height, frame.height),
    )
    table = [
        overt.filter(prior_hsct=prior).filter((pl.col("response") == "CR") == hit).height
        for prior in (0, 1)
        for hit in (True, False)
    ]
    ledger.add("cr_by_prior_hsct", "0.029", p_text(measures.fisher(*table), 3))


def _transplant(frame: pl.DataFrame, ledger: Ledger) -> None:
    done = frame.filter(pl.col("hsct_date").is_not_null())
    ledger.count("hsct_n", 11, done)
    remission = frame.filter(response="CR")
    first = remission.filter(
        pl.col("hsct_date").is_not_null()
        & (pl.col("relapse_date").is_null() | (pl.col("relapse_date") > pl.col("hsct_date")))
    )
    ledger.add(
        "hsct_of_cr",
        "10/16",
        f"{first.height}/{remission.height}",
        "transplants in first response; the eleventh had relapsed (F001-06)",
    )
    gaps = []
    for row in done.iter_rows(named=True):
        ends = [
            row[f"end_{n}"]
            for n in range(1, 7)
            if row[f"end_{n}"] is not None and row[f"end_{n}"] < row["hsct_date"]
        ]
        gaps.append((row["hsct_date"] - max(ends)).days)
    ledger.spread(
        "hsct_interval",
        "26 (7-78)",
        gaps,
        note="counted from the end of the last infusion before transplant (F001-07)",
    )
    ledger.count("hsct_direct", 9, done, pl.col("bridging").is_null())
    ledger.count("hsct_after_imatinib", 1, done, pl.col("bridging") == "imatinib")
    ledger.count("hsct_after_salvage", 1, done, pl.col("bridging").str.contains("azacitidine"))
    open_mrd = done.filter(~pl.col("mrd_response") & pl.col("relapse_date").is_null())
    ledger.add(
        "hsct_mrdnonresp_cleared",
        "3/3",
        f"{open_mrd.filter(pl.col('post_hsct_date').is_not_null()).height}/{open_mrd.height}",
    )
    ledger.count("cart_after", 2, frame, (pl.col("response") == "NR") & pl.col("cart_date").is_not_null())


def _survival(frame: pl.DataFrame, ledger: Ledger) -> None:
    remission = frame.filter(response="CR")
    overall = months(frame, "first_dose", ["death_date"], "last_contact")
    free = months(remission, "first_dose", ["relapse_date", "death_date"], "last_contact")
    ledger.spread("followup", "11.0 (1.7-28.5)", overall[0], digits=1, note="observed time of all patients")
    ledger.share("alive", "12/19 (63.2%)", frame, pl.col("death_date").is_null(), digits=1)
    ledger.share("deaths", "7/19 (36.8%)", frame, pl.col("death_date").is_not_null(), digits=1)
    ledger.share("relapses", "3/19 (15.8%)", frame, pl.col("relapse_date").is_not_null(), digits=1)
    for record, curve in (("os_median", overall), ("rfs_median", free)):
        median = measures.median_survival(*curve)
        ledger.add(record, "not reached", "not reached" if math.isinf(median) else half_up(median, 1))
    value = survival(frame, "first_dose", ["death_date"], "last_contact", 12, digits=1)
    ledger.add("os_1y", "64.2 (SE 12.1)", f"{value[0]} (SE {value[1]})")
    value = survival(remission, "first_dose", ["relapse_date", "death_date"], "last_contact", 12, digits=1)
    ledger.add("rfs_1y", "73.3 (SE 11.4)", f"{value[0]} (SE {value[1]})")
    for record, column, printed in (
        ("os_by_mrd_p", "mrd_response", "0.023"),
        ("os_by_ph_p", "ph", "0.616"),
        ("os_by_blast_p", "high", "0.174"),
    ):
        ledger.add(record, printed, p_text(measures.logrank(*overall, frame[column].to_numpy()), 3))
    for record, curve_of, column in (
        ("rfs_by_ph", free, "ph"),
        ("rfs_by_blast", free, "high"),
        ("rfs_by_mrd", free, "mrd_response"),
        ("rfs_by_hsct", free, "transplanted"),
        ("os_by_hsct", months(remission, "first_dose", ["death_date"], "last_contact"), "transplanted"),
    ):
        note = "by eventual transplant, as printed (F001-10)" if column == "transplanted" else ""
        p = measures.logrank(*curve_of, remission[column].to_numpy())
        ledger.add(record, "not significant", significance(p), note)
    treated = frame.filter(
        (pl.col("death_cause").is_in(["infection", "chronic gvhd"])) & pl.col("hsct_date").is_not_null()
    )
    ledger.count("trm", 2, treated, note="one of the two had relapsed after transplant (F001-11)")


def _adverse_events(frame: pl.DataFrame, ledger: Ledger) -> None:
    crs = pl.col("crs_grade")
    terms = [
        "febrile_neutropenia",
        "heart_failure",
        "cardiac_insufficiency",
        "oedema",
        "headache",
        "transaminases",
    ]
    any_event = (
        (crs > 0) | (pl.col("sepsis") == 1) | pl.any_horizontal(pl.col(term).is_not_null() for term in terms)
    )
    ledger.share("ae_any", "12/19 (63.2%)", frame, any_event, digits=1)
    ledger.count("ae_crs_any", 11, frame, crs > 0)
    ledger.count("ae_crs_g1_2", 10, frame, crs.is_between(1, 2))
    ledger.count("ae_crs_g3", 1, frame, crs == 3)
    ledger.count("ae_febrile_neutropenia_g3", 3, frame, pl.col("febrile_neutropenia") == 3)
    ledger.count("ae_bacterial_sepsis", 2, frame, pl.col("sepsis") == 1)
    ledger.count(
        "ae_cardiovascular_g3",
        2,
        frame,
        (pl.col("heart_failure") == 3) | (pl.col("cardiac_insufficiency") == 3),
    )
    ledger.count("ae_heart_failure_g3", 1, frame, pl.col("heart_failure") == 3)
    ledger.count("ae_cardiac_insufficiency_g3", 1, frame, pl.col("cardiac_insufficiency") == 3)
    ledger.count("ae_headache_g1", 1, frame, pl.col("headache") == 1)
    ledger.count("ae_liver_enzymes_g4", 1, frame, pl.col("transaminases") == 4)
    ledger.count("ae_edema_g4", 1, frame, pl.col("oedema") == 4)

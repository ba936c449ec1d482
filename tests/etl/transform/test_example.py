"""The example consortium through the transform: nothing waits, and the counts of the papers come out."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import polars as pl
import pytest

from allpool.config import FeedSection, load_config
from allpool.etl.check.precheck import precheck
from allpool.etl.delivery import read_delivery
from allpool.etl.studies import load_studies
from allpool.etl.transform.source import Scene
from allpool.etl.transform.transform import transform
from allpool.mappings.compile import load_mapping, load_vocabulary
from allpool.mappings.terminology import load_terminology
from tests.etl.transform.spec_runner import KEY, accounts

ROOT = Path(__file__).resolve().parents[3] / "examples" / "consortium"
CONSORTIUM = load_config(ROOT / "allpool.toml")
FEEDS = {feed.id: feed for feed in CONSORTIUM.feeds}
PATIENTS = {"000": 103, "001": 19, "002": 105, "003": 64, "004": 29}
DAY = pl.duration(days=1)


@cache
def tables(feed: str) -> dict[str, pl.DataFrame]:
    section = FEEDS[feed]
    mapping = load_mapping(ROOT / "mappings" / section.mapping, load_vocabulary())
    delivery = read_delivery(ROOT / section.folder, section, mapping)
    scene = Scene(feed=feed, study=section.study, centre=section.centre, security="HTEST", key=KEY)
    result = transform([file.frame for file in delivery.files], mapping, scene)
    assert not delivery.failures
    assert result.quarantine.is_empty(), result.quarantine.select("file", "sheet", "row", "column", "rule")
    settled = accounts(result)
    assert all(account.balanced and account.quarantined == 0 for account in settled)
    assert sum(account.loaded for account in settled) > 0
    return dict(result.tables)


def of_study(study: str, table: str) -> pl.DataFrame:
    feeds = [feed.id for feed in FEEDS.values() if feed.id.startswith(study)]
    parts = [tables(feed)[table] for feed in feeds if table in tables(feed)]
    return pl.concat(parts, how="diagonal_relaxed")


def observed(study: str, element: str) -> pl.DataFrame:
    return of_study(study, "observation").filter(pl.col("data_element") == element)


def lod(study: str) -> pl.DataFrame:
    parts = of_study(study, "observation_component").filter(pl.col("data_element") == "mrd_lod")
    return parts.select(pl.col("observation_id").alias("id"), lod="value_quantity")


@pytest.mark.parametrize("feed", FEEDS)
def test_a_feed_leaves_nothing_unmapped_and_nothing_waiting(feed: str) -> None:
    made = tables(feed)
    assert made["patient"].height == made["research_subject"].height > 0
    assert set(made["patient"]["security"]) == {"HTEST"}


@pytest.mark.parametrize("feed", ["000-centre-b", "003-hospital-09", "004-brno"])
def test_a_centres_own_check_says_the_same(feed: str) -> None:
    section: FeedSection = FEEDS[feed]
    found = precheck([ROOT / section.folder], ROOT / "mappings" / section.mapping)
    assert not found.findings
    assert all(account.balanced for account in found.accounts.values())


@pytest.mark.parametrize("study", PATIENTS)
def test_each_study_has_its_patients_in_its_centres(study: str) -> None:
    patients = of_study(study, "patient")
    assert patients.height == PATIENTS[study]
    files = {item.study: item for item in load_studies(ROOT / "studies", load_terminology())}
    assert set(patients["centre"]) == {centre.id for centre in files[study].centres}
    assert set(patients["study"]) == {study}


@pytest.mark.parametrize("study", PATIENTS)
def test_each_subject_has_what_the_endpoints_read(study: str) -> None:
    who = set(of_study(study, "patient")["id"])
    courses = of_study(study, "medication_administration").filter(
        pl.col("data_element") == "drug_blinatumomab", pl.col("course_number") == 1
    )
    assert set(courses.filter(pl.col("effective_start_date").is_not_null())["subject_id"]) == who
    for element in ("last_contact_date", "disease_status_at_start", "body_weight", "mrd_value"):
        # 004 has no MRD of three patients without CR or withdrawn
        missing = who - set(observed(study, element)["subject_id"])
        assert len(missing) == (3 if (study, element) == ("004", "mrd_value") else 0), element
    assert (
        set(of_study(study, "condition").filter(pl.col("data_element") == "diagnosis")["subject_id"]) == who
    )


def test_001_has_12_of_15_complete_remissions_in_overt_disease_and_12_of_19_mrd_responders() -> None:
    overt = observed("001", "disease_status_at_start").filter(pl.col("value_concept") == "rr_overt")
    response = observed("001", "response_as_reported").filter(
        pl.col("subject_id").is_in(overt["subject_id"].implode())
    )
    assert (overt.height, response.filter(pl.col("value_concept") == "cr").height) == (15, 12)
    ends = (
        of_study("001", "medication_administration")
        .filter(pl.col("course_number") == 1)
        .group_by("subject_id")
        .agg(end=pl.col("effective_end_date").max())
    )
    mrd = observed("001", "mrd_value").join(ends, on="subject_id").join(lod("001"), on="id")
    after = mrd.filter(pl.col("effective_date").is_between(pl.col("end"), pl.col("end") + 14 * DAY))
    negative = after.filter(
        pl.col("value_quantity_comparator") == "<", pl.col("value_quantity") <= 1e-4, pl.col("lod") <= 1e-4
    )
    assert after["subject_id"].n_unique() == 19
    assert negative["subject_id"].n_unique() == 12
    assert set(negative["interpretation"]) == {"undetectable"}


def test_004_has_24_of_25_below_1e4_at_day_40_and_21_of_25_undetectable_at_week_11() -> None:
    mrd = observed("004", "mrd_value").join(lod("004"), on="id", how="left")
    assessed = mrd.filter(pl.col("interpretation") != "not_evaluable")
    day_40 = assessed.filter(pl.col("timepoint") == "day_40")
    below = day_40.filter(
        (pl.col("value_quantity") < 1e-4)
        | ((pl.col("value_quantity_comparator") == "<") & (pl.col("value_quantity") <= 1e-4)),
        pl.col("lod") <= 1e-4,
    )
    assert (day_40["subject_id"].n_unique(), below["subject_id"].n_unique()) == (25, 24)
    week_11 = assessed.filter(pl.col("timepoint") == "week_11")
    undetectable = week_11.filter(pl.col("interpretation") == "undetectable")
    assert (week_11["subject_id"].n_unique(), undetectable["subject_id"].n_unique()) == (25, 21)


def test_004_tells_events_apart_and_the_withdrawn_patient_has_no_response() -> None:
    relapses = observed("004", "relapse_type")["value_concept"].value_counts()
    first = observed("004", "first_event")["value_concept"].value_counts()
    assert dict(relapses.iter_rows()).keys() <= {"molecular", "haematological", "cns"}
    assert dict(first.iter_rows())["induction_failure"] == 2
    mds = of_study("004", "condition").filter(pl.col("data_element") == "secondary_mds_date")
    assert relapses["count"].sum() + mds.height + 2 == first["count"].sum() == 9
    gone = of_study("004", "research_subject").filter(pl.col("period_end_date").is_not_null())
    assert gone["evaluable_response"].to_list() == [False]
    responders = observed("004", "response_as_reported")["subject_id"].to_list()
    assert gone["individual_id"].item() not in responders
    assert len(responders) == 28


def test_doses_per_body_surface_stay_apart_from_doses_per_day() -> None:
    for study, patients in (("001", 2), ("002", None)):
        given = of_study(study, "medication_administration").filter(
            pl.col("data_element") == "drug_blinatumomab"
        )
        per_day, per_surface = (
            set(given.filter(pl.col(name).is_not_null())["subject_id"])
            for name in ("dose_rate", "dose_rate_bsa")
        )
        assert not per_day & per_surface
        assert len(per_day | per_surface) == PATIENTS[study]
        assert patients is None or len(per_surface) == patients
        assert set(given["dose_rate_bsa"].drop_nulls()) == {5.0, 15.0}


def test_fractions_and_percentages_become_one_unit() -> None:
    for element, unit in (("bm_blasts", "%"), ("imm_pd1_cd4_pct", "%"), ("mrd_value", "1")):
        for feed in ("000-centre-a", "000-centre-b"):
            rows = tables(feed)["observation"].filter(
                pl.col("data_element") == element, pl.col("value_quantity").is_not_null()
            )
            assert set(rows["value_quantity_unit"]) == {unit}
            assert set(rows["value_quantity_delivered_unit"]) == {"%" if feed.endswith("a") else "1"}
    shares = [
        tables(feed)["observation"].filter(pl.col("data_element") == "bm_blasts")["value_quantity"].max()
        for feed in ("000-centre-a", "000-centre-b")
    ]
    assert all(50 < share <= 100 for share in shares if isinstance(share, float))


def test_the_two_mappings_of_004_differ_in_the_encoding_alone() -> None:
    one, other = (
        (ROOT / "mappings" / f"004_{name}.yaml").read_text(encoding="utf-8").splitlines()[2:]
        for name in ("utf8", "cp1250")
    )
    different = [(a, b) for a, b in zip(one, other, strict=True) if a != b]
    assert [a.replace("utf-8", "cp1250") for a, _ in different] == [b for _, b in different]

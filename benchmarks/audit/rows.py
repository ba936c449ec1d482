"""A million staged rows of synthetic patients, with slips in one of a hundred; made of a seed alone."""

from __future__ import annotations

from datetime import date
from typing import Final

import numpy as np
import polars as pl

from allpool.mappings.dictionary import Dictionary
from allpool.mappings.terminology import Terminology

PER_PATIENT: Final = 50
"""Staged rows per patient, the patient's own included."""
SLIPS: Final = 0.01
MEASURED: Final = ("wbc", "haemoglobin", "platelets", "anc", "bm_blasts", "pb_blasts", "lab_alt", "lab_ldh")
CODED: Final = ("response_as_reported", "relapse_type", "cns_status", "ph_status", "gene_tp53", "gene_ikzf1")
BIRTHS: Final = date(1950, 1, 1)
DIAGNOSES: Final = date(2015, 1, 1)
TREATMENTS: Final = date(2018, 1, 1)
EVENTS: Final = date(2019, 1, 1)
DEATHS: Final = date(2025, 6, 1)


def staged_rows(
    number: int, *, feeds: int, dictionary: Dictionary, terminology: Terminology, seed: int = 1
) -> dict[str, pl.DataFrame]:
    """Return table -> about `number` rows of `feeds` feeds, as the transform would hand them to staging."""
    rng = np.random.default_rng(seed)
    patients = max(number // PER_PATIENT, feeds)
    made = _Maker(rng, patients, feeds)
    observation = pl.concat(
        [
            *(_measured(made, name, dictionary, times=3) for name in MEASURED),
            *(_coded(made, name, dictionary, terminology, times=1) for name in CODED),
            _mrd(made, times=4),
            made.rows("observation-contact", 1, data_element="last_contact_date", status="final").pipe(
                made.dated, "effective"
            ),
        ],
        how="diagonal",
    )
    return {
        "patient": made.patients(),
        "research_subject": made.rows(
            "research_subject", 1, subject="individual_id", status="on-study", identifier="s"
        ).pipe(made.dated, "period_start", first=DIAGNOSES),
        "condition": made.rows(
            "condition", 1, data_element="diagnosis", code="b_all", verification_status="confirmed"
        ).pipe(made.dated, "onset", first=DIAGNOSES),
        "specimen": made.rows("specimen", 4, data_element="bm_specimen").pipe(made.dated, "collected"),
        "observation": observation,
        "observation_component": _sensitivities(observation),
        "medication_administration": made.rows(
            "medication_administration", 2, data_element="drug_blinatumomab", status="completed"
        )
        .pipe(made.dated, "effective_start", first=TREATMENTS)
        .pipe(made.ended, "effective"),
        "adverse_event": made.rows(
            "adverse_event", 2, data_element="ae_term", actuality="actual", term="cytokine_release_syndrome"
        )
        .with_columns(grade=pl.Series(rng.integers(1, 6, patients * 2)))
        .pipe(made.dated, "date"),
    }


class _Maker:
    """Makes rows of the same patients, feed by feed."""

    def __init__(self, rng: np.random.Generator, patients: int, feeds: int) -> None:
        self.rng = rng
        self.number = patients
        self.who = pl.DataFrame(
            {
                "subject": [f"patient-{number:08}" for number in range(patients)],
                "feed": [f"feed-{number * feeds // patients:02}" for number in range(patients)],
            }
        )

    def patients(self) -> pl.DataFrame:
        """Return one row per patient."""
        died = pl.Series(self.rng.random(self.number) < 0.3)
        days = self._days("deceased_date", DEATHS, 180, self.number)
        return self.rows(
            "patient", 1, subject="id", identifier="x", gender="female", birth_precision="day"
        ).with_columns(
            self._days("birth_date", BIRTHS, 365 * 50, self.number),
            pl.when(died).then(days).alias("deceased_date"),
            pl.when(died).then(pl.lit("day")).alias("deceased_precision"),
        )

    def rows(self, name: str, times: int, *, subject: str = "subject_id", **constants: str) -> pl.DataFrame:
        """Return `times` rows for each patient, with their lineage."""
        who = self.who if times == 1 else pl.concat([self.who] * times).sort("feed", "subject")
        ids = who.select(pl.format("{}-{}", pl.lit(name), pl.int_range(pl.len()).cast(pl.String)))
        return who.rename({"subject": subject}).with_columns(
            *([] if subject == "id" else [ids.to_series().alias("id")]),
            *(pl.lit(value).alias(key) for key, value in constants.items()),
            content_hash=pl.lit("0" * 64),
            source_file=pl.lit("f" * 16),
            source_row=pl.int_range(pl.len()) + 2,
            rule=pl.lit("a" * 16),
        )

    def dated(self, frame: pl.DataFrame, name: str, *, first: date = EVENTS) -> pl.DataFrame:
        """Add a day; one of a hundred lies in the future."""
        days = self._days(f"{name}_date", first, 300, frame.height)
        ahead = pl.Series(self.rng.random(frame.height) < SLIPS / 4)
        shown = pl.when(ahead).then(pl.lit(date(2031, 1, 1))).otherwise(days)
        return frame.with_columns(shown.alias(f"{name}_date"), pl.lit("day").alias(f"{name}_precision"))

    def ended(self, frame: pl.DataFrame, name: str) -> pl.DataFrame:
        """Add an end 28 days after the start, and now and then before it."""
        slip = pl.Series(self.rng.random(frame.height) < SLIPS)
        days = pl.when(slip).then(-3).otherwise(28)
        return frame.with_columns(
            (pl.col(f"{name}_start_date") + pl.duration(days=days)).alias(f"{name}_end_date"),
            pl.lit("day").alias(f"{name}_end_precision"),
        )

    def _days(self, name: str, first: date, span: int, number: int) -> pl.Series:
        offsets = self.rng.integers(0, span, number)
        start = np.datetime64(first)
        return pl.Series(name, start + offsets.astype("timedelta64[D]")).cast(pl.Date)


def _measured(made: _Maker, name: str, dictionary: Dictionary, *, times: int) -> pl.DataFrame:
    element = dictionary[name]
    high = element.range.high if element.range and element.range.high else 100.0
    frame = made.rows(f"observation-{name}", times, data_element=name, status="final")
    values = made.rng.random(frame.height) * high / 2
    values[made.rng.random(frame.height) < SLIPS] *= -1.0
    return frame.with_columns(
        value_quantity=pl.Series(values), value_quantity_unit=pl.lit(element.unit)
    ).pipe(made.dated, "effective")


def _coded(
    made: _Maker, name: str, dictionary: Dictionary, terminology: Terminology, *, times: int
) -> pl.DataFrame:
    codes = list(terminology[dictionary[name].codes or ""].codes)
    frame = made.rows(f"observation-{name}", times, data_element=name, status="final")
    chosen = np.array([*codes, "no such code"])[
        np.where(
            made.rng.random(frame.height) < SLIPS, len(codes), made.rng.integers(0, len(codes), frame.height)
        )
    ]
    return frame.with_columns(value_concept=pl.Series(chosen)).pipe(made.dated, "effective")


def _mrd(made: _Maker, *, times: int) -> pl.DataFrame:
    frame = made.rows("observation-mrd", times, data_element="mrd_value", status="final")
    specimens = made.rows("specimen", times)["id"]
    detected = made.rng.random(frame.height) < 0.4
    values = pl.when(pl.Series(detected)).then(pl.Series(10.0 ** -made.rng.uniform(1, 5, frame.height)))
    return frame.with_columns(
        specimen_id=specimens,
        value_quantity=values,
        value_quantity_unit=pl.when(pl.Series(detected)).then(pl.lit("1")),
        interpretation=pl.when(pl.Series(detected))
        .then(pl.lit("quantifiable"))
        .otherwise(pl.lit("undetectable")),
    ).pipe(made.dated, "effective")


def _sensitivities(observation: pl.DataFrame) -> pl.DataFrame:
    mrd = observation.filter(data_element="mrd_value")
    return mrd.select(
        pl.format("{}-lod", "id").alias("id"),
        pl.col("id").alias("observation_id"),
        pl.lit("mrd_lod").alias("data_element"),
        pl.lit(1e-5).alias("value_quantity"),
        pl.lit("1").alias("value_quantity_unit"),
        "feed",
        "content_hash",
        "source_file",
        "source_row",
        "rule",
    )

"""Every record of the reference material is there once, with every number that it prints."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from allpool.analysis.definitions.catalogue import load_catalogue
from allpool.analysis.published.forms import Figures, PublishedFile, PublishedRecord
from allpool.analysis.published.load import load_published

STUDIES = ("000", "001", "002", "003", "004")
FOLDER = Path(__file__).resolve().parents[2] / "examples" / "consortium" / "published"
NUMBER = re.compile(r"\d+(?:\.\d+)?")


@pytest.fixture(scope="module")
def files() -> dict[str, PublishedFile]:
    return {file.study: file for file in load_published(FOLDER, load_catalogue())}


@pytest.fixture(scope="module")
def seeds(shared: Path) -> dict[str, list[dict[str, Any]]]:
    folder = shared / "seeds" / "published"
    return {
        study: yaml.safe_load((folder / f"{study}.yaml").read_text(encoding="utf-8"))["records"]
        for study in STUDIES
    }


def printed(record: PublishedRecord) -> Iterator[tuple[str, str]]:
    """Yield every number that a record says is printed, by quantity."""
    own = [record.printed] if record.printed else [part.printed for part in record.parts.values()]
    for figures in own:
        for quantity, text in figures.given.items():
            for item in text if isinstance(text, tuple) else (text,):
                yield quantity, item


def numbers(value: Any) -> Iterator[float]:
    """Yield each number of a seed's value, however it is nested or worded."""
    if isinstance(value, bool) or value is None:
        return
    if isinstance(value, int | float):
        yield float(value)
    elif isinstance(value, dict):
        for item in value.values():
            yield from numbers(item)
    elif isinstance(value, list):
        for item in value:
            yield from numbers(item)
    else:
        yield from (float(text) for text in NUMBER.findall(str(value)))


def test_every_record_is_there_once_and_none_is_invented(
    files: dict[str, PublishedFile], seeds: dict[str, list[dict[str, Any]]]
) -> None:
    assert set(files) == set(STUDIES)
    for study in STUDIES:
        assert [record.record for record in files[study].records] == [seed["id"] for seed in seeds[study]]
    assert sum(len(file.records) for file in files.values()) == 379


@pytest.mark.parametrize("study", STUDIES)
def test_every_printed_number_is_there(
    study: str, files: dict[str, PublishedFile], seeds: dict[str, list[dict[str, Any]]]
) -> None:
    records = {record.record: record for record in files[study].records}
    for seed in seeds[study]:
        record = records[seed["id"]]
        found = list(printed(record))
        by_quantity = {quantity: float(text) for quantity, text in found if NUMBER.fullmatch(text)}
        for quantity, key in (("numerator", "numerator"), ("denominator", "denominator")):
            if key in seed and not record.parts and quantity in by_quantity:
                assert by_quantity[quantity] == seed[key], (study, seed["id"])
        for quantity in ("percent", "p"):
            if quantity in seed and not record.parts:
                assert by_quantity[quantity] == seed[quantity], (study, seed["id"])
        if "se" in seed:
            assert by_quantity["standard_error"] == seed["se"], (study, seed["id"])
        if "ci" in seed:
            assert (by_quantity["lower"], by_quantity["upper"]) == (seed["ci"]["lo"], seed["ci"]["hi"])
        if "time" in seed:
            assert float(record.at or "nan") == seed["time"], (study, seed["id"])
        if seed["scope"] != "external" and record.not_recomputed is None:
            said = {*by_quantity.values(), *numbers([text for _, text in found]), *numbers(record.words)}
            missing = [number for number in numbers(seed.get("value")) if number not in said]
            assert not missing, (study, seed["id"], missing)


@pytest.mark.parametrize("study", STUDIES)
def test_corrections_flags_and_scope_are_those_of_the_reference(
    study: str, files: dict[str, PublishedFile], seeds: dict[str, list[dict[str, Any]]]
) -> None:
    records = {record.record: record for record in files[study].records}
    for seed in seeds[study]:
        record = records[seed["id"]]
        assert set(seed.get("flags", ())) <= set(record.flags), seed["id"]
        assert record.scope == seed["scope"], seed["id"]
        if "corrected_percent" in seed:
            corrected: Figures | None = record.corrected
            assert corrected is not None
            assert float(corrected.percent or "nan") == seed["corrected_percent"], seed["id"]
        if seed["scope"] == "external":
            assert record.not_recomputed is not None
            assert record.not_recomputed.kind == "external"


def test_no_sentence_of_a_paper_is_copied(files: dict[str, PublishedFile], shared: Path) -> None:
    """Eight words in a row of a paper are a sentence, not a fact."""
    texts = [path.read_text(encoding="utf-8") for path in (shared / "seeds" / "papers").glob("*.txt")]
    runs = {run for text in texts for run in _runs(text)}
    for study, file in files.items():
        for record in file.records:
            copied = [run for text in prose(record) for run in _runs(text) if run in runs]
            assert not copied, (study, record.record, copied[:3])


def prose(record: PublishedRecord) -> Iterator[str]:
    """Yield every text of a record that is written in words."""
    reason = record.not_recomputed
    yield from filter(None, (record.population, record.words, record.check, record.differs))
    yield from filter(None, (reason.reason if reason else None, record.ours.note if record.ours else None))
    yield from filter(None, (part.recompute.note for part in record.figures.values()))


def _runs(text: str, size: int = 8) -> set[str]:
    words = re.findall(r"[a-z]+", text.lower())
    return {" ".join(words[start : start + size]) for start in range(len(words) - size + 1)}

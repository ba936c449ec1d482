"""Spec tables: source rows in, harmonised rows out, as a data manager would write them down.

A case holds a mapping (only its `sources`, unless it says `study` or `centre`), the files as text, and what
comes out: rows by table (only the columns named; a column that is not named in a row is empty there), what
waits in quarantine (all of it), and, if it says so, the account of the cells of all files together. `_row` is
the source row, `_n` of a table the number of its rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from allpool.config import FeedSection
from allpool.etl.delivery import Delivery, read_delivery
from allpool.etl.transform.ledger import Account, Verdict
from allpool.etl.transform.source import Scene
from allpool.etl.transform.transform import Harmonised, transform
from allpool.mappings.compile import Vocabulary, load_mapping, load_vocabulary
from allpool.mappings.plan import CompiledMapping
from allpool.mappings.positions import read_yaml

SPECS = Path(__file__).parent / "spec"
KEY = b"a key for tests, sixteen bytes or more"
HEAD = 'mapping: spec\nversion: "1"\n'
WORDS: list[Vocabulary] = []


@dataclass(frozen=True)
class Case:
    """One case of a spec file."""

    name: str
    content: Mapping[str, Any]


def cases() -> list[Case]:
    """Return the cases of all spec files."""
    return [
        Case(f"{path.stem}: {case['case']}", case)
        for path in sorted(SPECS.glob("*.yaml"))
        for case in read_yaml(path).content["cases"]
    ]


def vocabulary() -> Vocabulary:
    """Return the vocabulary that ships with allpool, loaded once."""
    if not WORDS:
        WORDS.append(load_vocabulary())
    return WORDS[0]


def compiled(folder: Path, text: str) -> CompiledMapping:
    """Return the mapping that `text` says, with a head where it has none."""
    path = folder / "mapping.yaml"
    path.write_text(text if text.startswith("mapping:") else HEAD + text, encoding="utf-8")
    return load_mapping(path, vocabulary())


def delivered(folder: Path, mapping: CompiledMapping, files: Mapping[str, str]) -> Delivery:
    """Write `files` and read them as the night does."""
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    return read_delivery(folder, FeedSection(id="f", mapping="m", folder=str(folder)), mapping)


def harmonised(delivery: Delivery, mapping: CompiledMapping) -> Harmonised:
    """Transform a delivery of study S and centre C, where the mapping does not say another."""
    scene = Scene(feed="f", study="S", centre="C", security=None, key=KEY)
    return transform([file.frame for file in delivery.files], mapping, scene)


def accounts(result: Harmonised) -> list[Account]:
    """Return the account of each file as if everything new were published."""
    loaded = {
        table: rows.select("id", verdict=pl.lit(int(Verdict.LOADED), dtype=pl.UInt8))
        for table, rows in result.tables.items()
    }
    return [ledger.settle(loaded) for ledger in result.ledgers]


def rows_of(frame: pl.DataFrame, wanted: Iterable[Mapping[str, str]]) -> list[dict[str, str]]:
    """Return the rows of `frame` as texts, with the columns that `wanted` names, in a fixed order."""
    columns = {name for row in wanted for name in row}
    named = frame.rename({"source_row": "_row"}) if "source_row" in frame.columns else frame
    rows = [
        {name: shown(row[name]) for name in sorted(columns) if row.get(name) is not None}
        for row in named.to_dicts()
    ]
    return ordered(rows)


def untold(frame: pl.DataFrame, wanted: Iterable[Mapping[str, str]]) -> list[Mapping[str, str]]:
    """Return what is wanted of entries and no entry says; each is asked once, for what is named alone."""
    left = [
        {name: shown(value) for name, value in row.items() if value is not None} for row in frame.to_dicts()
    ]
    missing = []
    for row in sorted(wanted, key=len, reverse=True):
        found = next((item for item in left if row.items() <= item.items()), None)
        if found is None:
            missing.append(row)
        else:
            left.remove(found)
    return missing


def ordered(rows: Iterable[Mapping[str, str]]) -> list[dict[str, str]]:
    """Return rows in a fixed order."""
    return sorted((dict(row) for row in rows), key=lambda row: sorted(row.items()))


def shown(value: object) -> str:
    """Return a value as a spec writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.12g}" if isinstance(value, float) else str(value)

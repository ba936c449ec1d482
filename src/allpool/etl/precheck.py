"""A centre's own check: read and map as the night does, without store, key or audit across tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from allpool.config import FeedSection
from allpool.errors import ConfigError, Place
from allpool.etl.delivery import Delivery, read_delivery
from allpool.etl.finding_groups import FindingGroup, grouped
from allpool.etl.readers import FileFacts
from allpool.etl.transform.ledger import Account, Verdict
from allpool.etl.transform.source import Scene
from allpool.etl.transform.transform import Harmonised, transform
from allpool.etl.waiting import COLUMNS, waiting
from allpool.mappings.compile import load_mapping
from allpool.mappings.plan import CompiledMapping

KEY = b"not a secret: pseudonyms of a check are thrown away"
TOLD = (*(name for name in COLUMNS if name != "value"), "value")


@dataclass(frozen=True)
class Kind:
    """How many records of one kind would load."""

    record: str
    element: str | None
    records: int


@dataclass(frozen=True)
class Precheck:
    """What would load, what would wait, and the account of each file's cells."""

    mapping: CompiledMapping
    found: pl.DataFrame
    """Findings as rows of the quarantine table; `value` only where it was asked for."""
    accounts: Mapping[str, Account]
    kinds: Sequence[Kind]
    files: Sequence[FileFacts]
    """Facts of the files that could be read, one for each sheet."""

    @property
    def findings(self) -> Sequence[Mapping[str, Any]]:
        """All findings, one by one."""
        return self.found.to_dicts()

    @property
    def groups(self) -> Sequence[FindingGroup]:
        """The findings, those that are equal but for their row as one."""
        return grouped(self.found)


def precheck(paths: Sequence[Path], mapping_file: Path, *, values: bool = False) -> Precheck:
    """Return what the night would say of the files (or folder) `paths` under a mapping.

    The whole folder is read, so that patients and joined columns are known; told is of the files named. The
    findings come without what the cells say, unless `values` asks for it.
    """
    folder = _folder(paths)
    named = {path.resolve().relative_to(folder).as_posix() for path in paths if path.is_file()}
    mapping = load_mapping(mapping_file)
    feed = FeedSection(
        id="check", mapping=mapping_file.name, folder=str(folder), study="check", centre="check"
    )
    delivery = read_delivery(folder, feed, mapping)
    scene = Scene(feed=feed.id, study=feed.study, centre=feed.centre, security=None, key=KEY)
    harmonised = transform([file.frame for file in delivery.files], mapping, scene)
    loaded = {
        table: rows.select("id", verdict=pl.lit(int(Verdict.LOADED), dtype=pl.UInt8))
        for table, rows in harmonised.tables.items()
    }
    accounts: dict[str, Account] = {}
    chosen: dict[str, FileFacts] = {}
    for file, ledger in zip(delivery.files, harmonised.ledgers, strict=True):
        ledger.found_by_reader(file.problems)
        ledger.passed_over_by_reader(file.passed_over)
        if named and file.frame.file not in named:
            continue
        chosen[file.frame.id] = file.facts
        name = f"{file.frame.file} [{file.frame.sheet}]" if file.frame.sheet else file.frame.file
        name = f"{name} as {file.frame.source}" if name in accounts else name
        accounts[name] = ledger.settle(loaded).with_reader(blank=file.blank_cells, lost=file.lost_cells)
    found = waiting(feed, delivery, harmonised.quarantine, pl.DataFrame()).select(
        *TOLD[:-1], pl.col("value") if values else pl.lit(None, dtype=pl.String).alias("value")
    )
    unread = [_unread(path, mapping) for path in sorted(named - _read(delivery))]
    told = found.filter(pl.col("file").is_in(sorted(named))) if named else found
    return Precheck(
        mapping,
        pl.concat([pl.DataFrame(unread, schema=found.schema), told]),
        accounts,
        _kinds(harmonised, mapping, chosen),
        list(chosen.values()),
    )


def _kinds(harmonised: Harmonised, mapping: CompiledMapping, chosen: Mapping[str, object]) -> list[Kind]:
    """Count the records from the `chosen` files by kind, in the mapping's order."""
    counts: dict[tuple[str, str | None], int] = {}
    for rule in (rule for plan in mapping.sources for rule in plan.rules):
        rows = harmonised.tables.get(rule.table)
        made = 0
        if rows is not None:
            own = (pl.col("rule") == rule.id) & pl.col("source_file").is_in(list(chosen))
            made = rows.filter(own).height
        key = (rule.record, rule.data_element)
        counts[key] = counts.get(key, 0) + made
    return [Kind(record, element, number) for (record, element), number in counts.items() if number]


def _read(delivery: Delivery) -> set[str]:
    """Return the files that a source of the mapping reads, or tried to."""
    return {file.frame.file for file in delivery.files} | {failure.path for _, failure in delivery.failures}


def _unread(path: str, mapping: CompiledMapping) -> Mapping[str, Any]:
    """Return the finding that no source reads a file."""
    patterns = ", ".join(dict.fromkeys(plan.file for plan in mapping.sources if plan.file))
    expected = f"a file that the mapping reads ({patterns}); correct its name, or `file` in the mapping"
    return {
        **dict.fromkeys(TOLD),
        "file": path,
        "scope": "file",
        "rule": "unmapped_file",
        "severity": "quarantine",
        "expected": expected,
    }


def _folder(paths: Sequence[Path]) -> Path:
    """Return the folder that the files lie in; they come from one."""
    for path in paths:
        if not path.exists():
            raise ConfigError("there is no such file or folder", place=Place(file=str(path)))
    folders = {path if path.is_dir() else path.parent for path in paths}
    if len(folders) != 1:
        raise ConfigError("the files of one delivery lie in one folder")
    return folders.pop().resolve()

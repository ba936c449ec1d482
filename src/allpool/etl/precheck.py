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
from allpool.etl.readers import list_files
from allpool.etl.transform.ledger import Account, Verdict
from allpool.etl.transform.source import Scene
from allpool.etl.transform.transform import transform
from allpool.etl.waiting import COLUMNS, waiting
from allpool.mappings.compile import load_mapping
from allpool.mappings.plan import CompiledMapping

KEY = b"not a secret: pseudonyms of a check are thrown away"


@dataclass(frozen=True)
class Precheck:
    """What would wait (no values), and the account of each file's cells."""

    findings: Sequence[Mapping[str, Any]]
    accounts: Mapping[str, Account]


def precheck(paths: Sequence[Path], mapping_file: Path) -> Precheck:
    """Return what the night would say of the files (or folder) `paths` under a mapping.

    The whole folder is read, so that patients and joined columns are known; told is of the files named.
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
    for file, ledger in zip(delivery.files, harmonised.ledgers, strict=True):
        ledger.found_by_reader(file.problems)
        ledger.passed_over_by_reader(file.passed_over)
        if named and file.frame.file not in named:
            continue
        name = f"{file.frame.file} [{file.frame.sheet}]" if file.frame.sheet else file.frame.file
        name = f"{name} as {file.frame.source}" if name in accounts else name
        accounts[name] = ledger.settle(loaded).with_reader(blank=file.blank_cells, lost=file.lost_cells)
    found = waiting(feed, delivery, harmonised.quarantine, pl.DataFrame()).drop("value")
    unread = [_unread(path, mapping) for path in sorted(named - _read(delivery, folder, mapping))]
    told = found.filter(pl.col("file").is_in(sorted(named))) if named else found
    return Precheck([*unread, *told.to_dicts()], accounts)


def _read(delivery: Delivery, folder: Path, mapping: CompiledMapping) -> set[str]:
    """Return the files that a source of the mapping reads, or tried to, and those that tell how."""
    beside = {
        path.relative_to(folder).as_posix()
        for plan in mapping.sources
        for pattern in plan.read.beside
        for path in list_files(folder, pattern)
    }
    files = {file.frame.file for file in delivery.files} | {failure.path for _, failure in delivery.failures}
    return files | beside


def _unread(path: str, mapping: CompiledMapping) -> Mapping[str, Any]:
    """Return the finding that no source reads a file."""
    patterns = ", ".join(dict.fromkeys(plan.file for plan in mapping.sources if plan.file))
    expected = f"a file that the mapping reads ({patterns}); correct its name, or `file` in the mapping"
    blank = dict.fromkeys(COLUMNS)
    del blank["value"]
    return {**blank, "file": path, "scope": "file", "rule": "unmapped_file", "expected": expected}


def _folder(paths: Sequence[Path]) -> Path:
    """Return the folder that the files lie in; they come from one."""
    for path in paths:
        if not path.exists():
            raise ConfigError("there is no such file or folder", place=Place(file=str(path)))
    folders = {path if path.is_dir() else path.parent for path in paths}
    if len(folders) != 1:
        raise ConfigError("the files of one delivery lie in one folder")
    return folders.pop().resolve()

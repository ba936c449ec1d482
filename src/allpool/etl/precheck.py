"""A centre's own check: read and map as the night does, without store, key or audit across tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from allpool.config import FeedSection
from allpool.errors import ConfigError, Place
from allpool.etl.delivery import read_delivery
from allpool.etl.transform.ledger import Account, Verdict
from allpool.etl.transform.source import Scene
from allpool.etl.transform.transform import transform
from allpool.etl.waiting import waiting
from allpool.mappings.compile import load_mapping

KEY = b"not a secret: pseudonyms of a check are thrown away"


@dataclass(frozen=True)
class Precheck:
    """What would wait (no values), and the account of each file's cells."""

    findings: Sequence[Mapping[str, Any]]
    accounts: Mapping[str, Account]


def precheck(paths: Sequence[Path], mapping_file: Path) -> Precheck:
    """Return what the night would say of the files (or folder) `paths` under a mapping."""
    folder = _folder(paths)
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
    accounts = {}
    for file, ledger in zip(delivery.files, harmonised.ledgers, strict=True):
        ledger.found_by_reader(file.problems)
        name = f"{file.frame.file} [{file.frame.sheet}]" if file.frame.sheet else file.frame.file
        accounts[name] = ledger.settle(loaded).with_reader(blank=file.blank_cells, lost=file.lost_cells)
    found = waiting(feed, delivery, harmonised.quarantine, pl.DataFrame())
    return Precheck(found.drop("value").to_dicts(), accounts)


def _folder(paths: Sequence[Path]) -> Path:
    """Return the folder that the files lie in; they come from one."""
    for path in paths:
        if not path.exists():
            raise ConfigError("there is no such file or folder", place=Place(file=str(path)))
    folders = {path if path.is_dir() else path.parent for path in paths}
    if len(folders) != 1:
        raise ConfigError("the files of one delivery lie in one folder")
    return folders.pop().resolve()

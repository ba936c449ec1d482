"""A centre's own check: read, map and audit as the night does, without store and key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

import polars as pl

from allpool.config import FeedSection
from allpool.errors import BrokenRuleError, ConfigError, Place
from allpool.etl.audit.judgement import RuleResult
from allpool.etl.check.groups import FindingGroup, grouped
from allpool.etl.check.rehearsal import Rehearsal, rehearsed
from allpool.etl.delivery import Delivery, read_delivery
from allpool.etl.guard import IN_NAME, KeyWarning
from allpool.etl.guard import RULE as DIRECT_IDENTIFIER
from allpool.etl.operations import file_name
from allpool.etl.places import Places
from allpool.etl.readers import FileFacts
from allpool.etl.transform.ledger import Account, Verdict
from allpool.etl.transform.source import Scene
from allpool.etl.transform.transform import Harmonised, transform
from allpool.etl.waiting import COLUMNS, audit_findings, waiting
from allpool.mappings.compile import load_mapping, load_vocabulary
from allpool.mappings.identifiers.suspicion import identifying
from allpool.mappings.plan import CompiledMapping
from allpool.models import LANDED

KEY: Final = b"not a secret: pseudonyms of a check are thrown away"
TOLD: Final = tuple(name for name in COLUMNS if name != "value")
"""What is told of a finding: never what the cell says."""


@dataclass(frozen=True)
class Kind:
    """How many records of one kind would load."""

    record: str
    element: str | None
    """Data element; of FHIR resources that are kept whole, their type."""
    records: int


@dataclass(frozen=True)
class Precheck:
    """What would load, what would wait, and the account of each file's cells."""

    mapping: CompiledMapping
    found: pl.DataFrame
    """Findings as rows of the quarantine table, without values; what only warns loads all the same."""
    blocked: Sequence[RuleResult]
    """Rules of the audit that so many rows break that the night would hold back the whole delivery."""
    keys: Sequence[KeyWarning]
    """Patient keys that are direct identifiers."""
    accounts: Mapping[str, Account]
    kinds: Sequence[Kind]
    files: Sequence[FileFacts]
    """Facts of the files that could be read, one for each sheet."""

    @property
    def findings(self) -> Sequence[Mapping[str, Any]]:
        """What would wait, one by one."""
        return self._waits.to_dicts()

    @property
    def groups(self) -> Sequence[FindingGroup]:
        """What would wait, findings that are equal but for their row as one."""
        return grouped(self._waits)

    @property
    def doubts(self) -> Sequence[Mapping[str, Any]]:
        """What would load and is worth a look, one by one."""
        return self._warned.to_dicts()

    @property
    def warnings(self) -> Sequence[FindingGroup]:
        """What would load and is worth a look, findings that are equal but for their row as one."""
        return grouped(self._warned)

    @property
    def _waits(self) -> pl.DataFrame:
        return self.found.filter(pl.col("severity") != "warn")

    @property
    def _warned(self) -> pl.DataFrame:
        return self.found.filter(pl.col("severity") == "warn")


def precheck(paths: Sequence[Path], mapping_file: Path, *, today: date | None = None) -> Precheck:
    """Return what the night of the day `today` would say of the files (or folder) `paths` under a mapping.

    The whole folder is read, so that patients and joined columns are known; told is of the files named.
    Without `today` the records are not audited: only what reader and transform find is told.
    Raises ConfigError where the paths are no delivery, MappingError where the mapping is wrong, and
    BrokenRuleError where the account of a file does not hold.
    """
    folder = _folder(paths)
    named = {path.resolve().relative_to(folder).as_posix() for path in paths if path.is_file()}
    vocabulary = load_vocabulary()
    mapping = load_mapping(mapping_file, vocabulary)
    feed = FeedSection(
        id="check", mapping=mapping_file.name, folder=str(folder), study="check", centre="check"
    )
    scene = Scene(feed=feed.id, study=feed.study, centre=feed.centre, security=None, key=KEY, linkage_key=KEY)
    delivery = read_delivery(folder, feed, mapping, scene)
    harmonised = transform([file.frame for file in delivery.files], mapping, scene)
    audited: Rehearsal | None = None
    failed = [pl.DataFrame()]
    tables: Mapping[str, pl.DataFrame] = harmonised.tables
    if today is not None:
        audited = rehearsed(harmonised.tables, feed=feed.id, vocabulary=vocabulary, today=today)
        ledgers = {ledger.source.id: ledger for ledger in harmonised.ledgers}
        places = Places(delivery, harmonised, mapping)
        failed = [
            audit_findings(audited.held, places, ledgers),
            audit_findings(audited.warned, places, None),
        ]
        tables = audited.left(harmonised.tables)
    landed = delivery.landing.rows.clear() if audited and audited.blocked else delivery.landing.rows
    accounts, chosen = _accounts(delivery, harmonised, {**tables, LANDED.name: landed}, named)
    found = waiting(feed, delivery, harmonised.quarantine, pl.concat(failed)).select(TOLD)
    if named:
        unread = [_unread(path, mapping) for path in sorted(named - _read(delivery))]
        found = pl.concat([pl.DataFrame(unread, schema=found.schema), _of(found, named)])
    return Precheck(
        mapping=mapping,
        found=found,
        blocked=audited.blocked if audited else (),
        keys=[item for item in delivery.warnings if not named or item.file in named],
        accounts=accounts,
        kinds=[*_kinds(tables, mapping, chosen), *_landed(landed, chosen)],
        files=list(chosen.values()),
    )


def _accounts(
    delivery: Delivery, harmonised: Harmonised, tables: Mapping[str, pl.DataFrame], named: set[str]
) -> tuple[dict[str, Account], dict[str, FileFacts]]:
    """Return accounts and facts of the files named (or all), given the rows that would load."""
    verdict = pl.lit(int(Verdict.LOADED), dtype=pl.UInt8).alias("verdict")
    loaded = {table: rows.select("id", verdict) for table, rows in tables.items()}
    found: list[tuple[FileFacts, str, Account]] = []
    chosen: dict[str, FileFacts] = {}
    for file, ledger in zip(delivery.files, harmonised.ledgers, strict=True):
        ledger.found_by_reader(file.problems)
        ledger.passed_over_by_reader(file.passed_over)
        if not named or file.frame.file in named:
            account = ledger.settle(loaded).with_reader(blank=file.blank_cells, lost=file.lost_cells)
            found.append((file.facts, file.frame.source, account))
            chosen[file.frame.id] = file.facts
    landed = dict.fromkeys(tables[LANDED.name]["id"], Verdict.LOADED)
    for whole in delivery.landing.files:
        if not named or whole.facts.path in named:
            found.append((whole.facts, whole.plan.source, whole.account(landed)))
            chosen[whole.id] = whole.facts
    accounts: dict[str, Account] = {}
    for facts, source, account in found:
        name = file_name(facts.path, facts.sheet)
        if not account.balanced:
            raise BrokenRuleError(f"{name}: the cells do not add up: {account.read} read")
        accounts[f"{name} as {source}" if name in accounts else name] = account
    return accounts, chosen


def _kinds(
    tables: Mapping[str, pl.DataFrame], mapping: CompiledMapping, chosen: Mapping[str, object]
) -> list[Kind]:
    """Count the records from the `chosen` files by kind, in the mapping's order."""
    counts: dict[tuple[str, str | None], int] = {}
    for rule in (rule for plan in mapping.sources for rule in plan.rules):
        rows = tables.get(rule.table)
        made = 0
        if rows is not None:
            own = (pl.col("rule") == rule.id) & pl.col("source_file").is_in(list(chosen))
            made = rows.filter(own).height
        key = (rule.record, rule.data_element)
        counts[key] = counts.get(key, 0) + made
    return [Kind(record, element, number) for (record, element), number in counts.items() if number]


def _landed(rows: pl.DataFrame, chosen: Mapping[str, object]) -> list[Kind]:
    """Count the FHIR resources that would be kept whole by their type."""
    own = rows.filter(pl.col("source_file").is_in(list(chosen)))
    counts = own.group_by("resource_type").len().sort("resource_type")
    return [Kind(LANDED.name, str(type_name), int(number)) for type_name, number in counts.iter_rows()]


def _read(delivery: Delivery) -> set[str]:
    """Return the files that a source of the mapping reads, or tried to."""
    read = {file.frame.file for file in delivery.files} | {file.facts.path for file in delivery.landing.files}
    return read | {failure.path for _, failure in delivery.failures}


def _of(found: pl.DataFrame, named: set[str]) -> pl.DataFrame:
    """Return the findings of the files named."""
    return found.filter(pl.col("file").is_in(sorted(named)))


def _unread(path: str, mapping: CompiledMapping) -> Mapping[str, Any]:
    """Return the finding that no source reads a file; a name that holds an identifier is not repeated."""
    named = [plan.file for plan in mapping.sources] + [plan.file for plan in mapping.landings]
    patterns = ", ".join(dict.fromkeys(pattern for pattern in named if pattern))
    expected = f"a file that the mapping reads ({patterns}); correct its name, or `file` in the mapping"
    telling = bool(identifying(pl.Series([path])).any())
    return {
        **dict.fromkeys(TOLD),
        "file": None if telling else path,
        "scope": "file",
        "rule": DIRECT_IDENTIFIER if telling else "unmapped_file",
        "severity": "quarantine",
        "expected": IN_NAME if telling else expected,
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

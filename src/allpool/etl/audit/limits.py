"""Thresholds as a consortium writes them: `[quality]` of its configuration, and the file that this names."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from fnmatch import fnmatchcase
from hashlib import sha256
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from allpool.config import Consortium
from allpool.errors import ConfigError
from allpool.etl.audit.generated import rules_for
from allpool.etl.audit.judgement import COMPLETENESS
from allpool.etl.audit.rules import Severity
from allpool.etl.audit.thresholds import NEEDED, UNTOUCHABLE, Limit, Thresholds
from allpool.etl.audit.trend import Trend
from allpool.mappings.compile import Vocabulary
from allpool.mappings.positions import Document, read_yaml
from allpool.models import STAGING

ANY_DAY: Final = date(2000, 1, 1)


def _many(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_many)]


class LimitEntry(BaseModel):
    """One entry of `limits`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rules: Annotated[Names, Field(min_length=1)]
    centres: Names = ()
    share: float | None = Field(default=None, ge=0, le=1)
    rows: int | None = Field(default=None, ge=1)
    severity: Literal["block", "quarantine", "warn"] | None = None
    reason: str
    """Why, and who decided it; for those who read the file after us."""


class LimitsFile(BaseModel):
    """The whole file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    limits: tuple[LimitEntry, ...] = ()


def load_thresholds(consortium: Consortium, vocabulary: Vocabulary) -> Thresholds:
    """Return the thresholds of a consortium.

    Raises `ConfigError` with file and line where a limit names a rule, centre or feed that does not exist, or
    asks what would let rows in that the tables cannot take.
    """
    section = consortium.content.quality
    centres = {feed.id: feed.centre for feed in consortium.feeds if feed.centre}
    limits: tuple[Limit, ...] = ()
    if section.file is not None:
        document = read_yaml(consortium.path(section.file), error=ConfigError)
        entries = document.parse(LimitsFile, error=ConfigError).limits
        known = {feed.id for feed in consortium.feeds} | set(centres.values())
        limits = _limits(document, entries, known, _rules(vocabulary))
    return Thresholds(
        share=section.share,
        rows=section.rows,
        limits=limits,
        centres=centres,
        patients=section.patients,
        trend=Trend(false_alarms=section.false_alarms, runs=section.deliveries),
    )


def thresholds_mark(thresholds: Thresholds) -> str:
    """Return a hash of what decides about rows: where it changes, feeds are audited again."""
    limits = [
        (limit.rules, sorted(limit.centres), limit.share, limit.rows, limit.severity)
        for limit in thresholds.limits
    ]
    said = (thresholds.share, thresholds.rows, thresholds.patients, thresholds.trend, limits)
    return sha256(repr(said).encode()).hexdigest()


def _rules(vocabulary: Vocabulary) -> dict[str, Severity]:
    """Return every rule that the audit can have -> its severity."""
    elements = list(vocabulary.dictionary.elements)
    staged: dict[str, Mapping[str | None, int]] = {
        str(name): dict.fromkeys(elements, 1) if "data_element" in table.c else {None: 1}
        for name, table in STAGING.items()
    }
    rules = rules_for(
        staged,
        dictionary=vocabulary.dictionary,
        terminology=vocabulary.terminology,
        today=ANY_DAY,
        records=vocabulary.records,
    )
    promised: dict[str, Severity] = {f"{COMPLETENESS}{element}": "warn" for element in elements}
    return {**{rule.id: rule.severity for rule in rules}, **promised}


def _limits(
    document: Document,
    entries: tuple[LimitEntry, ...],
    places: Collection[str],
    rules: Mapping[str, Severity],
) -> tuple[Limit, ...]:
    found = []
    for index, entry in enumerate(entries):
        for number, centre in enumerate(entry.centres):
            if centre not in places:
                there = ", ".join(sorted(places))
                at = ("limits", index, "centres", number)
                document.fail(f"there is no centre or feed '{centre}'; there are {there}", at, ConfigError)
        for number, pattern in enumerate(entry.rules):
            _check(document, entry, pattern, ("limits", index, "rules", number), rules)
        found.append(
            Limit(
                rules=entry.rules,
                centres=frozenset(entry.centres),
                share=entry.share,
                rows=entry.rows,
                severity=entry.severity,
            )
        )
    return tuple(found)


def _check(
    document: Document,
    entry: LimitEntry,
    pattern: str,
    at: tuple[str | int, ...],
    rules: Mapping[str, Severity],
) -> None:
    meant = [rule for rule in rules if fnmatchcase(rule, pattern)]
    if not meant:
        document.fail(
            f"no rule of the audit is called '{pattern}'; docs/quality.md names them, * stands for any part",
            at,
            ConfigError,
        )
    if all(_matches(rule, UNTOUCHABLE) for rule in meant):
        document.fail(f"'{pattern}' fails only by a bug of allpool; it has no threshold", at, ConfigError)
    if entry.severity == "warn" and all(_matches(rule, (*NEEDED, *UNTOUCHABLE)) for rule in meant):
        document.fail(f"a row that breaks '{pattern}' cannot be published with a warning", at, ConfigError)
    if entry.severity not in (None, "warn") and all(rule.startswith(COMPLETENESS) for rule in meant):
        document.fail(f"'{pattern}' counts patients without an element; it can only warn", at, ConfigError)


def _matches(rule: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(rule, pattern) for pattern in patterns)

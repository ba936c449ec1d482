"""Reviews: the file in which a person says of each pair whether it is one patient."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection

from allpool.errors import ConfigError, Place
from allpool.etl.linkage.links import CANDIDATE, DECIDED, Verdict, decide, known_links

ANSWER: Final = ("decision", "by", "comment")
COLUMNS: Final = (
    *("id", "first_study", "first_centre", "first_pseudonym", "second_study", "second_centre"),
    *("second_pseudonym", "method", "match_weight", "match_probability", "evidence", "status", *ANSWER),
)
"""Columns of the file; a person fills the last three."""
WORDS: Final[Mapping[str, Verdict]] = {word: word for word in (*DECIDED, CANDIDATE)}
LONGEST: Final = 64
"""Letters of a role; a role is no sentence."""


@dataclass(frozen=True)
class Decision:
    """What one row of the file decides."""

    link: str
    verdict: Verdict
    by: str
    comment: str | None


@dataclass(frozen=True)
class Reviewed:
    """What became of a file's rows."""

    decided: int
    """Newly, or otherwise than before."""
    repeated: int
    """As they were already."""
    left: int
    """Rows without a decision."""


def evidence_text(evidence: Mapping[str, str]) -> str:
    """Return the evidence as one line: what is equal, near, and differs; what is unknown is left out."""
    said = {level: [name for name, found in evidence.items() if found == level] for level in SAID}
    return "; ".join(f"{level}: {', '.join(names)}" for level, names in said.items() if names)


SAID: Final = ("equal", "near", "differs")


def write_review(rows: Sequence[Mapping[str, Any]], file: Path) -> None:
    """Write pairs to a CSV file in which each can be decided; it has pseudonyms and no values."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)
    with file.open("w", encoding="utf-8-sig", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(COLUMNS)
        for row in rows:
            decided = row["status"] in DECIDED
            shown = {
                **row,
                "evidence": evidence_text(row["evidence"]),
                "decision": row["status"] if decided else "",
                "by": row["decided_by"] or "",
            }
            writer.writerow(["" if shown[name] is None else _harmless(shown[name]) for name in COLUMNS])


def _harmless(value: Any) -> Any:
    """Return a value that no spreadsheet runs (OWASP, CSV injection)."""
    risky = isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r")
    return f"'{value}" if risky else value


def take_review(connection: Connection, file: Path, *, by: str | None, at: datetime) -> Reviewed:
    """Take the decisions of a file, all of them or none.

    `by` stands for rows that name nobody. Raises `ConfigError` with file, row and column for what is no
    decision, for a pair that the store does not have, and for one that is decided twice and differently.
    """
    decisions, left = _read(file, by)
    known = known_links(connection)
    for row, decision in decisions:
        if decision.link not in known:
            message = "the store has no such pair; `allpool overlap export` writes those it has"
            raise ConfigError(message, place=Place(file=file.name, row=row, column="id"))
    new = sum(
        decide(connection, item.link, item.verdict, by=item.by, comment=item.comment, at=at)
        for _, item in decisions
    )
    return Reviewed(decided=new, repeated=len(decisions) - new, left=left)


def _read(file: Path, by: str | None) -> tuple[list[tuple[int, Decision]], int]:
    """Return the decisions of a file with their rows, and the number of rows without one."""
    found: list[tuple[int, Decision]] = []
    seen: dict[str, Decision] = {}
    left = 0
    for number, row in _rows(file):
        place = Place(file=file.name, row=number, column="decision")
        word = (row.get("decision") or "").strip().lower()
        if not word:
            left += 1
            continue
        if word not in WORDS:
            raise ConfigError(
                "is no decision: write same, different, candidate (to take one back) or nothing", place=place
            )
        role = (row.get("by") or "").strip() or by
        if not role or len(role) > LONGEST:
            place = Place(file=file.name, row=number, column="by")
            raise ConfigError(
                "say who decides, by role (such as `data manager`), here or with --by", place=place
            )
        decision = Decision(
            (row.get("id") or "").strip(), WORDS[word], role, (row.get("comment") or "").strip() or None
        )
        if seen.setdefault(decision.link, decision).verdict != decision.verdict:
            raise ConfigError("this pair is decided otherwise in a row above", place=place)
        found.append((number, decision))
    return found, left


def _rows(file: Path) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        with file.open(encoding="utf-8-sig", newline="") as text:
            header = text.readline()
            text.seek(0)
            reader = csv.DictReader(
                text, delimiter=max(",;\t", key=header.count)
            )  # as a spreadsheet saves it
            missing = [name for name in ("id", "decision") if name not in (reader.fieldnames or ())]
            if missing:
                raise ConfigError(
                    f"lacks column {', '.join(missing)}; take the file that `allpool overlap export` writes",
                    place=Place(file=file.name, row=1),
                )
            for row in reader:
                yield reader.line_num, row
    except FileNotFoundError:
        raise ConfigError("there is no such file", place=Place(file=str(file))) from None
    except (UnicodeDecodeError, csv.Error):
        raise ConfigError("is not a CSV file in UTF-8", place=Place(file=file.name)) from None

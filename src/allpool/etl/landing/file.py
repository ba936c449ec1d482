"""One FHIR file landed: what is left of each resource, and the account of its leaves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any, Final

import polars as pl

from allpool.etl.landing.deidentify import PSEUDONYM, UNKNOWN, Deidentifier
from allpool.etl.landing.pseudonyms import LITERAL
from allpool.etl.landing.subject import known_as, reference_of, subject
from allpool.etl.readers.fhir.entries import Entry, Found, Refusal
from allpool.etl.readers.fhir.parsing import canonical, leaf_count
from allpool.etl.readers.fhir.resources import FULL_URL, refused, row_cells
from allpool.etl.readers.source import PASSED_SCHEMA, FileFacts, Problem, problem, problem_frame
from allpool.etl.transform.ledger import Account, Verdict
from allpool.mappings.identifiers.suspicion import identifying
from allpool.mappings.plan import LandingPlan

CONFLICT: Final = "resource_conflict"
ONE_OF_A_NAME: Final = "one resource with this id, or several that meta.versionId or fullUrl tells apart"
NOT_LANDED: Final = "not landed: another resource has this id"
"""Reason by which the cells of such a resource that no rule reads are not kept."""
FORM: Final = "a value in the form that R4 gives to its type"

GONE_SCHEMA: Final[Mapping[str, Any]] = {"type": pl.String, **PASSED_SCHEMA}


@dataclass(slots=True)
class Landed:
    """What is left of one resource."""

    row: int
    type: str
    key: str
    """What tells it from the others of the feed."""
    text: str
    """Canonical JSON."""
    cells: int
    """Leaves that land, those as a pseudonym too, less those that wait although they land."""
    source_id: str | None
    mark: tuple[str, str]
    """Base of the address that its Bundle gives it, and its meta.versionId: what tells it from others of its
    key that say something else."""
    about: str | None
    """The reference to its patient; of a Patient, what it is known as."""
    patient: str | None = None
    entries: int | None = None
    """Of a Bundle: how many entries follow."""
    said: str = ""
    """A hash of the text (of a Bundle, with those of its entries), to compare with others of one key."""
    id: str | None = None
    """None: it does not land, since another one has its key."""


@dataclass(frozen=True)
class LandedFile:
    """One file: its resources as they land, what cannot, and the account of its leaves."""

    id: str
    """In `source_file`."""
    plan: LandingPlan
    """Of the first source that names the file."""
    facts: FileFacts
    resources: list[Landed]
    problems: pl.DataFrame
    """By PROBLEM_SCHEMA; elements at fault in resources that a source maps are told by its reader."""
    gone: pl.DataFrame
    """By GONE_SCHEMA: leaves of the resources that sources map which do not stay as they are, and why."""
    read: int
    """Leaves of all resources, one for each element at fault that has none, and one for each refusal."""
    faulty: int
    """Of them, those that cannot land."""
    ignored: Mapping[str, int]
    """Named rule -> leaves that go by it."""

    @property
    def conflicts(self) -> frozenset[int]:
        """Rows that do not land because another resource has their id."""
        return frozenset(item.row for item in self.resources if item.id is None)

    @property
    def refused(self) -> frozenset[int]:
        """Rows that cannot be taken, so that no source of the mapping takes them either."""
        rows = self.problems.filter((pl.col("scope") == "row") & (pl.col("rule") != CONFLICT))["row"]
        return frozenset(rows.to_list())

    def settled(self) -> LandedFile:
        """Return the file with a problem for each resource that turned out not to land."""
        rows = sorted(self.conflicts)
        if not rows:
            return self
        found = problem_frame(
            problem(CONFLICT, scope="row", row=row, column="id", expected=ONE_OF_A_NAME) for row in rows
        )
        problems = pl.concat([self.problems, found]).sort("row", nulls_last=False, maintain_order=True)
        return replace(self, problems=problems)

    def account(self, verdicts: Mapping[str, Verdict]) -> Account:
        """Return the account of the file's leaves, given the verdict on each resource by its id here."""
        counts = Counter[Verdict]()
        for item in self.resources:
            counts[verdicts.get(item.id or "", Verdict.HELD)] += item.cells
        loaded, unchanged = counts[Verdict.LOADED], counts[Verdict.UNCHANGED]
        return Account(
            source_file=self.id,
            rows=len(self.resources),
            read=self.read,
            loaded=loaded,
            unchanged=unchanged,
            quarantined=counts[Verdict.HELD] + self.faulty,
            ignored=sum(self.ignored.values()),
            empty=0,
            ignored_by=dict(self.ignored),
        )


@dataclass
class Leaves:
    """The account of a file's leaves while it is read."""

    mapped: Collection[str]
    """Resource types of which a source's reader tells the elements at fault."""
    read: int = 0
    faulty: int = 0
    ignored: Counter[str] = field(default_factory=Counter)
    problems: list[Problem] = field(default_factory=list)
    gone: list[tuple[str, int, str, str]] = field(default_factory=list)

    def refuse(self, found: Refusal) -> None:
        """Count a line or entry that cannot be taken."""
        self.read += 1
        self.faulty += 1
        self.problems.append(refused(found))

    def take(self, entry: Entry, gone: Mapping[str, str]) -> int:
        """Count the leaves of a resource, and those of them that do not land.

        Return how many are at fault and in the landed text all the same (an empty text): they wait.
        """
        said, faulty = row_cells(entry)
        said.pop(FULL_URL, None)  # a leaf of the Bundle's envelope
        paths = said.keys() | faulty.keys()
        self.read += len(paths)
        lost = faulty.keys() | {path for path, rule in gone.items() if rule == UNKNOWN}
        self.faulty += len(lost)
        self.ignored.update(rule for path, rule in gone.items() if path not in lost and rule != PSEUDONYM)
        if entry.type in self.mapped:
            self.gone += [(entry.type, entry.row, path, rule) for path, rule in gone.items()]
        else:
            self._tell(entry.row, {path: (fault.rule, fault.expected) for path, fault in faulty.items()})
        self._tell(entry.row, dict.fromkeys(sorted(lost - faulty.keys()), ("fhir_value", FORM)))
        taken_out = {path for path, rule in gone.items() if rule != PSEUDONYM}
        return len((said.keys() & faulty.keys()) - taken_out)

    def _tell(self, row: int, found: Mapping[str, tuple[str, str]]) -> None:
        self.problems += [
            problem(rule, scope="cell", row=row, column=path, expected=expected, cells=1)
            for path, (rule, expected) in found.items()
        ]


def land_file(
    found: Iterable[Found], deidentifier: Deidentifier, leaves: Leaves, *, path: str
) -> list[Landed]:
    """Return what is left of the resources of a file; what became of their leaves goes to `leaves`.

    `path` is the file's, by which a resource without id or address is known.
    """
    landed: list[Landed] = []
    patients: dict[str, str] = {}
    for item in found:
        if isinstance(item, Refusal):
            leaves.refuse(item)
            continue
        taken = deidentifier.apply(item.resource)
        url = deidentifier.full_url(item.full_url) if item.full_url else None
        faulty = leaves.take(item, taken.gone)
        made = _landed(item, taken.resource, faulty, path=path, url=url)
        if item.type == "Patient" and made.about is not None:
            patients[url or f"Patient/{made.about}"] = made.about
        landed.append(made)
    for made in reversed(landed):  # a Bundle stands before its entries
        made.patient = made.about if made.type == "Patient" else subject(made.about, patients)
        beneath = "".join(other.said for other in landed[1:]) if made.entries is not None else ""
        made.said = sha256(f"{made.text}{beneath}".encode()).hexdigest()
    return landed


def _landed(entry: Entry, left: Mapping[str, Any], faulty: int, *, path: str, url: str | None) -> Landed:
    source_id = left["id"] if isinstance(left.get("id"), str) else None
    meta = left.get("meta")
    version = meta.get("versionId") if isinstance(meta, Mapping) else None
    literal = LITERAL.match(url or "")
    return Landed(
        row=entry.row,
        type=entry.type,
        key="|".join((entry.type, source_id or url or f"{path}|{entry.row}")),
        text=canonical(left),
        cells=leaf_count(left) - faulty,
        source_id=source_id,
        mark=(literal[1] if literal else "", str(version or "")),
        about=(source_id or known_as(url)) if entry.type == "Patient" else reference_of(left),
        entries=entry.entries,
    )


def told(problems: Iterable[Problem]) -> pl.DataFrame:
    """Return problems as a frame; a path in which a direct identifier stands (`[system=...]`) is left out."""
    frame = problem_frame(problems)
    paths = frame["column"].unique().drop_nulls()
    held = paths.filter(identifying(paths))
    return frame.with_columns(pl.when(~pl.col("column").is_in(held.implode())).then("column").alias("column"))

"""What a paper prints, read for arithmetic: one entry per figure, digits kept, with its file and line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from allpool.analysis.published.arithmetic.populations import Arm, arms, said, size
from allpool.analysis.published.arithmetic.printed import Printed, printed
from allpool.analysis.published.arithmetic.translation import translated
from allpool.errors import AnalysisError, DefinitionError
from allpool.mappings.positions import Document, read_yaml

READ = (
    *("id", "location", "population", "statistic", "scope", "value", "percent", "unit", "time", "detail"),
    *("numerator", "denominator", "denominator_source", "n", "n_at_start", "ci", "se", "p", "table"),
    *("printed_as", "of"),
)
"""The words of a record that are read; all else is a reader's comment and changes no finding."""
BELOW = re.compile(r"^[<≤]=?\s*([0-9.]+)$")


@dataclass(frozen=True, eq=False)
class Entry:
    """One record of a paper."""

    study: str
    file: str
    line: int
    id: str
    content: Mapping[str, Any] = field(repr=False)

    @property
    def statistic(self) -> str:
        """What kind of figure it is."""
        return str(self.content.get("statistic", ""))

    @property
    def scope(self) -> str:
        """`own`, `derived` (not printed) or `external` (of other studies)."""
        return str(self.content.get("scope", "own"))

    @cached_property
    def population(self) -> str:
        """Whom the figure is of, as the paper says."""
        return said(str(self.content.get("population", "")))

    @cached_property
    def arms(self) -> tuple[Arm, ...]:
        """The groups of a population "a (7) vs b (4)"."""
        return arms(self.population)

    def number(self, name: str, within: str | None = None) -> Printed | None:
        """Return the printed number under `name` (of the mapping `within`), if there is one."""
        holder = self.content if within is None else self.mapping(within)
        return _number(holder.get(name))

    def mapping(self, name: str) -> Mapping[str, Any]:
        """Return what stands under `name` where it is a mapping, else an empty one."""
        found = self.content.get(name)
        return found if isinstance(found, Mapping) else {}

    def numbers(self, name: str) -> tuple[Printed, ...]:
        """Return the printed numbers of a list under `name`, or of the one number there."""
        found = self.content.get(name)
        items = found if isinstance(found, list) else [found]
        return tuple(number for item in items if (number := _number(item)) is not None)

    def whole(self, name: str) -> int | None:
        """Return the count under `name`."""
        number = self.number(name)
        return int(number.value) if number is not None and number.value.denominator == 1 else None

    def count(self) -> int | None:
        """Return how many are counted: the numerator, where the paper prints it, else the value."""
        if self.stated and (found := self.whole("numerator")) is not None:
            return found
        return self.whole("value")

    @property
    def stated(self) -> bool:
        """Whether numerator and denominator stand in the paper, not in a reader's mind."""
        return not str(self.content.get("denominator_source", "stated")).strip().lower().startswith("implied")

    def size(self) -> int | None:
        """Return how many patients the paper says the figure is of."""
        return self._size

    @cached_property
    def _size(self) -> int | None:
        for name in ("n", "n_at_start"):
            if (found := self.whole(name)) is not None:
                return found
        if self.stated and (found := self.whole("denominator")) is not None:
            return found
        return size(self.population)

    @cached_property
    def p(self) -> Printed | None:
        """The P value that is printed."""
        if (found := _p(self.content.get("p"))) is not None:
            return found
        if (found := _p(self.mapping("value").get("p"))) is not None:
            return found
        return _p(self.content.get("value")) if self.statistic.endswith("_p") else None

    def unread(self) -> Iterator[str]:
        """Yield why a field that must be a number is not read as one."""
        for name in ("percent", "numerator", "denominator", "se", "time", "n", "n_at_start"):
            given = self.content.get(name)
            if given is not None and _number(given) is None:
                yield f"{name} is no number"
        for name in ("numerator", "denominator", "n", "n_at_start"):
            if _number(self.content.get(name)) is not None and self.whole(name) is None:
                yield f"{name} is no whole number"


@dataclass(frozen=True)
class Paper:
    """One study's entries, in the order of its file."""

    study: str
    file: str
    entries: tuple[Entry, ...]
    total: int | None
    """How many patients the study has."""

    @cached_property
    def own(self) -> tuple[Entry, ...]:
        """The entries that the paper prints of its own patients."""
        return tuple(entry for entry in self.entries if entry.scope == "own")


def read_papers(paths: Sequence[Path]) -> tuple[Paper, ...]:
    """Read files of published figures, or every *.yaml of a folder.

    Raises
    ------
    DefinitionError
        no such file, no YAML, no `records`, a record without id or an id twice; with file and line.
    """
    found: list[Path] = []
    for path in paths:
        found += sorted(path.glob("*.yaml")) if path.is_dir() else [path]
    if not found:
        raise DefinitionError("there is no file of published figures (*.yaml); name files or a folder")
    return tuple(_paper(read_yaml(path, error=DefinitionError)) for path in found)


def _paper(document: Document) -> Paper:
    content = document.content
    records = content.get("records") if isinstance(content, Mapping) else None
    if not isinstance(records, list):
        document.fail("a list `records` is expected, one record per printed figure", (), DefinitionError)
    study, total = _study(content, document.path.stem)
    entries, seen = [], set[str]()
    for index, record in enumerate(records):
        at = ("records", index)
        if not isinstance(record, Mapping):
            document.fail("a record is a mapping with `id` and `statistic`", at, DefinitionError)
        for plain in translated(record):
            name = str(plain.get("id", ""))
            if not name:
                document.fail("a record has an `id` (or `record`)", at, DefinitionError)
            if name in seen:
                document.fail(f"record '{name}' stands here twice", at, DefinitionError)
            seen.add(name)
            kept = {key: value for key, value in plain.items() if key in READ}
            entries.append(Entry(study, document.path.name, document.line(at), name, kept))
    return Paper(study, document.path.name, tuple(entries), total or _largest(entries))


def _study(content: Mapping[str, Any], otherwise: str) -> tuple[str, int | None]:
    """Return the study's name and how many patients it says it has."""
    about = content.get("study")
    if not isinstance(about, Mapping):
        return str(content.get("document", about or otherwise)), None
    number = _number(about.get("n_total"))
    total = int(number.value) if number is not None and number.value.denominator == 1 else None
    return str(content.get("document", otherwise)), total


def _largest(entries: Sequence[Entry]) -> int | None:
    return max((n for entry in entries if entry.scope == "own" and (n := entry.size())), default=None)


def _number(given: object) -> Printed | None:
    if given is None or isinstance(given, list | Mapping):
        return None
    try:
        return printed(str(given))
    except AnalysisError:
        return None


def _p(given: object) -> Printed | None:
    """Return a printed P value; "<0.001" stands for all below."""
    if given is None or isinstance(given, list | Mapping):
        return None
    if (below := BELOW.match(str(given).strip())) is None:
        return _number(given)
    if (limit := _number(below[1])) is None:
        return None
    return Printed(str(given), limit.value, limit.value * 0, limit.value)

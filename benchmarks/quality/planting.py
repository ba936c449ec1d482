"""Kinds of error, and what is known of each one that was planted."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from benchmarks.quality.copies import Cell, Copy


@dataclass(frozen=True)
class Planted:
    """One planted error: where it stands, and where else a finding would show the same contradiction."""

    cells: tuple[Cell, ...]
    """Cells that were changed; a finding at one of them is at the right place. Of a cell that was
    emptied, the filled cell beside it that cannot do without is one too."""
    partners: tuple[Cell, ...] = ()
    """The other cells of the contradiction: a finding may stand there if it names a changed one beside."""


Plant = Callable[[Copy, str, Random], Planted | None]
"""Changes one cell (or row) of one patient; None where the patient has nothing to get wrong."""
PlantFile = Callable[[Copy, Path, Random], Planted | None]
"""Writes the copy's files into a folder with something wrong with one of them."""


@dataclass(frozen=True)
class Kind:
    """One kind of error."""

    name: str
    group: str
    rules: tuple[str, ...]
    """Patterns of the rules that may find it."""
    plant: Plant | None = None
    plant_file: PlantFile | None = None


@dataclass
class Catalogue:
    """The kinds of error, by name."""

    kinds: dict[str, Kind] = field(default_factory=dict)

    def cell(self, group: str, rules: str | Iterable[str]) -> Callable[[Plant], Plant]:
        """Add a kind that spoils a cell or row of one patient; its name is the function's."""

        def add(plant: Plant) -> Plant:
            name = plant.__name__.replace("_", " ")
            self.kinds[name] = Kind(name, group, _patterns(rules), plant=plant)
            return plant

        return add

    def file(self, group: str, rules: str | Iterable[str]) -> Callable[[PlantFile], PlantFile]:
        """Add a kind that spoils a whole file; its name is the function's."""

        def add(plant: PlantFile) -> PlantFile:
            name = plant.__name__.replace("_", " ")
            self.kinds[name] = Kind(name, group, _patterns(rules), plant_file=plant)
            return plant

        return add


def _patterns(rules: str | Iterable[str]) -> tuple[str, ...]:
    return tuple(rules.split()) if isinstance(rules, str) else tuple(rules)


CATALOGUE = Catalogue()

"""`python -m tests.fuzz`: many variants with progress and a summary; `--only N` runs one again."""

from __future__ import annotations

import json
import shutil
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

import click

from tests.fuzz.harness import Verdict, commands, shown, verdicts
from tests.fuzz.process import ROOT

SLOWEST = 5
EVERY = 100
"""Variants between two lines of progress."""


@click.command()
@click.option("--number", default=10_000, show_default=True, help="How many variants.")
@click.option("--first", default=0, show_default=True, help="Number of the first.")
@click.option("--seed", default=1, show_default=True)
@click.option("--only", type=int, help="Run this one alone, and keep its files.")
@click.option("--out", default=ROOT / "build" / "fuzz", type=click.Path(path_type=Path), show_default=False)
def main(number: int, first: int, seed: int, only: int | None, out: Path) -> None:
    """Check corrupted variants of the example files; those that do what none must are kept in OUT."""
    numbers = [only] if only is not None else list(range(first, first + number))
    tally = Tally()
    for found in _told(verdicts(seed, numbers), total=len(numbers), tally=tally):
        if found.wrong or only is not None:
            _keep(found, out)
    click.echo("\n".join(tally.lines()))
    sys.exit(1 if tally.wrong else 0)


@dataclass
class Tally:
    """What became of the variants so far."""

    outcomes: Counter[str] = field(default_factory=Counter)
    by_corruption: dict[str, Counter[str]] = field(default_factory=dict)
    wrong: list[Verdict] = field(default_factory=list)
    costs: list[tuple[float, int, int, tuple[str, ...]]] = field(default_factory=list)
    """Seconds of the processor, bytes, number and corruptions."""
    cells: int = 0
    counted: int = 0
    began: float = field(default_factory=monotonic)

    def add(self, found: Verdict) -> None:
        """Count a verdict."""
        outcome = "wrong" if found.wrong else found.outcome
        self.outcomes[outcome] += 1
        for name in found.variant.corruptions:
            self.by_corruption.setdefault(name, Counter())[outcome] += 1
        if found.wrong:
            self.wrong.append(found)
        self.costs.append((found.seconds, found.peak, found.variant.number, found.variant.corruptions))
        self.cells += found.cells
        self.counted += found.counted

    def lines(self) -> Iterator[str]:
        """Yield the summary."""
        names = sorted({name for counts in self.by_corruption.values() for name in counts})
        yield f"{'corruption':<24}" + "".join(f"{name:>10}" for name in names)
        for corruption, counts in sorted(self.by_corruption.items()):
            yield f"{corruption:<24}" + "".join(f"{counts[name]:>10}" for name in names)
        total = sum(self.outcomes.values())
        yield f"{total:,} variants: " + ", ".join(f"{self.outcomes[name]:,} {name}" for name in self.outcomes)
        yield f"{self.cells:,} cells in balanced accounts; {self.counted:,} files counted by others too"
        yield from _worst("slowest", [(f"{cost[0]:.1f} s", cost) for cost in _top(self.costs, by=0)])
        yield from _worst("largest", [(f"{cost[1] >> 20} MiB", cost) for cost in _top(self.costs, by=1)])
        yield f"{monotonic() - self.began:.0f} s in all"


def _top(
    costs: Iterable[tuple[float, int, int, tuple[str, ...]]], *, by: int
) -> list[tuple[float, int, int, tuple[str, ...]]]:
    return sorted(costs, key=lambda cost: cost[by], reverse=True)[:SLOWEST]


def _worst(title: str, costs: Iterable[tuple[str, tuple[float, int, int, tuple[str, ...]]]]) -> Iterator[str]:
    for told, (_, _, number, corruptions) in costs:
        yield f"{title}: {told}, number {number} ({', '.join(corruptions)})"


def _told(found: Iterable[Verdict], *, total: int, tally: Tally) -> Iterator[Verdict]:
    """Pass verdicts on, with a line of progress now and then and one for each that went wrong."""
    for done, verdict in enumerate(found, start=1):
        tally.add(verdict)
        if verdict.wrong:
            made = verdict.variant
            named = f"{made.seed}-{made.number} {made.example.name}/{made.file} {', '.join(made.corruptions)}"
            click.echo(f"WRONG {named}: {'; '.join(verdict.wrong[:4])}")
        if done % EVERY == 0:
            pace = (monotonic() - tally.began) / done
            left = pace * (total - done) / 60
            click.echo(
                f"{done:,} of {total:,}, {len(tally.wrong)} wrong, {pace:.2f} s each, {left:.0f} min to go",
            )
        yield verdict


def _keep(found: Verdict, out: Path) -> None:
    """Leave a variant's files with the verdict and the commands that show it again."""
    made = found.variant
    folder = out / f"{made.seed}-{made.number}"
    shutil.rmtree(folder, ignore_errors=True)
    made.write(folder)
    again = f"{sys.executable} -m tests.fuzz --seed {made.seed} --only {made.number}"
    (line, *_) = commands(made, folder, folder.with_suffix(".html"))
    told = {**shown(found), "again": again, "allpool": " ".join(["allpool", *line])}
    text = json.dumps(told, indent=1, ensure_ascii=False)
    folder.with_suffix(".json").write_text(text + "\n", encoding="utf-8")
    click.echo(text)


if __name__ == "__main__":
    main()

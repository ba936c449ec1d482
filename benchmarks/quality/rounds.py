"""Rounds of planting: many independent errors at once, each in another patient of a feed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import TypeVar

import benchmarks.quality.kinds  # noqa: F401  # fills the catalogue
from benchmarks.quality.copies import Cell, Copy, Feed, copied, feeds
from benchmarks.quality.planting import CATALOGUE, Kind, Planted
from benchmarks.quality.scoring import Finding, Score, scored, strays
from benchmarks.quality.telling import told

Item = TypeVar("Item")

AT_ONCE = 36
"""Errors per feed and round at most, and in no more than two thirds of its patients."""


@dataclass
class Report:
    """All that was planted, and what was said of it."""

    scores: list[Score] = field(default_factory=list)
    strays: list[tuple[str, Finding]] = field(default_factory=list)
    """Findings in planted files on rows that nothing was done to, by feed."""
    untouched_rows: int = 0
    clean: list[tuple[str, Finding]] = field(default_factory=list)
    clean_cells: int = 0
    clean_rows: int = 0


def run(
    *, errors: int, seed: int, only: Sequence[str] = (), within: Sequence[str] = (), once: bool = False
) -> Report:
    """Plant `errors` errors (or one of each kind, `once`) and return what became of them.

    `only` names kinds, `within` feeds; without them it is all.
    """
    chosen = [feed for feed in feeds() if not within or feed.id in within]
    report = Report()
    rng = Random(seed)
    planted: Counter[str] = Counter()
    with TemporaryDirectory() as place:
        root = Path(place)
        for feed in chosen:
            _clean(feed, root / "clean" / feed.id, report)
        _plant_files(root, rng, report, planted, only, chosen, times=1 if once else max(1, errors // 330))
        cells = [kind for kind in CATALOGUE.kinds.values() if kind.plant and (not only or kind.name in only)]
        for number in range(60):
            before = len(report.scores)
            for feed in chosen:
                left = errors - len(report.scores)
                if left > 0:
                    most = 1 if once else errors
                    _round(feed, root / f"{number}" / feed.id, rng, report, planted, cells, left, most)
            if len(report.scores) in (before, errors):
                break
    return report


def _clean(feed: Feed, folder: Path, report: Report) -> None:
    copy = copied(feed)
    copy.write(folder)
    report.clean += [(feed.id, item) for item in told(folder, feed)]
    report.clean_rows += sum(len(sheet.rows) for sheet in copy.sheets)
    report.clean_cells += sum(
        cell not in (None, "") for sheet in copy.sheets for row in sheet.rows for cell in row
    )


def _plant_files(
    root: Path,
    rng: Random,
    report: Report,
    planted: Counter[str],
    only: Sequence[str],
    chosen: Sequence[Feed],
    *,
    times: int,
) -> None:
    for kind in CATALOGUE.kinds.values():
        if kind.plant_file is None or (only and kind.name not in only):
            continue
        for feed in _shuffled(chosen, rng):
            if planted[kind.name] == times:
                break
            folder = root / kind.name / feed.id
            done = kind.plant_file(copied(feed), folder, rng)
            if done is not None:
                planted[kind.name] += 1
                report.scores.append(scored(kind, feed.id, done, told(folder, feed)))


def _round(
    feed: Feed,
    folder: Path,
    rng: Random,
    report: Report,
    planted: Counter[str],
    kinds: Sequence[Kind],
    left: int,
    most: int,
) -> None:
    copy = copied(feed)
    patients = _shuffled(copy.patients, rng)
    done: list[tuple[Kind, Planted]] = []
    touched: set[str] = set()
    for patient in patients[: max(1, 2 * len(patients) // 3)]:
        if len(done) >= min(AT_ONCE, left):
            break
        for kind in sorted(_shuffled(kinds, rng), key=lambda item: planted[item.name]):
            if planted[kind.name] >= most:
                break
            assert kind.plant is not None  # chosen so
            found = kind.plant(copy, patient, rng)
            if found is not None:
                planted[kind.name] += 1
                done.append((kind, found))
                touched.add(patient)
                break
    if not done:
        return
    copy.write(folder)
    findings = told(folder, feed)
    report.scores += [scored(kind, feed.id, found, findings) for kind, found in done]
    rows = set(_rows_of(copy, touched))
    lost = strays(findings, [found for _, found in done], rows)
    report.strays += [(feed.id, item) for item in lost]
    report.untouched_rows += sum(len(sheet.rows) for sheet in copy.sheets) - len(rows)


def _rows_of(copy: Copy, patients: set[str]) -> Iterator[Cell]:
    for sheet in copy.sheets:
        if copy.style["key"] in sheet.header:
            key = sheet.at(copy.style["key"])
            for number, row in enumerate(sheet.rows):
                if row[key] in patients:
                    yield Cell(sheet.file, sheet.name, number + 2, None)


def _shuffled(items: Sequence[Item], rng: Random) -> list[Item]:
    return rng.sample(list(items), len(items))

"""Each variant is checked in a worker process that may die or hang without harm, and then judged."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.fuzz.judging import LARGEST, SECONDS, judged
from tests.fuzz.process import LostError, Worker
from tests.fuzz.variants import Variant, variant

__all__ = ["LARGEST", "SECONDS", "Verdict", "commands", "verdict", "verdicts"]

LANGUAGES = ("en", "zh", "cs")
IN_TERMINAL = 20
"""Every so many-th variant is also printed as the terminal shows it."""
AUDITED = 25
"""Every so many-th variant is audited too, which takes as long as all else: the audit sees no file, only rows
whose texts the transform has read."""


@dataclass(frozen=True)
class Verdict:
    """What became of a variant: `wrong` is what a variant must not do, and empty where all is well."""

    variant: Variant
    outcome: str
    wrong: tuple[str, ...]
    seconds: float = 0.0
    """Of the processor."""
    peak: int = 0
    """Bytes of memory."""
    rules: tuple[str, ...] = ()
    cells: int = 0
    counted: int = 0
    """Files of which another program counted the cells too."""


def verdicts(seed: int, numbers: Iterable[int]) -> Iterator[Verdict]:
    """Yield the verdict on each variant."""
    yield from verdicts_on(variant(seed, number) for number in numbers)


def verdicts_on(variants: Iterable[Variant]) -> Iterator[Verdict]:
    """Yield the verdict on each of some variants."""
    with tempfile.TemporaryDirectory(prefix="fuzz") as place, Worker() as worker:
        for made in variants:
            found = verdict(made, Path(place) / "feed", worker)
            yield found
            shutil.rmtree(Path(place) / "feed")


def verdict(made: Variant, folder: Path, worker: Worker) -> Verdict:
    """Return what is to be said of a variant that is written into `folder`."""
    made.write(folder)
    page = folder.with_suffix(".html")
    page.unlink(missing_ok=True)
    try:
        told = worker.run(commands(made, folder, page), audited=made.number % AUDITED == 0)
    except LostError as lost:
        return Verdict(made, str(lost).partition(":")[0], (str(lost),))
    text = page.read_text(encoding="utf-8") if page.exists() else ""
    return Verdict(variant=made, **judged(made, folder, told, text))


def commands(made: Variant, folder: Path, page: Path) -> Sequence[Sequence[str]]:
    """Return the command lines of a variant: findings as JSON with the page, now and then in the terminal."""
    target = folder / made.file if made.is_of_one_file else folder
    check = ["check", str(target), "--mapping", str(made.example.mapping)]
    language = LANGUAGES[made.number % len(LANGUAGES)]
    told = [[*check, "--json", "--report", str(page), "--language", language]]
    return [*told, [*check, "--language", language]] if made.number % IN_TERMINAL == 0 else told


def shown(found: Verdict) -> dict[str, Any]:
    """Return a verdict as a person wants it in a file."""
    made = found.variant
    return {
        "seed": made.seed,
        "number": made.number,
        "example": made.example.name,
        "file": made.file,
        "corruptions": made.corruptions,
        "outcome": found.outcome,
        "wrong": found.wrong,
        "seconds": round(found.seconds, 2),
        "peak_mib": found.peak >> 20,
    }

"""Jobs of a simulation, run in two processes and kept one by one: a stopped run goes on where it was."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import zlib
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np

from benchmarks.statistics import (
    adjusted,
    curves,
    one_stage,
    pooled_effects,
    pooled_proportions,
    rank_tests,
    rate_tests,
    single_proportion,
    time_tests,
)
from benchmarks.statistics.settings import Row, Setting

FAMILIES: dict[str, ModuleType] = {
    module.__name__.rpartition(".")[2]: module
    for module in (
        single_proportion,
        rate_tests,
        time_tests,
        rank_tests,
        curves,
        pooled_effects,
        pooled_proportions,
        one_stage,
        adjusted,
    )
}
SEED = 20261120
POLITE = 10


@dataclass(frozen=True)
class Job:
    """One setting of one family; its seed comes from its name, so that order and processes do not matter."""

    family: str
    setting: str
    replicates: int

    @property
    def settings(self) -> Setting:
        """The setting as a mapping."""
        setting: Setting = json.loads(self.setting)
        return setting

    def file(self, folder: Path) -> Path:
        """Where its rows are kept: by setting, replicates and the text of the modules that make them."""
        key = hashlib.sha256(f"{self.setting}|{self.replicates}|{_text(self.family)}".encode()).hexdigest()
        return folder / f"{self.family}-{key[:16]}.json"

    def run(self, folder: Path) -> Path:
        """Simulate and keep the rows."""
        rng = np.random.default_rng([SEED, zlib.crc32(f"{self.family}|{self.setting}".encode())])
        rows = FAMILIES[self.family].measure(self.settings, rng, self.replicates)
        target = self.file(folder)
        draft = target.with_suffix(f".{os.getpid()}")
        draft.write_text(json.dumps(rows), encoding="utf-8")
        draft.replace(target)
        return target


@cache
def _text(family: str) -> str:
    """Return the text of the family's module and of those of this package that it takes names from."""
    module = FAMILIES[family]
    values = vars(module).values()
    named = {str(getattr(value, "__module__", None) or getattr(value, "__name__", "")) for value in values}
    own = sorted(name for name in named | {module.__name__} if name.startswith("benchmarks.statistics."))
    return "".join(Path(str(sys.modules[name].__file__)).read_text(encoding="utf-8") for name in own)


def jobs(*, tiny: bool, replicates: int) -> list[Job]:
    """Return the jobs of the whole grid, or of the tiny one."""
    return [
        Job(family, json.dumps(setting, sort_keys=True), replicates)
        for family, module in FAMILIES.items()
        for setting in (module.tiny() if tiny else module.grid())
    ]


def run(wanted: list[Job], folder: Path, *, processes: int) -> Iterator[tuple[int, int]]:
    """Run what is not kept yet; yield how many are done of how many after each."""
    folder.mkdir(parents=True, exist_ok=True)
    missing = [job for job in wanted if not job.file(folder).exists()]
    done = len(wanted) - len(missing)
    yield done, len(wanted)
    if processes == 1:
        for job in missing:
            job.run(folder)
            done += 1
            yield done, len(wanted)
        return
    with ProcessPoolExecutor(processes, initializer=os.nice, initargs=(POLITE,)) as pool:
        for finished in as_completed([pool.submit(job.run, folder) for job in missing]):
            finished.result()
            done += 1
            yield done, len(wanted)


def rows(wanted: list[Job], folder: Path) -> list[Row]:
    """Return the kept rows of the jobs, in the order of the jobs."""
    return [row for job in wanted for row in json.loads(job.file(folder).read_text(encoding="utf-8"))]

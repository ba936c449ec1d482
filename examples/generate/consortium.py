"""The five studies together: the example files as committed, or many patients in the same layouts."""

from __future__ import annotations

import csv
from pathlib import Path
from types import ModuleType

from examples.generate import study_000, study_001, study_002, study_003, study_004
from examples.generate.draws import Draws
from examples.generate.enlarge import enlarge
from examples.generate.figures import COLUMNS, figures
from examples.generate.writing import Tables

SEED = 20251120
STUDIES: dict[str, ModuleType] = {
    "000": study_000,
    "001": study_001,
    "002": study_002,
    "003": study_003,
    "004": study_004,
}


def cohorts(seed: int = SEED) -> dict[str, Tables]:
    """The exact cohort of each study as neutral tables."""
    return {name: study.cohort(Draws(seed, name)) for name, study in STUDIES.items()}


def write_example(folder: Path, *, seed: int = SEED) -> None:
    """Write `data/NNN` and `figures.csv` under `folder`."""
    tables = cohorts(seed)
    for name, study in STUDIES.items():
        study.write(tables[name], folder / "data" / name)
    with (folder / "figures.csv").open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, fieldnames=COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(figures(tables))


def write_benchmark(folder: Path, *, patients: int, seed: int = SEED) -> dict[str, int]:
    """Write `patients` patients in the same five layouts under `folder/data`; returns patients per study."""
    base = cohorts(seed)
    sizes = {name: tables["patients"].height for name, tables in base.items()}
    shares = {name: patients * size // sum(sizes.values()) for name, size in sizes.items()}
    shares["000"] += patients - sum(shares.values())
    for name, study in STUDIES.items():
        if shares[name]:
            study.write(
                enlarge(base[name], patients=shares[name], seed=seed, study=name), folder / "data" / name
            )
    return shares

"""Search for patient skeletons of studies 000, 002 and 003 that meet the published figures; writes
`designs/`.

The designs are kept in the repository, so the generator does not search when it writes files.
`python -m examples.generate --redesign` runs this again; a seed decides every draw.
"""

from __future__ import annotations

import csv
from pathlib import Path

from examples.generate.draws import Draws
from examples.generate.search_002 import search_002
from examples.generate.search_003 import search_003
from examples.generate.skeleton_000 import skeleton as skeleton_000
from examples.generate.writing import Row


def redesign(folder: Path, seed: int) -> None:
    """Write `design_000.csv`, `design_002.csv` and `design_003.csv`; the other two come from the
    seed cohorts."""
    write_rows(folder / "design_000.csv", skeleton_000(Draws(seed, "design 000")))
    write_rows(folder / "design_002.csv", search_002(Draws(seed, "design 002")))
    write_rows(folder / "design_003.csv", search_003(Draws(seed, "design 003")))


def write_rows(path: Path, rows: list[Row]) -> None:
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)

"""The results as small CSV files, one per table: written after a run, read by the page."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from benchmarks.statistics.settings import Row

FOLDER = Path(__file__).parent / "results"
DIGITS = 4


def write(rows: list[Row], folder: Path) -> None:
    """Write each table's rows to a file of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    frame = pd.DataFrame(rows)
    for name, part in frame.groupby("table", sort=True):
        used = part.drop(columns="table").dropna(axis="columns", how="all")
        whole = [column for column in ("k", "replicates") if column in used]
        used = used.astype(dict.fromkeys(whole, int)).round(DIGITS)
        used.to_csv(folder / f"{name}.csv", index=False, float_format=f"%.{DIGITS}g")


def read(name: str, folder: Path = FOLDER) -> pd.DataFrame:
    """Return a table."""
    return pd.read_csv(folder / f"{name}.csv", keep_default_na=True)

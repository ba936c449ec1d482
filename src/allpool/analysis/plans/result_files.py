"""Results of plans as files: results.csv and results.json as they are stored, and ard.csv."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from allpool.analysis.ard import COLUMNS, to_ard, with_ard_columns
from allpool.analysis.definitions.catalogue import Catalogue
from allpool.analysis.plans.outcomes import result_rows
from allpool.analysis.plans.run import StepResult
from allpool.models import AnalysisResult

RESULTS, DATA, ARD = "results.csv", "results.json", "ard.csv"


def write_results(
    results: Sequence[StepResult], catalogue: Catalogue, *, release: str | None, folder: Path
) -> tuple[Path, Path, Path]:
    """Write results, one row per statistic, unrounded, in the order of their plans; return the files.

    results.csv and results.json have the columns of `analysis_result`, then those of analysis results data;
    ard.csv has analysis results data alone, with one row per number.
    """
    import pandas as pd

    own = list(AnalysisResult.__table__.columns.keys())
    rows: list[dict[str, Any]] = []
    for result in results:
        found = [
            {name: row.get(name) for name in own} for row in result_rows(result, catalogue, release=release)
        ]
        rows += sorted(
            found, key=lambda row: tuple(str(row[name]) for name in ("group_value", "statistic", "at", "id"))
        )
    frame = pd.DataFrame(rows, columns=own)
    wide = with_ard_columns(frame.astype(object).where(frame.notna(), None))
    records = [
        {name: None if value != value else value for name, value in row.items()}
        for row in wide.to_dict("records")
    ]
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(records, ensure_ascii=False, indent=1)
    (folder / DATA).write_text(f"{text}\n", encoding="utf-8")
    _write(folder / RESULTS, [*own, *(name for name in COLUMNS if name not in own)], records)
    ard = to_ard(frame)
    _write(
        folder / ARD,
        list(ard.columns),
        [
            {name: None if value != value else value for name, value in row.items()}
            for row in ard.to_dict("records")
        ],
    )
    return folder / RESULTS, folder / DATA, folder / ARD


def _write(path: Path, columns: list[Any], rows: Sequence[Any]) -> None:
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)

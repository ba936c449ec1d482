"""Deliveries with faults: what `tests/nights/test_bad_input.py` asks of a night, as files for a check."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.nights.test_bad_input import CELLS, GOOD, HEADER, MAPPING, STUDY, VISITS, patients, visits

Fault = Callable[[Path], None]


def healthy(folder: Path) -> Path:
    """Write mapping, study and two files without faults into `folder`."""
    (folder / "mappings").mkdir(parents=True)
    (folder / "mappings" / "one.yaml").write_text(MAPPING, encoding="utf-8")
    (folder / "studies").mkdir()
    (folder / "studies" / "s1.yaml").write_text(STUDY, encoding="utf-8")
    (folder / "data").mkdir()
    patients(folder, GOOD)
    visits(folder, VISITS)
    return folder


def _row(row: str) -> Fault:
    return lambda folder: patients(folder, [*GOOD, row])


def _file(content: bytes) -> Fault:
    def write(folder: Path) -> None:
        (folder / "data" / "patients.csv").write_bytes(content)

    return write


def _two_deaths(folder: Path) -> None:
    patients(folder, [*GOOD, "0003;m;01.02.1980;01.06.2024;5.1;03.04.2024"])
    visits(folder, [*VISITS, ["0003", "2024-04-03", "0.001", "2024-06-09"]])


FAULTS: Final[dict[str, tuple[Fault, str]]] = {
    **{case: (_row(row), rule) for case, (row, _, rule) in CELLS.items()},
    "a date in the future": (_row("0003;m;01.02.1980;;5.1;03.04.2031"), "observation.effective_date.future"),
    "two deaths": (_two_deaths, "conflict"),
    "a formula": (
        lambda folder: visits(folder, [*VISITS[:2], ["0002", "2024-05-04", "=0.0001*2", None]]),
        "formula_cell",
    ),
    "a row too short": (_row("0003;m;01.02.1980;;5.1"), "ragged_row"),
    "a missing file": (lambda folder: (folder / "data" / "visits.xlsx").unlink(), "missing_file"),
    "a missing sheet": (lambda folder: visits(folder, VISITS, sheet="Other"), "missing_sheet"),
    "an empty file": (_file(b""), "empty_file"),
    "a header alone": (_file(HEADER.encode()), "header_only"),
    "a wrong encoding": (
        _file(f"{HEADER}\r\n0001;m;01.02.1980;;5.1;03.04.2024 \u0159".encode("cp1250")),
        "encoding",
    ),
    "two columns of one name": (
        _file(b"id;sex;born;died;wbc;wbc\r\n0001;m;01.02.1980;;5.1;5.2"),
        "duplicate_header",
    ),
    "a line too long": (_file(f"{HEADER}\r\n0001;m;".encode() + b"x" * 2**21), "line_too_long"),
    "a column that is gone": (
        lambda folder: patients(folder, GOOD, header="id;sex;born;died;leukocytes;seen"),
        "missing_column",
    ),
    "a column that is new": (
        lambda folder: patients(folder, GOOD, header="id;sex;born;died;leukocytes;seen"),
        "unmapped_column",
    ),
}
"""Fault -> how to make it, and the rule by which it waits."""

SECRETS: Final = (
    "Zebra",
    "31.02.2024",
    "soon",
    "<0.01",
    "1,5",
    "high",
    "1234.0",
    "03.04.2031",
    "=0.0001*2",
    "01.02.80",
)
"""Texts of cells, which nothing that a check says may repeat."""

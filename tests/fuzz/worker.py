"""One process that checks variant after variant: `python -m tests.fuzz.worker`, JSON lines in and out."""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

os.environ.setdefault("POLARS_MAX_THREADS", "1")
FUSE = 12 * 2**30
"""Bytes of address space, so that a bug in a reader cannot take the machine with it; what is really used is
measured."""


def main() -> None:
    """Answer each job with a verdict."""
    resource.setrlimit(resource.RLIMIT_AS, (FUSE, FUSE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints is no verdict
    for line in sys.stdin:
        job = json.loads(line)
        out.write(json.dumps(judged(Path(job["folder"]), Path(job["mapping"]))) + "\n")
        out.flush()


def judged(folder: Path, mapping: Path) -> dict[str, Any]:
    """Return what `check` makes of a folder: outcome, what is wrong with it, seconds and peak bytes."""
    from allpool.errors import AllpoolError

    verdict: dict[str, Any] = {"outcome": "checked", "wrong": [], "rules": []}
    began = time.monotonic()
    with _peak(verdict):
        try:
            accounts, findings = _checked(folder, mapping)
        except AllpoolError as error:
            verdict |= {"outcome": "refused", "rules": [type(error).__name__]}
        except MemoryError:
            verdict["wrong"] = ["out of memory"]
        except BaseException as error:  # a panic of a library in Rust is no Exception
            verdict["wrong"] = [_described(error)]
    verdict["seconds"] = time.monotonic() - began
    if verdict["outcome"] == "checked" and not verdict["wrong"]:
        verdict["rules"] = sorted({str(item["rule"]) for item in findings})
        verdict["cells"], verdict["counted"], verdict["wrong"] = _accounted(
            folder, mapping, accounts, findings
        )
    return verdict


def _checked(folder: Path, mapping: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    from allpool.etl.precheck import precheck

    found = precheck([folder], mapping)
    return dict(found.accounts), [dict(item) for item in found.findings]


def _accounted(
    folder: Path, mapping: Path, accounts: dict[str, Any], findings: list[dict[str, Any]]
) -> tuple[int, int, list[str]]:
    """Return cells read, how many files another program counted too, and what does not add up."""
    from allpool.mappings.read import DelimitedRead, WorkbookRead
    from tests.fuzz.counting import delimited_cells, workbook_cells

    wrong = [f"{name}: the account is not balanced" for name, item in accounts.items() if not item.balanced]
    failed = {item["file"] for item in findings if item["scope"] == "file"}
    plans, counted = _plans(mapping), 0
    for path in sorted(folder.iterdir()):
        for plan in (plan for plan in plans if path.match(plan.file)):
            account = next((item for name, item in accounts.items() if _is_of(name, path.name, plan)), None)
            if account is None:
                if path.name not in failed and plan.required:
                    wrong.append(f"{path.name}: neither an account nor a finding")
                continue
            content = path.read_bytes()
            expected = None
            if isinstance(plan.read, DelimitedRead):
                expected = delimited_cells(content, plan.read)
            elif isinstance(plan.read, WorkbookRead):
                expected = workbook_cells(content, plan.read)
            counted += expected is not None
            if expected is not None and expected != account.read:
                wrong.append(f"{path.name}: {account.read} cells read, {expected} counted")
    return sum(item.read for item in accounts.values()), counted, wrong


def _is_of(name: str, file: str, plan: Any) -> bool:
    """Whether an account is that of a plan's reading of a file."""
    if not name.startswith(file):
        return False
    rest = name.removeprefix(file)
    sheets = getattr(plan.read, "sheet", None)
    if sheets is None:
        return True
    names = [sheets] if isinstance(sheets, str) else sheets
    return any(rest.startswith(f" [{sheet}]") for sheet in names)


@cache
def _plans(mapping: Path) -> tuple[Any, ...]:
    from allpool.mappings.compile import load_mapping

    return load_mapping(mapping).sources


def _described(error: BaseException) -> str:
    """Return kind and place of an error, without what it says: that may be a cell."""
    places = []
    trace = error.__traceback__
    while trace is not None:
        places.append(f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}")
        trace = trace.tb_next
    return f"{type(error).__name__} at {' < '.join(reversed(places[-6:]))}"


@contextmanager
def _peak(verdict: dict[str, Any]) -> Iterator[None]:
    """Note the peak of resident memory while the body runs (proc(5): clear_refs 5 resets VmHWM)."""
    Path("/proc/self/clear_refs").write_text("5")
    try:
        yield
    finally:
        status = Path("/proc/self/status").read_text()
        verdict["peak"] = int(status.split("VmHWM:")[1].split()[0]) * 1024


if __name__ == "__main__":
    main()

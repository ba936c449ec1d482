"""What a variant must not do: crash, take too long or too much, warn, tell a patient's value, lose a cell."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from allpool.mappings.read import FhirRead
from tests.fuzz.counting import counted_cells
from tests.fuzz.material import compiled
from tests.fuzz.planting import leaks
from tests.fuzz.variants import Variant

SECONDS = 10.0
"""Of the processor, that a variant may take."""
LARGEST = 2**30
"""Bytes of memory that a variant may take."""
PARTS = ("loaded", "unchanged", "quarantined", "ignored", "empty")
EXIT_CODES = (0, 1)
"""Well, or something needs a person; a corrupted file is neither wrong use nor a bug."""


def judged(made: Variant, folder: Path, told: Mapping[str, Any], page: str) -> dict[str, Any]:
    """Return outcome, faults and figures of a variant, given what the worker told and the page."""
    wrong = [*_costs(told), *(fault for run in told["runs"] for fault in _manners(run))]
    verdict = {"outcome": "crashed", "seconds": told["seconds"], "peak": told["peak"]}
    first = told["runs"][0]
    if first["code"] not in EXIT_CODES:
        return {**verdict, "wrong": tuple(wrong)}
    said = json.loads(first["out"])
    findings, accounts = said["findings"], said["cells"]
    if first["code"] != (1 if findings else 0):
        wrong.append(f"exit code {first['code']} with {len(findings)} findings")
    if not page.rstrip().endswith("</html>"):
        wrong.append("the page is not whole")
    names = {str(item["column"]) for item in findings}
    bare = [json.dumps({**item, "column": None}, ensure_ascii=False) for item in findings]
    outputs = {"findings": "\n".join(bare), "cells": json.dumps(accounts, ensure_ascii=False), "page": page}
    outputs |= {f"output {place}": run["out"] for place, run in enumerate(told["runs"]) if place}
    for where, text in outputs.items():
        wrong += [f"{where}: told {leak}" for leak in leaks(text, names=names, keys=made.example.keys)]
    wrong += _unbalanced(accounts)
    unaccounted, counted = _uncounted(made, folder, findings, accounts)
    mine = [item for item in accounts if str(item["file"]).startswith(made.file)]
    outcome = "all well" if not findings else "findings" if mine else "refused"
    return {
        **verdict,
        "outcome": outcome,
        "wrong": (*wrong, *unaccounted),
        "rules": tuple(sorted({item["rule"] for item in findings if item["file"] == made.file})),
        "cells": sum(item["read"] for item in accounts),
        "counted": counted,
    }


def _costs(told: Mapping[str, Any]) -> Iterator[str]:
    if told["seconds"] > SECONDS:
        yield f"took {told['seconds']:.1f} s of the processor"
    if told["peak"] > LARGEST:
        yield f"took {told['peak'] / 2**20:.0f} MiB"
    if told["beneath"]:
        # what a library prints may be anything, also a cell
        panics = told["beneath"].count("panicked at")
        yield f"a library printed {len(told['beneath'])} characters past Python ({panics} panics)"


def _manners(run: Mapping[str, Any]) -> Iterator[str]:
    if run["crash"] is not None:
        yield run["crash"]
    elif run["code"] not in EXIT_CODES:
        # the messages of allpool's own errors hold no values; those of bugs are only places
        yield f"exit code {run['code']}: {' '.join(run['err'].split())[:600]}"
    elif run["err"]:
        yield f"{len(run['err'])} characters on stderr"
    for warning in run["warnings"]:
        yield f"warned: {warning}"
    if "Traceback (most recent call last)" in run["out"] + run["err"]:
        yield "a traceback"


def _unbalanced(accounts: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for account in accounts:
        if account["read"] != sum(account[part] for part in PARTS):
            yield f"{account['file']}: the account is not balanced"
        if min(account[part] for part in PARTS) < 0:
            yield f"{account['file']}: fewer cells than none"
        if account["ignored"] != sum(account["ignored_by"].values()):
            yield f"{account['file']}: cells ignored without a rule's name"


def _uncounted(
    made: Variant, folder: Path, findings: Sequence[Mapping[str, Any]], accounts: Sequence[Mapping[str, Any]]
) -> tuple[list[str], int]:
    """Return what accounts and files do not agree on, and how many files another program counted too."""
    wrong, counted = [], 0
    told = {item["file"] for item in findings}
    for path in sorted(folder.iterdir()):
        if not made.is_named(path.name):
            continue
        for plan in (plan for plan in compiled(made.example.mapping).sources if path.match(plan.file)):
            account = _account(accounts, path.name, plan)
            if account is None:
                if path.name not in told and plan.required:
                    wrong.append(f"{path.name}: neither an account nor a finding")
                continue
            if account["quarantined"] and path.name not in told:
                wrong.append(f"{path.name}: cells in quarantine without a finding")
            if isinstance(plan.read, FhirRead) and not _is_landing(account, path.name, findings):
                continue
            expected = counted_cells(path.read_bytes(), plan.read, path.name)
            counted += expected is not None
            if expected is not None and expected != account["read"]:
                wrong.append(f"{path.name}: {account['read']} cells read, {expected} counted")
    return wrong, counted


def _account(accounts: Sequence[Mapping[str, Any]], file: str, plan: Any) -> Mapping[str, Any] | None:
    """Return the account of a plan's reading of a file: called `file [sheet]`, or so and `as source`."""
    named = {str(item["file"]): item for item in accounts}
    mine = [name for name in named if name == file or name.startswith((f"{file} [", f"{file} as "))]
    wanted = getattr(plan.read, "sheet", None)
    if wanted is not None:
        sheets = [wanted] if isinstance(wanted, str) else wanted
        mine = [name for name in mine if any(name.startswith(f"{file} [{sheet}]") for sheet in sheets)]
    if isinstance(plan.read, FhirRead) and file in named:
        return named[file]
    chosen = next((name for name in mine if name.endswith(f" as {plan.name}")), None)
    first = chosen or next((name for name in mine if " as " not in name.removeprefix(file)), None)
    return named[first] if first is not None else None


def _is_landing(account: Mapping[str, Any], file: str, findings: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether an account is that of a FHIR file as a whole, with all its leaves in good order."""
    rules = {str(item["rule"]) for item in findings if item["file"] == file}
    return account["file"] == file and not any(rule.startswith("fhir_") or rule in REFUSED for rule in rules)


REFUSED = frozenset(
    ("not_json", "not_fhir", "too_deep", "encoding", "unknown_resource", "line_too_long", "control_character")
)
"""Rules by which a line or entry of a FHIR file counts as one cell, whatever it holds."""

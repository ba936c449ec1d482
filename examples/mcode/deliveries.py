"""What the framework's own tests hand to its extractors, as CSV files under the headers of its templates."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

HERE: Final = Path(__file__).parent

TEMPLATES: Final[Mapping[str, str]] = {
    "patient": "patient",
    "condition": "condition",
    "cancer-disease-status": "cancer-disease-status",
    "observation": "observation",
    "procedure": "procedure",
    "medication-administration": "cancer-related-medication-administration",
    "adverse-event": "adverse-event",
    "ctc-adverse-event": "ctc-adverse-event",
    "clinical-trial-information": "clinical-trial-information",
    "medication-request": "cancer-related-medication-request",
    "staging": "staging",
    "treatment-plan-change": "treatment-plan-change",
    "encounter": "encounter",
    "appointment": "appointment",
}
"""Name of a pair of the framework's fixtures -> name of the template that its rows belong to."""

PATIENT: Final = "mrn-1"
"""The patient of all fixtures; that of the patient template has a number of its own."""

# the framework calls the patient's column otherwise where it hands rows on inside
KEYS: Final = {"patientid": "mrn", "subjectid": "mrn"}
VARIANTS: Final = ("delivered", "leukaemia")
SAMPLE: Final = "sample"


@dataclass(frozen=True)
class Pair:
    """Rows of one template, and the resources that the framework makes of them."""

    template: str
    rows: Sequence[Mapping[str, str]]
    """By column name in lower case, as the framework reads them."""
    resources: Sequence[Mapping[str, Any]]


def load_pairs(framework: Path) -> list[Pair]:
    """Return the pairs of the framework's CSV extractors: rows given, bundle expected."""
    folder = framework / "test" / "extractors" / "fixtures"
    pairs = []
    for name, template in TEMPLATES.items():
        rows = json.loads((folder / f"csv-{name}-module-response.json").read_text(encoding="utf-8"))
        bundle = json.loads((folder / f"csv-{name}-bundle.json").read_text(encoding="utf-8"))
        named = [{KEYS.get(key.lower(), key.lower()): text for key, text in row.items()} for row in rows]
        resources = [entry["resource"] for entry in bundle["entry"]]
        pairs.append(Pair(template, [row | {"mrn": PATIENT} for row in named], resources))
    return pairs


def for_leukaemia(pairs: Sequence[Pair]) -> list[Pair]:
    """Return the pairs with cells and expected elements replaced together, as `leukaemia.yaml` says."""
    replacements = yaml.safe_load((HERE / "leukaemia.yaml").read_text(encoding="utf-8"))
    filled = []
    for pair in pairs:
        wanted = replacements.get(pair.template, {})
        rows = [{**row, **wanted.get("cells", {})} for row in pair.rows]
        resources = [deepcopy(dict(resource)) for resource in pair.resources]
        for path, value in wanted.get("elements", {}).items():
            kind, *steps = path.split(".")
            for resource in (found for found in resources if found["resourceType"] == kind):
                _put(resource, steps, value)
        filled.append(Pair(pair.template, rows, resources))
    return filled


def write_deliveries(folder: Path, framework: Path) -> dict[str, list[Pair]]:
    """Write a folder of CSV files for each variant and for the sample data; return the pairs by variant."""
    given = load_pairs(framework)
    pairs = {"delivered": given, "leukaemia": for_leukaemia(given)}
    for variant, found in pairs.items():
        _fresh(folder / variant)
        for pair in found:
            _write(folder / variant / f"{pair.template}.csv", _header(framework, pair.template), pair.rows)
    _fresh(folder / SAMPLE)
    for path in sorted((framework / "test" / "sample-client-data").glob("*.csv")):
        (folder / SAMPLE / path.name.replace("-information.csv", ".csv")).write_bytes(path.read_bytes())
    trial = folder / SAMPLE / "clinical-trial.csv"  # the one template that is itself called information
    trial.rename(trial.with_name("clinical-trial-information.csv"))
    return pairs


def _put(node: Any, steps: Sequence[str], value: Any) -> None:
    """Set the member at `steps` (`coding.0.code`) to `value`, or take it out where that is None."""
    *before, last = (int(step) if step.isdecimal() else step for step in steps)
    for step in before:
        node = node[step]
    if value is None:
        del node[last]
    else:
        node[last] = value


def _fresh(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def _header(framework: Path, template: str) -> list[str]:
    with (framework / "docs" / f"{template}.csv").open(encoding="utf-8-sig", newline="") as file:
        return next(csv.reader(file))


def _write(path: Path, header: Sequence[str], rows: Sequence[Mapping[str, str]]) -> None:
    unknown = {name for row in rows for name in row} - {name.lower() for name in header}
    if unknown:
        raise ValueError(f"{path.name}: the template has no column {', '.join(sorted(unknown))}")
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows([row.get(name.lower(), "") for name in header] for row in rows)

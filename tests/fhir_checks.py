"""Is an exported bundle valid FHIR R4? By pyfhircheck with the R4 core package, and by fhir.resources.

    problems = bundle_problems(path, validator(shared / PACKAGE))
    assert problems == []

pyfhircheck is slow (hundreds of resources a second at best), and what it says of a resource does not hang on
ids, numbers, dates and free text as long as each has its right form. So resources that are the same but for
these are checked once; the forms themselves are checked in each by fhir.resources.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from pyfhircheck import Validator
from pyfhircheck.config import ValidatorConfig
from pyfhircheck.models import Severity

from allpool.etl.fhir.validation import links, structures

PACKAGE = "fhir/hl7.fhir.r4.core-4.0.1-rebuilt.tgz"
FREE = {
    "text",
    "valueString",
    "title",
    "name",
    "description",
    "display",
    "assignedArm",
    "actualArm",
    "versionId",
}
FALSE_ALARMS = {
    # R4 lets every primitive have extensions; pyfhircheck 0.2 misses `_name` of a choice below the root
    (
        "Specimen Specimen.collection._collectedDateTime: element.unknown: "
        "Unknown element Specimen.collection._collectedDateTime"
    ),
}
"""Errors that pyfhircheck gives where FHIR R4 has none; each with its reason."""
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
DATE = re.compile(r"\d{4}(-\d{2}(-\d{2}(T[\d:.]+(Z|[+-]\d{2}:\d{2}))?)?)?")


@cache
def validator(package: Path) -> Validator:
    """Return pyfhircheck with the R4 core package, offline; our own extensions are unknown to it."""
    return Validator(
        ValidatorConfig.load_dict(
            {
                "fhirVersion": "4.0.1",
                "localPackagePaths": [str(package)],
                "allowUnknownExtensions": True,
                "terminology": {"mode": "local"},
            }
        )
    )


def bundle_problems(path: Path, checker: Validator, *, every: bool = False) -> list[str]:
    """Return what is wrong with the bundle at `path`, one line for each kind of fault, with its count.

    `every` gives each resource to pyfhircheck instead of one of each shape.
    """
    bundle = json.loads(path.read_bytes())
    resources = [entry["resource"] for entry in bundle["entry"]]
    problems = Counter([*links(bundle), *structures(resources)])
    chosen = resources if every else list(_one_of_each_shape(resources))
    for resource in chosen:
        problems.update(resource_errors(resource, checker))
    head = {**bundle, "entry": bundle["entry"][:3]}
    problems.update(error for error in resource_errors(head, checker) if "eference" not in error)
    return [
        f"{problem} ({count})" for problem, count in sorted(problems.items()) if problem not in FALSE_ALARMS
    ]


def resource_errors(resource: dict[str, Any], checker: Validator) -> list[str]:
    """Return pyfhircheck's errors for one resource."""
    report = checker.validate_resource(resource)
    return [
        f"{issue.resource_type} {issue.path}: {issue.code}: {issue.message}"
        for issue in report.issues
        if issue.severity is Severity.ERROR
    ]


def _one_of_each_shape(resources: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    seen: set[str] = set()
    for resource in resources:
        shape = json.dumps(_shape(resource, ""), sort_keys=True)
        if shape not in seen:
            seen.add(shape)
            yield resource


def _shape(value: Any, name: str) -> Any:
    """Return `value` with what a validator does not look into replaced by its form."""
    if isinstance(value, dict):
        return {key: _shape(inner, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [_shape(inner, name) for inner in value]
    if isinstance(value, str):
        if name in FREE or (name == "value" and value):
            return "text"
        return DATE.sub("date", UUID.sub("uuid", value)) if name not in {"system", "url", "code"} else value
    return type(value).__name__ if not isinstance(value, bool) else value

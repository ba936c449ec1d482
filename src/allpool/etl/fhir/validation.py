"""The light check of an exported bundle: structure and references, by fhir.resources' R4B classes.

It does not check bindings, invariants, units, profiles or terminology; our classes are R4B's where the export
is R4 (docs/fhir.md says where these differ). HL7's own validator is the authority.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import orjson

NOT_CHECKED: Final = "bindings, invariants, units, profiles and terminology are not checked"


def bundle_problems(path: Path) -> list[str]:
    """Return what is wrong with the bundle at `path`: one line for each kind of fault, with its count."""
    bundle = orjson.loads(path.read_bytes())
    problems = Counter([*links(bundle), *structures(entry["resource"] for entry in bundle["entry"])])
    return [f"{problem} ({count})" for problem, count in sorted(problems.items())]


def structures(resources: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Yield what fhir.resources' R4B classes refuse: unknown elements, cardinality, primitives; no values."""
    from fhir.resources.R4B import get_fhir_model_class
    from pydantic import ValidationError

    for resource in resources:
        try:
            get_fhir_model_class(resource["resourceType"]).model_validate(resource)
        except ValidationError as error:
            for found in error.errors():
                where = ".".join(str(part) for part in found["loc"])
                yield f"{resource['resourceType']} {where}: fhir.resources: {found['msg']}"


def links(bundle: dict[str, Any]) -> Iterator[str]:
    """Yield full URLs that are not unique or do not say type and id, and references that lead nowhere."""
    base = bundle["entry"][0]["fullUrl"].rsplit("/", 2)[0] if bundle["entry"] else ""
    urls = Counter(entry["fullUrl"] for entry in bundle["entry"])
    yield from (f"fullUrl twice: {url}" for url, count in urls.items() if count > 1)
    for entry in bundle["entry"]:
        resource = entry["resource"]
        if entry["fullUrl"] != f"{base}/{resource['resourceType']}/{resource['id']}":
            yield f"{resource['resourceType']}: fullUrl does not say type and id"
        for reference in _references(resource):
            if f"{base}/{reference}" not in urls:
                target = reference.partition("/")[0]
                yield f"{resource['resourceType']}: a reference to {target} leads nowhere"


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("reference"), str):
            yield value["reference"]
        for inner in value.values():
            yield from _references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner)

"""Element paths, read into steps: `code.coding[0].code`, `_gender.extension(delivered-value).valueString`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Final

from allpool.models import systems

PARENT: Final = ".."
"""Path of a child row's reference to the resource that it is part of: said by nesting, never written."""

_STEP: Final = re.compile(
    r"(?P<name>_?[a-z][A-Za-z0-9]*)(?:\[(?P<index>\d+)\]|\((?P<extension>[a-z][a-z0-9-]*)\))?"
)


@dataclass(frozen=True, slots=True)
class Step:
    """One member of the JSON object: its name and, where it repeats, which repetition.

    A repetition is picked by `index`, or by `url` where the member is `extension` or `modifierExtension`.
    """

    name: str
    index: int | None = None
    url: str | None = None


@cache
def steps(path: str) -> tuple[Step, ...]:
    """Return the steps of an element path; ValueError where it is not one.

    Our extensions are named by their canonical URL; an extension within an extension by its bare name, as
    FHIR does for the parts of a complex extension (https://hl7.org/fhir/R4/extensibility.html).
    """
    found: list[Step] = []
    for text in path.split("."):
        match = _STEP.fullmatch(text)
        name = match["name"] if match else ""
        extension = match["extension"] if match else None
        if match is None or (name in {"extension", "modifierExtension"}) != (extension is not None):
            raise ValueError(f"{path!r} is not an element path: look at {text!r}")
        nested = bool(found) and found[-1].url is not None
        url = extension if nested or extension is None else systems.extension_url(extension)
        found.append(Step(name, int(match["index"]) if match["index"] else None, url))
    return tuple(found)

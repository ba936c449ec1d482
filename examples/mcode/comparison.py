"""Our bundles beside the framework's: what is equal, and what each difference is."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, model_validator

from examples.mcode.deliveries import HERE, Pair
from examples.mcode.elements import Leaf, elements
from examples.mcode.kept import Kept

Kind = Literal["elsewhere", "ignored", "waits", "no record", "not written"]


class Reason(BaseModel):
    """Why elements of the expected resources are not in ours, or not there; checked, not only said."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    template: str | None = None
    variant: str | None = None
    """Only in this one; None: in both."""
    element: str
    """Path of an element; those beneath it are meant too."""
    at: str | None = None
    """Our path of the same: `Type.path`, or `Type[data element].path`."""
    says: str | None = None
    """What stands there; None: the same value."""
    ignored: str | None = None
    """Column that the mapping ignores by name."""
    waits: str | None = None
    """Column of which the cell is in quarantine."""
    no_record: bool = False
    """The row makes no record."""
    why: str = ""

    @model_validator(mode="after")
    def _one(self) -> Reason:
        if sum((self.at is not None, self.ignored is not None, self.waits is not None, self.no_record)) > 1:
            raise ValueError("one of at, ignored, waits, no_record")
        if self.ignored is None and not self.why:
            raise ValueError("`why` is missing")
        return self

    @property
    def kind(self) -> Kind:
        """What became of the element."""
        if self.at:
            return "elsewhere"
        if self.ignored:
            return "ignored"
        return "waits" if self.waits else "no record" if self.no_record else "not written"


class Addition(BaseModel):
    """Elements that only our resources have."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    element: str
    """Path of an element; without a type (`.meta`), of any resource."""
    why: str


class Reasons(BaseModel):
    """The content of `differences.yaml`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    differences: tuple[Reason, ...]
    additions: tuple[Addition, ...]


def load_reasons() -> Reasons:
    """Return what is said of the differences."""
    return Reasons.model_validate(yaml.safe_load((HERE / "differences.yaml").read_text(encoding="utf-8")))


@dataclass(frozen=True)
class Compared:
    """One element of an expected resource."""

    variant: str
    template: str
    resource: str
    path: str
    value: str
    reason: Reason | None
    """None where ours says the same at the same place."""
    ours: str = ""
    """Where it is carried elsewhere, what stands there; where it waits, by which rule; where ignored, why."""


class Comparison:
    """The expected resources of one variant beside the bundle that allpool made of the same rows."""

    def __init__(self, variant: str, pairs: Sequence[Pair], kept: Kept, reasons: Reasons) -> None:
        self.variant = variant
        self.reasons = reasons
        self._pairs = pairs
        self._kept = kept

    @cached_property
    def elements(self) -> Sequence[Compared]:
        """Return every element of every expected resource. Raises ValueError where a difference has no
        reason, or one that does not hold."""
        return [
            found for pair in self._pairs for resource in pair.resources for found in self._of(pair, resource)
        ]

    @property
    def resources(self) -> Counter[str]:
        """Return how many resources are expected of each template."""
        return Counter({pair.template: len(pair.resources) for pair in self._pairs})

    @cached_property
    def additions(self) -> Mapping[str, list[str]]:
        """Return the paths that only ours has, by the prefix that explains them."""
        expected = {
            (found.resource, found.path, found.value) for found in self.elements if found.reason is None
        }
        only: dict[str, list[str]] = {}
        for resource in self._kept.resources:
            for path, value in elements(resource):
                if (resource["resourceType"], path, value) not in expected:
                    only.setdefault(self._addition(path).element, []).append(path)
        return only

    def _of(self, pair: Pair, resource: Mapping[str, Any]) -> Iterator[Compared]:
        kind = str(resource["resourceType"])
        ours = self._kept.of(pair.template, kind)
        there = elements(ours) if ours is not None else Counter()
        for (path, value), times in elements(resource).items():
            for turn in range(times):
                if turn < there[path, value]:
                    yield Compared(self.variant, pair.template, kind, path, value, None)
                else:
                    yield self._explained(pair.template, kind, (path, value))

    def _explained(self, template: str, kind: str, leaf: Leaf) -> Compared:
        path, value = leaf
        for reason in self.reasons.differences:
            if reason.template not in (None, template) or reason.variant not in (None, self.variant):
                continue
            if _beneath(path, reason.element):
                return Compared(
                    self.variant, template, kind, path, value, reason, self._holds(reason, template, leaf)
                )
        raise ValueError(f"{self.variant}, {template}: no reason why {path} is not ours ({value!r})")

    def _holds(self, reason: Reason, template: str, leaf: Leaf) -> str:
        """Return what our side says to a difference; ValueError where the reason does not hold."""
        where = f"{self.variant}, {template}, {leaf[0]}"
        if reason.at is not None:
            wanted = reason.says if reason.says is not None else leaf[1]
            if not self._kept.says(template, reason.at, wanted):
                raise ValueError(f"{where}: ours does not say {wanted!r} at {reason.at}")
            return wanted
        if reason.ignored is not None:
            return self._kept.ignored(template, reason.ignored)
        if reason.waits is not None:
            return self._kept.waiting(template, reason.waits)
        if reason.no_record and not self._kept.has_unread(template):
            raise ValueError(f"{where}: every cell of the file is read")
        return ""

    def _addition(self, path: str) -> Addition:
        for addition in self.reasons.additions:
            said = f".{path.partition('.')[2]}" if addition.element.startswith(".") else path
            if _beneath(said, addition.element):
                return addition
        raise ValueError(f"{self.variant}: nothing says why only ours has {path}")


def _beneath(path: str, element: str) -> bool:
    return path == element or path.startswith((f"{element}.", f"{element}("))


def unused(comparisons: Sequence[Comparison]) -> list[str]:
    """Return what `differences.yaml` says of elements that do not differ."""
    reasons = comparisons[0].reasons
    used = {id(found.reason) for comparison in comparisons for found in comparison.elements if found.reason}
    added = {element for comparison in comparisons for element in comparison.additions}
    return [
        *(
            f"{item.template or 'any'}: {item.element}"
            for item in reasons.differences
            if id(item) not in used
        ),
        *(item.element for item in reasons.additions if item.element not in added),
    ]


def read_bundle(path: Path) -> list[dict[str, Any]]:
    """Return the resources of a bundle that allpool wrote."""
    return [entry["resource"] for entry in json.loads(path.read_text(encoding="utf-8"))["entry"]]

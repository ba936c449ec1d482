"""The dictionary: common data elements, the single source for mapping, units, quality, docs and codes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from allpool.mappings.positions import read_yaml

Language = Literal["en", "zh", "cs", "de"]
ValueType = Literal[
    "decimal", "integer", "code", "date", "dateTime", "boolean", "string", "identifier", "reference"
]


class Frozen(BaseModel):
    """Base of all mapping objects: valid once built, no unknown words."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Code(Frozen):
    """An external code for the element; `unverified` where no public source was seen to say so."""

    system: str
    code: str
    display: str | None = None
    status: Literal["verified", "unverified"]
    source: str


class Range(Frozen):
    """The plausible range in the canonical unit, bounds included, and where it comes from."""

    low: float | None = None
    high: float | None = None
    source: str

    @model_validator(mode="after")
    def _ordered(self) -> Range:
        if self.low is not None and self.high is not None and self.low > self.high:
            raise ValueError("low is above high")
        return self


class Span(Frozen):
    """Bounds in the canonical unit, both included."""

    low: float | None = None
    high: float | None = None

    def holds(self, value: float) -> bool:
        """Return whether `value` lies within the bounds."""
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)


class Usual(Frozen):
    """What the positive values of a whole column look like in any leukaemia cohort, at any time.

    It is wide: it is there to find a column in the wrong unit, not an unusual cohort.
    """

    median: Span | None = None
    upper: Span | None = None
    """Where the upper end (the ninth decile) lies."""
    not_below: str | None = None
    """Quantity of the same record that the values, in the middle, do not lie below."""
    source: str

    @model_validator(mode="after")
    def _says_something(self) -> Usual:
        if self.median is None and self.upper is None and self.not_below is None:
            raise ValueError("`usual` says where median or upper lies, or what the values are not below")
        return self


class MolarMass(Frozen):
    """Molar mass in g/mol, where mass and amount of substance meet for this analyte."""

    value: float = Field(gt=0)
    source: str


class DataElement(Frozen):
    """One common data element."""

    id: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    domain: str
    title: Mapping[Language, str]
    synonyms: Mapping[Language, tuple[str, ...]] = Field(default_factory=dict)
    definition: str
    type: ValueType
    cardinality: str = "0..1"
    unit: str | None = None
    """Canonical UCUM unit."""
    units: Mapping[str, float] = Field(default_factory=dict)
    """Accepted unit -> factor to the canonical one; per analyte, since mass and molar meet only there."""
    units_source: str | None = None
    """Where a factor that is not a mere power of ten comes from."""
    molar_mass: MolarMass | None = None
    range: Range | None = None
    usual: Usual | None = None
    """What a column of it looks like as a whole; without it a wrong unit is not found."""
    codes: str | None = None
    """The code table that the value is coded by (`terminology/<codes>.yaml`)."""
    record: str
    """The record type of `records.yaml` it is delivered in; an observation element names `observation`."""
    field: str = "value"
    """The field of that record which it fills."""
    fhir_path: str
    profile: str | None = None
    code: tuple[Code, ...] = ()
    note: str | None = None
    seeds: bool = True
    """False for elements that the founding list lacked."""

    @model_validator(mode="after")
    def _complete(self) -> DataElement:
        if self.type == "code" and not self.codes:
            raise ValueError("a code element names its code table under `codes`")
        if self.type in ("decimal", "integer") and self.unit and self.units.get(self.unit) != 1:
            raise ValueError(f"`units` must hold the canonical unit {self.unit} with factor 1")
        missing = {"en", "zh", "cs"} - set(self.title)
        if missing:
            raise ValueError(f"title lacks {', '.join(sorted(missing))}")
        return self


class DictionaryFile(Frozen):
    """One file of the dictionary: the elements of a domain."""

    elements: tuple[DataElement, ...]


@dataclass(frozen=True)
class Dictionary:
    """All data elements by id, and the hash of the files they come from."""

    elements: Mapping[str, DataElement]
    hash: str

    def __getitem__(self, element: str) -> DataElement:
        return self.elements[element]

    def __contains__(self, element: object) -> bool:
        return element in self.elements

    def __iter__(self) -> Iterator[DataElement]:
        return iter(self.elements.values())

    def __len__(self) -> int:
        return len(self.elements)


def load_dictionary(folder: Path | None = None) -> Dictionary:
    """Load the dictionary from `folder`, by default the one that ships with allpool.

    Raises `MappingError` with file and line where an entry is not valid or an id stands twice.
    """
    return _load(folder or Path(str(files("allpool.mappings").joinpath("dictionary"))))


@cache
def _load(folder: Path) -> Dictionary:
    elements: dict[str, DataElement] = {}
    digest = sha256()
    for path in sorted(folder.glob("*.yaml")):
        document = read_yaml(path)
        digest.update(path.read_bytes())
        for index, element in enumerate(document.parse(DictionaryFile).elements):
            if element.id in elements:
                document.fail(f"element '{element.id}' is defined twice", ("elements", index, "id"))
            elements[element.id] = element
    return Dictionary(elements, digest.hexdigest())


def as_tuple(value: object) -> object:
    """Let an author write one item where a list is meant."""
    return value if isinstance(value, (list, tuple)) else (value,)


Many = Annotated[tuple[str, ...], BeforeValidator(as_tuple)]
"""One text or a list of texts."""

"""What a study prints, as data: one YAML file per study, one record per figure.

A record says what stands in the paper (digits kept), and either how it is recomputed from the store or why it
cannot be. Figures and facts only; no sentence of a paper is copied.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, model_validator

from allpool.analysis.definitions.forms import Name
from allpool.analysis.published.recipes import Recipe
from allpool.mappings.dictionary import Frozen, Many

NOT_REACHED = "not reached"
Figure = Annotated[str, Field(pattern=r"^-?[0-9]+(\.[0-9]+)?$")]
"""A number as printed: its digits say how far it was rounded."""
Month = Annotated[str, Field(pattern=r"^[0-9]{4}-[0-9]{2}$")]


class Figures(Frozen):
    """The numbers of one figure, each as printed; shares, survival and their intervals in percent."""

    value: Figure | None = None
    numerator: Figure | None = None
    denominator: Figure | None = None
    percent: Figure | None = None
    lower: Figure | None = None
    upper: Figure | None = None
    standard_error: Figure | None = None
    p: Figure | None = None
    verdict: Literal["significant", "not significant"] | None = None
    """What the paper says of a test whose P it does not print (at 0.05)."""
    median: Figure | Literal["not reached"] | None = None
    mean: Figure | None = None
    sum: Figure | None = None
    min: Figure | None = None
    max: Figure | None = None
    q1: Figure | None = None
    q3: Figure | None = None
    hazard_ratio: Figure | None = None
    odds_ratio: Figure | None = None
    first: Month | None = None
    last: Month | None = None
    values: tuple[Figure, ...] = ()

    @model_validator(mode="after")
    def _something(self) -> Figures:
        if not self.given:
            raise ValueError(f"names none of {', '.join(QUANTITIES)}")
        return self

    @property
    def given(self) -> Mapping[str, str | tuple[str, ...]]:
        """The quantities that are printed, by name."""
        found = {name: getattr(self, name) for name in QUANTITIES}
        return {name: text for name, text in found.items() if text not in (None, ())}


QUANTITIES = tuple(Figures.model_fields)


class Reason(Frozen):
    """Why a record is not recomputed."""

    kind: Literal["external", "narrative", "definition", "impossible", "not_collected", "not_stated"]
    """external: a figure of other studies; narrative: one patient's course or a finding without a number;
    definition: a rule, dose, schedule or design; impossible: arithmetic forbids it and no correction is
    known; not_collected: the data element is not delivered; not_stated: the paper does not say what was
    counted.
    """
    reason: str


class Part(Frozen):
    """One figure of a record that prints several."""

    printed: Figures
    corrected: Figures | None = None
    """What the figure must have been where it is impossible as printed; the record's flags say why."""
    recompute: Recipe


class OurTerms(Frozen):
    """What the record is in the words of our definitions, for syntheses that take it at published level."""

    population: Name | None = None
    endpoint: Name | None = None
    definition: Name | None = None
    n: int | None = Field(default=None, ge=1)
    """Patients behind it, where the paper says so elsewhere than in the figure."""
    note: str | None = None
    """Why it is taken for that, or what it differs in."""


class PublishedRecord(Frozen):
    """One record: what is printed where, and its recomputation or the reason against it."""

    record: Name | Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+$")]
    location: str
    population: str
    """Whom the figure is of, in our words."""
    statistic: Name
    scope: Literal["own", "derived", "external"] = "own"
    """`derived` is not printed but follows from what is."""
    printed: Figures | None = None
    words: str | None = None
    """What is printed where it is no number, or what qualifies the number, in our words."""
    corrected: Figures | None = None
    at: Figure | None = None
    unit: str | None = None
    unit_of_analysis: Literal["patient", "course", "sample", "interruption", "centre"] = "patient"
    level: Figure | None = None
    """Coverage of the printed interval, in percent."""
    flags: Many = ()
    """Codes of the inconsistencies found in the paper."""
    check: str | None = None
    """What is known of the paper's own arithmetic, in our words."""
    ours: OurTerms | None = None
    parts: Mapping[Name, Part] = Field(default_factory=dict)
    recompute: Recipe | None = None
    not_recomputed: Reason | None = None
    differs: str | None = None
    """Why the recomputed figure cannot equal the printed (or corrected) one; only where it does not."""

    @model_validator(mode="after")
    def _one_way(self) -> PublishedRecord:
        if sum(map(bool, (self.parts, self.recompute, self.not_recomputed))) != 1:
            raise ValueError("a record has exactly one of `recompute`, `parts` and `not_recomputed`")
        if self.parts and (self.printed or self.corrected):
            raise ValueError("where a record has `parts`, `printed` and `corrected` stand in them")
        if self.recompute and self.printed is None:
            raise ValueError("`recompute` needs `printed` figures to be held against")
        if self.not_recomputed and self.printed is None and self.words is None:
            raise ValueError("say what stands in the paper: `printed` or `words`")
        if self.not_recomputed and (self.corrected or self.differs):
            raise ValueError("`corrected` and `differs` are of a figure that is recomputed")
        corrected = [self.corrected, *(part.corrected for part in self.parts.values())]
        if any(corrected) and not self.flags:
            raise ValueError("a corrected figure names the flag that says why it is one")
        return self

    @property
    def figures(self) -> Mapping[str, Part]:
        """Part name -> what is recomputed; the one figure of a record without parts has an empty name."""
        if self.recompute is not None and self.printed is not None:
            whole = Part(printed=self.printed, corrected=self.corrected, recompute=self.recompute)
            return {"": whole}
        return self.parts


class PublishedFile(Frozen):
    """One study's file."""

    study: str
    title: str
    source: str
    """The paper: journal, year, identifier."""
    records: tuple[PublishedRecord, ...]

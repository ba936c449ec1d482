"""The forms of clinical rules: a small closed set, each general, each one question in SQL."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field, model_validator

from allpool.etl.audit.clinical.conditions import OTHER, Condition, owner
from allpool.mappings.dictionary import Frozen, Many

PATIENT: Final = "patient"
DAY: Final = "day"
KEYS: Final[Mapping[str, str]] = {
    PATIENT: "the same patient",
    DAY: "the same calendar day, or as many days from the same anchor",
    "occasion": "the same day, or the same course where no day is known",
    "record": "an observation and its components",
    "study": "a row and the study that it was sent for",
}
"""What rows can have in common beside a column."""
DAYS: Final[Mapping[str, float]] = {"a": 365.25, "mo": 365.25 / 12, "d": 1.0}
"""Days of a Julian year and of a twelfth of it. UCUM, units a_j and mo_j."""


def _as_part(value: object) -> object:
    return {"element": value} if isinstance(value, str) else value


class Part(Frozen):
    """A component of an observation, read as if it were a column of it."""

    element: str
    column: str = "value_quantity"


class Side(Frozen):
    """Rows of one table."""

    table: str
    elements: Many = ()
    """Values of `data_element`; none for all rows."""
    parts: Mapping[str, Annotated[Part, BeforeValidator(_as_part)]] = Field(default_factory=dict)
    """Name -> component of the observation."""
    where: tuple[Condition, ...] = ()
    pick: Literal["first", "last"] | None = None
    """Of each patient only the first or last by its date."""

    def names(self) -> Iterator[str]:
        """Yield the columns that the conditions read."""
        for condition in self.where:
            yield from condition.names()


class Companion(Side):
    """Rows that belong to a row: those of the same patient, and what else `link` says."""

    name: str = Field(default=OTHER, pattern="^[a-z][a-z0-9_]*$")
    """What later companions call it."""
    link: Many = (PATIENT,)
    """Of `KEYS`, or columns that both have: equal, or both empty."""
    compare: tuple[Condition, ...] = ()
    """What holds between the two; `other.` (or its name) stands before the companion's columns."""
    column: str
    """The companion's column that takes part in the contradiction."""


class RowForm(Frozen):
    """Fails where the row itself meets its conditions."""

    form: Literal["row"]

    def companions(self) -> tuple[Companion, ...]:
        """Return the rows that it is compared with."""
        return ()


class OrderForm(Frozen):
    """Fails where the row's date lies certainly before (or after) the other's.

    A date of a month or year does so only where no day of it could be right; days from an anchor compare
    with days from the same anchor, never with calendar dates.
    """

    form: Literal["order"]
    date: str
    fails: Literal["before", "after"]
    other: Companion
    other_date: str
    more_than_days: int = Field(default=0, ge=0)

    def companions(self) -> tuple[Companion, ...]:
        """Return the rows that it is compared with."""
        return (self.other,)


class PairForm(Frozen):
    """Fails where all companions of `present` exist and none of `absent`."""

    form: Literal["pair"]
    present: tuple[Companion, ...] = ()
    absent: tuple[Companion, ...] = ()

    @model_validator(mode="after")
    def _has_one(self) -> PairForm:
        if not self.companions():
            raise ValueError("a pair needs a companion, present or absent")
        return self

    def companions(self) -> tuple[Companion, ...]:
        """Return the rows that it is compared with."""
        return (*self.present, *self.absent)


class GroupForm(Frozen):
    """Fails for the rows of a group of more than `more_than` rows, or one with several values of a column."""

    form: Literal["group"]
    by: Many = (PATIENT,)
    """`patient`, `day` (where known), or columns; two empty cells are equal."""
    distinct: str | None = None
    more_than: int = Field(default=1, ge=1)

    def companions(self) -> tuple[Companion, ...]:
        """Return the rows that it is compared with."""
        return ()


class TotalForm(Frozen):
    """Fails for the rows of a group whose numbers add up to more, or less, than they can."""

    form: Literal["total"]
    by: Many = (PATIENT,)
    of: str
    above: float | None = None
    below: float | None = None
    whole: bool = False
    """Only of groups in which each of the elements stands once."""

    @model_validator(mode="after")
    def _bounded(self) -> TotalForm:
        if self.above is None and self.below is None:
            raise ValueError("a total lies above or below a number; name one")
        return self

    def companions(self) -> tuple[Companion, ...]:
        """Return the rows that it is compared with."""
        return ()


class OverlapForm(Frozen):
    """Fails where a period begins more than `more_than_days` before an earlier one of the patient ends."""

    form: Literal["overlap"]
    start: str
    end: str
    of: str
    """A column: rows in which it is the same are one period, from the first start to the last end."""
    more_than_days: int = Field(default=0, ge=0)

    def companions(self) -> tuple[Companion, ...]:
        """Return the rows that it is compared with."""
        return ()


class ElapsedForm(Frozen):
    """Fails where a number of years, months or days is not the time between two dates.

    Either date may be a month or year: the number fails where no day of it could be right.
    """

    form: Literal["elapsed"]
    value: str
    unit: Literal["a", "mo", "d"]
    date: str | None = None
    """The row's own date to which the time counts; or `until` another row's."""
    since: Companion
    since_date: str
    until: Companion | None = None
    until_date: str | None = None
    tolerance: float = Field(default=0.0, ge=0)
    """In the unit, on either side."""

    @model_validator(mode="after")
    def _one_end(self) -> ElapsedForm:
        if (self.date is None) == (self.until is None) or (self.until is None) != (self.until_date is None):
            raise ValueError("give date, or until with until_date")
        if self.until is not None and self.until.name == self.since.name:
            raise ValueError("since and until need two names: give one a `name`")
        return self

    def companions(self) -> tuple[Companion, ...]:
        """Return the rows that it is compared with."""
        return (self.since,) if self.until is None else (self.since, self.until)


Form = Annotated[
    RowForm | OrderForm | PairForm | GroupForm | TotalForm | OverlapForm | ElapsedForm,
    Field(discriminator="form"),
]


FORMS: Final[Mapping[str, type[Frozen]]] = {
    "row": RowForm,
    "order": OrderForm,
    "pair": PairForm,
    "group": GroupForm,
    "total": TotalForm,
    "overlap": OverlapForm,
    "elapsed": ElapsedForm,
}


def read_by(form: Form) -> tuple[str, ...]:
    """Return the row's columns, dates and `KEYS` that the form reads itself."""
    match form:
        case OrderForm():
            own: tuple[str | None, ...] = (form.date,)
        case GroupForm():
            own = (*form.by, form.distinct)
        case TotalForm():
            own = (*form.by, form.of, "data_element")
        case OverlapForm():
            own = (form.start, form.end, form.of)
        case ElapsedForm():
            own = (form.value, form.date)
        case _:
            own = ()
    links = (name for other in form.companions() for name in other.link)
    compared = (name for name in _compared(form) if owner(name) is None)
    found = (name for name in (*own, *links, *compared) if name)
    return tuple(dict.fromkeys(found))


def read_of(form: Form, other: Companion) -> tuple[str, ...]:
    """Return the companion's columns, dates and `KEYS` that the form reads."""
    own: tuple[str, ...] = ()
    if isinstance(form, OrderForm):
        own = (form.other_date,)
    elif isinstance(form, ElapsedForm):
        own = (form.since_date if other is form.since else str(form.until_date),)
    its = (name for condition in other.compare for name in condition.names() if owner(name) == OTHER)
    called = (name for name in _compared(form) if owner(name) == other.name != OTHER)
    compared = (name.rpartition(".")[2] for name in (*its, *called))
    return tuple(dict.fromkeys((*own, *other.link, *compared)))


def _compared(form: Form) -> Iterator[str]:
    for other in form.companions():
        for condition in other.compare:
            yield from condition.names()

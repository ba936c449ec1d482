"""Persons: of every patient in the store, what can be compared with another's."""

from __future__ import annotations

from typing import Final

import polars as pl
from sqlalchemy import Connection, Table, select

from allpool.models import Base
from allpool.models.bulk import read

DAY: Final = ("day", "second")
"""Precisions of a date that is known to its day; no word for it means so too."""
DAYS_PER_YEAR: Final = 365.25

DRUG: Final = "drug_blinatumomab"
TRANSPLANT: Final = "hsct_date"
AUTOLOGOUS: Final = "auto"

SCHEMA: Final = {
    "id": pl.String(),
    "study": pl.String(),
    "centre": pl.String(),
    "number": pl.String(),
    "token": pl.List(pl.String),
    "sex": pl.String(),
    "birth_date": pl.Int64(),
    "birth_month": pl.Int64(),
    "birth_year": pl.Int64(),
    "age": pl.Float64(),
    "diagnosis": pl.Int64(),
    "first_dose": pl.Int64(),
    "transplant": pl.Int64(),
    "death": pl.Int64(),
    "ph_status": pl.String(),
    "body_weight": pl.Float64(),
}
"""Columns of the frame of persons. Dates are days since 1970-01-01, months are counted from year 0."""

UNKNOWN: Final = ("unknown", "other")
"""FHIR's administrative genders that say nothing to compare: other and unknown may be anybody's."""
NOT_TESTED: Final = ("unknown", "not_tested", "not-tested")


def read_persons(connection: Connection) -> pl.DataFrame:
    """Return one row per patient, in the order of their ids, with the columns of `SCHEMA`.

    A date counts where it is known to its day on the calendar; days from an anchor are no dates. What is not
    known is null. `number` is the pseudonym of the centre's own number.
    """
    frame = _patients(connection)
    for part in (
        _day(connection, "condition", "onset", element="diagnosis").rename({"day": "diagnosis"}),
        _day(connection, "medication_administration", "effective_start", element=DRUG).rename(
            {"day": "first_dose"}
        ),
        _transplants(connection),
        _first(connection, "ph_status", "value_concept", pl.String()),
        _first(connection, "age_at_index", "value_quantity", pl.Float64()),
        _first(connection, "body_weight", "value_quantity", pl.Float64()),
    ):
        frame = frame.join(part, on="id", how="left")
    # whole years at the first dose: day by day, month by month or year by year, as far as birth is known
    dosed = pl.from_epoch("first_dose", time_unit="d")
    months = dosed.dt.year().cast(pl.Int64) * 12 + dosed.dt.month().cast(pl.Int64) - 1
    age = pl.coalesce(
        ((pl.col("first_dose") - pl.col("birth_date")) / DAYS_PER_YEAR).floor(),
        ((months - pl.col("birth_month")) / 12).floor(),
        (dosed.dt.year().cast(pl.Int64) - pl.col("birth_year")).cast(pl.Float64),
    )
    silent = pl.col("ph_status").is_in(NOT_TESTED)
    return (
        frame.with_columns(
            age=pl.coalesce(pl.col("age_at_index").floor(), age),
            ph_status=pl.when(~silent).then(pl.col("ph_status")),
        )
        .select(pl.col(name).cast(kind) for name, kind in SCHEMA.items())
        .sort("id")
    )


def _table(name: str) -> Table:
    return Base.metadata.tables[name]


def _patients(connection: Connection) -> pl.DataFrame:
    """Return who, where, sex, birth as far as it is known, the day of death and the tokens."""
    own = _table("patient").c
    rows = read(
        connection,
        select(
            *(own.id, own.study, own.centre, own.identifier, own.linkage_token, own.gender),
            *(own.birth_date, own.birth_precision, own.deceased_date, own.deceased_precision),
        ),
    )
    born, precision = pl.col("birth_date"), pl.col("birth_precision").fill_null("day")
    dead_to_day = pl.col("deceased_precision").fill_null("day").is_in(DAY)
    return rows.select(
        "id",
        "study",
        "centre",
        number="identifier",
        token=pl.col("linkage_token").str.split(" ").list.unique(maintain_order=True),
        sex=pl.when(~pl.col("gender").is_in(UNKNOWN)).then("gender"),
        birth_date=pl.when(precision.is_in(DAY)).then(_days(born)),
        birth_month=pl.when(precision.is_in([*DAY, "month"])).then(
            born.dt.year().cast(pl.Int64) * 12 + born.dt.month().cast(pl.Int64) - 1
        ),
        birth_year=born.dt.year().cast(pl.Int64),
        death=pl.when(dead_to_day).then(_days(pl.col("deceased_date"))),
    )


def _days(date: pl.Expr) -> pl.Expr:
    return date.cast(pl.Int32).cast(pl.Int64)


def _transplants(connection: Connection) -> pl.DataFrame:
    """Return id and the day of the first transplant that is not known to be autologous."""
    own = _table("procedure").c
    other = own.transplant_type.is_distinct_from(AUTOLOGOUS)
    found = _day(connection, "procedure", "performed", element=TRANSPLANT, condition=other)
    return found.rename({"day": "transplant"})


def _day(
    connection: Connection, table: str, time: str, *, element: str, condition: object = None
) -> pl.DataFrame:
    """Return id and the earliest day of an element; none where the earliest is not known to its day."""
    own = _table(table).c
    date, precision = own[f"{time}_date"], own[f"{time}_precision"]
    query = select(own.subject_id.label("id"), date.label("date"), precision.label("precision")).where(
        own.data_element == element, date.is_not(None)
    )
    if condition is not None:
        query = query.where(condition)  # type: ignore[arg-type]
    rows = read(connection, query).with_columns(exact=pl.col("precision").fill_null("day").is_in(DAY))
    first = rows.sort("id", "date", "exact").unique("id", keep="first", maintain_order=True)
    return first.select("id", day=pl.when("exact").then(_days(pl.col("date"))))


def _first(connection: Connection, element: str, column: str, kind: pl.DataType) -> pl.DataFrame:
    """Return id and the one value of an element, or the earliest where dates tell which that is."""
    own = _table("observation").c
    query = select(
        own.subject_id.label("id"), own[column].label("value"), own.effective_date.label("date")
    ).where(own.data_element == element, own[column].is_not(None))
    rows = read(connection, query).with_columns(pl.col("value").cast(kind))
    dated = rows.sort("id", "date", "value", nulls_last=True)
    first = dated.group_by("id", maintain_order=True).agg(
        pl.when((pl.col("value").n_unique() == 1) | pl.col("date").first().is_not_null())
        .then(pl.col("value").first())
        .alias(element)
    )
    return first.select("id", element)

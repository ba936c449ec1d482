"""What must hold for any text in any cell where texts may say why there is no value, or have no code."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from allpool.etl.transform.source import Scene, SourceFrame
from allpool.etl.transform.transform import Harmonised, transform
from allpool.mappings.plan import CompiledMapping
from tests.etl.transform.spec_runner import KEY, accounts, compiled

MAPPING = """
mapping: absences
version: "1"
sources:
  rows:
    file: "rows.csv"
    read: {format: csv}
    patient: {column: id, pattern: "[0-9]{2}"}
    missing: {ND: not-performed, UNK: unknown, "-": null}
    records:
      - record: patient
        sex: {column: sex, codes: {table: sex, words: {"?": {equivalence: unmatched, comment: clerk}}}}
      - record: wbc
        value: {column: a, unit: "10*9/L", missing: {"": not-asked, UNK: asked-unknown}}
        date: {column: day, format: iso}
      - record: anc
        value: {column: b, unit: "10*9/L", missing: {"": error}, when: {column: day, filled: true}}
        absent: {column: why}
        date: {column: day, format: iso}
      - record: mrd
        value: {column: a, unit: "1", skip: [neg]}
        category: {column: c, codes: {neg: undetectable, rest: {code: quantifiable, equivalence: wider}}}
        sensitivity: {column: b, unit: "1"}
      - record: response
        value: {column: c, missing: {neg: not-applicable}}
        timepoint: {column: why}
      - record: wbc
        key: [why]
        value: {column: b, unit: "10*9/L", missing: {UNK: masked}}
    ignore: {note: free text}
"""
# a text in a list beside texts with a meaning: YAML has no null for us, so it stands in the field's list
COLUMNS = ("id", "sex", "day", "a", "b", "c", "why", "note")
TOKENS = (
    *("01", "02", "M", "F", "?", "2023-01-05", "2023-01-06", "2023-02-31", "1", "2.5", "0.001", "ND", "UNK"),
    *("-", "neg", "rest", "CR", "declined", "haemolysed", "not done", "unknown", "<1", "x"),
)


@cache
def mapping() -> CompiledMapping:
    text = MAPPING.lstrip().replace(', "-": null', "")
    with TemporaryDirectory() as folder:
        return compiled(Path(folder), text)


def tables() -> st.SearchStrategy[pl.DataFrame]:
    cell = st.one_of(
        st.none(), st.sampled_from(TOKENS), st.sampled_from(TOKENS), st.text(min_size=1, max_size=4)
    )
    ids = st.one_of(st.sampled_from(["01", "02", "03"]), cell)
    row = st.tuples(ids, *[cell] * (len(COLUMNS) - 1))

    def frame(rows: list[tuple[str | None, ...]]) -> pl.DataFrame:
        made = pl.DataFrame(rows, schema=dict.fromkeys(COLUMNS, pl.String), orient="row")
        return made.with_columns(pl.int_range(2, made.height + 2, dtype=pl.Int64).alias("_row"))

    return st.lists(row, max_size=8).map(frame)


slow = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
)


def harmonise(frame: pl.DataFrame) -> Harmonised:
    scene = Scene(feed="f", study="S", centre="C", security="HTEST", key=KEY)
    return transform([SourceFrame("rows", "rows", "rows.csv", None, COLUMNS, frame)], mapping(), scene)


@slow
@given(frame=tables())
def test_every_cell_is_accounted_for(frame: pl.DataFrame) -> None:
    (account,) = accounts(harmonise(frame))
    assert account.balanced
    assert account.read == frame.height * len(COLUMNS)
    assert account.empty == sum(frame.drop("_row").null_count().row(0))
    assert account.ignored == sum(account.ignored_by.values())


@slow
@given(frame=tables())
def test_a_reason_stands_where_nothing_was_read_and_comes_from_a_text_that_means_it(
    frame: pl.DataFrame,
) -> None:
    result = harmonise(frame)
    rows = result.tables.get("observation")
    if rows is None or "data_absent_reason" not in rows.columns:
        return
    values = [name for name in rows.columns if name in ("value_quantity", "value_concept", "interpretation")]
    empty = rows.filter(pl.col("data_absent_reason").is_not_null())
    stated = empty.filter(pl.col("data_element") == "anc")  # has a column that says why, whatever the value
    assert (
        empty.filter(pl.col("data_element") != "anc")
        .select(pl.all_horizontal(pl.col(name).is_null() for name in values).all())
        .item()
    )
    said = dict(zip(frame["_row"], frame.drop("_row").rows(), strict=True))
    for row in empty.iter_rows(named=True):
        text = row["data_absent_reason_delivered"]
        assert text is None or text in said[row["source_row"]]
        if row["data_absent_reason"] == "not-performed" and row["data_element"] != "anc":
            assert text == "ND"
    assert stated.height <= frame.height


@slow
@given(frame=tables(), seed=st.integers(0, 5))
def test_the_order_of_rows_does_not_matter(frame: pl.DataFrame, seed: int) -> None:
    whole, shuffled = harmonise(frame), harmonise(frame.sample(fraction=1, shuffle=True, seed=seed))
    assert whole.tables.keys() == shuffled.tables.keys()
    for name, rows in whole.tables.items():
        assert rows.equals(shuffled.tables[name].select(rows.columns)), name
    assert accounts(whole) == accounts(shuffled)


@slow
@given(frame=tables())
def test_no_unmatched_text_becomes_a_code_or_waits(frame: pl.DataFrame) -> None:
    marked = frame.with_columns(pl.lit("?").alias("sex"))
    result = harmonise(marked)
    patients = result.tables.get("patient", pl.DataFrame())
    assert "gender" not in patients.columns or patients["gender"].null_count() == patients.height
    assert result.quarantine.filter(
        (pl.col("column") == "sex") & (pl.col("rule") == "unknown_code")
    ).is_empty()

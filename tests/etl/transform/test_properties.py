"""What must hold for any text in any cell: the account, and that neither order nor partition matters."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from hmac import new as hmac
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import NAMESPACE_URL, uuid5

import polars as pl
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from allpool.etl.transform.source import Scene, SourceFrame
from allpool.etl.transform.transform import Harmonised, transform
from allpool.mappings.plan import CompiledMapping
from allpool.models.systems import BASE
from tests.etl.transform.spec_runner import KEY, accounts, compiled

MAPPING = """
mapping: everything
version: "1"
timezone: Europe/Prague
sources:
  people:
    file: "people.csv"
    read: {format: csv, decimal: ","}
    patient: {column: id, pattern: "[0-9]{2}"}
    missing: [NA, "-"]
    compute:
      total: {function: sum, of: [a, b]}
      less: {function: difference, of: [a, b]}
      thrice: {function: multiply, of: a, with: {by: "3"}}
      both: {function: join, of: [a, b], with: {separator: ","}}
      either: {function: first, of: [a, b]}
      later: {function: add_days, of: [day, a], with: {format: "%d.%m.%Y"}}
      week: {function: add_days, of: [day], with: {format: excel, days: "7"}}
      waited: {function: days_between, of: [day, born], with: {format: "%d.%m.%Y"}}
    records:
      - record: patient
        sex: {column: sex}
        birth_date: {column: born, format: ["%d.%m.%Y", "%m.%d.%Y", "%Y"]}
        death_date: {column: day, format: [iso, excel]}
      - record: subject
        arm: {column: arm, codes: {A: one, B: two}}
        evaluable_response: {column: sex, codes: yes_no}
        evaluable_reason: {column: arm, pattern: "[A-Z]+"}
        withdrawal_date: {column: a, relative: {anchor: study-entry, unit: wk}}
      - record: wbc
        value: {column: a, unit: {column: unit, codes: {g/l: "10*9/L"}}, comparators: true}
        date: {column: day, format: ["%d.%m.%Y %H:%M", "%d.%m.%Y", iso]}
      - record: anc
        repeat: {n: [a, b], at: [baseline, day_8]}
        value: {column: "{n}", unit: "10*9/L"}
        timepoint: "{at}"
      - {record: platelets, value: {column: total, unit: "10*9/L"}, date: {column: later, format: iso}}
      - {record: haemoglobin, value: {column: thrice, unit: g/L}, date: {column: week, format: iso}}
      - {record: lab_alt, value: {column: either, unit: ukat/L}}
      - {record: lab_ast, value: {column: less, unit: U/L}}
      - {record: count_recovery_days, value: {column: waited, unit: d}}
      - {record: body_weight, value: {column: both, unit: kg}}
      - {record: ecog, value: {column: a}}
      - record: mrd
        value: {column: mrd, unit: "%", comparators: true, below: {neg: sensitivity, tr: "0.1"}, skip: lost}
        category: {column: mrd, codes: {neg: undetectable, lost: not_evaluable}, numeric: quantifiable}
        sensitivity: {column: b, unit: "%"}
        specimen: {column: arm}
        date: {column: day, format: "%d.%m.%Y"}
      - record: relapse
        when: [{column: sex, filled: true}, {any: [{column: a, equals: "1"}, {column: b, not_in: ["2"]}]}]
        value: {column: mrd, codes: {neg: molecular, "1": cns}}
        date: {column: day, format: "%d.%m.%Y", when: {column: arm, in: [A, B]}}
      - record: adverse_event
        key: [unit]
        term: {column: arm, codes: {A: fever, B: rash}}
        grade: {column: a}
    ignore: {note: free text}
  courses:
    file: "courses.csv"
    read: {format: csv}
    patient: {column: id, pattern: "[0-9]{2}"}
    join: [{source: people, columns: [arm, note2]}]
    records:
      - record: course
        number: {column: no}
        start: {column: day, format: ["%d.%m.%Y", iso]}
        tki: {column: people.arm, codes: {A: imatinib, B: dasatinib}}
        stop_reason: {column: people.note2}
      - record: patient
        death_date: {column: day, format: iso}
"""

PEOPLE = ("id", "sex", "born", "day", "arm", "a", "b", "unit", "mrd", "note", "note2", "surprise")
COURSES = ("id", "no", "day")
TOKENS = (
    *("01", "01", "02", "03", "1", "1.0", "2", "2,5", "2.5", "<0,01%", "≥3", "-4", "1e3", "1e999", "٣", "NA"),
    *("neg", "tr", "lost", "A", "B", "M", "žena", "ano", "10*9/L", "g/l", "/uL", "mg/L", "%", "5%", "."),
    *("05.03.2023", "25.03.2023", "31.02.2024", "29.10.2023 02:30", "2023", "2023-05", "2023-01-05", "45000"),
    *("2023-03-26T02:30", "9999-12-31", "99.99.9999", "death", "relapse", "-", "60", "100000000000"),
)


@cache
def mapping() -> CompiledMapping:
    with TemporaryDirectory() as folder:
        return compiled(Path(folder), MAPPING.lstrip())


def tables(columns: tuple[str, ...], most: int) -> st.SearchStrategy[pl.DataFrame]:
    text = st.text(min_size=1, max_size=6)
    cell = st.one_of(st.none(), st.sampled_from(TOKENS), st.sampled_from(TOKENS), text)
    ids = st.one_of(st.sampled_from(["01", "02", "03"]), cell)
    row = st.tuples(ids, *[cell] * (len(columns) - 1))

    def frame(rows: list[tuple[str | None, ...]]) -> pl.DataFrame:
        made = pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String), orient="row")
        return made.with_columns(pl.int_range(2, made.height + 2, dtype=pl.Int64).alias("_row"))

    return st.lists(row, max_size=most).map(frame)


people = tables(PEOPLE, 8)
courses = tables(COURSES, 5)
slow = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking whole tables takes minutes
)


def harmonise(*frames: pl.DataFrame) -> Harmonised:
    scene = Scene(feed="f", study="S", centre="C", security="HTEST", key=KEY)
    named = [
        SourceFrame(name, name, f"{name}.csv", None, columns, frame)
        for (name, columns), frame in zip((("people", PEOPLE), ("courses", COURSES)), frames, strict=True)
    ]
    return transform(named, mapping(), scene)


def same(one: Harmonised, other: Harmonised) -> None:
    assert one.tables.keys() == other.tables.keys()
    for name, rows in one.tables.items():
        assert rows.equals(other.tables[name].select(rows.columns)), name


@slow
@given(first=people, second=courses)
def test_every_cell_is_accounted_for(first: pl.DataFrame, second: pl.DataFrame) -> None:
    result = harmonise(first, second)
    for account, frame in zip(accounts(result), (first, second), strict=True):
        assert account.balanced
        assert account.read == frame.height * (frame.width - 1)
        assert account.empty == sum(frame.drop("_row").null_count().row(0))
        assert account.ignored == sum(account.ignored_by.values())
        assert account.rows == frame.height
    for name, rows in result.tables.items():
        assert rows["id"].is_unique().all(), name
        assert rows["source_row"].null_count() == 0


@slow
@given(first=people, second=courses)
def test_a_cell_in_quarantine_is_counted_there_and_an_account_without_entries_has_none(
    first: pl.DataFrame, second: pl.DataFrame
) -> None:
    result = harmonise(first, second)
    for account, ledger, name in zip(accounts(result), result.ledgers, ("people", "courses"), strict=True):
        found = result.quarantine.filter(pl.col("file") == f"{name}.csv")
        cells = found.filter(pl.col("scope") == "cell").select("row", "column").unique().height
        assert account.quarantined >= cells
        assert ledger.source.source == name
        if found.is_empty() and result.quarantine.is_empty():
            assert account.quarantined == 0


@slow
@given(first=people, second=courses, seed=st.integers(0, 5))
def test_the_order_of_rows_does_not_matter(first: pl.DataFrame, second: pl.DataFrame, seed: int) -> None:
    whole = harmonise(first, second)
    shuffled = harmonise(
        first.sample(fraction=1, shuffle=True, seed=seed),
        second.sample(fraction=1, shuffle=True, seed=seed),
    )
    same(whole, shuffled)
    assert whole.quarantine.equals(shuffled.quarantine)
    assert accounts(whole) == accounts(shuffled)


@slow
@given(first=people, second=courses)
def test_tables_cut_in_two_by_patient_give_the_same_rows(first: pl.DataFrame, second: pl.DataFrame) -> None:
    whole = harmonise(first, second)
    here = pl.col("id").is_in(["01", "03"]).fill_null(value=False)
    one = harmonise(first.filter(here), second.filter(here))
    other = harmonise(first.filter(~here), second.filter(~here))
    for name in whole.tables.keys() | one.tables.keys() | other.tables.keys():
        parts = [half.tables[name] for half in (one, other) if name in half.tables]
        together = pl.concat(parts, how="diagonal_relaxed").sort("id")
        assert whole.tables[name].equals(together.select(whole.tables[name].columns)), name
    found = pl.concat([one.quarantine, other.quarantine]).filter(pl.col("scope") != "column")
    expected = whole.quarantine.filter(pl.col("scope") != "column")
    assert sorted(map(str, found.rows())) == sorted(map(str, expected.rows()))


def test_ids_are_made_of_study_centre_and_pseudonym_alone() -> None:
    row = dict.fromkeys(PEOPLE) | {"id": "01", "sex": "M", "_row": 2}
    frame = pl.DataFrame([row], schema={**dict.fromkeys(PEOPLE, pl.String), "_row": pl.Int64})
    empty = pl.DataFrame(schema={**dict.fromkeys(COURSES, pl.String), "_row": pl.Int64})
    result = harmonise(frame, empty)
    pseudonym = hmac(KEY, b"C\x1f01", sha256).hexdigest()[:32]
    namespace = uuid5(NAMESPACE_URL, BASE)
    patient = result.tables["patient"].row(0, named=True)
    assert patient["identifier"] == pseudonym
    assert patient["id"] == str(uuid5(namespace, f"patient\x1fS\x1fC\x1f{pseudonym}"))
    assert "01" not in patient.values()


def test_no_message_holds_a_value() -> None:
    secret = "Nováková Jana"
    row = dict.fromkeys(PEOPLE, secret) | {"_row": 2}
    frame = pl.DataFrame([row], schema={**dict.fromkeys(PEOPLE, pl.String), "_row": pl.Int64})
    empty = pl.DataFrame(schema={**dict.fromkeys(COURSES, pl.String), "_row": pl.Int64})
    entries = harmonise(frame, empty).quarantine
    assert not entries.is_empty()
    assert not any(secret in (text or "") for text in entries["expected"].to_list())
    assert entries.filter((pl.col("rule") == "patient_id") & pl.col("value").is_not_null()).is_empty()


def test_a_delivery_without_rows_makes_nothing() -> None:
    frame = pl.DataFrame(schema={**dict.fromkeys(PEOPLE, pl.String), "_row": pl.Int64})
    empty = pl.DataFrame(schema={**dict.fromkeys(COURSES, pl.String), "_row": pl.Int64})
    result = harmonise(frame, empty)
    assert not result.tables
    assert [account.read for account in accounts(result)] == [0, 0]

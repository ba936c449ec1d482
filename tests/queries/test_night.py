"""What the night asks: one query per failing cell, which keeps its id until a delivery mends it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from allpool.models import QualityResult
from tests.queries.conftest import GOOD, Centre, events, one, queries

BAD_DATE = "0003;m;01.02.1980;;5.1;31.02.2024"
ODD_WBC = "0004;f;03.03.1970;;1950;03.04.2024"  # beyond the plausible range: warns
BAD_BIRTH = "0005;m;01.02.1880;;5.1;03.04.2024"  # ancient: holds the patient, and what refers to them


def asked(centre: Centre, *rows: str, file: str = "patients.csv") -> list[dict[str, Any]]:
    centre.deliver(*rows, file=file)
    centre.night()
    return queries(centre.engine)


def test_sound_files_are_asked_nothing(centre: Centre) -> None:
    assert asked(centre, *GOOD) == []


def test_a_failing_cell_is_a_query(centre: Centre) -> None:
    query = one(asked(centre, *GOOD, BAD_DATE))
    told = {
        name: query[name] for name in ("feed", "centre", "study", "file", "row", "column", "value", "rule")
    }
    assert told == {
        "feed": "one",
        "centre": "c1",
        "study": "s1",
        "file": "patients.csv",
        "row": 4,
        "column": "seen",
        "value": "31.02.2024",
        "rule": "impossible_date",
    }
    assert (query["status"], query["severity"], query["scope"]) == ("open", "quarantine", "cell")
    assert (query["owner"], query["opened_run"], query["last_run"]) == ("data manager, centre one", 1, 1)
    assert len(query["id"]) == 16
    assert query["expected"]
    assert query["patient_id"]


def test_what_only_warns_is_a_query_too(centre: Centre) -> None:
    query = one(asked(centre, *GOOD, ODD_WBC))
    assert (query["severity"], query["row"], query["column"], query["value"]) == ("warn", 4, "wbc", "1950")
    assert query["rule"] == "observation.value_quantity.plausible.wbc"
    assert query["records"] == [[query["resource_id"], query["content_hash"]]]


def test_rows_that_wait_with_another_are_counted_there(centre: Centre) -> None:
    query = one(asked(centre, *GOOD, BAD_BIRTH))
    assert query["rule"] == "patient.birth_date.ancient"
    # research subject and count of white cells
    assert query["held_with"] == 2


def test_a_second_night_changes_nothing(centre: Centre) -> None:
    first = asked(centre, *GOOD, BAD_DATE, ODD_WBC)
    # the folder's note is no source, but another contact makes the feed be read again
    config = centre.folder / "allpool.toml"
    config.write_text(config.read_text(encoding="utf-8").replace('centre one"\n', 'centre 1"\n'))
    second = asked(centre, *GOOD, BAD_DATE, ODD_WBC)
    assert [query["owner"] for query in second] == ["data manager, centre 1"] * 2
    unstable = ("last_run", "owner")
    assert [{**query, **dict.fromkeys(unstable)} for query in first] == [
        {**query, **dict.fromkeys(unstable)} for query in second
    ]
    assert [query["last_run"] for query in second] == [2, 2]


def test_a_query_keeps_its_id_when_rows_move_and_files_are_renamed(centre: Centre) -> None:
    before = asked(centre, *GOOD, BAD_DATE, ODD_WBC)
    after = asked(centre, ODD_WBC, GOOD[1], GOOD[0], BAD_DATE, file="patients_may.csv")
    assert {query["id"] for query in before} == {query["id"] for query in after}
    assert {(query["file"], query["row"]) for query in after} == {
        ("patients_may.csv", 2),
        ("patients_may.csv", 5),
    }
    assert {query["status"] for query in after} == {"open"}


def test_another_wrong_text_in_the_cell_is_the_same_query(centre: Centre) -> None:
    before = one(asked(centre, *GOOD, BAD_DATE))
    after = one(asked(centre, *GOOD, BAD_DATE.replace("31.02", "30.02")))
    assert (after["id"], after["value"], after["opened_run"]) == (before["id"], "30.02.2024", 1)


def test_a_mended_cell_closes_its_query_and_a_wrong_one_opens_it_again(centre: Centre) -> None:
    first = one(asked(centre, *GOOD, BAD_DATE))
    mended = one(asked(centre, *GOOD, BAD_DATE.replace("31.02", "28.02")))
    assert (mended["id"], mended["status"], mended["last_run"]) == (first["id"], "mended", 1)
    assert mended["closed_at"] is not None
    centre.deliver(*GOOD, BAD_DATE)
    centre.night()
    again = one(queries(centre.engine))
    assert (again["id"], again["status"], again["opened_run"]) == (first["id"], "open", 3)
    assert again["closed_at"] is None
    assert events(centre.engine, first["id"]) == ["open", "mended", "open"]


def test_two_cells_of_one_patient_stay_apart(centre: Centre) -> None:
    """The same column, rule and record twice: two queries, and mending one leaves the other as it is."""
    rows = ["0003;m;01.02.1980;;5.1;31.02.2024", "0003;m;01.02.1980;;5.2;31.04.2024"]
    first = [query for query in asked(centre, *GOOD, *rows) if query["rule"] == "impossible_date"]
    assert {(query["row"], query["value"]) for query in first} == {(4, "31.02.2024"), (5, "31.04.2024")}
    assert len({query["id"] for query in first}) == 2
    second = asked(centre, rows[0].replace("31.02", "28.02"), rows[1])
    by_value = {query["value"]: query for query in second if query["rule"] == "impossible_date"}
    ids = {query["value"]: query["id"] for query in first}
    assert {value: query["id"] for value, query in by_value.items()} == ids
    assert by_value["31.02.2024"]["status"] == "mended"
    assert (by_value["31.04.2024"]["status"], by_value["31.04.2024"]["row"]) == ("open", 3)


def test_queries_of_a_file_that_cannot_be_read_stay(centre: Centre) -> None:
    first = one(asked(centre, *GOOD, BAD_DATE))
    (centre.folder / "data" / "patients.csv").write_bytes(b"\xff\xfe\x00")
    centre.night()
    found = {query["rule"]: query for query in queries(centre.engine)}
    assert found["impossible_date"]["status"] == "open"
    assert found["impossible_date"]["id"] == first["id"]
    assert len(found) == 2
    (centre.folder / "data" / "patients.csv").unlink()
    centre.night()
    assert {query["rule"]: query["status"] for query in queries(centre.engine)}["impossible_date"] == "open"


def test_a_blocked_feed_is_asked_about_the_rule_and_mends_nothing(centre: Centre) -> None:
    first = one(asked(centre, *GOOD, BAD_DATE))
    wrong = [f"{number:04};m;01.02.1880;;5.1;03.04.2024" for number in range(100, 125)]
    centre.deliver(*GOOD, *wrong)
    feed = centre.night()
    assert feed.status == "blocked"
    found = {query["rule"]: query for query in queries(centre.engine)}
    assert found["impossible_date"]["status"] == "open"
    blocking = found["patient.birth_date.ancient"]
    assert (blocking["severity"], blocking["scope"], blocking["column"]) == ("block", "column", "born")
    assert (blocking["held_with"], blocking["value"], blocking["row"]) == (25, None, None)
    after = {query["id"]: query["status"] for query in asked(centre, *GOOD)}
    assert after == {first["id"]: "mended", blocking["id"]: "mended"}


def test_the_other_cells_of_a_contradiction_are_told(centre: Centre) -> None:
    query = one(asked(centre, *GOOD, "0003;m;01.02.1980;;5.1;03.04.1979"))
    assert (query["rule"], query["column"]) == ("clinical.before-birth.observation", "seen")
    assert query["others"] == [
        {"file": "patients.csv", "sheet": None, "row": 4, "column": "born", "value": "01.02.1980"}
    ]


def test_a_cell_that_could_not_be_read_is_asked_about_once(centre: Centre) -> None:
    """The audit misses the day of a result, since its cell holds none: one question, not two."""
    centre.deliver(*GOOD, BAD_DATE)
    centre.night()
    with centre.engine.connect() as connection:
        audited = connection.scalars(
            select(QualityResult.rule).where(QualityResult.failed > 0, QualityResult.feed == "one")
        ).all()
    assert "clinical.result-without-day" in audited
    assert one(queries(centre.engine))["rule"] == "impossible_date"

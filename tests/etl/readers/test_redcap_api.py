"""The live API of REDCap, asked through PyCap from a server in this process (synthetic)."""

from __future__ import annotations

import csv
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from allpool.etl.readers import SourceFailure, SourceTable, read_source
from allpool.mappings.read import RedcapRead
from tests.etl.readers.redcap_server import API_NAMES, TOKEN, Project, served

METADATA = [
    {"field_name": "id", "form_name": "base", "field_type": "text", "field_label": "Study ID"},
    {
        "field_name": "sex",
        "form_name": "base",
        "field_type": "radio",
        "field_label": "Sex",
        "select_choices_or_calculations": "f, Female | m, Male",
    },
    {
        "field_name": "drugs",
        "form_name": "base",
        "field_type": "checkbox",
        "field_label": "Drugs",
        "select_choices_or_calculations": "1, Imatinib | 2, Dasatinib",
    },
    {
        "field_name": "wbc",
        "form_name": "lab",
        "field_type": "text",
        "field_label": "Leucocytes",
        "text_validation_type_or_show_slider_number": "number_1dp_comma_decimal",
    },
]
FORM = {"sex": "", "drugs___1": "", "drugs___2": "", "base_complete": "", "wbc": "", "lab_complete": ""}
RECORDS = [
    {
        "id": identifier,
        "redcap_repeat_instrument": "",
        "redcap_repeat_instance": "",
        "redcap_data_access_group": "brno",
        **FORM,
        **said,
    }
    for identifier, said in (
        ("A1", {"sex": "f", "drugs___1": "1", "drugs___2": "0", "base_complete": "2"}),
        (
            "A1",
            {
                "redcap_repeat_instrument": "lab",
                "redcap_repeat_instance": 1,
                "wbc": "5,5",
                "lab_complete": "2",
            },
        ),
        ("A2", {"sex": "UNK", "drugs___1": "0", "drugs___2": "0", "base_complete": "0"}),
        ("A3", {"sex": "m", "drugs___1": "0", "drugs___2": "1", "base_complete": "2"}),
    )
]


@pytest.fixture
def project() -> Project:
    return Project(
        METADATA,
        RECORDS,
        info={"project_title": "Synthetic", "missing_data_codes": "UNK, Unknown"},
        repeating=[{"form_name": "lab", "custom_form_label": ""}],
    )


@pytest.fixture
def url(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("REDCAP_TOKEN", TOKEN)
    with served(project) as address:
        yield address
    # PyCap keeps its connections in one session
    from redcap import request

    request._session.close()


def ask(folder: Path, url: str, **words: object) -> SourceTable | SourceFailure:
    read = RedcapRead.model_validate({"format": "redcap", "url": url, "token_env": "REDCAP_TOKEN", **words})
    (found,) = read_source(folder, None, read, name="records")
    return found


def answered(folder: Path, url: str, **words: object) -> SourceTable:
    found = ask(folder, url, **words)
    assert isinstance(found, SourceTable), found
    return found


def refused(folder: Path, url: str) -> SourceFailure:
    found = ask(folder, url)
    assert isinstance(found, SourceFailure), found
    assert TOKEN not in f"{found}"
    return found


def test_records_as_an_export_has_them(tmp_path: Path, url: str, project: Project) -> None:
    found = answered(tmp_path, url)
    assert found.facts.path == "redcap:records"
    assert len(found.facts.sha256) == 64
    assert found.columns == tuple(RECORDS[0])
    assert found.frame["id"].to_list() == ["A1", "A1", "A2", "A3"]
    assert found.frame["_row"].to_list() == [1, 2, 3, 4]
    assert found.frame["redcap_data_access_group"].to_list() == ["brno"] * 4
    assert found.frame["redcap_repeat_instance"].to_list() == [None, "1", None, None]
    assert found.frame["sex"].to_list() == ["f", None, "UNK", "m"]
    assert found.frame["drugs___1"].to_list() == ["1", None, None, "0"]
    assert sorted(found.passed_over.rows()) == [
        (3, "drugs___1", "unanswered checkbox"),
        (3, "drugs___2", "unanswered checkbox"),
    ]
    assert found.decimals == {"wbc": ","}
    assert found.problems.is_empty()
    whole = project.asked[-1]
    assert (whole["rawOrLabel"], whole["exportDataAccessGroups"]) == ("raw", "True")


def test_records_are_asked_for_in_batches(tmp_path: Path, url: str, project: Project) -> None:
    whole = answered(tmp_path, url)
    project.asked.clear()
    found = answered(tmp_path, url, batch=2)
    assert found.frame.equals(whole.frame)
    assert found.facts.sha256 == whole.facts.sha256  # the same answer is the same file
    batches = [
        [value for key, value in payload.items() if key.startswith("records[")]
        for payload in project.asked
        if payload["content"] == "record"
    ]
    assert batches == [[], ["A1", "A2"], ["A3"]]


def test_one_instrument(tmp_path: Path, url: str) -> None:
    found = answered(tmp_path, url, instrument="lab")
    assert found.columns[:1] + found.columns[-2:] == ("id", "wbc", "lab_complete")
    assert found.frame.select("id", "wbc", "_row").rows() == [("A1", "5,5", 2)]


def test_what_the_project_no_longer_has_is_noticed(tmp_path: Path, url: str, project: Project) -> None:
    project.repeating = [{"form_name": "visits"}]
    project.events = [{"arm_num": 1, "unique_event_name": "base_arm_1", "form": "base"}]
    project.records = [{**row, "redcap_event_name": "gone_arm_1"} for row in project.records]
    found = answered(tmp_path, url)
    told = {row["rule"]: (row["column"], row["row"]) for row in found.problems.to_dicts()}
    assert told["unknown_event"] == ("redcap_event_name", 1)
    assert told["unknown_instrument"] == ("redcap_repeat_instrument", 2)


@pytest.mark.parametrize("name", ["checkboxes-1", "longitudinal", "repeating-instruments", "simple"])
def test_a_sample_project_says_the_same_by_api_and_by_file(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The published records of REDCapR's projects, told by the server and read from their CSV."""
    folder = shared / "sources" / "redcap-REDCapR" / "inst" / "test-data" / "projects" / name
    with (folder / "dictionary.csv").open(encoding="utf-8-sig", newline="") as lines:
        metadata = [
            {API_NAMES[key]: value for key, value in row.items() if key in API_NAMES}
            for row in csv.DictReader(lines)
        ]
    with (folder / "data.csv").open(encoding="utf-8", newline="") as lines:
        records = list(csv.DictReader(lines))
    monkeypatch.setenv("REDCAP_TOKEN", TOKEN)
    with served(Project(metadata, records)) as url:
        found = answered(tmp_path, url)
    (plain,) = read_source(folder, "data.csv", RedcapRead(format="redcap", dictionary="dictionary.csv"))
    assert isinstance(plain, SourceTable)
    assert found.columns == plain.columns
    assert found.frame.drop("_row").equals(plain.frame.drop("_row"))
    assert found.passed_over.height == plain.passed_over.height


# what is refused


@pytest.mark.parametrize(
    ("status", "rule", "says"),
    [
        (401, "refused", "new one"),
        (403, "refused", "API Export"),
        (404, "refused", "url"),
        (307, "refused", "moved"),
        (500, "unreachable", "run again"),
        (503, "unreachable", "run again"),
    ],
)
def test_a_status_says_what_to_do(
    tmp_path: Path, url: str, project: Project, status: int, rule: str, says: str
) -> None:
    project.answers["metadata"] = (status, b"https://elsewhere.example/api/")
    found = refused(tmp_path, url)
    assert (found.rule, found.path) == (rule, "redcap:records")
    assert says in found.message
    assert len([payload for payload in project.asked if payload["content"] == "metadata"]) == 1


@pytest.mark.parametrize(
    ("content", "body"),
    [
        ("metadata", b"<html>Log in as A1</html>"),
        ("metadata", b'{"error": "record A1 is locked"}'),
        ("project", b"\xff\xfe"),
        ("record", b'{"id": "A1"}'),
        ("record", b'["A1"]'),
        ("record", b'[{"id": "A1"'),
        ("record", b""),
    ],
)
def test_an_answer_that_is_none_is_refused_without_what_it_says(
    tmp_path: Path, url: str, project: Project, content: str, body: bytes
) -> None:
    project.answers[content] = (200, body)
    found = refused(tmp_path, url)
    assert found.rule == "refused"
    assert "A1" not in found.message


def test_metadata_that_are_no_dictionary(tmp_path: Path, url: str, project: Project) -> None:
    project.metadata = [{"field_name": "id"}]
    found = refused(tmp_path, url)
    assert found.rule == "unreadable_dictionary"
    assert "the project's metadata" in found.message


def test_a_project_without_records(tmp_path: Path, url: str, project: Project) -> None:
    project.records = []
    assert refused(tmp_path, url).rule == "empty_file"


def test_a_token_that_is_wrong_absent_or_none(
    tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDCAP_TOKEN", TOKEN[::-1])
    assert refused(tmp_path, url).rule == "refused"
    monkeypatch.setenv("REDCAP_TOKEN", "short")
    found = refused(tmp_path, url)
    assert (found.rule, "32 characters" in found.message, "short" in found.message) == (
        "refused",
        True,
        False,
    )
    monkeypatch.delenv("REDCAP_TOKEN")
    found = refused(tmp_path, url)
    assert (found.rule, "REDCAP_TOKEN" in found.message) == ("missing_secret", True)


def test_a_server_that_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDCAP_TOKEN", TOKEN)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    found = refused(tmp_path, f"http://127.0.0.1:{port}/api/")
    assert found.rule == "unreachable"


def test_a_server_that_falls_silent(
    tmp_path: Path, url: str, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*_: object, **__: object) -> None:
        raise requests.ReadTimeout("A1")

    monkeypatch.setattr(requests.Session, "post", silent)
    found = refused(tmp_path, url)
    assert (found.rule, project.asked) == ("unreachable", [])
    assert "A1" not in found.message

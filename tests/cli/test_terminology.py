"""The way of a text without a code: counted per centre, filled by a person, taken back, loaded at night."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import pytest

MAPPING = "mappings/centre_1.yaml"
NEAR = "drawn abroad, site unknown"


def lines(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file."""
    return list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"))))


def fill(path: Path, answers: dict[str, tuple[str, str, str]]) -> None:
    """Fill code, equivalence and comment of the texts that `answers` names, as a spreadsheet would."""
    rows = lines(path)
    for row in rows:
        row["code"], row["equivalence"], row["comment"] = answers.get(row["text"], ("", "", ""))
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]), delimiter=";", lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    path.write_text("\ufeff" + out.getvalue(), encoding="utf-8")


@pytest.fixture(scope="module")
def strange_night(first_night, tmp_path_factory: pytest.TempPathFactory):
    """The sample after a night in which centre 1 sent words that no table has, and reasons for absence."""
    folder = type(first_night[0])(tmp_path_factory.mktemp("strange") / "consortium")
    shutil.copytree(first_night[0].path, folder.path)
    mapping = folder.path / MAPPING
    text = mapping.read_text(encoding="utf-8")
    text = text.replace(
        'patient: &id {column: patient_id, pattern: "C1-[0-9]{3}"}\n',
        'patient: &id {column: patient_id, pattern: "C1-[0-9]{3}"}\n'
        "    missing: {ND: not-performed, UNK: unknown, NA: not-applicable}\n",
        1,
    ).replace('version: "1"\n', 'version: "1"\nnot_collected: [adverse_event]\n')
    mapping.write_text(text, encoding="utf-8")
    patients = folder.path / "data" / "centre-1" / "patients_synthetic.csv"
    rows = list(csv.reader(io.StringIO(patients.read_text(encoding="utf-8"))))
    header = rows[0]
    sex, ph, response = (header.index(name) for name in ("sex", "ph", "response"))
    for row in rows[1:7]:
        row[ph] = "Philadelphia pos."
    rows[7][ph], rows[8][ph], rows[9][ph] = "ND", "UNK", "NA"
    rows[10][ph] = "half positive"
    rows[11][ph] = "?"
    rows[12][response] = "CR with pleasure"
    rows[13][sex] = "weiblich?"
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    patients.write_text(out.getvalue(), encoding="utf-8")
    folder.says("nightly")
    return folder


@pytest.fixture
def strange(strange_night, tmp_path: Path):
    """A copy of that folder, for a test to change."""
    shutil.copytree(strange_night.path, tmp_path / "consortium")
    return type(strange_night)(tmp_path / "consortium")


def test_the_worklist_counts_cells_per_centre_and_suggests_codes(strange_night) -> None:
    said = strange_night.says("terminology", "worklist", "--centre", "centre-1", "--json")
    assert said.code == 1
    found = {row["text"]: row for row in said.json}
    assert found["Philadelphia pos."]["cells"] == 6
    assert found["Philadelphia pos."]["centre"] == "centre-1"
    assert found["Philadelphia pos."]["field"] == "patients.ph_status.value"
    assert found.keys() == {"Philadelphia pos.", "half positive", "?", "CR with pleasure", "weiblich?"}
    assert strange_night.says("terminology", "worklist", "--centre", "nowhere", "--json").json == []


def test_a_filled_worklist_goes_back_and_its_texts_load_the_next_night(strange) -> None:
    before = strange.ids(
        "select count(*) from observation where data_element = 'ph_status' and value_concept is not null"
    )
    assert strange.says("terminology", "worklist", "--out", "todo.csv").code == 1
    todo = strange.path / "todo.csv"
    assert {row["text"] for row in lines(todo)} >= {"Philadelphia pos.", "half positive", "?"}
    fill(
        todo,
        {
            "Philadelphia pos.": ("positive", "", ""),
            "half positive": ("positive", "wider", "one of two clones"),
            "?": ("", "unmatched", "slip of the clerk"),
            "weiblich?": ("female", "", ""),
        },
    )
    tried = strange.says("terminology", "import", "todo.csv", "--mapping", MAPPING, "--dry-run")
    assert tried.code == 1  # one line is without a code yet
    assert "centre_1.yaml would name centre_1_codes.csv" in tried.out
    assert not (strange.path / "mappings" / "centre_1_codes.csv").exists()
    said = strange.says("terminology", "import", "todo.csv", "--mapping", MAPPING)
    assert said.code == 1
    assert "4 texts added to centre_1_codes.csv" in said.out
    assert "centre_1.yaml names centre_1_codes.csv now" in said.out
    assert "1 lines without a code yet" in said.out
    again = strange.says("terminology", "import", "todo.csv", "--mapping", MAPPING)
    assert "4 lines known already" in again.out
    strange.says("nightly")
    left = strange.says("terminology", "worklist", "--json")
    assert [row["text"] for row in left.json] == ["CR with pleasure"]
    after = strange.ids(
        "select count(*) from observation where data_element = 'ph_status' and value_concept is not null"
    )
    assert after[0] - before[0] == 7
    kept = strange.ids(
        "select value_concept from observation where data_element = 'ph_status' "
        "and value_concept_delivered = 'half positive'"
    )
    assert kept == ["positive"]
    relations = {row["text"]: row for row in strange.says("terminology", "relations", "--json").json}
    assert relations["half positive"]["equivalence"] == "wider"
    assert relations["half positive"]["comment"] == "one of two clones"
    assert relations["half positive"]["cells"] == 1
    assert (relations["?"]["code"], relations["?"]["equivalence"], relations["?"]["cells"]) == (
        None,
        "unmatched",
        1,
    )


@pytest.mark.parametrize("form", ["csv", "conceptmap"])
def test_what_is_exported_is_imported_as_it_was(strange, form: str) -> None:
    strange.says("terminology", "worklist", "--out", "todo.csv")
    fill(
        strange.path / "todo.csv",
        {
            "half positive": ("positive", "wider", "one of two clones"),
            "?": ("", "unmatched", "slip of the clerk"),
            "Philadelphia pos.": ("positive", "", ""),
        },
    )
    plain = (strange.path / MAPPING).read_bytes()
    strange.says("terminology", "import", "todo.csv", "--mapping", MAPPING)
    file = "out.json" if form == "conceptmap" else "out.csv"
    assert (
        strange.says("terminology", "export", "--mapping", MAPPING, "--format", form, "--out", file).code == 0
    )
    sheet = strange.path / "mappings" / "centre_1_codes.csv"
    first = sheet.read_bytes()
    sheet.unlink()
    (strange.path / MAPPING).write_bytes(plain)
    said = strange.says("terminology", "import", file, "--mapping", MAPPING)
    assert said.code == 0, said.err
    assert sheet.read_bytes() == first
    assert (
        strange.says(
            "terminology", "export", "--mapping", MAPPING, "--format", form, "--out", f"2{file}"
        ).code
        == 0
    )
    assert (strange.path / f"2{file}").read_bytes() == (strange.path / file).read_bytes()


def test_the_concept_map_is_fhir(strange_night, tmp_path: Path) -> None:
    from fhir.resources.R4B.conceptmap import ConceptMap

    for what in (("--mapping", MAPPING), ("--table", "sex")):
        file = tmp_path / f"{what[0]}.json"
        assert (
            strange_night.says("terminology", "export", *what, "--format", "conceptmap", "--out", file).code
            == 0
        )
        resource = json.loads(file.read_text(encoding="utf-8"))
        assert ConceptMap.model_validate(resource).group
        assert {t["equivalence"] for g in resource["group"] for e in g["element"] for t in e["target"]} <= {
            *("equivalent", "wider", "narrower", "unmatched"),
        }


def test_each_reason_for_absence_is_kept_and_counted(strange_night) -> None:
    rows = strange_night.says("terminology", "absent", "--centre", "centre-1", "--json").json
    found = {(row["element"], row["reason"]): row["rows"] for row in rows}
    assert found["ph_status", "not-performed"] == 1
    assert found["ph_status", "unknown"] == 1
    assert found["ph_status", "not-applicable"] == 1
    never = {element for element, reason in found if reason == "not collected"}
    assert "ae_term" in never
    kept = strange_night.ids(
        "select data_absent_reason_delivered from observation where data_absent_reason is not null order by 1"
    )
    assert kept == ["NA", "ND", "UNK"]


def test_each_reason_for_absence_leaves_as_fhirs_own(strange_night, tmp_path: Path) -> None:
    assert strange_night.says("export", "--out", tmp_path / "fhir").code == 0
    said = [
        entry["resource"]
        for file in sorted((tmp_path / "fhir").rglob("*.json"))
        for entry in json.loads(file.read_text(encoding="utf-8")).get("entry", ())
    ]
    absent = [resource for resource in said if "dataAbsentReason" in resource]
    codes = sorted(resource["dataAbsentReason"]["coding"][0]["code"] for resource in absent)
    assert codes == ["not-applicable", "not-performed", "unknown"]
    assert not [resource for resource in absent if any(name.startswith("value") for name in resource)]
    assert sorted(resource["dataAbsentReason"]["text"] for resource in absent) == ["NA", "ND", "UNK"]


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ({"half positive": ("sure", "", "")}, "'sure' is not a code of ph_status"),
        ({"half positive": ("positive", "alike", "")}, "'alike' is no equivalence"),
        ({"half positive": ("positive", "narrower", "")}, "`narrower` needs a comment"),
        ({"half positive": ("", "equivalent", "")}, "the code is missing"),
        ({"half positive": ("positive", "unmatched", "x")}, "has no code"),
    ],
)
def test_what_is_filled_wrongly_stops_with_its_line_and_nothing_is_written(
    strange, answers: dict[str, tuple[str, str, str]], why: str
) -> None:
    strange.says("terminology", "worklist", "--out", "todo.csv")
    fill(strange.path / "todo.csv", answers)
    before = (strange.path / MAPPING).read_bytes()
    said = strange.says("terminology", "import", "todo.csv", "--mapping", MAPPING)
    assert said.code == 2
    assert why in said.err
    assert "line" in said.err
    assert (strange.path / MAPPING).read_bytes() == before
    assert not (strange.path / "mappings" / "centre_1_codes.csv").exists()

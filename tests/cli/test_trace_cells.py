"""allpool trace from a cell of a file forward, and back again."""

from __future__ import annotations

FILE = "patients_synthetic.csv"
RESULT = "select id from analysis_result where step = 'cr' and statistic = 'proportion'"


def test_a_result_is_among_those_that_its_cells_move(calm):
    (result,) = calm.ids(RESULT)
    cells = calm.says("trace", result, "--json").json["cells"]
    cell = next(cell for cell in cells if cell["source_column"] == "response")
    place = f"{cell['feed']}/{cell['file']}:{cell['row']}:{cell['source_column']}"
    forward = calm.says("trace", place, "--json").json
    assert forward["kind"] == "cell"
    assert result in {row["id"] for row in forward["results that it moves"]}
    assert {row["fills"] for row in forward["resources it fills"]} == {"value_concept"}
    same = calm.says(
        *("trace", "--file", cell["file"], "--row", str(cell["row"]), "--column", "response", "--json")
    ).json
    assert same["results that it moves"] == forward["results that it moves"]


def test_a_cell_is_walked_in_words_too(calm):
    said = calm.says("trace", f"{FILE}:2:first_dose")
    assert said.code == 0
    assert "origin: first dose of blinatumomab" in said.out
    assert "results that it moves" in said.out


def test_what_cannot_be_traced_is_said(calm):
    said = calm.says("trace", "patient_synthetic.csv:2:sex")
    assert said.code == 2
    assert "nearest:" in said.err
    assert FILE in said.err
    assert calm.says("trace", f"{FILE}:2:sexx").code == 2
    assert calm.says("trace").code == 2
    assert calm.says("trace", "--file", FILE).code == 2
    assert calm.says("trace", "x", "--row", "3").code == 2


def test_a_quarantine_entry_is_walked(messy):
    (entry,) = messy.ids("select id from quarantine where rule = 'not_a_date'")
    found = messy.says("trace", entry, "--json").json
    assert found["kind"] == "quarantine entry"
    assert found["quarantine entry"][0]["column"] == "first_dose"
    assert found["results that it would move"]
    assert "31.02.2021" not in str(found)

"""Definitions that ship with allpool are whole; a wrong one fails with file and line."""

from __future__ import annotations

import shutil
from importlib.resources import files
from pathlib import Path

import pytest
from pydantic import ValidationError

from allpool.analysis.definitions.catalogue import load_catalogue
from allpool.analysis.definitions.conditions import Condition
from allpool.analysis.definitions.forms import MomentFile, ResponseDefinition, TimeEndpoint, Window
from allpool.errors import DefinitionError, ExitCode


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped definitions to spoil."""
    own = Path(str(files("allpool.analysis.definitions")))
    for name in ("moments.yaml", "baseline.yaml"):
        shutil.copy(own / name, tmp_path / name)
    for name in ("endpoints", "populations"):
        shutil.copytree(own / name, tmp_path / name)
    return tmp_path


def test_the_shipped_definitions() -> None:
    catalogue = load_catalogue()
    assert {"cr", "mrd", "os", "efs", "rfs"} <= set(catalogue.endpoints)
    assert {"all_treated", "rr_overt", "cr_mrd_pos", "evaluable_response", "in_cr"} <= set(
        catalogue.populations
    )
    for endpoint in catalogue.endpoints.values():
        assert "common" in endpoint.definitions, endpoint.endpoint
        for name, definition in endpoint.definitions.items():
            assert definition.source, f"{endpoint.endpoint}/{name}"
    efs = catalogue.endpoints["efs"]
    assert isinstance(efs, TimeEndpoint)
    assert efs.definitions["study_004"].origin == "cr"
    assert load_catalogue().hash == catalogue.hash


@pytest.mark.parametrize(
    ("file", "old", "new", "says"),
    [
        ("moments.yaml", "time: performed", "time: carried_out", "no partial date 'carried_out'"),
        (
            "moments.yaml",
            "element: hsct_date\n",
            "element: hsct_day\n",
            "the dictionary has no element 'hsct_day'",
        ),
        ("moments.yaml", "anchor: first-dose", "anchor: dose", "'dose' is not a code of time_anchor"),
        (
            "moments.yaml",
            "codes: [molecular]",
            "codes: [molecullar]",
            "'molecullar' is not a code of relapse_type",
        ),
        ("moments.yaml", "flag: deceased_boolean", "flag: dead", "has no column 'dead'"),
        (
            "endpoints/survival.yaml",
            "origin: first_dose",
            "origin: first_drug",
            "there is no moment 'first_drug'",
        ),
        ("endpoints/survival.yaml", "events: death", "evnts: death", "is not a word of this language"),
        ("endpoints/survival.yaml", "- endpoint: efs", "- endpoint: os", "endpoint 'os' is defined twice"),
        ("endpoints/mrd.yaml", "timepoints: week_11", "timepoints: week_eleven", "not a code of timepoint"),
        ("endpoints/response.yaml", "days: [0, 42]", "days: [42, 0]", "first and last"),
        ("moments.yaml", "only: evaluable_response", "only: evaluable", "has no column 'evaluable'"),
        ("moments.yaml", "where: {remission_status: cr1}", "where: {phase: cr1}", "has no column 'phase'"),
        ("moments.yaml", "after: first_dose", "after: first_drug", "there is no moment 'first_drug'"),
        ("moments.yaml", "days_from: first-dose", "days_from: dose", "'dose' is not a code of time_anchor"),
        ("moments.yaml", "{element: platelets,", "{element: plates,", "has no element 'plates'"),
        (
            "endpoints/relapse.yaml",
            "competing: death",
            "competing: relapse",
            "either an event or a competing one",
        ),
        ("endpoints/relapse.yaml", "entry: first_dose", "entry: first_drug", "no moment 'first_drug'"),
        ("endpoints/transplant.yaml", "collected: transplant", "collected: graft", "no moment 'graft'"),
        ("endpoints/survival.yaml", "at: assessment", "at: relapse", "'origin' or 'assessment'"),
        ("endpoints/mrd.yaml", "methods: mfc", "methods: flow", "'flow' is not a code of mrd_method"),
        (
            "endpoints/mrd.yaml",
            "specimens: bone_marrow",
            "specimens: bone",
            "'bone' is not a code of specimen",
        ),
        ("endpoints/mrd.yaml", "was: not_below", "was: positive", "'below' or 'not_below'"),
        ("endpoints/mrd.yaml", "among: remission", "among: remision", "there is no moment 'remision'"),
        (
            "endpoints/adverse_events.yaml",
            "terms: icans",
            "terms: ican",
            "'ican' is not a code of ae_term",
        ),
        (
            "endpoints/adverse_events.yaml",
            "systems: astct",
            "systems: asct",
            "'asct' is not a code of ae_grade_system",
        ),
        ("endpoints/response.yaml", "{element: anc, at_least: 1.0}", "{element: anc}", "a limit is one of"),
        ("endpoints/response.yaml", "marrow: {element: bm_blasts", "marrow: {element: blasts", "'blasts'"),
        ("populations/founding.yaml", "in: rr_overt", "in: rr", "'rr' is not a code of disease_status"),
        ("populations/founding.yaml", "column: age,", "column: aeg,", "adsl has no column 'aeg'"),
        (
            "populations/founding.yaml",
            "definition: composite}",
            "definition: asked}",
            "cr has no definition 'asked'",
        ),
        ("baseline.yaml", "- element: wbc", "- element: wbcs", "the dictionary has no element 'wbcs'"),
    ],
)
def test_what_is_wrong_is_said_with_file_and_line(
    folder: Path, file: str, old: str, new: str, says: str
) -> None:
    path = folder / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(DefinitionError, match=r".") as caught:
        load_catalogue(folder)
    assert says in caught.value.message
    assert caught.value.place is not None
    assert caught.value.place.file == path.name
    assert caught.value.place.line is not None
    changed = text[: text.index(old)].count("\n") + 1
    assert changed - 12 <= caught.value.place.line <= changed, (
        "the line itself, or the entry that it stands in"
    )
    assert caught.value.exit_code is ExitCode.WRONG_USE


def test_an_unknown_name_lists_those_there_are() -> None:
    catalogue = load_catalogue()
    with pytest.raises(DefinitionError, match=r"there are: .*rr_overt"):
        catalogue.population("rr")
    with pytest.raises(DefinitionError, match=r"definition of os 'mine'; there are: common, diagnosis"):
        catalogue.definition("os", "mine")


@pytest.mark.parametrize(
    "content",
    [
        {"column": "age"},
        {"column": "age", "element": "wbc", "at_least": 1},
        {"in": "x"},
    ],
)
def test_a_condition_is_whole(content: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Condition.model_validate(content)


def test_a_window_places_something() -> None:
    with pytest.raises(ValidationError, match=r"go together"):
        Window.model_validate({"days": [0, 1]})
    with pytest.raises(ValidationError, match="timepoints, days or courses"):
        Window.model_validate({})


def test_a_response_has_one_rule_and_a_moment_comes_after_one_other() -> None:
    with pytest.raises(ValidationError, match="one of `reported`"):
        ResponseDefinition.model_validate({"label": "x", "source": "y"})
    graded = {"label": "x", "source": "y", "graded": {}, "not_assessed": "no"}
    with pytest.raises(ValidationError, match="none recorded is no where collected"):
        ResponseDefinition.model_validate(graded)
    own = {"title": "t", "table": "observation", "time": "effective", "elements": "e"}
    moments = {"a": own, "b": own | {"after": "a"}, "c": own | {"after": "b"}}
    with pytest.raises(ValidationError, match="which comes after another one itself"):
        MomentFile.model_validate({"moments": moments})

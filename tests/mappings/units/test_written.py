"""What centres write for a unit: each form means one unit, and nothing near to a form is taken for it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allpool.mappings.dictionary import load_dictionary
from allpool.mappings.units.conversion import Scale
from allpool.mappings.units.ucum import is_unit
from allpool.mappings.units.written import folded, suggestion, understood, written_forms

CELLS = load_dictionary()["wbc"]
COUNT = Scale(str(CELLS.unit), CELLS.units)


def test_every_form_leads_to_a_unit_of_ucum() -> None:
    assert len(written_forms()) > 200
    assert [unit for unit in written_forms().values() if not is_unit(unit)] == []


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("G/l", "10*9/L"),
        ("x 10^9 / L", "10*9/L"),
        ("×10⁹/Ｌ", "10*9/L"),
        ("K/µl", "10*3/uL"),
        ("个/μL", "{cells}/uL"),
        ("tis./ul", "10*3/uL"),
        ("10*3/uL", "10*3/uL"),
        ("10*6/mL", "10*6/mL"),
    ],
)
def test_forms_are_understood(text: str, unit: str) -> None:
    found = understood(text, COUNT, {})
    assert found is not None
    assert found[0] == unit


@pytest.mark.parametrize("text", ["g/l", "G/l.", "10^9", "x10^9/LL", "%", "[iU]/L", "1000", "", "thousands"])
def test_what_is_no_count_is_not_understood(text: str) -> None:
    assert understood(text, COUNT, {}) is None


def test_what_the_mapping_says_comes_first() -> None:
    codes = {folded("tisíc"): "10*3/uL", folded("K/µl"): "/uL"}
    assert understood("tisíc", COUNT, codes) == ("10*3/uL", COUNT.conversion("10*3/uL"))
    assert understood("K/µl", COUNT, codes) == ("/uL", COUNT.conversion("/uL"))


@given(text=st.one_of(st.text(max_size=8), st.sampled_from(sorted(written_forms()))))
def test_a_suggestion_is_a_unit_that_would_be_taken_and_is_never_taken_by_itself(text: str) -> None:
    near = suggestion(text, COUNT)
    if near is not None:
        assert COUNT.conversion(near)
    found = understood(text, COUNT, {})
    if found is not None:
        assert folded(text) in written_forms() or text in COUNT.listed or is_unit(text)

"""Units: each factor of the dictionary is UCUM's or says its source; a way there leads back; no guess."""

from __future__ import annotations

from math import isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allpool.mappings.dictionary import DataElement, load_dictionary
from allpool.mappings.units.conversion import Scale
from allpool.mappings.units.ucum import conversion, is_unit, read_unit

QUANTITIES = [element for element in load_dictionary() if element.unit]
ENZYMES = "[IU]/L"
"""The arbitrary unit that laboratories print for the catalytic U: listed for enzymes and nothing else."""


def scale_of(element: DataElement) -> Scale:
    mass = element.molar_mass.value if element.molar_mass else None
    return Scale(str(element.unit), element.units, mass)


def id_of(element: DataElement) -> str:
    return element.id


@pytest.mark.parametrize("element", QUANTITIES, ids=id_of)
def test_every_listed_factor_is_ucums_with_the_analytes_molar_mass(element: DataElement) -> None:
    mass = element.molar_mass.value if element.molar_mass else None
    for unit, factor in element.units.items():
        if unit == ENZYMES:
            assert element.units["U/L"] == factor
            assert element.units_source
            continue
        ucum, offset = conversion(unit, str(element.unit), molar_mass=mass)
        assert ucum == pytest.approx(factor, rel=1e-6), unit
        assert offset == 0


@pytest.mark.parametrize("element", QUANTITIES, ids=id_of)
def test_a_molar_factor_needs_a_molar_mass_with_its_source(element: DataElement) -> None:
    kinds = {read_unit(unit).dimension for unit in element.units if unit != ENZYMES}
    assert (len(kinds) > 1) == (element.molar_mass is not None)
    if element.molar_mass is not None:
        assert len(element.molar_mass.source) > 10
        assert element.units_source


@pytest.mark.parametrize("element", QUANTITIES, ids=id_of)
def test_what_is_usual_of_a_column_is_possible_of_a_cell(element: DataElement) -> None:
    if element.usual is None or element.range is None:
        return
    for span in (element.usual.median, element.usual.upper):
        for bound in (span.low, span.high) if span else ():
            if bound is not None and element.range.high is not None:
                assert bound <= element.range.high
    assert element.usual.source


@given(value=st.floats(1e-6, 1e9), element=st.sampled_from(QUANTITIES))
def test_a_way_there_leads_back(element: DataElement, value: float) -> None:
    scale = scale_of(element)
    for unit in scale.listed:
        way = scale.conversion(unit)
        assert isclose(way.back(way.of(value)), value, rel_tol=1e-12)


UNITS = (
    "g/L",
    "mg/dL",
    "ug/mL",
    "kg/m3",
    "ng/uL",
    "m",
    "[in_i]",
    "km",
    "Cel",
    "K",
    "[degF]",
    "h",
    "wk",
    "mo",
    "%",
    "1",
    "[ppth]",
)


@given(value=st.floats(-1e6, 1e6), source=st.sampled_from(UNITS), target=st.sampled_from(UNITS))
def test_conversions_are_inverse_or_both_refused(value: float, source: str, target: str) -> None:
    try:
        factor, offset = conversion(source, target)
    except ValueError:
        with pytest.raises(ValueError, match=" is "):
            conversion(target, source)
        return
    back, shift = conversion(target, source)
    assert isclose((value * factor + offset) * back + shift, value, rel_tol=1e-9, abs_tol=1e-6)


@given(value=st.floats(1e-3, 1e6), mass=st.floats(1, 1e6))
def test_mass_and_amount_meet_through_the_molar_mass_alone(value: float, mass: float) -> None:
    factor, _ = conversion("mmol/L", "g/L", molar_mass=mass)
    assert isclose(value * factor, value * mass / 1000, rel_tol=1e-12)
    with pytest.raises(ValueError, match="no molar mass is known"):
        conversion("mmol/L", "g/L")


@pytest.mark.parametrize("unit", ["[iU]/L", "[IU]/mL", "[arb'U]/mL", "[USP'U]", "k[iU]/L"])
def test_arbitrary_units_lead_to_no_quantity(unit: str) -> None:
    assert is_unit(unit)
    for element in QUANTITIES:
        assert unit not in element.units
        with pytest.raises(ValueError, match=" is "):
            scale_of(element).conversion(unit)


@pytest.mark.parametrize(
    ("element", "unit", "why"),
    [
        ("wbc", "mg/L", "wbc counts cells, mg/L is mass"),
        ("wbc", "%", "a share is no concentration"),
        ("wbc", "10", "a number alone"),
        ("mrd_value", "{cells}", "a number of cells is no share"),
        ("lab_ldh", "[iU]/L", "an arbitrary unit that the dictionary does not list"),
        ("haemoglobin", "g", "mass is no concentration"),
        ("age_at_index", "kg", "mass is no time"),
        ("wbc", "x10^9/L", "a written form is no UCUM"),
        ("wbc", "", "nothing"),
    ],
)
def test_what_is_another_kind_of_quantity_is_refused(element: str, unit: str, why: str) -> None:
    with pytest.raises(ValueError):
        scale_of(load_dictionary()[element]).conversion(unit)
    assert why

"""Confidence intervals: each method's own is found again, another's is not taken for it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allpool.analysis.published.arithmetic.curve_intervals import METHODS as CURVE_METHODS
from allpool.analysis.published.arithmetic.curve_intervals import Interval, most_variance
from allpool.analysis.published.arithmetic.intervals import METHODS, methods
from allpool.analysis.published.arithmetic.printed import printed


@pytest.mark.parametrize("method", METHODS)
@given(data=st.data(), n=st.integers(1, 400), digits=st.integers(0, 2), cut=st.booleans())
def test_the_interval_of_any_method_is_found_again(
    method: str, data: st.DataObject, n: int, digits: int, cut: bool
) -> None:
    count = data.draw(st.integers(0, n))
    low, high = (100 * limit for limit in METHODS[method](count, n, 0.95))
    if cut:
        low, high = max(low, 0.0), min(high, 100.0)
    lower, upper = printed(f"{low:.{digits}f}"), printed(f"{high:.{digits}f}")
    assert method in methods(count, n, lower, upper)


def test_clopper_pearson_of_12_of_15_is_named() -> None:
    assert methods(12, 15, printed("51.9"), printed("95.7")) == ("Clopper-Pearson",)


def test_another_level_is_another_interval() -> None:
    assert methods(12, 15, printed("51.9"), printed("95.7"), level=0.9) == ()


@pytest.mark.parametrize("method", CURVE_METHODS)
@given(survival=st.floats(0.02, 0.98), variance=st.floats(1e-5, 1.0), digits=st.integers(0, 2))
def test_the_interval_of_a_curve_is_found_again_and_within_reach(
    method: str, survival: float, variance: float, digits: int
) -> None:
    # a variance this large is of one or two patients at risk; Greenwood's sum is at most 0.5 before the last
    low, high = (100 * limit for limit in CURVE_METHODS[method](survival, variance**0.5, 1.959963984540054))
    low, high = max(low, 0.0), min(high, 100.0)
    interval = Interval(printed(f"{low:.{digits}f}"), printed(f"{high:.{digits}f}"))
    assert method in interval.methods(survival, variance)
    assert variance <= most_variance(interval, survival, survival) + 1e-9


def test_plain_limits_of_21_of_28_are_59_and_91() -> None:
    variance = 7 / (28 * 21)
    assert Interval(printed("59"), printed("91")).methods(0.75, variance) == ("plain",)
    assert Interval(printed("54.6"), printed("87.2")).methods(0.75, variance) == ("log-log",)


def test_a_curve_without_deaths_has_an_interval_without_width() -> None:
    assert Interval(printed("100"), printed("100")).methods(1.0, 0.0) == ("no width",)
    assert Interval(printed("90"), printed("100")).methods(1.0, 0.0) == ()

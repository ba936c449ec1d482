"""Percentages of whole numbers: what the digits allow."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allpool.analysis.published.arithmetic.printed import printed
from allpool.analysis.published.arithmetic.shares import counts, denominators, smallest_denominator
from allpool.errors import AnalysisError


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("90.1", "90.05", "90.15"),
        ("74", "73.5", "74.5"),
        ("80.0", "79.95", "80.05"),
        ("-0.5", "-0.55", "-0.45"),
    ],
)
def test_digits_say_how_far_a_number_was_rounded(text: str, low: str, high: str) -> None:
    number = printed(text)
    assert (number.low, number.high) == (Fraction(low), Fraction(high))


@pytest.mark.parametrize("text", ["", "many", "nan", "inf", "12/15"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(AnalysisError, match="decimal number"):
        printed(text)


def test_ten_of_eleven_is_not_90_1() -> None:
    assert counts(printed("90.1"), 11) == ()
    assert counts(printed("90.9"), 11) == (10,)
    assert smallest_denominator(printed("90.1")) == 71
    assert counts(printed("90.1"), 71) == (64,)


def test_32_of_37_is_the_only_86_5_among_38() -> None:
    assert denominators(printed("86.5"), most=38) == (37,)


def test_a_coarse_percentage_fits_several_counts_of_many() -> None:
    assert counts(printed("50"), 1000) == tuple(range(495, 506))


@given(st.integers(1, 3000), st.data(), st.integers(0, 3))
def test_any_real_share_is_possible_however_it_was_rounded(n: int, data: st.DataObject, digits: int) -> None:
    count = data.draw(st.integers(0, n))
    exact = Decimal(100 * count) / Decimal(n)
    step = Decimal(1).scaleb(-digits)
    texts = {
        str(exact.quantize(step, ROUND_HALF_UP)),
        str(exact.quantize(step, ROUND_HALF_EVEN)),
        f"{100 * count / n:.{digits}f}",
    }
    for text in texts:
        assert count in counts(printed(text), n)

"""Agreement of a recomputed number with a printed one: rounding, words, periods."""

from __future__ import annotations

from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allpool.analysis.published.agreement import agrees, rounded, shown

NUMBERS = st.decimals(min_value=-1000, max_value=1000, places=4)
DIGITS = st.integers(min_value=0, max_value=4)


@given(value=NUMBERS, digits=DIGITS)
def test_rounds_halves_away_from_zero(value: Decimal, digits: int) -> None:
    pattern = f"{0:.{digits}f}"
    expected = value.quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_UP)
    assert Decimal(rounded(float(value), pattern)) == expected


@given(value=NUMBERS, digits=DIGITS)
def test_a_number_agrees_with_what_would_have_been_printed(value: Decimal, digits: int) -> None:
    printed = rounded(float(value), f"{0:.{digits}f}")
    assert agrees("value", float(value), printed)
    assert len(printed.partition(".")[2]) == digits


@given(value=NUMBERS, digits=DIGITS, off=st.sampled_from([-1, 1]))
def test_one_unit_of_the_last_digit_more_or_less_disagrees(value: Decimal, digits: int, off: int) -> None:
    printed = Decimal(rounded(float(value), f"{0:.{digits}f}")) + off * Decimal(1).scaleb(-digits)
    assert not agrees("value", float(value), f"{printed:.{digits}f}")


@given(value=st.floats(min_value=0, max_value=1), digits=DIGITS)
def test_agreement_means_within_half_a_unit(value: float, digits: int) -> None:
    unit = 10**-digits
    for steps in (-1, 0, 1):
        printed = f"{round(value / unit) * unit + steps * unit:.{digits}f}"
        if agrees("p", value, printed):
            assert abs(value - float(printed)) <= unit / 2 + 1e-9


@pytest.mark.parametrize(
    ("quantity", "value", "printed", "agreed"),
    [
        ("percent", 100 * 10 / 11, "90.1", False),
        ("percent", 100 * 10 / 11, "90.9", True),
        ("percent", 62.5, "63", True),  # a half is rounded up
        ("percent", 100 * 0.285, "28.5", True),  # 28.499999999999996 in binary
        ("median", inf, "not reached", True),
        ("median", 12.0, "not reached", False),
        ("median", inf, "12", False),
        ("verdict", 0.05, "not significant", True),
        ("verdict", 0.049, "not significant", False),
        ("verdict", 0.049, "significant", True),
        ("values", (13.7, 25.2, 36.8), ("14", "25", "37"), True),
        ("values", (13.7, 25.2), ("14", "25", "37"), False),
        ("values", (13.7, 25.2, 36.8, 40.0), ("14", "25", "37"), False),
        ("value", None, "3", False),
        ("first", date(2021, 11, 1), "2021-11", True),
        ("first", date(2022, 5, 11), "2021-11", True),
        ("first", date(2021, 10, 31), "2021-11", False),
        ("last", date(2024, 11, 30), "2024-11", True),
        ("last", date(2024, 12, 1), "2024-11", False),
        ("value", -0.0004, "0.00", True),
    ],
)
def test_agreement(quantity: str, value: object, printed: str | tuple[str, ...], agreed: bool) -> None:
    assert agrees(quantity, value, printed) is agreed  # type: ignore[arg-type]


def test_what_is_absent_is_said() -> None:
    assert shown("value", None, "3") == "not given"
    assert shown("percent", float("nan"), "3.0") == "not given"

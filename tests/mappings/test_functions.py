"""Computed columns: text in, text out, in the file's own decimal sign and date format."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import polars as pl
import pytest

from allpool.mappings.functions import FUNCTIONS


def computed(
    name: str,
    cells: Sequence[str | None],
    given: dict[str, str] | None = None,
    *,
    decimal: Literal[".", ","] = ".",
) -> str | None:
    frame = pl.DataFrame({str(i): [cell] for i, cell in enumerate(cells)}).cast(pl.String)
    made = FUNCTIONS[name].build([pl.col(column) for column in frame.columns], given or {}, decimal)
    found = frame.select(made.alias("made"))["made"].item()
    assert found is None or isinstance(found, str)
    return found


@pytest.mark.parametrize(
    ("name", "cells", "given", "expected"),
    [
        ("first", [None, "b", "c"], {}, "b"),
        ("first", [None, None], {}, None),
        ("join", ["a", "b"], {"separator": " "}, "a b"),
        ("join", ["a", None], {}, None),
        ("extract", ["185 [lb_av]"], {"pattern": r"(.+?)\s+\[lb_av\]"}, "185"),
        ("extract", ["185 kg"], {"pattern": r"(.+?)\s+\[lb_av\]"}, None),
        ("extract", [None], {"pattern": r"(.+) kg"}, None),
        ("sum", ["1.5", "2.5"], {}, "4"),
        ("sum", ["1.5", None], {}, None),
        ("sum", ["1,5", "2"], {}, None),
        ("sum", ["1e999", "2"], {}, None),
        ("difference", ["3", "0.5"], {}, "2.5"),
        ("multiply", ["3"], {"by": "30.5"}, "91.5"),
        ("multiply", ["x"], {"by": "2"}, None),
        ("add_days", ["2023-02-27", "2"], {}, "2023-03-01"),
        ("add_days", ["2023-02-27", "1.5"], {}, None),
        ("add_days", ["2023-02-31", "1"], {}, None),
        ("add_days", ["2023-02", "1"], {}, None),
        ("add_days", ["2023-02-27", "1e15"], {}, None),
        ("add_days", ["2024/2/28"], {"days": "1", "format": "%Y/%m/%d"}, "2024-02-29"),
        ("add_days", ["45000"], {"days": "-1", "format": "excel"}, "2023-03-14"),
        ("add_days", ["60"], {"days": "1", "format": "excel"}, None),
        ("days_between", ["01.02.2023", "09.02.2023"], {"format": "%d.%m.%Y"}, "8"),
        ("days_between", ["2023-02-09", "2023-02-01"], {}, "-8"),
        ("days_between", ["2023-02-09", "soon"], {}, None),
    ],
)
def test_what_a_function_gives(
    name: str, cells: list[str | None], given: dict[str, str], expected: str | None
) -> None:
    FUNCTIONS[name].check(len(cells), given)
    assert computed(name, cells, given) == expected


def test_numbers_keep_the_decimal_sign_of_the_file() -> None:
    assert computed("sum", ["1,5", "2"], decimal=",") == "3,5"
    assert computed("sum", ["1.5", "2"], decimal=",") is None
    assert computed("multiply", ["1,5"], {"by": "2"}, decimal=",") == "3"


@pytest.mark.parametrize(
    ("name", "columns", "given", "says"),
    [
        ("first", 0, {}, "1 or more columns"),
        ("difference", 3, {}, "takes 2 columns"),
        ("multiply", 1, {}, "needs the setting 'by'"),
        ("multiply", 1, {"by": "two"}, "'by' is a number"),
        ("add_days", 2, {"days": "7"}, "either 2 columns or the setting 'days'"),
        ("add_days", 1, {"days": "7.5"}, "'days' is a whole number"),
        ("add_days", 1, {"days": "7", "format": "%m/%Y"}, "year, month and day"),
        ("add_days", 1, {"days": "7", "format": "%d.%m.%y"}, "four digits"),
        ("days_between", 2, {"separator": "-"}, "takes the settings format"),
    ],
)
def test_what_does_not_fit_is_said(name: str, columns: int, given: dict[str, str], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        FUNCTIONS[name].check(columns, given)

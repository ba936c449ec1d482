"""A list of printed figures with what the generated cohort gives for each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import polars as pl

from examples.generate import measures
from examples.generate.writing import DAYS_PER_MONTH

COLUMNS = ["study", "record", "printed", "corrected", "generated", "met", "note"]


class Ledger:
    """Collects rows; a figure is met when its text equals the printed text, `corrected` when it
    equals the flag's correction."""

    def __init__(self, study: str) -> None:
        self.study = study
        self.rows: list[dict[str, str]] = []

    def add(
        self, record: str, printed: object, generated: object, note: str = "", *, corrected: object = ""
    ) -> None:
        met = (
            "yes"
            if str(printed) == str(generated)
            else "corrected"
            if str(corrected) == str(generated)
            else "no"
        )
        values = (self.study, record, str(printed), str(corrected), str(generated), met, note)
        self.rows.append(dict(zip(COLUMNS, values, strict=True)))

    def count(
        self, record: str, printed: int, frame: pl.DataFrame, condition: pl.Expr | None = None, note: str = ""
    ) -> None:
        self.add(record, printed, frame.height if condition is None else frame.filter(condition).height, note)

    def share(
        self,
        record: str,
        printed: str,
        frame: pl.DataFrame,
        condition: pl.Expr,
        *,
        digits: int = 0,
        note: str = "",
        corrected: str = "",
    ) -> None:
        """`k/n (p%)` of the rows of `frame` that meet the condition."""
        self.add(
            record,
            printed,
            share(frame.filter(condition).height, frame.height, digits),
            note,
            corrected=corrected,
        )

    def spread(
        self, record: str, printed: str, values: Sequence[float], *, digits: int = 0, note: str = ""
    ) -> None:
        """`median (min-max)`."""
        middle = measures.quartiles(values)[1]
        self.add(
            record, printed, f"{middle:.{digits}f} ({min(values):.{digits}f}-{max(values):.{digits}f})", note
        )


def period(dates: pl.Series, first: str, last: str) -> str:
    """The printed period `yyyy-mm..yyyy-mm` when all dates fall within it, else the months of the dates."""
    low, high = f"{dates.min():%Y-%m}", f"{dates.max():%Y-%m}"
    return f"{first}..{last}" if first <= low and high <= last else f"{low}..{high}"


def significance(p: float) -> str:
    return "not significant" if p >= 0.05 else f"P {p:.3f}"


def share(k: int, n: int, digits: int) -> str:
    return f"{k}/{n} ({half_up(100 * k / n, digits)}%)"


def half_up(value: float, digits: int) -> str:
    """Rounded as papers do: halves away from zero, after removing binary noise."""
    return f"{value + 1e-9:.{digits}f}"


def survival(
    frame: pl.DataFrame, origin: str, events: Sequence[str], last: str, at: float, *, digits: int = 2
) -> tuple[str, str, str]:
    """Kaplan-Meier survival at `at` months in percent, its standard error and its plain 95 %
    interval, as text."""
    times, observed = months(frame, origin, events, last)
    estimate, error = measures.survival_at(times, observed, at)
    low, high = 100 * (estimate - 1.959964 * error), 100 * (estimate + 1.959964 * error)
    return half_up(100 * estimate, digits), half_up(100 * error, digits), f"{low:.0f}-{high:.0f}"


def months(
    frame: pl.DataFrame, origin: str, events: Sequence[str], last: str
) -> tuple[list[float], list[bool]]:
    """Months from `origin` to the first of the `events`, else to `last`, with the event flag."""
    times, observed = [], []
    for row in frame.select(origin, *events, last).iter_rows(named=True):
        happened: list[date] = [row[name] for name in events if row[name] is not None]
        end = min(happened) if happened else row[last]
        times.append((end - row[origin]).days / DAYS_PER_MONTH)
        observed.append(bool(happened))
    return times, observed


def p_text(p: float, digits: int) -> str:
    return f"{p:.{digits}f}"

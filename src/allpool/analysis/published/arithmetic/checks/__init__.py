"""The general checks, one module per kind of figure."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from allpool.analysis.published.arithmetic.checks import (
    clocks,
    comparisons,
    curve_order,
    curves,
    intervals,
    parts,
    shares,
    sizes,
    states,
    summaries,
    swaps,
)
from allpool.analysis.published.arithmetic.findings import Checked
from allpool.analysis.published.arithmetic.groups import Groups

Check = Callable[[Groups], Iterator[Checked]]

CHECKS: tuple[Check, ...] = (
    sizes.check,
    shares.check,
    parts.check,
    intervals.check,
    curves.check,
    curve_order.check,
    swaps.check,
    clocks.check,
    comparisons.check,
    summaries.check,
    states.check,
)

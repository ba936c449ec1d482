"""Tables and paragraphs of the generated page."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

import numpy as np

WIDTH = 138


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [f"| {' | '.join(headings)} |", "|---" * len(headings) + "|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def paragraph(text: str) -> str:
    """Return the text in lines of the page's width."""
    return textwrap.fill(" ".join(text.split()), WIDTH, break_long_words=False, break_on_hyphens=False)


def percent(share: float) -> str:
    """Return a share in percent with a decimal, or a dash where there is none."""
    return "–" if np.isnan(share) else f"{100 * share:.1f}"


def number(value: float) -> str:
    """Return a width with two decimals; what has no end is said to be open."""
    if np.isnan(value):
        return "–"
    return "open" if np.isinf(value) else f"{value:.2f}"

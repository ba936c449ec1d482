"""Numbers in words: how a statistic is shown, and which stand side by side."""

from __future__ import annotations

from typing import Any, Final

from allpool.analysis.plans.run import StepResult
from allpool.analysis.plans.sensitivity import SUFFIXES
from allpool.analysis.plans.steps.base import Statistic

CURVES: Final = ("survival", "incidence")
"""Statistics at a time, beside which their error and the number at risk stand."""
BESIDE: Final = ("standard_error", "at_risk")
SHARES: Final = (
    *("proportion", "survival", "incidence", "competing_incidence", "standard_error", "risk_difference"),
    *("study_estimate", "pooled", "pooled_common_effect", "pooled_hartung_knapp", "pooled_without"),
    *("prediction", "share_below"),
)
P_VALUES: Final = ("p", "q_p", "logrank_p", "gray_p", "wilcoxon_p", "mantel_byar_p")
WHOLE: Final = (
    *("responders", "events", "competing_events", "at_risk", "observed", "exposed", "compared"),
    *("suspected_pairs", "candidate_pairs", "same_pairs", "different_pairs", "logrank_df", "gray_df"),
)
WORDS: Final = {
    "tau2": "τ²",
    "i2": "I² (%)",
    "q": "Q",
    "q_p": "P of Q",
    "p": "P",
    "logrank_chi2": "log-rank χ²",
    "logrank_df": "log-rank degrees of freedom",
    "logrank_p": "log-rank P",
    "gray_chi2": "Gray's χ²",
    "gray_df": "Gray's degrees of freedom",
    "gray_p": "Gray's P",
    "wilcoxon_p": "Wilcoxon P",
    "mantel_byar_p": "Mantel-Byar P",
    "pooled_hartung_knapp": "pooled, Hartung-Knapp",
    "pooled_common_effect": "pooled, common effect",
    "pooled_without": "pooled without this study",
    "spread": "standard deviation (log10)",
}
SENSITIVITY: Final = {
    SUFFIXES["candidates"]: ", candidates counted once too",
    SUFFIXES["none"]: ", duplicates kept",
}
"""End of a statistic's name -> what is said of it behind its word."""


def shown(item: Statistic) -> str:
    """Return a value as a reader wants it: shares in percent, P to three digits, counts whole."""
    if item.value is None:
        return "–"
    statistic, _ = _parted(item.statistic)
    if statistic in SHARES:
        return f"{100 * item.value:.1f} %"
    if statistic in P_VALUES:
        return "< 0.001" if item.value < 0.001 else f"{item.value:.3f}"
    if statistic in WHOLE:
        return f"{item.value:g}"
    return f"{item.value:.2f}" if abs(item.value) >= 0.01 or item.value == 0 else f"{item.value:.2g}"


def interval(item: Statistic) -> str:
    """Return the interval in the scale of `shown`; empty where there is none."""
    if item.lower is None and item.upper is None:
        return ""
    low, high = (_limit(value, item) for value in (item.lower, item.upper))
    return f"{low} to {high}"


def _limit(value: float | None, item: Statistic) -> str:
    if value is None:
        return "not reached"
    if _parted(item.statistic)[0] in SHARES:
        return f"{100 * value:.1f} %"
    return f"{value:.2f}" if abs(value) >= 0.01 or value == 0 else f"{value:.2g}"


def rows_of(result: StepResult) -> list[dict[str, Any]]:
    """Return the rows of a result's table; what stands beside a curve is no row of its own."""
    rows: list[dict[str, Any]] = []
    points: dict[tuple[str | None, float | None], dict[str, Any]] = {}
    aside = BESIDE if beside(result) else ()
    for item in sorted(result.statistics, key=lambda item: item.statistic in aside):
        owner = points.get((item.group, item.at)) if item.statistic in aside else None
        if owner is not None:
            owner["beside"][word(item.statistic)] = shown(item)
            continue
        row: dict[str, Any] = {
            "group": "" if item.group in (None, "all") else item.group,
            "statistic": _named(item, result.plan.unit),
            "at": "" if item.at is None else _at(item, result.plan.unit),
            "value": shown(item),
            "interval": interval(item),
            "n": "" if item.n is None else item.n,
            "beside": {},
        }
        rows.append(row)
        if item.statistic in CURVES:
            points[item.group, item.at] = row
    return rows


def beside(result: StepResult) -> list[str]:
    """Return the headings of the columns beside the points of a curve; none where there is no curve."""
    found = {item.statistic for item in result.statistics}
    return [word(name) for name in BESIDE if name in found and found & set(CURVES)]


def word(statistic: str) -> str:
    """Return what a statistic is called."""
    plain, suffix = _parted(statistic)
    return f"{WORDS.get(plain, plain.replace('_', ' '))}{SENSITIVITY.get(suffix, '')}"


def _parted(statistic: str) -> tuple[str, str]:
    """Return a statistic's plain name, and the end that says who else was taken for one person."""
    suffix = next((end for end in SENSITIVITY if statistic.endswith(end)), "")
    return statistic.removesuffix(suffix), suffix


def notes_of(result: StepResult) -> list[str]:
    """Return each note once, with the groups it is said of."""
    said: dict[str, list[str]] = {}
    for item in result.statistics:
        if item.note:
            groups = said.setdefault(item.note, [])
            if item.group and item.group != "all" and item.group not in groups:
                groups.append(item.group)
    everybody = {item.group for item in result.statistics if item.group}
    return [
        note if not groups or set(groups) == everybody else f"{', '.join(groups)}: {note}"
        for note, groups in said.items()
    ]


def _named(item: Statistic, unit: str) -> str:
    timed = item.unit == unit and item.at is None
    return f"{word(item.statistic)} ({unit}s)" if timed else word(item.statistic)


def _at(item: Statistic, unit: str) -> str:
    return f"{item.at:g}" if item.unit == "fraction" else f"{item.at:g} {unit}s"

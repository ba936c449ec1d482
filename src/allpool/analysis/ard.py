"""Analysis results data: one row per statistic, in the columns of the CDISC Analysis Results Standard.

Columns and names of statistics are those of the R package cards, which writes such data for that standard
(https://insightsengineering.github.io/cards/); names that it lacks are those of broom and cardx, else ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import pandas as pd

COLUMNS: Final = (
    "group1",
    "group1_level",
    "variable",
    "variable_level",
    "context",
    "stat_name",
    "stat_label",
    "stat",
    "stat_fmt",
    "warning",
)
"""`warning` says why a statistic is absent or what to mind; `stat_fmt` is it as a reader wants it."""

# broom's words (estimate, std.error, p.value, statistic, parameter, conf.low, conf.high), which cardx keeps:
# https://broom.tidymodels.org/articles/available-methods.html
NAMES: Final[Mapping[str, tuple[str, str]]] = {
    "proportion": ("p", "Proportion"),
    "responders": ("n", "Responders"),
    "events": ("n.event", "Events"),
    "at_risk": ("n.risk", "Number at risk"),
    "survival": ("estimate", "Survival"),
    "incidence": ("estimate", "Cumulative incidence"),
    "standard_error": ("std.error", "Standard error"),
    "median": ("median", "Median"),
    "hazard_ratio": ("estimate", "Hazard ratio"),
    "odds_ratio": ("estimate", "Odds ratio"),
    "p": ("p.value", "P value"),
    "logrank_p": ("p.value", "P value"),
    "logrank_chi2": ("statistic", "Log-rank chi-squared"),
    "logrank_df": ("parameter", "Degrees of freedom"),
    "study_estimate": ("estimate", "Estimate of the study"),
    "pooled": ("estimate", "Pooled estimate"),
}
"""Statistic of `analysis_result` -> name and label here; others keep their own."""
TERMS: Final = ("cox", "logistic", "fine-gray", "mixed")
"""Estimators whose `group_value` is a term of the model, not a group of subjects."""


def to_ard(results: pd.DataFrame) -> pd.DataFrame:
    """Return rows of `analysis_result` as analysis results data: `COLUMNS`, then where each comes from.

    One row per number: the statistic, its interval as `conf.low` and `conf.high` (with `conf.level`), and the
    subjects it rests on as `N`. `id`, `plan` and `step` lead back to the result.
    """
    import pandas as pd

    rows: list[dict[str, Any]] = []
    for row in with_ard_columns(results).to_dict("records"):
        keys = {name: row.get(name) for name in (*COLUMNS, "id", "plan", "step", "synthetic", "release")}
        rows.append(keys)
        beside = (
            ("lower", "conf.low", "CI lower bound"),
            ("upper", "conf.high", "CI upper bound"),
            ("level", "conf.level", "CI confidence level"),
            ("n", "N", "Subjects"),
        )
        for column, name, label in beside:
            if not _absent(row.get(column)):
                number = float(row[column])
                more = {"stat_name": name, "stat_label": label, "stat": number, "stat_fmt": f"{number:g}"}
                rows.append({**keys, **more, "warning": None})
    columns = [*COLUMNS, "id", "plan", "step", "synthetic", "release"]
    return pd.DataFrame(rows, columns=columns).astype({"stat": "float64"})


def with_ard_columns(results: pd.DataFrame) -> pd.DataFrame:
    """Return rows of `analysis_result` with `COLUMNS` added behind their own, one row per statistic.

    `variable` and `variable_level`, which both have, stand once: as analysis results data has them.
    """
    import pandas as pd

    added: list[dict[str, Any]] = []
    for row in results.to_dict("records"):
        name, label = NAMES.get(row["statistic"], (row["statistic"], _words(row["statistic"])))
        group = None if _absent(row["group_value"]) else str(row["group_value"])
        is_term = row["estimator"] in TERMS and group is not None and _absent(row["group_by"])
        asked = f"{row['endpoint']}/{row['definition']}"
        level = None if _absent(row["at"]) else f"{row['at']:g} {row['unit'] or ''}".strip()
        if not _absent(row.get("variable")):  # a table names what each of its statistics is of
            asked, level = row["variable"], None if _absent(row["variable_level"]) else row["variable_level"]
        added.append(
            {
                "group1": None if is_term or _absent(row["group_by"]) else row["group_by"],
                "group1_level": None if is_term or group == "all" else group,
                "variable": group if is_term else asked,
                "variable_level": level,
                "context": row["estimator"],
                "stat_name": name,
                "stat_label": label,
                "stat": None if _absent(row["value"]) else float(row["value"]),
                "stat_fmt": "" if _absent(row["value"]) else f"{row['value']:.4g}",
                "warning": None if _absent(row["note"]) else row["note"],
            }
        )
    columns = pd.DataFrame(added, columns=list(COLUMNS), index=results.index).astype({"stat": "float64"})
    own = results.drop(columns=[name for name in COLUMNS if name in results.columns])
    return pd.concat([own, columns], axis=1)


def _absent(value: Any) -> bool:
    return value is None or (isinstance(value, float) and value != value)


def _words(statistic: str) -> str:
    return statistic.replace("_", " ").capitalize()

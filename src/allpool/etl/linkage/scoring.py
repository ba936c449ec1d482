"""Scoring: what each pair's agreements weigh together, by Splink in memory."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from math import log2
from typing import Any, Final

import polars as pl

from allpool.etl.linkage.parameters import LEVELS, Comparison, Level, Parameters

SCHEMA: Final = {
    "first": pl.String(),
    "second": pl.String(),
    "match_weight": pl.Float64(),
    "match_probability": pl.Float64(),
}


def scored(
    pairs: pl.DataFrame,
    persons: pl.DataFrame,
    parameters: Parameters,
    *,
    chance: Mapping[str, Mapping[Level, float]],
    prior: float,
) -> pl.DataFrame:
    """Return `pairs` with match_weight, match_probability, and each comparison's level as text.

    The weight is log2 of the Bayes factor of all comparisons together, without the prior, in which it is
    stated (Fellegi and Sunter 1969, as Splink has it); the probability takes the prior in. A comparison of
    which a side is unknown weighs nothing. Splink runs on DuckDB in memory: no files, no network.
    """
    names = list(parameters.comparisons)
    if pairs.is_empty():
        return pl.DataFrame(schema={**SCHEMA, **dict.fromkeys(names, pl.String())})
    rows = _predict(pairs, persons, _settings(parameters, chance, prior))
    told = {name: _level_names(parameters.comparisons[name]) for name in names}
    return rows.select(
        pl.min_horizontal("unique_id_l", "unique_id_r").alias("first"),
        pl.max_horizontal("unique_id_l", "unique_id_r").alias("second"),
        (pl.col("match_weight") - log2(prior / (1 - prior))).alias("match_weight"),
        "match_probability",
        *(
            pl.col(f"gamma_{name}").replace_strict(told[name], return_dtype=pl.String).alias(name)
            for name in names
        ),
    ).sort("first", "second")


def _predict(pairs: pl.DataFrame, persons: pl.DataFrame, settings: dict[str, Any]) -> pl.DataFrame:
    import duckdb  # half a second, and only where there is a pair
    from splink import DuckDBAPI, Linker, SettingsCreator

    logging.getLogger("splink").setLevel(logging.ERROR)
    with duckdb.connect(":memory:", config={"threads": 1, "enable_external_access": False}) as connection:
        api = DuckDBAPI(connection)
        involved = persons.filter(pl.col("id").is_in(pl.concat([pairs["first"], pairs["second"]]).implode()))
        subjects = involved.rename({"id": "unique_id"}).drop("token", "study", "centre", "number")
        linker = Linker(
            api.register(subjects.to_arrow(), table_name="persons"),
            SettingsCreator(**settings),
            log_level=None,
        )
        blocked = pairs.select(match_key=pl.lit("0"), join_key_l="first", join_key_r="second")
        linker.table_management.register_blocked_pairs_for_predict(
            api.register(blocked.to_arrow(), table_name="pairs")
        )
        predicted = linker.inference.predict(warning_mode="never")
        found = pl.from_arrow(predicted.as_pyarrow_table())  # type: ignore[no-untyped-call]
        if not isinstance(found, pl.DataFrame):
            raise TypeError("Splink returned no table")
        return found


def _settings(
    parameters: Parameters, chance: Mapping[str, Mapping[Level, float]], prior: float
) -> dict[str, Any]:
    return {
        "link_type": "dedupe_only",
        "probability_two_random_records_match": prior,
        "retain_matching_columns": True,  # among them the levels
        "blocking_rules_to_generate_predictions": [],
        "comparisons": [
            {
                "output_column_name": name,
                "comparison_levels": _levels(item, parameters, chance[name]),
            }
            for name, item in parameters.comparisons.items()
        ],
    }


def _levels(item: Comparison, parameters: Parameters, u: Mapping[Level, float]) -> list[dict[str, Any]]:
    """Return the levels of one comparison in the order in which they are asked."""
    unknown = _null(item.column)
    if item.unless is not None:
        unknown = f"{unknown} OR NOT ({_null(parameters.comparisons[item.unless].column)})"
    found: list[dict[str, Any]] = [
        {"sql_condition": unknown, "label_for_charts": "unknown", "is_null_level": True}
    ]
    found += [
        {
            "sql_condition": _condition(item, level),
            "label_for_charts": level,
            "m_probability": item.m[level],
            "u_probability": u[level],
            "fix_m_probability": True,
            "fix_u_probability": True,
        }
        for level in _asked(item)
    ]
    return found


def _asked(item: Comparison) -> list[Level]:
    return [level for level in LEVELS if level in item.m]


def _null(column: str) -> str:
    return f"{column}_l IS NULL OR {column}_r IS NULL"


def _condition(item: Comparison, level: Level) -> str:
    if level == "differs":
        return "ELSE"
    if not item.is_ordered:
        return f"{item.column}_l = {item.column}_r"
    within = item.equal_within if level == "equal" else item.near_within
    return f"abs({item.column}_l - {item.column}_r) <= {within:g}"


def _level_names(item: Comparison) -> dict[int, str]:
    """Return Splink's number of each level -> its name: -1 where unknown, then down to 0 for the last."""
    asked = _asked(item)
    return {-1: "unknown", **{len(asked) - 1 - place: level for place, level in enumerate(asked)}}

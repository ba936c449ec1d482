"""Records that several rows tell: put together where they agree, held where they contradict each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import polars as pl

from allpool.mappings.plan import RulePlan

WHO: Final = ("id", "study", "centre", "pseudonym", "source_file", "source_row", "rule")


@dataclass(frozen=True)
class Conflict:
    """Rows that contradict each other in one target of one table: `rows` has the lineage of all of them."""

    table: str
    target: str
    rows: pl.DataFrame


def merge(
    table: str, parts: list[pl.DataFrame], rules: Mapping[str, RulePlan]
) -> tuple[pl.DataFrame, list[Conflict]]:
    """Return one row per id, and the conflicts.

    Where rows of one id say different things, a singular record loses that field, unless it is required; any
    other record waits whole.
    """
    whole = pl.concat(parts, how="diagonal_relaxed")
    repeated = whole["id"].is_duplicated()
    if not repeated.any():
        return whole, []
    single, several = whole.filter(~repeated), whole.filter(repeated)
    several = several.sort("id", "source_file", "source_row", "rule", maintain_order=True)
    content = [name for name in several.columns if name not in WHO]
    compared = [name for name in content if not name.endswith(("_delivered", "_delivered_unit"))]
    said = several.group_by("id", maintain_order=True).agg(
        *(pl.col(name).drop_nulls().n_unique().alias(name) for name in compared)
    )
    conflicts: list[Conflict] = []
    dropped = pl.Series("id", [], dtype=pl.String)
    emptied: dict[str, tuple[pl.Series, list[str]]] = {}
    for target, names, required in _targets(several, compared, rules):
        ids = said.filter(pl.any_horizontal(pl.col(name) > 1 for name in names))["id"]
        if ids.is_empty():
            continue
        conflicts.append(
            Conflict(table, target, several.filter(pl.col("id").is_in(ids.implode())).select(WHO))
        )
        singular = all(rules[rule].singular for rule in several["rule"].unique().to_list() if rule in rules)
        if required or not singular:
            dropped = pl.concat([dropped, ids])
        else:
            emptied[target] = (ids, [name for name in content if _belongs(name, target)])
    for ids, names in emptied.values():
        clashing = pl.col("id").is_in(ids.implode())
        several = several.with_columns(pl.when(~clashing).then(pl.col(name)).alias(name) for name in names)
    joined = (
        several.filter(~pl.col("id").is_in(dropped.implode()))
        .group_by("id", maintain_order=True)
        .agg(
            *(pl.col(name).first() for name in WHO if name != "id"),
            *(pl.col(name).drop_nulls().first() for name in content),
        )
        .select(several.columns)
    )
    return pl.concat([single, joined], how="vertical_relaxed"), conflicts


def _belongs(name: str, target: str) -> bool:
    return name == target or name.startswith(f"{target}_")


def _targets(
    rows: pl.DataFrame, compared: list[str], rules: Mapping[str, RulePlan]
) -> list[tuple[str, list[str], bool]]:
    """Return each target (column or composite) with its columns, and whether a rule requires it."""
    known: dict[str, bool] = {}
    for rule_id in rows["rule"].unique().sort().to_list():
        for item in rules[rule_id].fields if rule_id in rules else ():
            if item.column is not None:
                known[item.column] = known.get(item.column, False) or item.required
    found = []
    left = set(compared)
    for target in sorted(known, key=len, reverse=True):
        names = [name for name in compared if name in left and _belongs(name, target)]
        left -= set(names)
        if names:
            found.append((target, names, known[target]))
    found.extend((name, [name], True) for name in sorted(left))
    return found

"""Records that several rows tell: put together where they agree, held where they contradict each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import polars as pl

from allpool.mappings.plan import ABSENT, FieldPlan, RulePlan

WHO: Final = ("id", "study", "centre", "pseudonym", "source_file", "source_row", "rule")
ELSEWHERE: Final = pl.Schema(
    {
        "id": pl.String,
        "column": pl.String,
        "source_file": pl.String,
        "source_row": pl.Int64,
        "rule": pl.String,
    }
)
"""Columns of `Merged.elsewhere`: the merged row, its column, and the lineage of the row that told it."""
ELSEWHERE_FROM: Final = ("id", "source_file", "source_row", "rule")
COMPONENTS: Final = "observation_component"
SHARED_TABLES: Final = ("patient", "research_subject", "specimen")
"""Tables of whose rows several kinds of record tell."""


@dataclass(frozen=True)
class Conflict:
    """Rows that contradict each other in one target of one table: `rows` has the lineage of all of them."""

    table: str
    target: str
    rows: pl.DataFrame
    element: str | None = None
    """Data element of the component, where the table is that of components."""

    def concerns(self, item: FieldPlan) -> bool:
        """Whether `item` fills the target that is in conflict."""
        if self.table == COMPONENTS:
            return item.is_component and item.element == self.element
        return not item.is_component and item.column == self.target


@dataclass(frozen=True)
class Merged:
    """One row per id of one table."""

    rows: pl.DataFrame
    conflicts: Sequence[Conflict] = ()
    elsewhere: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=ELSEWHERE))
    """By ELSEWHERE: columns that another row has told than the one that the merged row's lineage names."""


def merge(
    table: str, parts: list[pl.DataFrame], rules: Mapping[str, RulePlan], order: Mapping[str, int]
) -> Merged:
    """Return one row per id, and the conflicts.

    Where rows of one id say different things, a singular record loses that field, unless it is required; any
    other record waits whole. `order` says which source file comes first: a merged row has its lineage.
    """
    whole = pl.concat(parts, how="diagonal_relaxed")
    repeated = whole["id"].is_duplicated()
    if not repeated.any():
        return Merged(whole)
    rank = pl.col("source_file").replace_strict(order, return_dtype=pl.Int64)
    several = whole.filter(repeated).sort("id", rank, "source_row", "rule", maintain_order=True)
    kept, conflicts, elsewhere = [whole.filter(~repeated)], list[Conflict](), list[pl.DataFrame]()
    for kind, rows in _by_kind(table, several, rules):
        joined, found, told = _merged(table, kind, rows, rules)
        kept.append(joined)
        conflicts.extend(found)
        elsewhere.extend(told)
    return Merged(
        pl.concat(kept, how="vertical_relaxed"),
        conflicts,
        pl.concat([pl.DataFrame(schema=ELSEWHERE), *elsewhere]),
    )


def _by_kind(
    table: str, rows: pl.DataFrame, rules: Mapping[str, RulePlan]
) -> list[tuple[str | None, pl.DataFrame]]:
    """Return the rows by what they are records of; for components by their element."""
    if table in SHARED_TABLES:
        return [(None, rows)]
    if table == COMPONENTS:
        kind = rows["data_element"]
    else:
        records = {rule: rules[rule].record for rule in rows["rule"].unique().to_list()}
        kind = rows["rule"].replace_strict(list(records), list(records.values()), return_dtype=pl.String)
    named = rows.with_columns(kind.alias("_kind"))
    groups = named.partition_by("_kind", as_dict=True, include_key=False, maintain_order=True)
    return [(str(name), group) for (name,), group in sorted(groups.items())]


def _merged(
    table: str, kind: str | None, rows: pl.DataFrame, rules: Mapping[str, RulePlan]
) -> tuple[pl.DataFrame, list[Conflict], list[pl.DataFrame]]:
    content = [name for name in rows.columns if name not in WHO]
    compared = [name for name in content if not name.endswith(("_delivered", "_delivered_unit"))]
    said = rows.group_by("id", maintain_order=True).agg(
        *(_different(name, reasons=ABSENT in content).alias(name) for name in compared)
    )
    singular = all(rules[rule].singular for rule in rows["rule"].unique().to_list())
    conflicts: list[Conflict] = []
    dropped = pl.Series("id", [], dtype=pl.String)
    for target, names, required in _targets(rows, content, rules):
        clashing = [pl.col(name) > 1 for name in names if name in compared]
        ids = said.filter(pl.any_horizontal(clashing))["id"] if clashing else dropped.clear()
        if ids.is_empty():
            continue
        torn = pl.col("id").is_in(ids.implode())
        element = kind if table == COMPONENTS else None
        conflicts.append(Conflict(table, target, rows.filter(torn).select(WHO), element))
        if required or not singular:
            dropped = pl.concat([dropped, ids])
        else:
            rows = rows.with_columns(pl.when(~torn).then(pl.col(name)).alias(name) for name in names)
    rows = rows.filter(~pl.col("id").is_in(dropped.implode()))
    joined = (
        rows.group_by("id", maintain_order=True)
        .agg(
            *(pl.col(name).first() for name in WHO if name != "id"),
            *(pl.col(name).drop_nulls().first() for name in content),
        )
        .select(rows.columns)
    )
    return joined, conflicts, _elsewhere(rows, content)


def _elsewhere(rows: pl.DataFrame, content: Sequence[str]) -> list[pl.DataFrame]:
    """Return by whom a column was told, where not by the first row of its id; column by column, since
    the rows of a large feed times their columns would not fit."""
    first = rows["id"].is_first_distinct()
    found = []
    for name in content:
        filled = rows[name].is_not_null()
        if (filled & ~first).any():
            teller = rows.select(*ELSEWHERE_FROM, opens=first).filter(filled)
            told = teller.unique("id", keep="first", maintain_order=True).filter(~pl.col("opens"))
            found.append(told.select(*ELSEWHERE_FROM, column=pl.lit(name)).select(*ELSEWHERE))
    return found


def _different(name: str, *, reasons: bool) -> pl.Expr:
    """Return how many different things rows say of a column; why there is no value is one beside a value."""
    told = pl.col(name).drop_nulls().n_unique()
    if not reasons or not name.startswith("value_"):
        return told
    return told + (pl.col(name).is_not_null().any() & pl.col(ABSENT).is_not_null().any()).cast(pl.UInt32)


def _targets(
    rows: pl.DataFrame, content: list[str], rules: Mapping[str, RulePlan]
) -> list[tuple[str, list[str], bool]]:
    """Return each target (column or composite) with its columns, and whether a rule requires it."""
    known: dict[str, bool] = {}
    for rule_id in rows["rule"].unique().sort().to_list():
        for item in rules[rule_id].fields:
            if item.column is not None:
                known[item.column] = known.get(item.column, False) or item.required
    found = []
    left = dict.fromkeys(content)
    for target in sorted(known, key=lambda name: (-len(name), name)):
        names = [name for name in left if name == target or name.startswith(f"{target}_")]
        for name in names:
            del left[name]
        if names:
            found.append((target, names, known[target]))
    found.extend((name, [name], True) for name in sorted(left))
    return found

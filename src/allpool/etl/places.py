"""Where a column of a harmonised row stands in what the centre sent: file, sheet, row and column."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import polars as pl

from allpool.etl.delivery import Delivery
from allpool.etl.transform.records import SUBJECT
from allpool.etl.transform.source import SourceFrame, joined_name
from allpool.etl.transform.transform import Harmonised
from allpool.mappings.plan import CompiledMapping, FieldPlan, RulePlan, SourcePlan, condition_columns

PLACE: Final = pl.Schema(
    {
        "source_file": pl.String,
        "file": pl.String,
        "sheet": pl.String,
        "row": pl.Int64,
        "source_column": pl.String,
        "value": pl.String,
        "record": pl.String,
        "study": pl.String,
        "centre": pl.String,
        "patient_id": pl.String,
    }
)
"""What `Places.find` adds. `source_column` is null where no column of the file stands behind the table's."""

COMPONENTS: Final = "observation_component"
KEYS: Final = ("table", "id", "column")
"""Columns that say which cell of a table is asked for."""
LINEAGE: Final = pl.Schema(
    {
        "id": pl.String,
        "rule": pl.String,
        "source_file": pl.String,
        "source_row": pl.Int64,
        "study": pl.String,
        "centre": pl.String,
    }
)
"""What the tables tell of where a row comes from."""
LENT: Final = pl.Schema(
    {
        "_key": pl.String,
        "source_file": pl.String,
        "file": pl.String,
        "sheet": pl.String,
        "row": pl.Int64,
        "value": pl.String,
    }
)
"""A cell that another source lends to a join, by the patient's key there."""
REFERRING: Final = ("subject_id", *SUBJECT.values())
"""Columns that refer to the patient, of which a table has one."""
PATIENT_COLUMNS: Final = frozenset({"id", "identifier", *REFERRING})
"""Columns of the tables that say whose the row is: the patient key stands behind them."""


class Places:
    """The cells behind the rows of one feed."""

    def __init__(self, delivery: Delivery, harmonised: Harmonised, mapping: CompiledMapping) -> None:
        self._tables, self._elsewhere = harmonised.tables, harmonised.elsewhere
        self._plans = {plan.name: plan for plan in mapping.sources}
        self._rules = {rule.id: rule for plan in mapping.sources for rule in plan.rules}
        self._frames = {file.frame.id: file.frame for file in delivery.files}

    def find(self, cells: pl.DataFrame) -> pl.DataFrame:
        """Return `cells` (with table, id, column) with the columns of PLACE, in the same order.

        A row that several source rows have told has each column at the row that told it; a joined column
        stands in the file that lends it, a computed one in the columns that it is made of. Rows that this
        feed has not staged have no place.
        """
        rows = cells.with_row_index("_n").with_columns(pl.col(name).cast(pl.String) for name in KEYS)
        parts: list[pl.DataFrame] = []
        for (table,), asked in rows.partition_by("table", as_dict=True, maintain_order=True).items():
            traced = self._traced(str(table), asked)
            by = ["rule", "source_file", "column", "data_element"]
            for (rule, file, column, element), group in traced.partition_by(
                by, as_dict=True, maintain_order=True
            ).items():
                parts.append(
                    self._placed(group, str(table), self._rules.get(str(rule)), file, str(column), element)
                )
        empty = pl.DataFrame(schema={"_n": pl.UInt32, **PLACE})
        placed = pl.concat([empty, *(part.select(*empty.columns) for part in parts)])
        kept = cells.drop(name for name in PLACE if name in cells.columns).with_row_index("_n")
        return kept.join(placed, on="_n", how="left", maintain_order="left").drop("_n")

    def _traced(self, table: str, asked: pl.DataFrame) -> pl.DataFrame:
        """Return `_n`, `column` and the lineage of the row that told the column."""
        rows = self._tables.get(table, pl.DataFrame(schema=LINEAGE))
        subject = next((name for name in REFERRING if name in rows.columns), "id")
        element = "data_element" if "data_element" in rows.columns else None
        lineage = rows.select(
            "id",
            *(pl.col(name).cast(pl.String) for name in ("rule", "source_file", "study", "centre")),
            pl.col("source_row").cast(pl.Int64),
            patient_id=subject,
            data_element=pl.col(element) if element else pl.lit(None, dtype=pl.String),
        )
        if table == COMPONENTS and "observation_id" in rows.columns and "observation" in self._tables:
            whose = rows.select("id", "observation_id").join(
                self._tables["observation"].select(observation_id="id", patient_id="subject_id"),
                on="observation_id",
                how="left",
            )
            lineage = lineage.drop("patient_id").join(whose.select("id", "patient_id"), on="id", how="left")
        found = asked.select("_n", "id", "column").join(lineage, on="id", how="left", maintain_order="left")
        told = self._elsewhere.get(table)
        if told is None:
            return found
        names = ("rule", "source_file", "source_row")
        return (
            found.join(told, on=["id", "column"], how="left", suffix="_told", maintain_order="left")
            .with_columns(pl.coalesce(f"{name}_told", name).alias(name) for name in names)
            .drop(f"{name}_told" for name in names)
        )

    def _placed(
        self,
        group: pl.DataFrame,
        table: str,
        rule: RulePlan | None,
        source_file: object,
        column: str,
        element: object,
    ) -> pl.DataFrame:
        source = self._frames.get(str(source_file))
        none = pl.lit(None, dtype=pl.String)
        placed = group.with_columns(
            row=pl.col("source_row"),
            file=pl.lit(source.file) if source else none,
            sheet=pl.lit(source.sheet, dtype=pl.String) if source else none,
            record=pl.lit(rule.record) if rule else none,
            source_column=none,
            value=none,
        )
        if source is None or rule is None:
            return placed
        plan = self._plans[source.source]
        for names in _behind(rule, plan, table, column, element):
            for name in names:
                here = self._at(placed, source, plan, name)
                if here is not None:
                    return here
        return placed

    def _at(
        self, placed: pl.DataFrame, source: SourceFrame, plan: SourcePlan, name: str
    ) -> pl.DataFrame | None:
        lent = self._lent(placed, source, plan, name)
        return self._own(placed, source, plan, name) if lent is None else lent

    def _own(
        self, placed: pl.DataFrame, source: SourceFrame, plan: SourcePlan, name: str
    ) -> pl.DataFrame | None:
        """Return rows at the column `name` of their file, or at the columns that it is computed from."""
        cells = _cells(plan, source, name)
        if not cells:
            return None
        filled = [pl.when(pl.col(cell).is_not_null()).then(pl.lit(cell)) for cell in cells]
        wanted = source.frame.select(
            pl.col("_row").cast(pl.Int64).alias("row"),
            # what a patient is called at the centre is kept nowhere
            value=pl.lit(None, dtype=pl.String) if name in plan.patient.column else pl.coalesce(cells),
            source_column=pl.coalesce(*filled, pl.lit(cells[0])),
        )
        return placed.drop("value", "source_column").join(wanted, on="row", how="left", maintain_order="left")

    def _lent(
        self, placed: pl.DataFrame, source: SourceFrame, plan: SourcePlan, name: str
    ) -> pl.DataFrame | None:
        """Return rows at the cell of another source, by the patient's key, where `name` is joined."""
        for join in plan.joins:
            column = next((item for item in join.columns if joined_name(join.source, item) == name), None)
            key = next((item for item in plan.patient.column if item in source.columns), None)
            if column is None or key is None:
                continue
            lent = self._lenders(join.source, column)
            keys = source.frame.select(pl.col("_row").cast(pl.Int64).alias("row"), _key=key)
            found = (
                placed.join(keys, on="row", how="left", maintain_order="left")
                .drop("value", "source_column")
                .join(lent, on="_key", how="left", suffix="_lent", maintain_order="left")
            )
            here = pl.col("file_lent").is_not_null()
            return found.with_columns(
                *(
                    pl.when(here).then(f"{part}_lent").otherwise(part).alias(part)
                    for part in ("source_file", "file", "sheet", "row")
                ),
                source_column=pl.when(here).then(pl.lit(column)),
            )
        return None

    def _lenders(self, source: str, column: str) -> pl.DataFrame:
        """Return the first filled cell of `column` by patient key, with its place."""
        parts = [pl.DataFrame(schema=LENT)]
        for frame in sorted(self._frames.values(), key=lambda item: (item.file, item.sheet or "")):
            key = next((item for item in self._plans[source].patient.column if item in frame.columns), None)
            if frame.source != source or key is None or column not in frame.columns:
                continue
            parts.append(
                frame.frame.filter(pl.col(column).is_not_null() & pl.col(key).is_not_null()).select(
                    _key=key,
                    source_file=pl.lit(frame.id),
                    file=pl.lit(frame.file),
                    sheet=pl.lit(frame.sheet, dtype=pl.String),
                    row=pl.col("_row").cast(pl.Int64),
                    value=column,
                )
            )
        return pl.concat(parts).unique("_key", keep="first", maintain_order=True)


def _behind(
    rule: RulePlan, plan: SourcePlan, table: str, column: str, element: object
) -> Iterator[Sequence[str]]:
    """Yield the columns (each as the names it may have) that may stand behind `column`, best first."""
    fields = _fields(rule, table, column, element)
    yield from (item.binding.column for item in fields if item.binding.column)
    yield from (names for item in fields for names in condition_columns(item.binding.when))
    if column in PATIENT_COLUMNS and not fields:
        yield plan.patient.column
    elif not any(item.binding.column for item in fields):
        yield from condition_columns(rule.when)  # what the mapping itself says, it says because of these


def _fields(rule: RulePlan, table: str, column: str, element: object) -> list[FieldPlan]:
    """Return the fields that fill `column` of `table`; the longest name fits best."""
    if table == COMPONENTS:
        return [item for item in rule.fields if item.is_component and item.element == element]
    if table == "specimen" and rule.table != table:
        if column.startswith("type"):
            return [item for item in rule.fields if item.is_specimen]
        column = column.replace("collected", "effective", 1)
    own = [item for item in rule.fields if not item.is_component and item.column]
    fitting = [item for item in own if column == item.column or column.startswith(f"{item.column}_")]
    if not fitting:
        fitting = [item for item in rule.fields if item.is_component and item.element == column]
    if not fitting and (column == "value" or column.startswith("value_")):
        fitting = [item for item in own if item.is_value]
    return sorted(fitting, key=lambda item: -len(item.column or ""))


def _cells(plan: SourcePlan, source: SourceFrame, name: str) -> list[str]:
    """Return the file's columns behind `name`, the most telling first."""
    if name in source.columns:
        return [name]
    if name not in plan.computed:
        return []
    function, columns, _ = plan.computed[name]
    parts = [cell for names in columns for item in names for cell in _cells(plan, source, item)]
    # days between two dates are wrong by the later one as a rule
    return parts[::-1] if function == "days_between" else parts

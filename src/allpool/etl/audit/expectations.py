# ruff: noqa: ARG002, ARG003 (the library prescribes the arguments)
"""Our expectations for Great Expectations. Import this module only where the audit runs: it takes seconds.

Two needs that the library's own do not meet. Its expectations say how many rows fail only together with some
of the values that failed; ours say how many, and no value leaves the database. And its expectation for a
query of one's own scans the table twice for each rule; ours puts the conditions of all rules of a table into
one statement, as its native expectations do.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Iterable
from typing import Any, ClassVar

from great_expectations.core.id_dict import IDDict
from great_expectations.core.metric_domain_types import MetricDomainTypes
from great_expectations.core.metric_function_types import MetricPartialFunctionTypes
from great_expectations.execution_engine.sqlalchemy_execution_engine import SqlAlchemyExecutionEngine
from great_expectations.expectations.core.expect_column_values_to_be_between import (
    ExpectColumnValuesToBeBetween,
)
from great_expectations.expectations.core.expect_column_values_to_be_in_set import ExpectColumnValuesToBeInSet
from great_expectations.expectations.core.expect_column_values_to_not_be_null import (
    ExpectColumnValuesToNotBeNull,
)
from great_expectations.expectations.expectation import BatchExpectation
from great_expectations.expectations.metrics.metric_provider import metric_partial, metric_value
from great_expectations.expectations.metrics.table_metric_provider import TableMetricProvider
from great_expectations.expectations.registry import get_metric_kwargs
from great_expectations.render.components import (
    LegacyDiagnosticRendererType,
    LegacyRendererType,
    RenderedStringTemplateContent,
)
from great_expectations.render.renderer.renderer import renderer
from great_expectations.validator.metric_configuration import MetricConfiguration
from great_expectations.validator.validator import ValidationDependencies
from sqlalchemy import case, column, func, literal_column, select, table, text

FAILED = "unexpected_count"
ROWS = "element_count"
SAID = ("rule", "category", "context", "severity", "expected", "source")
"""Of an expectation's meta, what Data Docs say."""


class Told:
    """What Data Docs say of an expectation: its rule's sentence, and how many rows fail it."""

    @classmethod
    @renderer(renderer_type=LegacyRendererType.PRESCRIPTIVE)
    def _prescriptive_renderer(
        cls, configuration: Any = None, result: Any = None, runtime_configuration: Any = None
    ) -> list[Any]:
        meta = (result.expectation_config if result is not None else configuration).meta
        params = {name: meta[name] or "" for name in SAID}
        sentence = "$rule ($category, $context; $severity): $expected $source"
        template = {"template": sentence, "params": params}
        return [RenderedStringTemplateContent(content_block_type="string_template", string_template=template)]

    @classmethod
    @renderer(renderer_type=LegacyDiagnosticRendererType.OBSERVED_VALUE)
    def _diagnostic_observed_value_renderer(
        cls, configuration: Any = None, result: Any = None, runtime_configuration: Any = None
    ) -> str:
        found = result.result
        return (
            f"{found[FAILED]:,} of {found[ROWS]:,} rows fail" if ROWS in found else f"{found[FAILED]:,} fail"
        )


class Counted:
    """Makes of a native expectation one that counts its failing rows: one metric, and no value."""

    map_metric: ClassVar[str]

    def get_validation_dependencies(
        self, execution_engine: Any = None, runtime_configuration: Any = None, **kwargs: Any
    ) -> ValidationDependencies:
        """Return the one metric wanted: the count, and not the values that the library selects beside it.

        Nor the rows looked at and the nulls among them, which the staged rows' own counts tell. The library
        builds its configurations several times for each of its metrics, which costs more than the statement.
        """
        name = f"{self.map_metric}.unexpected_count"
        wanted = get_metric_kwargs(metric_name=name)
        metric = MetricConfiguration(
            metric_name=name,
            metric_domain_kwargs=IDDict(self._said(wanted["metric_domain_keys"])),
            metric_value_kwargs=IDDict(self._said(wanted["metric_value_keys"])),
        )
        # BASIC, or the library empties the result.
        return ValidationDependencies({name: metric}, {"result_format": "BASIC"})

    def _said(self, names: Iterable[str]) -> dict[str, Any]:
        return {name: getattr(self, name, None) for name in names}

    def _validate(
        self, metrics: dict[str, Any], runtime_configuration: Any = None, execution_engine: Any = None
    ) -> dict[str, Any]:
        count = int(metrics[f"{self.map_metric}.unexpected_count"] or 0)
        return {"success": count == 0, "result": {FAILED: count}}


class ExpectAllpoolNotNull(Told, Counted, ExpectColumnValuesToNotBeNull):  # type: ignore[misc]
    """The library's own expectation, counted."""


class ExpectAllpoolInSet(Told, Counted, ExpectColumnValuesToBeInSet):  # type: ignore[misc]
    """The library's own expectation, counted."""


class ExpectAllpoolBetween(Told, Counted, ExpectColumnValuesToBeBetween):  # type: ignore[misc]
    """The library's own expectation, counted."""


class AllpoolFailingRows(TableMetricProvider):
    """Rows of the batch for which a condition on the row is true; joins the table's one statement."""

    metric_name = "allpool.failing_rows"
    value_keys = ("predicate",)

    @metric_partial(
        engine=SqlAlchemyExecutionEngine,
        partial_fn_type=MetricPartialFunctionTypes.AGGREGATE_FN,
        domain_type=MetricDomainTypes.TABLE,
    )
    def _sqlalchemy(
        cls,  # noqa: N805 # the library calls it as a class method
        execution_engine: Any,
        metric_domain_kwargs: Any,
        metric_value_kwargs: dict[str, str],
        metrics: Any,
        runtime_configuration: Any,
    ) -> Any:
        condition: Any = literal_column(metric_value_kwargs["predicate"])
        count = func.coalesce(func.sum(case((condition, 1), else_=0)), 0)
        return count, metric_domain_kwargs, {}


class AllpoolFailingKeys(TableMetricProvider):
    """Rows whose key a query finds; a statement of its own, which databases turn into joins.

    Asked as our own selection asks, whether a row's key is among those found: databases plan the query alone
    in another way, at a million rows once in fifty seconds instead of half of one.
    """

    metric_name = "allpool.failing_keys"
    value_keys = ("keys", "staged")

    @metric_value(engine=SqlAlchemyExecutionEngine)
    def _sqlalchemy(
        cls,  # noqa: N805 # the library calls it as a class method
        execution_engine: Any,
        metric_domain_kwargs: Any,
        metric_value_kwargs: dict[str, str],
        metrics: Any,
        runtime_configuration: Any,
    ) -> Any:
        keys = text(metric_value_kwargs["keys"].replace(":", r"\:"))
        rows = table(metric_value_kwargs["staged"], column("id"))
        counted = execution_engine.execute_query(
            select(func.count()).select_from(rows).where(rows.c.id.in_(keys))
        )
        return int(counted.scalar_one())


class Counting(Told, BatchExpectation, ABC):
    """Base of expectations of our own: the one metric they depend on is the number of failing rows."""

    def _validate(
        self, metrics: dict[str, Any], runtime_configuration: Any = None, execution_engine: Any = None
    ) -> dict[str, Any]:
        count = int(metrics[self.metric_dependencies[0]])
        return {"success": count == 0, "result": {FAILED: count}}


class ExpectAllpoolNoFailingRow(Counting):
    """No row of the table meets `predicate`, a condition in the database's SQL on the row itself."""

    predicate: str
    metric_dependencies = ("allpool.failing_rows",)
    success_keys = ("predicate",)


class ExpectAllpoolNoFailingKey(Counting):
    """No row of the table has a key that the query `keys` finds, which looks into other tables."""

    keys: str
    staged: str
    """Name of the staging table."""
    metric_dependencies = ("allpool.failing_keys",)
    success_keys = ("keys", "staged")

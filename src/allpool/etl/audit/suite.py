"""Great Expectations as the engine: one suite per staging table and centre, one expectation per rule.

The suites of the centres in a batch are run as one over its table: a rule's expectation is the same for all
of them, and the library's cost is by the expectation. What it counts together, our query of the failing rows
takes apart by centre, and both must agree.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from itertools import groupby
from typing import Any, Final

from sqlalchemy import ClauseElement, ColumnElement, Engine, column, func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.sql.visitors import replacement_traverse

from allpool.errors import BrokenRuleError, StoreError
from allpool.etl.audit.rules import Between, InSet, NotNull, Rule, Severity
from allpool.models import STAGING

ADDRESS: Final = "ALLPOOL_AUDIT_STORE"
_loading = threading.Lock()


def preload() -> threading.Thread:
    """Start to import Great Expectations in the background, while the night reads; return the thread."""
    thread = threading.Thread(target=_library, name="great-expectations", daemon=True)
    thread.start()
    return thread


def failing_counts(engine: Engine, rules: Sequence[Rule]) -> Mapping[str, int]:
    """Return rule id -> number of staged rows that fail, as Great Expectations counts them.

    What is staged must be committed: the library opens connections of its own. Raises `BrokenRuleError` where
    a rule cannot be evaluated (the library would only call that a failed rule), `StoreError` where the
    store has no address that a second connection can use.
    """
    if not rules:
        return {}
    found: dict[str, int] = {}
    library = _library()
    with library_silent(), _source(engine) as source:
        for table, group in groupby(sorted(rules, key=lambda rule: rule.table), key=lambda rule: rule.table):
            found.update(_table_counts(engine, source, library, table, tuple(group)))
    return found


def _library() -> Any:
    """Import our expectations and with them the library, once, whichever thread comes first."""
    with _loading, library_silent():
        return import_module("allpool.etl.audit.expectations")


@contextmanager
def library_silent() -> Iterator[None]:
    """Keep the library's log away: it repeats SQL and database messages, and these can quote a cell."""
    logger = logging.getLogger("great_expectations")
    level, propagate = logger.level, logger.propagate
    logger.setLevel(logging.CRITICAL + 1)
    logger.propagate = False
    try:
        yield
    finally:
        logger.setLevel(level)
        logger.propagate = propagate


@contextmanager
def _source(engine: Engine) -> Iterator[Any]:
    """Open the store as a data source of an ephemeral context: nothing is written or sent anywhere."""
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    # By name: the library's own reading of an address refuses sockets, and its log would show a password.
    url = engine.url.render_as_string(hide_password=False)
    context = gx.get_context(mode="ephemeral", runtime_environment={ADDRESS: url})
    context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
    if engine.dialect.name == "sqlite":
        if engine.url.database in (None, "", ":memory:"):
            raise StoreError("the audit reads the store by a second connection; use a file, not memory")
        source: Any = context.data_sources.add_sqlite(
            "store", connection_string=f"${{{ADDRESS}}}", create_temp_table=False
        )
    else:
        source = context.data_sources.add_postgres(
            "store", connection_string=f"${{{ADDRESS}}}", create_temp_table=False
        )
    try:
        yield source
    finally:
        execution = source.get_execution_engine()
        execution.close()
        execution.engine.dispose()
        source.get_engine().dispose()


def _table_counts(
    engine: Engine, source: Any, library: Any, table: str, rules: Sequence[Rule]
) -> Iterator[tuple[str, int]]:
    import great_expectations as gx

    suite = gx.ExpectationSuite(table, expectations=[_expectation(engine, library, rule) for rule in rules])
    asset = source.add_table_asset(table, table_name=STAGING[table].name)
    batch = asset.add_batch_definition_whole_table("all").get_batch()
    outcome = batch.validate(suite, result_format="BASIC")
    by_rule = {result.expectation_config.meta["rule"]: result for result in outcome.results}
    broken = sorted(rule.id for rule in rules if _raised(by_rule[rule.id].exception_info))
    if broken:
        raise BrokenRuleError(_broken(engine, rules, broken))
    for rule in rules:
        yield rule.id, int(by_rule[rule.id].result[library.FAILED])


def centre_suite(
    engine: Engine, rules: Iterable[Rule], *, feed: str, table: str, severities: Mapping[str, Severity]
) -> Any:
    """Return the `ExpectationSuite` of one feed's rows in one table.

    Each expectation's `meta` has its rule, Kahn's category and context, the severity in force for this feed
    (`severities`, else the rule's own), its source and its sentence.
    """
    import great_expectations as gx

    library = _library()
    expectations = [_expectation(engine, library, rule, severity=severities.get(rule.id)) for rule in rules]
    meta = {"feed": feed, "table": table}
    return gx.ExpectationSuite(suite_name(feed, table), expectations=expectations, meta=meta)


def suite_name(feed: str, table: str) -> str:
    """Return what the suite of one feed's rows in one table is called."""
    return f"{feed}.{table}"


def _expectation(engine: Engine, library: Any, rule: Rule, *, severity: Severity | None = None) -> Any:
    from great_expectations.expectations.row_conditions import Column

    meta = {
        "rule": rule.id,
        "category": rule.category,
        "context": rule.context,
        "severity": severity or rule.severity,
        "source": rule.source,
        "expected": rule.expected,
    }
    where = {"row_condition": Column("data_element") == rule.rows[0]} if rule.rows else {}
    match rule.native:
        case NotNull(name):
            return library.ExpectAllpoolNotNull(column=name, meta=meta, **where)
        case InSet(name, values):
            return library.ExpectAllpoolInSet(column=name, value_set=list(values), meta=meta, **where)
        case Between(name, low, high):
            return library.ExpectAllpoolBetween(
                column=name, min_value=low, max_value=high, meta=meta, **where
            )
        case None:
            if rule.keys is not None:
                return library.ExpectAllpoolNoFailingKey(
                    keys=_sql(engine, rule.keys), staged=STAGING[rule.table].name, meta=meta
                )
            return library.ExpectAllpoolNoFailingRow(predicate=_sql(engine, _bare(rule)), meta=meta)


def _bare(rule: Rule) -> ColumnElement[bool]:
    """Return the rule's condition without its table's name: the library gives tables names of its own."""
    staged = STAGING[rule.table]

    def bare(element: Any, **_: Any) -> Any:
        return column(element.name, element.type) if getattr(element, "table", None) is staged else None

    return replacement_traverse(rule.predicate, {}, bare)


def _sql(engine: Engine, clause: ClauseElement) -> str:
    """Return `clause` as text; parameter style `named`, since others double a percent sign."""
    dialect_class: Any = type(engine.dialect)
    dialect = dialect_class(paramstyle="named")
    return str(clause.compile(dialect=dialect, compile_kwargs={"literal_binds": True}))


def _raised(information: Mapping[str, Any]) -> bool:
    """Return whether `exception_info` tells of an exception; the library nests it by metric at times."""
    if "raised_exception" in information:
        return bool(information["raised_exception"])
    return any(_raised(nested) for nested in information.values() if isinstance(nested, Mapping))


def _broken(engine: Engine, rules: Sequence[Rule], broken: Sequence[str]) -> str:
    """Name the rules that cannot be evaluated by themselves; without the message, which can quote a cell."""
    guilty = []
    for rule in rules:
        try:
            with engine.connect() as connection:
                connection.execute(
                    select(func.count()).select_from(STAGING[rule.table]).where(rule.predicate)
                )
        except SQLAlchemyError as error:
            guilty.append(f"{rule.id} ({type(error).__name__})")
    named = ", ".join(guilty) or f"{', '.join(broken[:3])} (only inside Great Expectations)"
    return f"the audit cannot evaluate {named} on {engine.dialect.name}"

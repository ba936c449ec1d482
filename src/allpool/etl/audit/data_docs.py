"""Data Docs: Great Expectations' own pages of one night, per centre and table, in the run's own folder.

They hold rules and counts: no value, and no key of a row. The library's pages ask servers elsewhere for their
styles, scripts and pictures; these references are taken out, so that opening a page asks nobody.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine

from allpool.etl.audit.findings import Audited
from allpool.etl.audit.judgement import RuleResult
from allpool.etl.audit.rules import Rule
from allpool.etl.audit.suite import centre_suite, library_silent

OUTSIDE: Final = re.compile(
    r"<script[^>]*\ssrc=[\"']https?:[^>]*>\s*</script>|<link[^>]*\shref=[\"']https?:[^>]*>"
    r"|<a[^>]*\shref=[\"']https?:[^>]*>.*?</a>|<(?:img|source)[^>]*=[\"']https?:[^>]*>",
    re.IGNORECASE | re.DOTALL,
)
"""Styles, scripts, pictures (one with the time of the run in its address) and a newsletter's link."""
STYLE: Final = """<style>
body{font-family:sans-serif;margin:1rem;color:#222}table{border-collapse:collapse;margin:.5rem 0}
td,th{border:1px solid #ccc;padding:.25rem .5rem;text-align:left;vertical-align:top}
.navbar,.nav,footer,.modal,.cooltip,.btn{display:none}
</style>"""


@dataclass(frozen=True)
class Page:
    """One page: a feed's rows in one table."""

    feed: str
    table: str
    rules: int
    failed: int
    path: str


def write_data_docs(
    folder: Path, audited: Iterable[Audited], rules: Iterable[Rule], *, engine: Engine, now: datetime
) -> list[Page]:
    """Write the suites and pages of one audit into `folder`; return the pages, without an index.

    Beside each page, `<table>.suite.json` is the suite as the library reads it.
    """
    known = {rule.id: rule for rule in rules}
    pages = []
    with library_silent():
        for found in audited:
            for table, results in _by_table(found, known).items():
                suite = centre_suite(
                    engine,
                    [known[result.rule] for result in results],
                    feed=found.feed,
                    table=table,
                    severities={result.rule: result.severity for result in results},
                )
                place = folder / found.feed
                place.mkdir(parents=True, exist_ok=True)
                text = json.dumps(suite.to_json_dict(), indent=1, sort_keys=True)
                (place / f"{table}.suite.json").write_text(text, encoding="utf-8")
                page = _page(suite, results, run=found.run, table=table, now=now)
                (place / f"{table}.html").write_text(page, encoding="utf-8")
                failed = sum(not result.success for result in results)
                pages.append(Page(found.feed, table, len(results), failed, f"{found.feed}/{table}.html"))
    return pages


def write_index(folder: Path, pages: Iterable[Page], *, title: str) -> Path:
    """Write the list of all pages of a night; return its path."""
    lines = [
        f'<tr><td>{escape(page.feed)}</td><td><a href="{escape(page.path)}">{escape(page.table)}</a></td>'
        f"<td>{page.rules}</td><td>{page.failed}</td></tr>"
        for page in sorted(pages, key=lambda page: (page.feed, page.table))
    ]
    head = "<tr><th>feed</th><th>table</th><th>rules</th><th>not kept</th></tr>"
    shown = escape(title)
    text = (
        f'<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>{shown}</title>{STYLE}</head>'
        f"<body><h1>{shown}</h1><table>{head}{''.join(lines)}</table></body></html>"
    )
    folder.mkdir(parents=True, exist_ok=True)
    index = folder / "index.html"
    index.write_text(text, encoding="utf-8")
    return index


def _by_table(found: Audited, known: Mapping[str, Rule]) -> dict[str, list[RuleResult]]:
    tables: dict[str, list[RuleResult]] = {}
    for result in found.results:
        if result.rule in known:
            tables.setdefault(result.table, []).append(result)
    return tables


def _page(suite: Any, results: Iterable[RuleResult], *, run: int, table: str, now: datetime) -> str:
    """Return the library's page of what one suite found."""
    from great_expectations.core.expectation_validation_result import ExpectationSuiteValidationResult
    from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer
    from great_expectations.render.view.view import DefaultJinjaPageView

    configurations = {item.meta["rule"]: item.configuration for item in suite.expectations}
    validated = [_validated(configurations[result.rule], result) for result in results]
    kept = sum(1 for item in validated if item.success)
    outcome = ExpectationSuiteValidationResult(
        success=kept == len(validated),
        results=validated,
        suite_name=suite.name,
        statistics={
            "evaluated_expectations": len(validated),
            "successful_expectations": kept,
            "unsuccessful_expectations": len(validated) - kept,
            "success_percent": 100.0 * kept / len(validated),
        },
        meta={
            "run_id": {"run_name": f"night {run}", "run_time": now.isoformat()},
            "batch_spec": {"data_asset_name": table},
        },
    )
    view: Any = DefaultJinjaPageView()
    page: str = view.render(ValidationResultsPageRenderer().render(outcome))
    return OUTSIDE.sub("", page).replace("</head>", f"{STYLE}</head>", 1)


def _validated(configuration: Any, result: RuleResult) -> Any:
    """Return what the library calls the result of an expectation, for one feed."""
    from great_expectations.core.expectation_validation_result import ExpectationValidationResult

    found = {"element_count": result.rows, "unexpected_count": result.failed}
    return ExpectationValidationResult(
        success=result.success, expectation_config=configuration, result=found, meta={"raised": result.raised}
    )

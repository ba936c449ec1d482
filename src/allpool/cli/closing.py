"""What the night says when it ends: an account per feed, then the results."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress
from typing import TYPE_CHECKING, Any, Final

from allpool.cli.options import wide_console

if TYPE_CHECKING:
    from rich.console import Console

    from allpool.analysis.plans.night import Headline
    from allpool.config import Consortium
    from allpool.etl.feed import FeedResult
    from allpool.etl.night import NightReport

ROOMY: Final = 132
"""Columns of a terminal that takes the whole account; a narrower one is spared what can be looked up."""
CELLS: Final = ("read", "loaded", "unchanged", "quarantined", "ignored", "empty")


def print_report(consortium: Consortium, report: NightReport[Any]) -> None:
    """Print the account of each feed, what stopped one, the results and the exit code."""
    from rich import box
    from rich.table import Table

    console = wide_console()
    synthetic = " (SYNTHETIC patients)" if consortium.synthetic else ""
    table = Table(
        title=f"{consortium.name}: night {report.run}",
        caption="cells read = loaded + unchanged + quarantined + ignored + empty",
        title_justify="left",
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 1),
    )
    spared = {"records", "seconds"} if console.width < ROOMY else set()
    headings = ("feed", "state", "rows", *CELLS, "records", "waiting", "seconds")
    shown = [heading not in spared for heading in headings]
    for name in compress(headings, shown):
        table.add_column(
            "cells read" if name == "read" else name,
            justify="left" if name in ("feed", "state") else "right",
            overflow="fold",  # a number cut short would be another number
        )
    for result in report.feeds:
        table.add_row(*compress(_line(result), shown))
    table.add_section()
    table.add_row(*compress(("all", "", *_totals(report.feeds)), shown), style="bold")
    console.print(table)
    for result in report.feeds:
        if result.message:
            console.print(f"{result.feed}: {result.message}", style="yellow", markup=False)
    for result in report.feeds:
        for line in result.raised:
            console.print(f"{result.feed}: {line}", style="yellow", markup=False)
    if report.analysis:
        print_results(console, report.analysis, title=f"results{synthetic}")
    if report.data_docs is not None:
        console.print(f"Data Docs of the audit: {report.data_docs}", markup=False)
    waiting = sum(result.waiting for result in report.feeds)
    if waiting:
        console.print(f"{waiting} entries wait in quarantine: allpool quarantine list", markup=False)
    if report.queries:
        asked = "1 query waits" if report.queries == 1 else f"{report.queries} queries wait"
        console.print(f"{asked} for an answer or a decision: allpool queries list", markup=False)
    if report.candidates:
        pairs = "1 pair of patients" if report.candidates == 1 else f"{report.candidates} pairs of patients"
        console.print(f"{pairs} may be one person: allpool overlap list", markup=False)
    console.print(
        f"night {report.run}: {report.seconds:.1f} s, exit code {int(report.exit_code)}", markup=False
    )


def print_results(console: Console, found: Sequence[Headline], *, title: str) -> None:
    """Print the main statistics of each step under its question."""
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1))
    table.add_column("question", ratio=2)
    table.add_column("group")
    table.add_column("statistic")
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("95 % interval", no_wrap=True)
    table.add_column("n", justify="right")
    step = None
    for line in found:
        is_new = (line.plan, line.step) != step
        if is_new:
            table.add_section()
        step = (line.plan, line.step)
        question = line.question if is_new else ""
        if line.statistic == "refused":
            question = f"{question}\n  {line.note}"
        what = f"{line.statistic.replace('_', ' ')} {line.at}".strip()
        table.add_row(
            question, line.group, what, line.value, line.interval, "" if line.n is None else f"{line.n:,}"
        )
    console.print(table)


def _line(result: FeedResult) -> list[str]:
    counts = result.counts
    changed = f"+{counts.inserted:,} ~{counts.updated:,} -{counts.retracted:,}"
    return [
        result.feed,
        result.status,
        *_cells([result]),
        changed if result.status == "published" else "",
        f"{result.waiting:,}" if result.waiting else "",
        f"{result.seconds:.1f}",
    ]


def _totals(results: Sequence[FeedResult]) -> list[str]:
    waiting = sum(result.waiting for result in results)
    return [*_cells(results), "", f"{waiting:,}", f"{sum(result.seconds for result in results):.1f}"]


def _cells(results: Sequence[FeedResult]) -> list[str]:
    accounts = [account for result in results for account in result.accounts.values()]
    rows = sum(account.rows for account in accounts)
    return [f"{rows:,}", *(f"{sum(getattr(account, name) for account in accounts):,}" for name in CELLS)]

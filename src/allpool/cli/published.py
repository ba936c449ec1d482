"""allpool published: what papers print, beside what the store gives; and whether arithmetic allows it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from allpool.cli.options import config_options, json_option, open_config, open_store, show
from allpool.errors import ConfigError, ExitCode

if TYPE_CHECKING:
    from allpool.analysis.published.arithmetic.report import Report
    from allpool.analysis.published.recompute import RecordResult

COLUMNS = (
    "study",
    "record",
    "of",
    "printed",
    "corrected",
    "recomputed",
    "agreement",
    "method",
    "flags",
    "id",
)
WIDEST = 60
SHOWN = ("study", "record", "printed", "recomputed", "agreement")


@click.group(invoke_without_command=True)
@config_options
@click.option("--study", "studies", multiple=True, metavar="S", help="Only this study (may be repeated).")
@click.option("--differs", is_flag=True, help="Only figures that are not reproduced.")
@click.option(
    "--page",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the page (Markdown) there instead.",
)
@json_option
@click.pass_context
def published(
    context: click.Context,
    config_file: Path | None,
    store_url: str | None,
    studies: tuple[str, ...],
    differs: bool,
    page: Path | None,
    as_json: bool,
) -> int:
    """Each figure that the papers print, recomputed from the store, and whether they agree.

    An id leads `allpool trace` from a recomputed number to its subjects and source cells, once a night has
    stored it. With --json each line also says of whom, by which method and with which flags.

    `allpool published check` needs no store: it asks of any paper whether its figures are possible at all.

    Example: allpool published --config examples/consortium/allpool.toml --study 001
    """
    if context.invoked_subcommand is not None:
        return int(ExitCode.OK)
    from allpool.analysis.definitions.catalogue import load_catalogue
    from allpool.analysis.published.load import load_published
    from allpool.analysis.published.page import counts, founding_studies_page
    from allpool.analysis.published.recompute import recompute
    from allpool.analysis.store import read_derived

    consortium = open_config(config_file, store_url)
    catalogue = load_catalogue()
    folder = consortium.path(consortium.content.paths.published)
    files = load_published(folder, catalogue)
    known = [file.study for file in files]
    if unknown := sorted(set(studies) - set(known)):
        raise ConfigError(
            f"no published figures of study {', '.join(unknown)} in {folder.name}; there are those of "
            f"{', '.join(known) or 'none'}"
        )
    chosen = [file for file in files if not studies or file.study in studies]
    with open_store(config_file, store_url).connect() as connection:
        results = recompute(chosen, read_derived(connection), catalogue)
    if page is not None:
        page.write_text(founding_studies_page(chosen, results), encoding="utf-8")
        click.echo(str(page))
        return int(ExitCode.OK)
    lines = [line(result) for result in results if not differs or result.agreement == "differs"]
    if not as_json:
        lines = [{name: _short(text) for name, text in row.items()} for row in lines]
    show("published", COLUMNS if as_json else SHOWN, lines, as_json=as_json)
    if not as_json:
        found = counts(results)
        click.echo(f"{len(results)} records: " + ", ".join(f"{found[kind]} {kind}" for kind in sorted(found)))
    return int(ExitCode.OK)


@published.command("check")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--config",
    "config_file",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where no file or folder is named: the configuration whose published figures are checked.",
)
@click.option("--unchecked", is_flag=True, help="List the records that no check applies to, with the reason.")
@json_option
def check(paths: tuple[Path, ...], config_file: Path | None, unchecked: bool, as_json: bool) -> int:
    """Whether any data can give the figures that papers print: arithmetic alone, no patient, no store.

    PATHS are files of published figures or folders of them. Each finding says where the figure stands, which
    rule it breaks, why, and what would be possible; the exit code is 1 where there is one. The form of
    the files, the rules and their tolerances: docs/published-arithmetic.md.

    Example: allpool published check examples/consortium/published
    """
    from allpool.analysis.published.arithmetic.report import check_papers

    if not paths:
        consortium = open_config(config_file, None)
        paths = (consortium.path(consortium.content.paths.published),)
    report = check_papers(paths)
    if as_json:
        click.echo(json.dumps(report_lines(report), ensure_ascii=False))
    else:
        for text in report_text(report, unchecked=unchecked):
            click.echo(text)
    return int(ExitCode.NEEDS_A_PERSON if report.findings else ExitCode.OK)


def report_lines(report: Report) -> dict[str, Any]:
    """Return a report as plain data."""
    return {
        "records": report.records,
        "findings": [finding.line() for finding in report.findings],
        "undecided": [
            {"rule": item.rule, "records": [entry.id for entry in item.entries], "why": item.undecided}
            for item in report.undecided
        ],
        "not_checked": [
            {"study": item.entry.study, "record": item.entry.id, "reason": item.reason}
            for item in report.not_checked
        ],
        "unread": [
            {"study": item.entry.study, "record": item.entry.id, "reason": item.reason}
            for item in report.unread
        ],
    }


def report_text(report: Report, *, unchecked: bool = False) -> Iterator[str]:
    """Yield the lines of a report for a person."""
    for finding in report.findings:
        entry = finding.entry
        place = f"{entry.file}, line {entry.line}"
        yield f"{entry.study} {entry.id} ({place}): {finding.severity}, {finding.rule}"
        said = {"printed": finding.printed, "why": finding.why, "possible": finding.possible}
        said["with"] = ", ".join(finding.others)
        yield from (f"  {name:<9} {text}" for name, text in said.items() if text)
    for item in report.undecided:
        yield f"not decided: {', '.join(entry.id for entry in item.entries)} ({item.rule}): {item.undecided}"
    for left in report.unread:
        yield f"not read: {left.entry.study} {left.entry.id}, line {left.entry.line}: {left.reason}"
    reasons = Counter(item.reason for item in report.not_checked)
    if unchecked:
        for left in report.not_checked:
            yield f"not checked: {left.entry.study} {left.entry.id}: {left.reason}"
    kinds = Counter(finding.severity for finding in report.findings)
    checked = report.records - len(report.not_checked)
    yield (
        f"{report.records} records of {len(report.papers)} studies: {kinds['error']} errors, "
        f"{kinds['warning']} warnings, {len(report.undecided)} not decided; {checked} checked, "
        f"{len(report.not_checked)} not: "
        + (", ".join(f"{count} {reason}" for reason, count in reasons.most_common()) or "none")
    )


def line(result: RecordResult) -> dict[str, Any]:
    """Return one record as a row of a table."""
    from allpool.analysis.published.storing import result_id
    from allpool.analysis.published.wording import corrected_line, method_line, printed_line, recomputed_line

    record = result.record
    first = next((part for part in result.parts if part.compared and part.result is not None), None)
    reason = record.not_recomputed
    return {
        "study": result.study,
        "record": record.record,
        "of": record.population,
        "printed": printed_line(result),
        "corrected": corrected_line(result) or None,
        "recomputed": recomputed_line(result) or (reason.reason if reason is not None else None),
        "agreement": result.kind,
        "method": method_line(result) or None,
        "flags": _joined(record.flags),
        "id": None
        if first is None
        else result_id(result.study, record.record, first.name, first.compared[0].quantity),
    }


def _short(text: str | None) -> str | None:
    """Cut what is too long for a line of a table; --json and --page give it whole."""
    return text if text is None or len(text) <= WIDEST else f"{text[: WIDEST - 3]}..."


def _joined(flags: Sequence[str]) -> str | None:
    return ", ".join(flags) or None

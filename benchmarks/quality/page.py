"""The report as Markdown: what is found by kind, what is missed and why, what is said of clean files."""

from __future__ import annotations

from collections import Counter, defaultdict

from benchmarks.quality.rounds import Report
from benchmarks.quality.scoring import Score


def summary(report: Report) -> str:
    """Return the figures in a few lines."""
    total = len(report.scores)
    counts = Counter(score.outcome for score in report.scores)
    kinds = len({score.kind.name for score in report.scores})
    cells = {(feed, item.cell) for feed, item in report.clean}
    rows = {(feed, item.cell.file, item.cell.sheet, item.cell.row) for feed, item in report.clean}
    found = f"{counts['found']} ({counts['found'] / max(total, 1):.1%})"
    share = f"{len(rows)} of {report.clean_rows} rows ({len(rows) / max(report.clean_rows, 1):.2%})"
    lines = [
        f"{total} errors of {kinds} kinds: {found} found at the right cell by a right rule",
        *(f"  {outcome}: {number}" for outcome, number in counts.most_common() if outcome != "found"),
        f"clean files: {len(cells)} of {report.clean_cells} cells with a finding, {share}",
        f"planted files: {len(report.strays)} findings on {report.untouched_rows} rows left as they were",
    ]
    return "\n".join(lines)


def table(report: Report) -> str:
    """Return the table of kinds, by group."""
    by_kind: dict[tuple[str, str], list[Score]] = defaultdict(list)
    for score in report.scores:
        by_kind[score.kind.group, score.kind.name].append(score)
    lines = ["| group | kind of error | planted | found |", "|---|---|---|---|"]
    for (group, name), scores in sorted(by_kind.items()):
        found = sum(score.outcome == "found" for score in scores)
        lines.append(f"| {group} | {name} | {len(scores)} | {found} |")
    return "\n".join(lines)


def misses(report: Report) -> str:
    """Return every error that was not found at its cell by a right rule, with what was said instead."""
    lines = []
    for score in sorted(report.scores, key=lambda item: (item.kind.name, item.feed)):
        if score.outcome != "found":
            cell = score.planted.cells[0]
            place = "/".join(str(part) for part in (cell.file, cell.sheet, cell.row, cell.column) if part)
            said = f"; said: {', '.join(score.rules)}" if score.rules else ""
            lines.append(f"{score.kind.name} | {score.feed} | {place} | {score.outcome}{said}")
    return "\n".join(lines)


def alarms(report: Report) -> str:
    """Return the findings on clean files and rows, by rule."""
    clean = Counter((feed, item.rule, item.cell.column) for feed, item in report.clean)
    stray = Counter((feed, item.rule, item.cell.column) for feed, item in report.strays)
    lines = [f"clean | {feed} | {rule} | {column} | {n}" for (feed, rule, column), n in clean.most_common()]
    lines += [
        f"planted | {feed} | {rule} | {column} | {n}" for (feed, rule, column), n in stray.most_common()
    ]
    return "\n".join(lines)

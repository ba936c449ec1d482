"""The clinical rules as a Markdown page for `docs/`: each with its severity, reason and source."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from allpool.etl.audit.clinical.files import ClinicalRule, RuleFile


def clinical_rules_page(files: Sequence[RuleFile]) -> str:
    """Return the page of all clinical rules, file by file."""
    count = sum(len(file.rules) for file in files)
    parts = [
        "# Clinical rules",
        f"What the audit asks of a patient across rows and tables: {count} rules, each an entry of a file of",
        "`src/allpool/etl/audit/clinical/rules`. This page is generated from them; change them there.",
        "",
        "`quarantine` holds the row back, `warn` only counts and asks. *Beside it* stands the other cell of",
        "a contradiction, which the centre sees too. Categories are Kahn's: a rule without a word on it asks",
        "for plausibility, by what the data say of themselves (verification).",
    ]
    sections = ["\n".join(_section(file)) for file in files]
    return "\n\n".join(["\n".join((parts[0], "", *parts[1:])), *sections]) + "\n"


def _section(file: RuleFile) -> Iterator[str]:
    yield f"## {file.about}\n"
    yield "| rule | severity | what is right | cell at fault | beside it | reason | source |"
    yield "|---|---|---|---|---|---|---|"
    for rule in file.rules:
        cells = (
            f"`{rule.rule}`",
            rule.severity,
            rule.expected["en"] + _kind(rule),
            f"`{rule.row.table}.{rule.column}`",
            ", ".join(dict.fromkeys(_beside(rule))),
            rule.reason,
            rule.source,
        )
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _kind(rule: ClinicalRule) -> str:
    said: list[str] = [rule.category] if rule.category != "plausibility" else []
    said += [rule.context] if rule.context != "verification" else []
    return f" ({', '.join(said)})" if said else ""


def _beside(rule: ClinicalRule) -> Iterator[str]:
    check = rule.check
    if check.form in ("group", "total", "overlap"):
        yield f"`{rule.row.table}.{rule.column}` of another row"
    absent = getattr(check, "absent", ())
    for other in check.companions():
        if other not in absent:
            yield f"`{other.table}.{other.column}`"

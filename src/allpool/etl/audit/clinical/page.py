"""The clinical rules as a Markdown page for `docs/`: each with its severity, reason and source."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from allpool.etl.audit.clinical.files import ClinicalRule, RuleFile
from allpool.etl.audit.clinical.forms import FORMS, KEYS

HOW_WRITTEN: Final = """\
## How a rule is written

An entry has an `id`, the `row` that it looks at (table, elements, conditions), the `column` at
fault, a `check` of one of the forms below, `title` and `expected` in English, Chinese and Czech,
`reason`, `source`, and patients: `fails` are found, `holds` are not. A test stages all of them on
both databases. A word that does not exist (column, element, form) stops with file and line when
allpool starts.
"""
WHAT_IS_SEEN: Final = """\
A staged row is held against what is staged beside it, against the studies, and against what earlier
nights have published of the same patient: by other feeds of the centre, and by the feed itself
where it appends and does not bring the record again. The row that fails is always one that is
staged. `allpool check` sees the delivery alone."""


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
    return "\n\n".join(["\n".join((parts[0], "", *parts[1:])), *sections, _writing()]) + "\n"


def _writing() -> str:
    """Return how a rule is written, from what the forms say of themselves."""
    lines = [
        HOW_WRITTEN,
        "| form | |",
        "|---|---|",
        *(f"| `{name}` | {_said(form)} |" for name, form in FORMS.items()),
        "",
        "Rows belong together by `link`: the `patient` (unless it says otherwise), and these or any column:",
        "",
        "| link | |",
        "|---|---|",
        *(f"| `{name}` | {meaning} |" for name, meaning in KEYS.items()),
        "",
        WHAT_IS_SEEN,
    ]
    return "\n".join(lines)


def _said(form: type) -> str:
    return " ".join((form.__doc__ or "").split())


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

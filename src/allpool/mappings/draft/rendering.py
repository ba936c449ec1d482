"""The draft as YAML: what is sure as lines of the mapping, what is open as comments."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath

from allpool.mappings.compile import Vocabulary
from allpool.mappings.dictionary import Language
from allpool.mappings.draft.assembly import Assembly, DraftRecord, assembled, single
from allpool.mappings.draft.bindings import OPEN, Binding
from allpool.mappings.draft.filled import missing_in
from allpool.mappings.draft.patterns import key_pattern
from allpool.mappings.draft.suggestion import CONFIDENT, Suggestion
from allpool.mappings.draft.writing import Value, remark, written
from allpool.mappings.profile import TableProfile

PROPOSED = 0.3
"""Confidence from which an open column is shown as the line that would read it."""
ANY = ".+"
SCOPES = {"study_id": "study", "site": "centre"}
HEAD = f"""\
# Draft of a mapping. Behind each line: how sure it is (0 to 1) and why. What is sure (from {CONFIDENT}) is
# written out; what is not, is a comment: decide it, fill in each "{OPEN}", and take the # away. Columns that
# hold nothing for the consortium are named under `ignore` with the reason. Check every line, then:
# allpool check FILE --mapping THIS.yaml
"""

Tables = Sequence[tuple[TableProfile, tuple[Suggestion, ...]]]


def rendered(name: str, language: Language, tables: Tables, words: Vocabulary) -> str:
    """Return the mapping file of a draft."""
    lines = [
        *HEAD.splitlines(),
        f"mapping: {written(name)}",
        'version: "1"',
        f"language: {language}",
        "# timezone: Europe/Prague    # of times of day without an offset",
        *_scopes(tables),
        "sources:",
    ]
    taken: set[str] = set()
    for table, found in tables:
        lines += ["", *_source(_source_name(table, taken), table, found, words)]
    return "\n".join(lines) + "\n"


def _scopes(tables: Tables) -> Iterator[str]:
    """Yield the lines of study and centre: a column where every table has it, else to be said."""
    for element, word in SCOPES.items():
        said = [
            [item for item in found if item.element == element and item.is_confident] for _, found in tables
        ]
        columns = {items[0].column if items else None for items in said}
        column = columns.pop() if len(columns) == 1 else None
        if column is not None:
            item = said[0][0]
            yield f"{word}: {written({'column': column})}  # {item.confidence:.2f}: {remark(item.reason)}"
        else:
            yield f"# {word}: {OPEN}    # left out: the feed says it"


def _source_name(table: TableProfile, taken: set[str]) -> str:
    stem = re.sub(r"\W+", "_", table.sheet or PurePath(table.file).stem).strip("_").lower() or "source"
    name, number = stem, 1
    while name in taken:
        number += 1
        name = f"{stem}_{number}"
    taken.add(name)
    return name


def _source(name: str, table: TableProfile, found: Sequence[Suggestion], words: Vocabulary) -> Iterator[str]:
    parts = assembled(table, found, words)
    yield f"  {written(name)}:"
    yield f"    file: {written(glob.escape(table.file))}"
    yield f"    read: {written(_read(table))}"
    yield from _key(table, found, parts)
    if missing := missing_in(table):
        yield f"    # missing: {written(missing)}  # texts that stand for no value in this source?"
    live = [record for record in parts.records if _stands(record, words)]
    waiting = [record for record in parts.records if record not in live]
    yield "    records:" if live else "    records: []"
    for record in live:
        yield from (f"      {line}" for line in _record(record, "# "))
    for record in waiting:
        yield "      #"
        yield from (f"      # {line}" for line in _record(record, ""))
        needed = [field for field in record.missing(words) if field not in record.fields]
        yield from (
            f"      #   {field}: {written(OPEN)}  # needed: a column, or a constant" for field in needed
        )
    yield from _ignored(parts)
    yield from _open(table, parts, words)


def _stands(record: DraftRecord, words: Vocabulary) -> bool:
    """Return whether a record loads as it is: all that it needs is said, not all of it is open."""
    is_open = record.fields and all(item.open for item in record.fields.values())
    return not record.missing(words) and not is_open


def _read(table: TableProfile) -> Mapping[str, Value]:
    read: dict[str, Value] = {"format": table.format}
    if table.format in ("csv", "tsv"):
        read |= {"encoding": table.encoding} if table.encoding else {}
        read |= {"separator": table.separator} if table.separator else {}
    if table.decimal != "." and table.format != "redcap":  # each field's validation says its sign
        read["decimal"] = table.decimal
    if table.format in ("csv", "tsv", "excel") and table.header_row != 1:
        read["header_row"] = str(table.header_row)
    if table.sheet is not None and table.format in ("excel", "xpt"):
        read["sheet" if table.format == "excel" else "member"] = table.sheet
    return read | dict(table.read)


def _key(table: TableProfile, found: Sequence[Suggestion], parts: Assembly) -> Iterator[str]:
    item = parts.key or max(
        (item for item in found if item.element == "subject_id"),
        key=lambda item: item.confidence,
        default=None,
    )
    if item is None:
        said = "whose row it is, and what an id looks like"
        yield f"    # patient: {{column: {OPEN}, pattern: {OPEN}}}  # {said}"
        return
    column = next(column for column in table.columns if column.name == item.column)
    pattern = key_pattern(column)
    line = f"patient: {written({'column': item.column, 'pattern': pattern.text or ANY})}"
    if pattern.text is None:
        line += "  # say what an id looks like, or ids that lost a zero are not found"
    elif pattern.left:
        line += f"  # {pattern.left} cells look otherwise and would wait in quarantine"
    else:
        line += f"  # {item.confidence:.2f}: {remark(item.reason)}"
    yield f"    {line}" if parts.key else f"    # {line}"


def _record(record: DraftRecord, mark: str) -> Iterator[str]:
    """Yield the lines of a record; those that a person completes first begin with `mark`."""
    yield f"- record: {written(record.record)}"
    if record.when is not None:
        yield f"  when: {written(record.when)}" + (f"  # {remark(record.remark)}" if record.remark else "")
    for name, text in record.constants.items():
        yield f"  {written(name)}: {written(text)}"
    for item in record.fields.values():
        yield f"  {_field(item, mark)}"


def _field(item: Binding, mark: str) -> str:
    line = f"{written(item.field)}: {written(item.value)}"
    if item.open:
        return f"{mark}{line}  # {remark(item.open)} {remark(item.remark)}"
    return f"{line}  # {remark(item.remark)}"


def _ignored(parts: Assembly) -> Iterator[str]:
    """Yield the columns that are left out: direct identifiers; others, for a person to decide."""
    others = [item for item in parts.open if item.element is None]
    if parts.ignored:
        yield "    ignore:"
        yield from (f"      {_reason(item)}" for item in parts.ignored)
        yield from (f"      # {_reason(item)}" for item in others)
    elif others:
        yield "    # ignore:"
        yield from (f"    #   {_reason(item)}" for item in others)


def _reason(item: Suggestion) -> str:
    return f"{written(item.column)}: {written(remark(item.reason).rstrip('.'))}"


def _open(table: TableProfile, parts: Assembly, words: Vocabulary) -> Iterator[str]:
    """Yield a comment for each column that a person decides: the line that would read it."""
    proposed = [item for item in parts.open if item.element is not None]
    if not proposed:
        return
    columns = {column.name: column for column in table.columns}
    yield "    #"
    yield "    # Open: a line for `records` each, or name the column under `ignore` with the reason."
    for item in proposed:
        others = ", ".join(
            f"{other.element} {other.confidence:.2f}"
            for other in item.alternatives
            if other.confidence >= PROPOSED
        )
        said = f"{item.confidence:.2f}: {item.reason}" + (f" Or: {others}." if others else "")
        kind = words.records.get(item.record or "")
        if kind is None or item.field not in kind.fields or item.confidence < PROPOSED:
            yield f"    # {written({item.column: OPEN})}  # {remark(f'{item.element}? {said}')}"
            continue
        record = single(item, columns[item.column], words)
        asked = " ".join(filled.open for filled in record.fields.values() if filled.open)
        yield f"    # - {written(_flow(record, words))}  # {remark(f'{asked} {said}')}"


def _flow(record: DraftRecord, words: Vocabulary) -> Mapping[str, Value]:
    """Return a record as it stands on one line, with what it needs and no column says."""
    needed = {name: OPEN for name in record.missing(words) if name not in record.fields}
    when: Mapping[str, Value] = {} if record.when is None else {"when": record.when}
    values = {name: filled.value for name, filled in record.fields.items()}
    return {"record": record.record, **when, **record.constants, **values, **needed}

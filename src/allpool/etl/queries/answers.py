"""A centre's answers, in the workbook that it was sent or a CSV file of it: read, checked whole, taken."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import polars as pl
from sqlalchemy import Connection, update

from allpool.errors import ConfigError, MappingError, Place, SourceError
from allpool.etl.messages import LANGUAGES, load_messages
from allpool.etl.queries.decisions import known_ids
from allpool.etl.queries.record import QUERY, UNSETTLED, append_events
from allpool.etl.queries.wording import CHOICES, Choice, answer_text
from allpool.etl.queries.workbook import COLUMNS
from allpool.mappings.codes.spreadsheets import read_lines
from allpool.mappings.identifiers.suspicion import identifying
from allpool.mappings.read import WorkbookRead

NEEDED: Final = ("query", "answer", "comment")
SUFFIXES: Final = (".xlsx", ".csv")
TOLD: Final = 20
"""So many mistakes are told at once."""
LARGEST: Final = 100 * 1024 * 1024
"""Bytes of a file of answers: ten times what 100,000 queries take."""


@dataclass(frozen=True)
class Answer:
    """What a centre answers to one query."""

    row: int
    query: str
    choice: Choice
    comment: str


@dataclass(frozen=True)
class Answers:
    """The answers of one file."""

    file: str
    answers: Sequence[Answer]
    left_open: int
    """Queries of the file without an answer."""


@dataclass(frozen=True)
class Taken:
    """What became of the answers of a file."""

    taken: int
    again: int
    """Answers that were taken before, word for word."""
    closed: int
    """Answers to queries that were mended or decided meanwhile: not taken."""
    left_open: int


def read_answers(path: Path) -> Answers:
    """Return the answers in a file. Raises `ConfigError` that names every wrong row.

    Columns are known by their names in any of the languages; those of the questions are not looked at.
    """
    answers: list[Answer] = []
    wrong: list[tuple[int, str]] = []
    left_open = 0
    seen: dict[str, int] = {}
    for row, cells in _lines(path):
        said = _answer(row, cells)
        if isinstance(said, str):
            wrong.append((row, said))
        elif said is None:
            left_open += bool(cells["query"])
        elif said.query in seen:
            wrong.append((row, f"query {said.query} is answered in row {seen[said.query]} already"))
        else:
            seen[said.query] = row
            answers.append(said)
    wrong += _identifying(answers)
    _refuse(path.name, wrong)
    return Answers(path.name, answers, left_open)


def take(connection: Connection, answers: Answers, *, centre: str | None, at: datetime) -> Taken:
    """Write down the answers of a file, in the caller's transaction; with `centre` only of its queries.

    Raises `ConfigError`, before anything is changed, where a query is unknown or the file holds queries of
    several centres.
    """
    known = known_ids(connection, [answer.query for answer in answers.answers])
    whose = {(query["centre"] or query["feed"]) for query in known.values()}
    wrong = [
        (answer.row, f"there is no query {answer.query}; take the file that `allpool queries export` wrote")
        for answer in answers.answers
        if answer.query not in known
    ]
    if centre is not None:
        wrong += [
            (answer.row, f"query {answer.query} is not one of {centre}")
            for answer in answers.answers
            if answer.query in known
            and centre not in (known[answer.query]["centre"], known[answer.query]["feed"])
        ]
    _refuse(answers.file, wrong)
    if len(whose) > 1:
        raise ConfigError(
            f"holds queries of several centres ({', '.join(sorted(whose))}); each has a file of its own",
            place=Place(file=answers.file),
        )
    open_ = [answer for answer in answers.answers if known[answer.query]["status"] in UNSETTLED]
    new = [
        answer
        for answer in open_
        if known[answer.query]["answer"] != answer_text(answer.choice, answer.comment)
    ]
    _store(connection, new, by=next(iter(whose), None), at=at)
    return Taken(
        taken=len(new),
        again=len(open_) - len(new),
        closed=len(answers.answers) - len(open_),
        left_open=answers.left_open,
    )


def _store(connection: Connection, answers: Sequence[Answer], *, by: str | None, at: datetime) -> None:
    for answer in answers:
        text = answer_text(answer.choice, answer.comment)
        connection.execute(
            update(QUERY).where(QUERY.c.id == answer.query).values(status="answered", answer=text)
        )
    rows = [(answer.query, answer_text(answer.choice, answer.comment)) for answer in answers]
    told = pl.DataFrame(rows, schema={"id": pl.String, "comment": pl.String}, orient="row")
    append_events(connection, told.with_columns(status=pl.lit("answered"), at=at, by=pl.lit(by)))


def _answer(row: int, cells: Mapping[str, str]) -> Answer | str | None:
    """Return what a line answers, None where it answers nothing, or what is wrong with it."""
    query, said, comment = (cells[name].strip() for name in NEEDED)
    if not said and not comment:
        return None
    if not query:
        return "the query's id is missing; leave that column as it was"
    if not said:
        return "there is a comment without an answer; choose one of the list"
    choice = _choices().get(said.casefold())
    if choice is None:
        return "the answer is none of the list; choose one of the list, and write the rest into the comment"
    if choice == "other" and not comment:
        return "the answer says that there is a comment, and there is none"
    return Answer(row, query, choice, comment)


def _choices() -> dict[str, Choice]:
    """Return how a person may write a choice, in any language -> the choice."""
    messages = load_messages()
    told = {
        messages.label(f"choice_{choice}", language).casefold(): choice
        for choice in CHOICES
        for language in LANGUAGES
    }
    return {**told, **{choice: choice for choice in CHOICES}}


def _identifying(answers: Iterable[Answer]) -> list[tuple[int, str]]:
    """Return the rows whose comment holds a direct identifier."""
    commented = [answer for answer in answers if answer.comment]
    held = identifying(pl.Series([answer.comment for answer in commented], dtype=pl.String))
    told = "the comment holds what looks like a direct identifier of a person; leave it out"
    return [(answer.row, told) for answer, is_held in zip(commented, held, strict=True) if is_held]


def _refuse(file: str, wrong: Sequence[tuple[int, str]]) -> None:
    """Raise `ConfigError` where rows are wrong; it names them, and that nothing was taken."""
    if not wrong:
        return
    lines = [f"row {row}: {what}" for row, what in sorted(wrong)[:TOLD]]
    if len(wrong) > TOLD:
        lines.append(f"and {len(wrong) - TOLD} more")
    told = "\n  ".join(["nothing was taken:", *lines])
    raise ConfigError(told, place=Place(file=file))


def _lines(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield row and cells (by `NEEDED`) of a file. Raises `ConfigError` where it is no file of answers."""
    place = Place(file=path.name)
    if path.suffix.lower() not in SUFFIXES:
        raise ConfigError("is no workbook of answers; give the .xlsx, or a .csv of it", place=place)
    try:
        if path.stat().st_size > LARGEST:
            raise ConfigError("has more than 100 MiB; give the workbook of the queries", place=place)
        found = _of_workbook(path) if path.suffix.lower() == ".xlsx" else _of_csv(path)
        yield from found
    except FileNotFoundError:
        raise ConfigError("there is no such file", place=place) from None
    except OSError:
        raise ConfigError("cannot be read", place=place) from None


def _names() -> list[dict[str, str]]:
    """Return for each language: name of a column as it is written -> what it is."""
    messages = load_messages()
    return [{messages.label(name, language): name for name in COLUMNS} for language in LANGUAGES]


def _of_workbook(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    from allpool.etl.readers.source import ROW, FileFacts, ReadLimits
    from allpool.etl.readers.table import source_table
    from allpool.etl.readers.workbook import read_workbook

    content = path.read_bytes()
    try:
        sheet, cells = read_workbook(content, WorkbookRead(format="excel"), ReadLimits())
        facts = FileFacts(path=path.name, sheet=sheet, sha256="", encoding=None, bytes=len(content))
        table = source_table(cells, facts, ReadLimits())
    except SourceError as error:
        raise ConfigError(error.message, place=Place(file=path.name)) from None
    names = max(_names(), key=lambda known: len(known.keys() & set(table.columns)))
    columns = {what: name for name, what in names.items()}
    _check_columns(path, [columns[name] for name in NEEDED], table.columns)
    looked_at = {columns[name] for name in NEEDED}
    problems = table.problems.filter(pl.col("column").is_in(sorted(looked_at)) | pl.col("column").is_null())
    _refuse(path.name, [(row or 1, "holds a formula or an error; write a text") for row in problems["row"]])
    for line in table.frame.select(ROW, *sorted(looked_at)).iter_rows(named=True):
        yield line[ROW], {name: line[columns[name]] or "" for name in NEEDED}


def _of_csv(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the lines of a CSV file that a spreadsheet wrote of the workbook."""
    try:
        with path.open(encoding="utf-8-sig", errors="replace") as file:
            head = file.readline(10_000)
        names = max(_names(), key=lambda known: sum(name in head for name in known))
        columns = {what: name for name, what in names.items()}
        needed = [columns[name] for name in NEEDED]
        for line in read_lines(path, name=path.name, needed=needed, known=list(names)):
            yield line.line, {name: line.cells.get(columns[name], "") for name in NEEDED}
    except MappingError as error:
        raise ConfigError(error.message, place=error.place) from None


def _check_columns(path: Path, needed: Sequence[str], columns: Sequence[str]) -> None:
    absent = [name for name in needed if name not in columns]
    if absent:
        raise ConfigError(
            f"the column {' and '.join(absent)} is missing; send back the workbook of the queries as it was, "
            "with the answers in it",
            place=Place(file=path.name),
        )

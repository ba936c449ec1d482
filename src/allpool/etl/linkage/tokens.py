"""Tokens at the door: direct identifiers become keyed hashes, and go no further themselves.

A token is HMAC-SHA-256 (RFC 2104) of its kind and a normalised identifier, under a key that only the
consortium has. Several tokens of different parts are made of each patient, so that one slip does not hide a
pair, as in Kho et al., J Am Med Inform Assoc 2015;22:1072, and in the GUID of Johnson et al., J Am Med Inform
Assoc 2010;17:689. Without the key nobody can try out names (a plain hash of a name is no secret). Bloom
filters (Schnell et al., BMC Med Inform Decis Mak 2009;9:41) would find misspelt names too; they are not used
here, since their patterns can be attacked without the key.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Final

import polars as pl

from allpool.errors import SecretError
from allpool.etl.linkage.identifiers import EXPECTED, national_number, plain_name, plain_number
from allpool.etl.readers.source import PASSED_SCHEMA, PROBLEM_SCHEMA, ROW, SourceTable
from allpool.etl.transform.dates import parse_dates
from allpool.etl.transform.identity import SEPARATOR
from allpool.mappings.plan import TOKENS, CompiledMapping, FieldPlan, LinkagePlan, SourcePlan
from allpool.mappings.schema import ID_GROUP, Scope
from allpool.mappings.terminology import normal

RULE: Final = "linkage_identifier"
MADE: Final = "for linkage tokens alone, not kept"
"""The rule by which the cells are passed over."""

KINDS: Final = ("national_id", "hospital_number", "name_birth_sex", "name_birth", "name_birth_year")
"""What tokens are made from, the most telling first."""
PURPOSE: Final = "allpool linkage 1"
"""What the key is used for; another number is another way to make tokens."""
LENGTH: Final = 32
"""Hex digits of a token, as of a pseudonym."""
SEXES: Final = ("female", "male")

Texts = list[str | None]


def tokened(
    table: SourceTable, plan: SourcePlan, mapping: CompiledMapping, *, centre: str | None, key: bytes | None
) -> SourceTable:
    """Return `table` with the tokens of each row's patient, and without the identifiers they are made from.

    Tokens stand in the column `TOKENS`: `kind:hash`, with blanks between; `united` then gives each patient
    those of all rows. Cells that only tokens read are emptied and passed over by a named rule; one that
    cannot be what it should be (a wrong check digit, no date) is a finding without its value. `centre` is the
    feed's. Raises `SecretError` where the mapping makes tokens and there is no key.
    """
    if plan.linkage is None:
        return table
    if key is None:
        raise SecretError(
            "the mapping makes linkage tokens, and there is no key for them: set ALLPOOL_LINKAGE_KEY or name "
            "a key_file under [linkage]"
        )
    door = _Door(table, plan, plan.linkage)
    tokens = door.tokens(_scope(table.frame, mapping.centre, centre), key)
    told = pl.Series(TOKENS, [" ".join(own) or None for own in tokens], dtype=pl.String)
    frame = table.frame.with_columns(told)
    alone = sorted(plan.for_tokens_alone() & set(table.columns))
    wrong = pl.DataFrame(list(door.wrong(alone)), schema=dict(PROBLEM_SCHEMA), orient="row")
    return replace(
        table,
        frame=frame.with_columns(pl.lit(None, dtype=pl.String).alias(name) for name in alone),
        problems=pl.concat([_without_values(table.problems, alone), wrong]).sort(
            "row", nulls_last=False, maintain_order=True
        ),
        passed_over=pl.concat([table.passed_over, *_passed(table, alone, wrong)]),
    )


class _Door:
    """The identifiers of a table's rows, normalised."""

    def __init__(self, table: SourceTable, plan: SourcePlan, linkage: LinkagePlan) -> None:
        self._table, self._missing = table, frozenset(plan.missing)
        self._linkage = linkage
        self._wrong: list[tuple[str, int, str]] = []

    def tokens(self, centres: Texts, key: bytes) -> list[list[str]]:
        """Return the tokens of each row."""
        linkage = self._linkage
        names = _by_row(plain_name, [self._texts(column) for column in linkage.name])
        births, sexes = self._births(linkage.birth), self._sexes(linkage.sex)
        numbers = self._national(linkage.national_id, linkage.country)
        hospital = [text and plain_number(text) for text in self._texts(linkage.hospital_number)]
        parts_of: list[list[Texts]] = [
            [numbers],
            [centres, hospital],
            [names, births, sexes],
            [names, births],
            [names, [birth and birth[:4] for birth in births]],
        ]
        found: list[list[str]] = [[] for _ in range(self._table.frame.height)]
        for kind, parts in zip(KINDS, parts_of, strict=True):
            for row, values in enumerate(zip(*parts, strict=True)):
                if all(values):
                    found[row].append(f"{kind}:{_hash(key, kind, [str(value) for value in values])}")
        return found

    def wrong(self, columns: Sequence[str]) -> Iterator[tuple[object, ...]]:
        """Yield a finding for each cell of `columns` that no token could be made from, without its value."""
        rows = self._table.frame[ROW]
        for column, row, expected in self._wrong:
            if column in columns:
                yield (rows[row], column, "cell", RULE, expected, None, 1)

    def _texts(self, names: Sequence[str]) -> Texts:
        column = self._column(names)
        if column is None:
            return [None] * self._table.frame.height
        return [None if text in self._missing else text for text in self._table.frame[column].to_list()]

    def _column(self, names: Sequence[str]) -> str | None:
        return next((name for name in names if name in self._table.columns), None)

    def _births(self, plan: FieldPlan | None) -> Texts:
        """Return birth dates known to their day, as ISO."""
        names = plan.binding.column if plan is not None else None
        texts = pl.Series(self._texts(names or ()), dtype=pl.String)
        if plan is None or names is None:
            return texts.to_list()
        read = parse_dates(texts, plan.formats, timezone="UTC")
        exact = pl.col("precision").is_in(["day", "second"])
        days = read.select(pl.when(exact).then(pl.col("date").cast(pl.String)))
        self._note(names, texts.to_list(), read["error"].is_null().to_list(), plan.expected)
        return days.to_series().to_list()

    def _sexes(self, plan: FieldPlan | None) -> Texts:
        """Return female and male; nothing else tells two people apart."""
        codes = plan.words.codes if plan is not None and plan.words is not None else {}
        names = plan.binding.column if plan is not None else None
        found = [text and codes.get(normal(text)) for text in self._texts(names or ())]
        return [code if code in SEXES else None for code in found]

    def _national(self, names: Sequence[str], country: str | None) -> Texts:
        texts = self._texts(names)
        if country is None:
            return texts
        found = [text and national_number(text, country) for text in texts]
        self._note(names, texts, [number is not None for number in found], EXPECTED[country])
        return found

    def _note(self, names: Sequence[str], texts: Texts, fits: Iterable[bool], expected: str) -> None:
        column = self._column(names)
        self._wrong += [
            (str(column), row, expected)
            for row, (text, right) in enumerate(zip(texts, fits, strict=True))
            if text is not None and not right
        ]


def _by_row(function: Callable[[Sequence[str]], str | None], columns: Sequence[Texts]) -> Texts:
    """Return what a function makes of each row, where all of its columns are filled."""
    return [
        function([text for text in row if text is not None]) if row and None not in row else None
        for row in zip(*columns, strict=True)
    ]


def _hash(key: bytes, kind: str, parts: Sequence[str]) -> str:
    said = SEPARATOR.join((PURPOSE, kind, *parts)).encode()
    return hmac.digest(key, said, sha256).hex()[:LENGTH]


def _scope(frame: pl.DataFrame, scope: Scope | None, given: str | None) -> Texts:
    """Return the study or centre of each row, as the mapping reads it; else what the feed says."""
    if scope is None or scope.column is None:
        return [scope.constant if scope is not None else given] * frame.height
    column = next((name for name in scope.column if name in frame.columns), None)
    texts: Texts = frame[column].to_list() if column else [None] * frame.height
    if scope.codes is not None:
        codes = {normal(word): code for word, code in scope.codes.items()}
        texts = [text and codes.get(normal(text)) for text in texts]
    return [text and f"{scope.prefix}{text}" for text in texts]


def united(
    tables: Sequence[tuple[pl.DataFrame, SourcePlan]],
    mapping: CompiledMapping,
    *,
    study: str | None,
    centre: str | None,
) -> list[pl.DataFrame]:
    """Return the frames of a delivery; each row has all tokens that any row of its patient has.

    A patient's rows may stand in several files, one with a name, one with a number: what they say of the
    patient is one list, and two spellings are two tokens.
    """
    whose = [
        _patients(frame, plan, mapping, study=study, centre=centre) if TOKENS in frame.columns else []
        for frame, plan in tables
    ]
    borne: dict[tuple[str | None, ...], set[str]] = {}
    for (frame, _), patients in zip(tables, whose, strict=True):
        for patient, own in zip(patients, frame[TOKENS].to_list() if patients else [], strict=True):
            borne.setdefault(patient, set()).update((own or "").split())
    borne = {patient: tokens for patient, tokens in borne.items() if patient[-1] is not None}
    return [
        frame.with_columns(
            pl.Series(
                TOKENS, [" ".join(sorted(borne.get(who, ()))) or None for who in patients], dtype=pl.String
            )
        )
        if patients
        else frame
        for (frame, _), patients in zip(tables, whose, strict=True)
    ]


def _patients(
    frame: pl.DataFrame, plan: SourcePlan, mapping: CompiledMapping, *, study: str | None, centre: str | None
) -> list[tuple[str | None, ...]]:
    """Return whose each row is: study, centre and the patient key's id."""
    key = next((name for name in plan.patient.column if name in frame.columns), None)
    ids: Texts = [None] * frame.height
    if key is not None:
        groups = frame[key].str.extract_groups(f"^(?:{plan.patient.pattern})$")
        named = ID_GROUP in groups.struct.fields
        ids = (groups.struct.field(ID_GROUP) if named else frame[key]).to_list()
    studies, centres = _scope(frame, mapping.study, study), _scope(frame, mapping.centre, centre)
    return list(zip(studies, centres, ids, strict=True))


def _without_values(problems: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """Return what the reader found, without values of the columns that hold identifiers."""
    return problems.with_columns(pl.when(~pl.col("column").is_in(list(columns))).then("value").alias("value"))


def _passed(table: SourceTable, columns: Sequence[str], wrong: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Yield the filled cells that are passed over, but for those that are findings."""
    for column in columns:
        at = wrong.filter(pl.col("column") == column)["row"]
        rows = table.frame.filter(pl.col(column).is_not_null(), ~pl.col(ROW).is_in(at.implode()))[ROW]
        yield pl.DataFrame(
            {"row": rows, "column": [column] * rows.len(), "rule": [MADE] * rows.len()},
            schema=dict(PASSED_SCHEMA),
        )

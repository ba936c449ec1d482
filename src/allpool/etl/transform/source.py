"""One source table made ready: columns found, computed and joined, patients and scopes read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, reduce
from typing import Literal

import polars as pl

from allpool.etl.transform.identity import joined_text, pseudonyms, uuid
from allpool.etl.transform.quarantine import Entries
from allpool.etl.transform.wordings import Wordings
from allpool.mappings.dates import DateFormat, date_format
from allpool.mappings.functions import FUNCTIONS
from allpool.mappings.plan import TOKENS, CompiledMapping, SourcePlan
from allpool.mappings.schema import ID_GROUP, Condition, Scope
from allpool.mappings.terminology import normal


@dataclass(frozen=True)
class SourceFrame:
    """One file and sheet as the reader gave it: text columns, and `_row` as a person counts rows."""

    id: str
    source: str
    file: str
    sheet: str | None
    columns: tuple[str, ...]
    frame: pl.DataFrame
    decimals: Mapping[str, Literal[".", ","]] = field(default_factory=dict)
    """Columns whose numbers have a decimal sign of their own -> that sign."""
    kept: pl.DataFrame | None = None
    """Not None where each row is kept whole beside the tables (FHIR). What no rule reads is then ignored as
    kept, and a column that the file lacks says nothing. Columns row, column, rule: cells that are not kept
    as they are, and the named rule by which."""


@dataclass(frozen=True)
class Scene:
    """What a transform is told beside the frames: whose feed it is, and the key of the pseudonyms."""

    feed: str
    study: str | None
    centre: str | None
    security: str | None
    key: bytes
    linkage_key: bytes | None = None
    """Key of linkage tokens; None where none was given."""


@dataclass(frozen=True)
class Prepared:
    """A source table beside whose text columns stand `_i` (position), `_pseudonym`, `_study`, `_centre`,
    `_scope` (the three in one, for identities) and `_patient` (id of the patient)."""

    source: SourceFrame
    plan: SourcePlan
    frame: pl.DataFrame
    patient_column: str | None
    scope_columns: tuple[str, ...] = ()
    """Columns that say study and centre."""
    computed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Computed column -> the file's columns that it is made of."""
    uncomputed: Mapping[str, pl.Series] = field(default_factory=dict)
    """Computed column -> rows on which all of them are filled and nothing comes out."""
    _wordings: dict[str, Wordings] = field(default_factory=dict)

    def actual(self, names: Sequence[str]) -> str | None:
        """Return the first of `names` that the file has, or None."""
        return next((name for name in names if name in self._present), None)

    @cached_property
    def _present(self) -> frozenset[str]:
        return frozenset(self.frame.columns)

    def decimal(self, column: str | None) -> Literal[".", ","]:
        """Return the decimal sign of the numbers in `column`: its own, else the file's."""
        return self.source.decimals.get(column or "", self.plan.read.decimal)

    def cells_of(self, column: str) -> tuple[str, ...]:
        """Return the file's columns behind `column`: itself, or those that it is computed from."""
        return self.computed.get(column, (column,))

    def wordings(self, column: str) -> Wordings:
        """Return the distinct texts of a column."""
        if column not in self._wordings:
            self._wordings[column] = Wordings(self.frame[column])
        return self._wordings[column]

    def dates(self) -> Iterator[tuple[str, tuple[DateFormat, ...]]]:
        """Yield the columns that rules read as dates, with the formats that they accept."""
        for rule in self.plan.rules:
            for item in rule.fields:
                column = self.actual(item.binding.column or ())
                if item.formats and column is not None:
                    yield column, item.formats
        for _, column, formats in self.computed_dates():
            yield column, formats

    def computed_dates(self) -> Iterator[tuple[str, str, tuple[DateFormat, ...]]]:
        """Yield each computed column, with each column of dates that it is made of and their format."""
        for name in (name for name in self.computed if name in self.plan.computed):
            function, columns, settings = self.plan.computed[name]
            for place in FUNCTIONS[function].dated:
                column = self.actual(columns[place])
                if column is not None:
                    yield name, column, (date_format(settings.get("format", "iso")),)

    def unknown_columns(self, mapping: CompiledMapping) -> list[str]:
        """Return the file's columns that the mapping neither reads nor ignores."""
        if self.source.kept is not None:
            return []
        known = {name for names in self.plan.named_columns() for name in names} | _scope_columns(mapping)
        return [
            column
            for column in self.source.columns
            if column not in known and ignore_reason(self.plan, column) is None
        ]


def prepare(
    source: SourceFrame,
    plan: SourcePlan,
    mapping: CompiledMapping,
    scene: Scene,
    others: Mapping[str, Sequence[SourceFrame]],
    plans: Mapping[str, SourcePlan],
    entries: Entries,
) -> Prepared:
    """Return `source` ready to be mapped; what is wrong with columns, ids and scopes goes to `entries`."""
    frame = source.frame.with_row_index("_i")
    for join in plan.joins:
        frame = _joined(frame, plan, join.source, join.columns, others, plans)
    frame, computed, uncomputed = _computed(frame, plan, source.decimals)
    if plan.linkage is not None:
        computed[TOKENS] = ()  # the cells that tokens are made of are emptied and accounted for at the door
    for names in plan.named_columns() if source.kept is None else [plan.patient.column]:
        if not any(name in frame.columns for name in names):
            entries.column(source, names[0], "missing_column", f"a column {' or '.join(map(repr, names))}")
    patient_column = next((c for c in plan.patient.column if c in frame.columns), None)
    scope_columns = tuple(sorted(_scope_columns(mapping) & set(source.columns)))
    prepared = Prepared(source, plan, frame, patient_column, scope_columns, computed, uncomputed)
    for column in prepared.unknown_columns(mapping):
        entries.column(source, column, "unmapped_column", "a mapping that reads or ignores it")
    study = _scope(prepared, mapping.study, scene.study, "study", entries)
    centre = _scope(prepared, mapping.centre, scene.centre, "centre", entries)
    ids = _patient_ids(prepared, entries)
    named = pseudonyms(ids, centre, scene.key)
    whole = pl.DataFrame({"p": named, "s": study, "c": centre}).select(
        p=pl.when(pl.col("s").is_not_null() & pl.col("c").is_not_null()).then("p")
    )
    frame = frame.with_columns(
        whole["p"].alias("_pseudonym"), study.alias("_study"), centre.alias("_centre")
    ).with_columns(_scope=joined_text(pl.col("_study"), pl.col("_centre"), pl.col("_pseudonym")))
    frame = frame.with_columns(_patient=uuid("patient", pl.col("_scope")))
    return replace(prepared, frame=frame)


def told(plan: SourcePlan, text: pl.Expr) -> pl.Expr:
    """Return a cell's text, or null where it is a missing-data code of the source."""
    return pl.when(~text.is_in(sorted(plan.missing))).then(text) if plan.missing else text


def joined_name(source: str, column: str) -> str:
    """Return the name under which a mapping reads a joined column."""
    return f"{source}.{column}"


def _in_sign_of(plan: SourcePlan, decimals: Mapping[str, Literal[".", ","]], column: str) -> pl.Expr:
    """Return a column's text with the file's decimal sign for its own; the other sign stays the wrong one."""
    if decimals.get(column, plan.read.decimal) == plan.read.decimal:
        return pl.col(column)
    return pl.col(column).str.replace_many([".", ","], [",", "."])


def _computed(
    frame: pl.DataFrame, plan: SourcePlan, decimals: Mapping[str, Literal[".", ","]]
) -> tuple[pl.DataFrame, dict[str, tuple[str, ...]], dict[str, pl.Series]]:
    """Add the computed columns whose parts the file has; return also their parts and where they fail."""
    parts: dict[str, tuple[str, ...]] = {}
    failed: dict[str, pl.Series] = {}
    for name, (function, columns, settings) in plan.computed.items():
        found = [next((c for c in names if c in frame.columns), None) for names in columns]
        present = [column for column in found if column is not None]
        if len(present) < len(columns):
            continue
        texts = [told(plan, _in_sign_of(plan, decimals, column)) for column in present]
        made = FUNCTIONS[function].build(texts, settings, plan.read.decimal)
        filled = pl.all_horizontal(text.is_not_null() for text in texts)
        frame = frame.with_columns(made.alias(name))
        nothing = frame.select(filled & pl.col(name).is_null()).to_series()
        if nothing.any():
            failed[name] = nothing
        parts[name] = tuple(dict.fromkeys(c for column in present for c in parts.get(column, (column,))))
    return frame, parts, failed


def ignore_reason(plan: SourcePlan, column: str) -> str | None:
    """Return why the mapping ignores `column`, or None where it does not."""
    if column in plan.ignore:
        return plan.ignore[column]
    for pattern, reason in plan.ignore.items():
        if "*" in pattern and _matches(column, pattern):
            return reason
    return None


def _matches(column: str, pattern: str) -> bool:
    head, *rest = pattern.split("*")
    if not column.startswith(head) or (rest and not column.endswith(rest[-1])):
        return False
    at = len(head)
    for part in rest[:-1]:
        found = column.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return at <= len(column) - len(rest[-1]) if rest else column == pattern


def _scope_columns(mapping: CompiledMapping) -> set[str]:
    return {
        name for scope in (mapping.study, mapping.centre) if scope and scope.column for name in scope.column
    }


def _joined(
    frame: pl.DataFrame,
    plan: SourcePlan,
    other: str,
    columns: Sequence[str],
    others: Mapping[str, Sequence[SourceFrame]],
    plans: Mapping[str, SourcePlan],
) -> pl.DataFrame:
    """Add another source's columns by patient; a patient who stands there twice with two texts gets none."""
    names = [joined_name(other, column) for column in columns]
    key = next((c for c in plan.patient.column if c in frame.columns), None)
    parts = []
    for table in others.get(other, ()):
        theirs = next((c for c in plans[other].patient.column if c in table.frame.columns), None)
        present = [column for column in columns if column in table.frame.columns]
        if theirs is not None and present:
            parts.append(
                table.frame.select(
                    pl.col(theirs).alias("_key"),
                    *(told(plans[other], pl.col(c)).alias(joined_name(other, c)) for c in present),
                )
            )
    if key is None or not parts:
        return frame.with_columns(pl.lit(None, dtype=pl.String).alias(name) for name in names)
    looked_up = (
        pl.concat(parts, how="diagonal")
        .drop_nulls("_key")
        .group_by("_key")
        .agg(
            pl.when(pl.col(name).drop_nulls().n_unique() == 1)
            .then(pl.col(name).drop_nulls().first())
            .alias(name)
            for name in names
            if any(name in part.columns for part in parts)
        )
    )
    return frame.join(looked_up, left_on=key, right_on="_key", how="left", maintain_order="left")


def _scope(
    prepared: Prepared, scope: Scope | None, given: str | None, what: str, entries: Entries
) -> pl.Series:
    """Return study or centre of each row: the mapping's column or constant, else what the feed says."""
    height = prepared.frame.height
    if scope is None or scope.constant is not None:
        constant = scope.constant if scope else given
        return pl.repeat(constant, height, dtype=pl.String, eager=True)
    column = prepared.actual(scope.column or ())
    if column is None:
        entries.column(prepared.source, (scope.column or ("",))[0], "missing_column", f"the {what}")
        return pl.repeat(None, height, dtype=pl.String, eager=True)
    text = prepared.frame[column]
    codes = {normal(word): code for word, code in scope.codes.items()} if scope.codes else None
    found = {
        item: (codes.get(normal(item)) if codes is not None else item)
        for item in text.unique().drop_nulls().to_list()
    }
    read = text.replace_strict(list(found), list(found.values()), default=None, return_dtype=pl.String)
    value = (scope.prefix + read) if scope.prefix else read
    bad = prepared.frame.filter(value.is_null())
    entries.cells(prepared.source, bad, column, what, f"a {what} that the mapping knows", scope="row")
    return value


def _patient_ids(prepared: Prepared, entries: Entries) -> pl.Series:
    """Return the patient ids that match the pattern; the others' rows wait, without the id itself."""
    column = prepared.patient_column
    if column is None:
        return pl.repeat(None, prepared.frame.height, dtype=pl.String, eager=True)
    text = prepared.frame[column]
    pattern = prepared.plan.patient.pattern
    whole = f"^(?:{pattern})$"
    fits = text.str.contains(whole).fill_null(value=False)
    bad = prepared.frame.filter(~fits)
    entries.cells(
        prepared.source, bad, column, "patient_id", f"a patient id as {pattern}", scope="row", hide=True
    )
    named = ID_GROUP in text.clear().str.extract_groups(whole).struct.fields
    found = pl.col(column).str.extract_groups(whole).struct.field(ID_GROUP) if named else pl.col(column)
    return prepared.frame.select(pl.when(fits).then(found)).to_series()


def holds(prepared: Prepared, conditions: Sequence[Condition], frame: pl.DataFrame) -> pl.Expr:
    """Return the expression that is true on rows where all `conditions` hold."""
    return reduce(lambda a, b: a & b, (_holds(prepared, c, frame) for c in conditions), pl.lit(value=True))


def _holds(prepared: Prepared, condition: Condition, frame: pl.DataFrame) -> pl.Expr:
    if condition.any:
        return reduce(lambda a, b: a | b, (_holds(prepared, c, frame) for c in condition.any))
    column = prepared.actual(condition.column or ())
    if column is None:
        return pl.lit(value=False)
    text = told(prepared.plan, pl.col(column))
    if condition.equals is not None:
        return (text == condition.equals).fill_null(value=False)
    if condition.in_ is not None:
        return text.is_in(list(condition.in_)).fill_null(value=False)
    if condition.not_in is not None:
        return text.is_not_null() & ~text.is_in(list(condition.not_in))
    return text.is_not_null() if condition.filled else text.is_null()

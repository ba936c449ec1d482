"""Draft of a mapping: what each column of a source most likely is, and the mapping file that says so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from allpool.mappings.compile import Vocabulary, load_vocabulary
from allpool.mappings.dictionary import Language
from allpool.mappings.draft.language import language_of
from allpool.mappings.draft.rendering import rendered
from allpool.mappings.draft.suggest import suggest
from allpool.mappings.draft.suggestion import Suggestion
from allpool.mappings.profile import TableProfile


@dataclass(frozen=True)
class Draft:
    """The suggestions for the tables of a source, column by column."""

    name: str
    language: Language
    tables: tuple[tuple[TableProfile, tuple[Suggestion, ...]], ...]
    vocabulary: Vocabulary

    def __iter__(self) -> Iterator[Suggestion]:
        """Yield the suggestions of all tables in the order of the columns."""
        return (item for _, found in self.tables for item in found)

    def rows(self) -> list[dict[str, Any]]:
        """Return one entry per column, ready for JSON: `column`, `element` (or None), `confidence`, ..."""
        return [_row(table, item) for table, found in self.tables for item in found]

    def render(self) -> str:
        """Return the draft as a mapping file (docs/mapping-language.md).

        What is sure stands in it, with confidence and reason; what is not is a comment, to be filled in.
        """
        return rendered(self.name, self.language, self.tables, self.vocabulary)


def draft(
    profile: TableProfile | Sequence[TableProfile],
    *,
    vocabulary: Vocabulary | None = None,
    language: Language | None = None,
    name: str | None = None,
) -> Draft:
    """Return the draft of a mapping for a profiled source: one table, or several (sheets) of one delivery.

    `language` is that of the centre; left out, that of most column names. `name` is the mapping's, by
    default that of the file. The same profile gives the same draft.
    """
    tables = [profile] if isinstance(profile, TableProfile) else list(profile)
    words = vocabulary or load_vocabulary()
    return Draft(
        name or (PurePath(tables[0].file).stem if tables else "draft"),
        language or language_of(column.name for table in tables for column in table.columns),
        tuple((table, tuple(suggest(table, vocabulary=words))) for table in tables),
        words,
    )


def _row(table: TableProfile, item: Suggestion) -> dict[str, Any]:
    alternatives: list[Mapping[str, Any]] = [
        {"element": other.element, "confidence": other.confidence} for other in item.alternatives
    ]
    return {
        "file": table.file,
        "sheet": table.sheet,
        "column": item.column,
        "element": item.element,
        "confidence": item.confidence,
        "reason": item.reason,
        "identifier": item.identifier is not None or item.element == "subject_id",
        "identifier_kind": item.identifier,
        "record": item.record,
        "field": item.field,
        "unit": item.unit,
        "units": list(item.units),
        "code_table": item.code_table,
        "codes": dict(item.codes),
        "unknown": list(item.unknown),
        "date_format": item.date_format,
        "timepoint": item.timepoint,
        "course": item.course,
        "alternatives": alternatives,
    }

"""The Data Docs of a night: pages of every batch, and one index, in the run's own folder."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from pathlib import Path

from sqlalchemy import Engine

from allpool.etl.audit import Audited, rules_for
from allpool.etl.audit.data_docs import Page, write_data_docs, write_index
from allpool.mappings.compile import Vocabulary


class NightDocs:
    """Collects the pages of one night's audits."""

    def __init__(self, output: Path, *, run: int, title: str, now: datetime) -> None:
        self.folder = output / "quality" / str(run)
        self._title = f"{title}: quality, night {run}"
        self._now = now
        self._pages: list[Page] = []

    def add(
        self,
        engine: Engine,
        audited: Iterable[Audited],
        staged: Iterable[Mapping[str, Mapping[str | None, int]]],
        vocabulary: Vocabulary,
        *,
        today: date,
    ) -> None:
        """Write the pages of a batch, whose rows are `staged` per table and data element."""
        rows: dict[str, dict[str | None, int]] = {}
        for counts in staged:
            for table, elements in counts.items():
                rows.setdefault(table, {}).update(elements)
        rules = rules_for(
            rows,
            dictionary=vocabulary.dictionary,
            terminology=vocabulary.terminology,
            records=vocabulary.records,
            today=today,
        )
        self._pages += write_data_docs(self.folder, audited, rules, engine=engine, now=self._now)

    def close(self) -> Path | None:
        """Write the index; return its path, or None where nothing was audited."""
        return write_index(self.folder, self._pages, title=self._title) if self._pages else None

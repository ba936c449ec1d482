"""Rules of the clinic across tables: what cannot both be true of one patient.

A rule is an entry of a file of `rules/`: the rows it is about, one of the forms of `forms.py`, the column at
fault, why it matters and where that is said, its words in three languages, a patient whom it finds and one
whom it leaves alone. `selects` and `queries` make SQL of it.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import replace
from functools import cache, lru_cache

from allpool.etl.audit.clinical.files import ClinicalRule, RuleFile, rule_files
from allpool.etl.audit.clinical.published import Published, published_beside
from allpool.etl.audit.clinical.queries import queries
from allpool.etl.audit.rules import Rule, key_rule
from allpool.mappings.dictionary import Dictionary

__all__ = ["ClinicalRule", "Published", "RuleFile", "clinical_rules", "published_beside", "rule_files"]


Staged = Mapping[str, Container[str | None]]
"""Table -> data elements of which rows are staged."""


def clinical_rules(
    dictionary: Dictionary, *, staged: Staged | None = None, published: Published | None = None
) -> Iterator[Rule]:
    """Yield the clinical rules, but for those about elements that `dictionary` does not have.

    With `staged` (table -> data elements), only those that have rows to look at. With `published`, what
    stands beside a staged row may have been published on an earlier night.
    """
    for name, entry in _entries().items():
        if all(element in dictionary for element in entry.row.elements) and _looks_at(entry, staged):
            yield _rule(name, published)


def _looks_at(entry: ClinicalRule, staged: Staged | None) -> bool:
    if staged is None:
        return True
    elements = staged.get(entry.row.table, {})
    return (
        any(element in elements for element in entry.row.elements)
        if entry.row.elements
        else entry.row.table in staged
    )


@cache
def _entries() -> Mapping[str, ClinicalRule]:
    return {entry.rule: entry for file in rule_files() for entry in file.rules}


@lru_cache(maxsize=1024)
def _rule(name: str, published: Published | None) -> Rule:
    entry = _entries()[name]
    found = queries(entry.row, entry.column, entry.check, published=published)
    rule = key_rule(
        found.keys,
        rule=entry.rule,
        table=entry.row.table,
        column=entry.column,
        category=entry.category,
        severity=entry.severity,
        expected=entry.expected["en"],
        context=entry.context,
        element=entry.element,
        rows=entry.row.elements,
        source=entry.source,
        others=found.others,
        title=entry.title,
        words=entry.expected,
    )
    return replace(rule, beside=entry.beside)

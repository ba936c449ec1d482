"""Rules of the clinic across tables: what cannot both be true of one patient.

A rule is an entry of a file of `rules/`: the rows it is about, one of the forms of `forms.py`, the column at
fault, why it matters and where that is said, its words in three languages, a patient whom it finds and one
whom it leaves alone. `selects` and `queries` make SQL of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from allpool.etl.audit.clinical.files import ClinicalRule, RuleFile, rule_files
from allpool.etl.audit.clinical.published import Published, published_beside
from allpool.etl.audit.clinical.queries import queries
from allpool.etl.audit.rules import Rule, key_rule
from allpool.mappings.dictionary import Dictionary

__all__ = ["ClinicalRule", "Published", "RuleFile", "clinical_rules", "published_beside", "rule_files"]


def clinical_rules(dictionary: Dictionary, *, published: Published | None = None) -> Iterator[Rule]:
    """Yield the clinical rules, but for those about elements that `dictionary` does not have.

    With `published`, what stands beside a staged row may have been published on an earlier night.
    """
    for file in rule_files():
        for entry in file.rules:
            if all(element in dictionary for element in entry.row.elements):
                yield _rule(entry, published)


def _rule(entry: ClinicalRule, published: Published | None) -> Rule:
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

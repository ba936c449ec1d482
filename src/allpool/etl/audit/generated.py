"""All rules for what a feed has staged: from the tables, the dictionary, and the clinic."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date

from allpool.errors import BrokenRuleError
from allpool.etl.audit.clinical import Published, clinical_rules
from allpool.etl.audit.elements import element_rules
from allpool.etl.audit.magnitude import magnitude_rule
from allpool.etl.audit.rules import Rule
from allpool.etl.audit.same_person import same_person_rule
from allpool.etl.audit.structure import structure_rules
from allpool.mappings.dictionary import Dictionary
from allpool.mappings.records import RecordType, load_records
from allpool.mappings.terminology import Terminology

Staged = Mapping[str, Mapping[str | None, int]]
"""Table -> data element (None where the table has none) -> number of staged rows; no empty tables."""


def rules_for(
    staged: Staged,
    *,
    dictionary: Dictionary,
    terminology: Terminology,
    today: date,
    records: Mapping[str, RecordType] | None = None,
    published: Published | None = None,
) -> tuple[Rule, ...]:
    """Return the rules that apply to what is staged; clinical ones look at what is `published` beside it.

    Raises `BrokenRuleError` where two rules have one id, and `MappingError` where the dictionary names a code
    table that does not exist.
    """
    kinds = records if records is not None else load_records(dictionary)
    rules: dict[str, Rule] = {}
    for rule in _all(staged, dictionary, terminology, today, kinds, published):
        if rule.id in rules:
            raise BrokenRuleError(f"two rules of the audit are called {rule.id}")
        rules[rule.id] = rule
    return tuple(rules.values())


def _all(
    staged: Staged,
    dictionary: Dictionary,
    terminology: Terminology,
    today: date,
    records: Mapping[str, RecordType],
    published: Published | None,
) -> Iterator[Rule]:
    for table, counts in staged.items():
        yield from structure_rules(table, today=today)
        yield from element_rules(
            table,
            present={code for code in counts if code},
            dictionary=dictionary,
            terminology=terminology,
            records=records,
        )
    if "observation" in staged:
        yield magnitude_rule()
    if "patient" in staged and "condition" in staged:
        yield same_person_rule()
    yield from clinical_rules(dictionary, staged=staged, published=published)

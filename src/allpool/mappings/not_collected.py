"""What a mapping declares never to be sent, resolved to data elements."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from allpool.mappings.dictionary import DataElement, Dictionary
from allpool.mappings.plan import NotCollectedPlan, RulePlan
from allpool.mappings.positions import Document
from allpool.mappings.records import STRUCTURE, RecordType

AT = "not_collected"


def compile_not_collected(
    document: Document,
    names: Sequence[str],
    rules: Iterable[RulePlan],
    dictionary: Dictionary,
    records: Mapping[str, RecordType],
) -> tuple[NotCollectedPlan, ...]:
    """Return the elements behind `names`, records or elements, each once.

    Raises `MappingError` with file and line where a name is neither, or a record of the mapping fills it.
    """
    rules = list(rules)
    found: dict[str, NotCollectedPlan] = {}
    for index, name in enumerate(names):
        line = document.line((AT, index))
        if name in records:
            plans = [
                NotCollectedPlan(item, name, None, line) for item in _elements(name, records, dictionary)
            ]
        elif name in dictionary and dictionary[name].record != STRUCTURE:
            plans = [_of_element(dictionary[name], records, line)]
        else:
            document.fail(f"there is no record or data element '{name}'; see docs/dictionary.md", (AT, index))
        for plan in plans:
            filled = next((rule for rule in rules if _fills(rule, plan)), None)
            if filled is not None:
                document.fail(
                    f"'{name}' is declared not collected, and the record in line {filled.line} reads it",
                    (AT, index),
                )
            found.setdefault(plan.element, plan)
    return tuple(found.values())


def _elements(name: str, records: Mapping[str, RecordType], dictionary: Dictionary) -> list[str]:
    """Return the elements that are at home in a record."""
    own = records[name].data_element
    at_home = [element.id for element in dictionary if element.record == name]
    return list(dict.fromkeys([*([own] if own else []), *at_home]))


def _of_element(element: DataElement, records: Mapping[str, RecordType], line: int) -> NotCollectedPlan:
    home = element.record if element.record in records else element.id
    if home == element.id:
        return NotCollectedPlan(element.id, home, None, line)
    field = records[home].fields[element.field]
    target = element.id if field.component else field.column or "specimen_id"
    return NotCollectedPlan(element.id, home, target, line)


def _fills(rule: RulePlan, plan: NotCollectedPlan) -> bool:
    if rule.record != plan.record:
        return False
    return plan.target is None or plan.target in rule.columns

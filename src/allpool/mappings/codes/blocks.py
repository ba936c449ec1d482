"""The relations of a mapping, field by field, as they are exported, edited and taken back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from allpool.mappings.codes.relations import Relation
from allpool.mappings.plan import CompiledMapping, FieldPlan, RulePlan, SourcePlan
from allpool.mappings.terminology import CodeTable, normal
from allpool.models.systems import local_system

TRUTH: Final = "yes_no"
"""Code table of the two answers of a yes-or-no field."""


@dataclass(frozen=True)
class Address:
    """Where in a mapping a field stands: source, record (`wbc`, or `wbc#2` where several are), field."""

    source: str
    record: str
    field: str

    def __str__(self) -> str:
        return f"{self.source}.{self.record}.{self.field}"


@dataclass(frozen=True)
class Place:
    """A field that reads words, and what the mapping says of it."""

    address: Address
    rule: RulePlan
    field: FieldPlan

    @property
    def column(self) -> str:
        """The file's column, or the first of its names."""
        return (self.field.binding.column or ("",))[0]

    @property
    def table(self) -> str | None:
        """Code table that the field is coded by; None where texts stand for texts."""
        if self.field.kind == "boolean":
            return TRUTH
        return self.field.words.table if self.field.words else None

    @property
    def relations(self) -> tuple[Relation, ...]:
        """What mapping and code file say of texts; each text once."""
        said = self.field.words.relations if self.field.words else ()
        return tuple({normal(relation.text): relation for relation in reversed(said)}.values())[::-1]


@dataclass(frozen=True)
class Block:
    """Relations of one field, or of one code table: from a system of texts to a system of codes (URLs)."""

    source: str
    target: str | None
    relations: tuple[Relation, ...]


def places(mapping: CompiledMapping) -> Iterator[Place]:
    """Yield every field of `mapping` that reads words from a column; a repeated record's fields once."""
    for plan in mapping.sources:
        for label, rule in _labelled(plan):
            for item in rule.fields:
                if item.words is not None and item.binding.column:
                    yield Place(Address(plan.name, label, item.name), rule, item)


def _labelled(plan: SourcePlan) -> Iterator[tuple[str, RulePlan]]:
    """Yield each record of a source as the mapping writes it, with a name of its own."""
    lines: dict[str, list[int]] = {}
    for rule in plan.rules:
        seen = lines.setdefault(rule.record, [])
        if rule.line in seen:
            continue
        seen.append(rule.line)
        yield (rule.record if len(seen) == 1 else f"{rule.record}#{len(seen)}"), rule


def target_system(place: Place) -> str | None:
    """Return the canonical URL of the codes that a field's texts become; None where they become texts."""
    if place.field.kind == "boolean":
        return local_system(TRUTH)
    return place.field.system if place.field.kind == "coding" else None


def table_relations(table: CodeTable) -> tuple[Relation, ...]:
    """Return the words of a code table beside its codes: synonyms and known misspellings mean what they lead
    to, known rubbish has no code."""
    found: dict[str, Relation] = {}
    for code, term in table.codes.items():
        found[normal(code)] = Relation(code, code)
        found.setdefault(normal(term.display), Relation(term.display, code))
        for texts in term.synonyms.values():
            for text in texts:
                found.setdefault(normal(text), Relation(text, code))
    for text, code in table.fixes.items():
        found.setdefault(normal(text), Relation(text, code, comment="known misspelling"))
    for text in table.ignored:
        found[normal(text)] = Relation(text, None, "unmatched", "known rubbish")
    return tuple(found.values())

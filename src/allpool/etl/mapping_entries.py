"""What the store keeps of a feed's mapping: its rules, its unequal codes, and what it never sends."""

from __future__ import annotations

from dataclasses import asdict

from sqlalchemy.engine import Connection

from allpool.config import FeedSection
from allpool.etl import operations
from allpool.mappings.plan import CompiledMapping, target_of
from allpool.mappings.terminology import normal
from allpool.models import LANDED


def record_mapping(connection: Connection, feed: FeedSection, mapping: CompiledMapping) -> None:
    """Write down the mapping that `feed` is published by, in the caller's transaction."""
    operations.record_mapping_rules(connection, _rules(feed, mapping))
    operations.replace_code_relations(connection, feed.id, _relations(feed, mapping))
    operations.replace_not_collected(connection, feed.id, _not_collected(feed, mapping))


def _rules(feed: FeedSection, mapping: CompiledMapping) -> list[operations.MappingRuleEntry]:
    return [
        operations.MappingRuleEntry(
            id=rule.id,
            feed=feed.id,
            source=plan.name,
            record=rule.record,
            table_name=rule.table,
            mapping=mapping.file,
            line=rule.line,
            columns=rule.columns,
        )
        for plan in mapping.sources
        for rule in plan.rules
    ] + [
        operations.MappingRuleEntry(
            id=plan.rule,
            feed=feed.id,
            source=plan.source,
            record=LANDED.name,
            table_name=LANDED.name,
            mapping=mapping.file,
            line=None,
            columns={},
        )
        for plan in mapping.landings
    ]


def _relations(feed: FeedSection, mapping: CompiledMapping) -> list[operations.CodeRelationEntry]:
    """Return the texts that the mapping brings to a code of another meaning, or to none."""
    found = {
        (rule.id, target_of(item), normal(relation.text)): operations.CodeRelationEntry(
            feed=feed.id,
            rule=rule.id,
            target=target_of(item),
            text=relation.text,
            table_name="observation_component" if item.is_component else rule.table,
            record=rule.record,
            data_element=item.element if item.is_component else rule.data_element,
            source_column=item.binding.column[0],
            code=relation.code,
            equivalence=relation.equivalence,
            comment=relation.comment,
        )
        for plan in mapping.sources
        for rule in plan.rules
        for item in rule.fields
        if item.words is not None and item.binding.column
        for relation in item.words.relations
        if not relation.is_equal
    }
    return list(found.values())


def _not_collected(feed: FeedSection, mapping: CompiledMapping) -> list[operations.NotCollectedEntry]:
    return [operations.NotCollectedEntry(feed=feed.id, **asdict(plan)) for plan in mapping.not_collected]

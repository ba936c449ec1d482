"""FHIR R4 ConceptMaps of what texts become: written from mappings and code tables, and read back.

https://hl7.org/fhir/R4/conceptmap.html. One group for each field: its source is the column as that field
reads it, its target the code table's canonical URL.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, NoReturn
from urllib.parse import quote, unquote

from allpool.errors import MappingError
from allpool.errors import Place as Where
from allpool.mappings.codes.blocks import Address, Block, places, table_relations, target_system
from allpool.mappings.codes.relations import EQUIVALENCES, Equivalence, Relation, fault
from allpool.mappings.plan import CompiledMapping
from allpool.mappings.terminology import CodeTable, normal
from allpool.models.systems import BASE, local_system

COLUMN: Final = f"{BASE}/CodeSystem/column/"
WORDS: Final = f"{BASE}/CodeSystem/words/"

# The code system is a tree: what stands beneath a code implies it (CodeSystem concept-map-equivalence 4.0.1).
IMPLIED: Final[Mapping[str, Equivalence]] = {
    "equal": "equivalent",
    "subsumes": "wider",
    "specializes": "narrower",
    "disjoint": "unmatched",
}


def mapping_concept_map(mapping: CompiledMapping) -> dict[str, Any]:
    """Return what a mapping says of texts as a ConceptMap; fields that add none are left out."""
    blocks = [
        Block(column_system(mapping.name, place.address, place.column), target_system(place), place.relations)
        for place in places(mapping)
        if place.relations
    ]
    return concept_map(
        blocks,
        url=f"{BASE}/ConceptMap/mapping/{_part(mapping.name)}",
        version=mapping.version,
        title=f"What texts become under the mapping {mapping.name}",
    )


def table_concept_map(table: CodeTable, *, version: str) -> dict[str, Any]:
    """Return a code table's words as a ConceptMap."""
    target = table.system or local_system(table.table)
    blocks = [Block(f"{WORDS}{_part(table.table)}", target, table_relations(table))]
    return concept_map(
        blocks,
        url=f"{BASE}/ConceptMap/table/{_part(table.table)}",
        version=version,
        title=f"Words of the code table {table.table}: {table.title}",
    )


def concept_map(blocks: Iterable[Block], *, url: str, version: str, title: str) -> dict[str, Any]:
    """Return blocks as a ConceptMap; blanks within texts are single, as FHIR's `code` asks."""
    name = re.sub(r"[^A-Za-z0-9_]", "_", url.removeprefix(f"{BASE}/ConceptMap/"))
    found: dict[str, Any] = {
        "resourceType": "ConceptMap",
        "url": url,
        "version": version,
        "name": f"Words_{name}"[:255],
        "title": title,
        "status": "active",
    }
    groups = [_group(block) for block in blocks if block.relations]
    return {**found, "group": groups} if groups else found


def _group(block: Block) -> dict[str, Any]:
    target = {} if block.target is None else {"target": block.target}
    return {"source": block.source, **target, "element": [_element(item) for item in block.relations]}


def _element(relation: Relation) -> dict[str, Any]:
    code = {} if relation.code is None else {"code": relation.code}
    comment = {} if relation.comment is None else {"comment": relation.comment}
    return {
        "code": " ".join(relation.text.split()),
        "target": [{**code, "equivalence": relation.equivalence, **comment}],
    }


def column_system(mapping: str, address: Address, column: str) -> str:
    """Return the URL of a column's texts as one field of a mapping reads them."""
    return COLUMN + "/".join(
        _part(text) for text in (mapping, address.source, address.record, address.field, column)
    )


def read_column_system(url: str) -> tuple[str, Address] | None:
    """Return the mapping's name and the field that a column's URL names; None where it is none of ours."""
    parts = [unquote(part) for part in url.removeprefix(COLUMN).split("/")]
    if not url.startswith(COLUMN) or len(parts) != 5:
        return None
    return parts[0], Address(*parts[1:4])


def _part(text: str) -> str:
    return quote(text, safe="")


def read_concept_map(resource: Any, *, file: str) -> list[Block]:
    """Return the groups of a ConceptMap as blocks.

    Codes that imply one of our equivalences are read as that one (`equal` as `equivalent`). Raises
    `MappingError` with the path in the resource where it is no ConceptMap, or says what a mapping cannot say:
    that texts are merely related, several codes for one text, a code that depends on others.
    """
    if not isinstance(resource, dict) or resource.get("resourceType") != "ConceptMap":
        _fail(file, "", "is no FHIR ConceptMap (resourceType)")
    blocks = []
    for at, group in _items(resource, "group", file, "ConceptMap"):
        relations: dict[str, Relation] = {}
        for here, element in _items(group, "element", file, at):
            relation = _read_element(element, file, here)
            before = relations.setdefault(normal(relation.text), relation)
            if (before.code, before.equivalence) != (relation.code, relation.equivalence):
                _fail(file, here, "this text stands in the group twice, with different meanings")
        source = _text(group, "source", file, at)
        blocks.append(Block(source or "", _text(group, "target", file, at), tuple(relations.values())))
    return blocks


def _read_element(element: Mapping[str, Any], file: str, at: str) -> Relation:
    text = _text(element, "code", file, at)
    if not text or not text.strip():
        _fail(file, at, "has no `code`: the text of the source")
    targets = _items(element, "target", file, at)
    if not targets:
        return Relation(text, None, "unmatched", "the ConceptMap names no target")
    if len(targets) > 1:
        _fail(file, at, "has several targets; a text becomes one code")
    here, target = targets[0]
    for word in ("dependsOn", "product"):
        if target.get(word):
            _fail(file, here, f"`{word}` has no place in a mapping: write a condition (`when`) there")
    word = _text(target, "equivalence", file, here) or ""
    equivalence = IMPLIED.get(word, word)
    if equivalence not in EQUIVALENCES:
        known = ", ".join((*EQUIVALENCES, *IMPLIED))
        _fail(file, here, f"equivalence '{word}' says too little to map by; accepted are {known}")
    comment = _text(target, "comment", file, here)
    if equivalence == "unmatched" and comment is None:
        comment = "unmatched in the ConceptMap"
    code = _text(target, "code", file, here)
    wrong = fault(code, equivalence, comment)
    if wrong:
        _fail(file, here, wrong)
    return Relation(text, code, equivalence, comment)


def _items(parent: Mapping[str, Any], member: str, file: str, at: str) -> list[tuple[str, Mapping[str, Any]]]:
    found = parent.get(member, [])
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        _fail(file, f"{at}.{member}", "is no list of objects")
    return [(f"{at}.{member}[{index}]", item) for index, item in enumerate(found)]


def _text(parent: Mapping[str, Any], member: str, file: str, at: str) -> str | None:
    found = parent.get(member)
    if found is not None and not isinstance(found, str):
        _fail(file, f"{at}.{member}", "is no text")
    return found


def _fail(file: str, at: str, message: str) -> NoReturn:
    raise MappingError(f"{at}: {message}" if at else message, place=Where(file=file))

"""Taking relations into a mapping: its code files are written, for all else is said what to write where."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from allpool.errors import AllpoolError, MappingError
from allpool.errors import Place as Where
from allpool.mappings.code_blocks import TRUTH, Address, Block, Place, places
from allpool.mappings.code_files import code_file, read_code_file
from allpool.mappings.code_sheets import SheetRow, addressed
from allpool.mappings.compile import Vocabulary, load_mapping
from allpool.mappings.concept_maps import read_column_system
from allpool.mappings.plan import CompiledMapping
from allpool.mappings.relations import Relation
from allpool.mappings.spreadsheets import Line
from allpool.mappings.terminology import Terminology, normal
from allpool.mappings.words import TRUE_FALSE

MOST_FAULTS: Final = 20
"""Faults that one message tells."""


@dataclass(frozen=True)
class Advice:
    """What a person writes into the mapping by hand."""

    line: int
    place: str
    write: str


@dataclass(frozen=True)
class Imported:
    """What an import did: texts added by code file, what is to be written by hand, texts known before."""

    written: Mapping[str, int] = field(default_factory=dict)
    advice: Sequence[Advice] = ()
    known: int = 0


def rows_of_blocks(blocks: Sequence[Block], *, mapping: str, file: str, to: Address | None) -> list[SheetRow]:
    """Return the relations of a ConceptMap's blocks as rows for the fields that their sources name.

    `to` is the field for blocks of columns that are not named as allpool names them. Raises `MappingError`
    where there is no such field to be told.
    """
    rows = []
    for index, block in enumerate(blocks):
        named = read_column_system(block.source)
        at = Line(file, 0, {})
        if named is None and to is None:
            raise MappingError(
                f"group[{index}].source is not a column of ours; say with --to which field it is of "
                "(SOURCE.RECORD.FIELD)",
                place=Where(file=file),
            )
        if named is not None and named[0] != mapping:
            raise MappingError(
                f"group[{index}].source is a column of the mapping {named[0]}, not of {mapping}",
                place=Where(file=file),
            )
        address = named[1] if named is not None else to
        if address is not None:
            rows += [SheetRow(address, relation, at) for relation in block.relations]
    return rows


def take_in(
    rows: Sequence[SheetRow], mapping_file: Path, vocabulary: Vocabulary, *, dry_run: bool = False
) -> Imported:
    """Write `rows` into the code files that the mapping names, and say what is left to write by hand.

    Nothing is written where anything is wrong: an unknown field or code, two codes for one text, or another
    code than the mapping says. Raises `MappingError` that tells each with its line. With `dry_run` nothing is
    written.
    """
    mapping = load_mapping(mapping_file, vocabulary)
    known = {place.address: place for place in places(mapping)}
    faults: list[str] = []
    fresh: dict[Address, list[Relation]] = {}
    repeated = 0
    for address, own in addressed(rows).items():
        place = known.get(address)
        if place is None:
            faults += [f"{_at(own[0])}: {mapping.file} has no field {address} that reads words"]
            continue
        new, again, wrong = _new(own, place, vocabulary.terminology)
        faults += wrong
        repeated += again
        if new:
            fresh[address] = new
    if faults:
        more = f"\n... and {len(faults) - MOST_FAULTS} more" if len(faults) > MOST_FAULTS else ""
        raise MappingError(
            "nothing was written:\n" + "\n".join(faults[:MOST_FAULTS]) + more, place=Where(file=mapping.file)
        )
    files, advice = _sorted(fresh, known)
    if files and not dry_run:
        _write(files, mapping_file, vocabulary)
    return Imported({name: len(found) for name, found in files.items()}, advice, repeated)


def _at(row: SheetRow) -> str:
    return f"{row.line.file}, line {row.line.line}" if row.line.line else f"{row.line.file}, {row.address}"


def _new(
    rows: Sequence[SheetRow], place: Place, terminology: Terminology
) -> tuple[list[Relation], int, list[str]]:
    """Return what rows add to a field, how many say what it says already, and what is wrong with others."""
    codes = _codes(place, terminology)
    said = {normal(relation.text): relation for relation in place.relations}
    seen: dict[str, SheetRow] = {}
    new, again, wrong = [], 0, []
    for row in rows:
        relation, form = row.relation, normal(row.relation.text)
        if relation.code is not None and codes is not None and relation.code not in codes:
            wrong.append(f"{_at(row)}: '{relation.code}' is not a code of {place.table}")
            continue
        if relation.equivalence in ("wider", "narrower") and not _keeps_text(place):
            wrong.append(
                f"{_at(row)}: {place.address} keeps no text beside its code: only equivalent, unmatched"
            )
            continue
        before = seen.setdefault(form, row)
        if _differ(before.relation, relation):
            wrong.append(f"{_at(row)}: this text has another code in {_at(before)}")
        elif form in said and _differ(said[form], relation):
            wrong.append(
                f"{_at(row)}: the mapping brings this text to {said[form].code or 'nothing'}; mend it there"
            )
        elif form in said or before is not row:
            again += 1
        else:
            new.append(relation)
    return new, again, wrong


def _differ(one: Relation, other: Relation) -> bool:
    return (one.code, one.equivalence) != (other.code, other.equivalence)


def _codes(place: Place, terminology: Terminology) -> frozenset[str] | None:
    if place.table == TRUTH:
        return TRUE_FALSE
    return frozenset(terminology[place.table].codes) if place.table else None


def _keeps_text(place: Place) -> bool:
    return place.field.kind == "coding" and place.field.has_delivered and not place.field.is_specimen


def _sorted(
    fresh: Mapping[Address, Sequence[Relation]], known: Mapping[Address, Place]
) -> tuple[dict[str, list[Relation]], list[Advice]]:
    """Return relations by the code file that takes them, and the advice for fields that name none."""
    files: dict[str, list[Relation]] = {}
    advice = []
    for address, relations in fresh.items():
        codes = known[address].field.binding.codes
        if codes is not None and codes.file is not None:
            files.setdefault(codes.file, []).extend(relations)
        else:
            advice.append(_advice(known[address], relations))
    return files, advice


def _advice(place: Place, relations: Sequence[Relation]) -> Advice:
    codes = place.field.binding.codes
    words = {relation.text: _target(relation) for relation in relations}
    written = ", ".join(f"{_yaml(text)}: {target}" for text, target in words.items())
    address = place.address
    where = f"source {address.source}, record {address.record}, field {address.field}"
    if codes is not None and codes.words:
        return Advice(place.rule.line, where, f"among the words under `codes`: {written}")
    table = place.table
    return Advice(place.rule.line, where, f"codes: {{table: {table}, words: {{{written}}}}}")


def _target(relation: Relation) -> str:
    if relation.is_equal and relation.comment is None and relation.code is not None:
        return _yaml(relation.code)
    parts = [
        f"{name}: {_yaml(value)}"
        for name, value in (
            ("code", relation.code),
            ("equivalence", relation.equivalence),
            ("comment", relation.comment),
        )
        if value is not None
    ]
    return f"{{{', '.join(parts)}}}"


def _yaml(text: str) -> str:
    """Return a text as YAML holds it in double quotes, which is as JSON does."""
    return json.dumps(text, ensure_ascii=False)


def _write(
    files: Mapping[str, Sequence[Relation]], mapping_file: Path, vocabulary: Vocabulary
) -> CompiledMapping:
    """Write code files; where the mapping does not load with them, put back what they were."""
    before: dict[Path, bytes] = {}
    try:
        for name, relations in files.items():
            path = mapping_file.parent / name
            before[path] = path.read_bytes()
            kept = [relation for relation, _ in read_code_file(path, name=name)]
            _replace(path, code_file([*kept, *_once(relations)]).encode())
        return load_mapping(mapping_file, vocabulary)
    except (AllpoolError, OSError):
        for path, content in before.items():
            _replace(path, content)
        raise


def _once(relations: Sequence[Relation]) -> list[Relation]:
    """Return relations with each text once; several fields may share a file."""
    return list({normal(relation.text): relation for relation in reversed(relations)}.values())[::-1]


def _replace(path: Path, content: bytes) -> None:
    """Write a file so that it is never half there."""
    draft = path.with_name(f".{path.name}.new")
    draft.write_bytes(content)
    draft.replace(path)

"""Taking relations into a mapping: into the code files of its fields, else into its code sheet."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from allpool.errors import AllpoolError, MappingError
from allpool.errors import Place as Where
from allpool.mappings.codes.blocks import TRUTH, Address, Block, Place, places
from allpool.mappings.codes.concept_maps import read_column_system
from allpool.mappings.codes.files import code_file, read_code_file
from allpool.mappings.codes.relations import Relation
from allpool.mappings.codes.sheets import EXPORTED, KNOWN, SheetRow, addressed, sheet_cells, sheet_lines
from allpool.mappings.codes.spreadsheets import Line, written
from allpool.mappings.compile import Vocabulary, load_mapping
from allpool.mappings.plan import CompiledMapping
from allpool.mappings.terminology import Terminology, normal
from allpool.mappings.words import TRUE_FALSE

MOST_FAULTS: Final = 20
"""Faults that one message tells."""


@dataclass(frozen=True)
class Imported:
    """What an import did: texts added by file, the code sheet that is new, texts known before."""

    written: Mapping[str, int] = field(default_factory=dict)
    named: str | None = None
    """Code sheet that the mapping did not name before."""
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
    """Write `rows` into the code file that the field names, else into the mapping's code sheet.

    A mapping that names no code sheet gets one beside it, and the line `codes:` that names it. Nothing is
    written where anything is wrong: an unknown field or code, two codes for one text, or another code than
    the mapping says. Raises `MappingError` that tells each with its line. With `dry_run` nothing is written.
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
    files, rest = _sorted(fresh, known)
    sheet = mapping.codes or f"{mapping_file.stem}_codes.csv"
    if fresh and not dry_run:
        _write(files, rest, mapping, mapping_file, sheet, vocabulary)
    written = {name: len(found) for name, found in files.items()} | ({sheet: len(rest)} if rest else {})
    return Imported(written, sheet if rest and mapping.codes is None else None, repeated)


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
) -> tuple[dict[str, list[Relation]], list[tuple[Place, Relation]]]:
    """Return relations by the code file that takes them, and those of fields that name none."""
    files: dict[str, list[Relation]] = {}
    rest: list[tuple[Place, Relation]] = []
    for address, relations in fresh.items():
        codes = known[address].field.binding.codes
        if codes is not None and codes.file is not None:
            files.setdefault(codes.file, []).extend(relations)
        else:
            rest += [(known[address], relation) for relation in relations]
    return files, rest


def _write(
    files: Mapping[str, Sequence[Relation]],
    rest: Sequence[tuple[Place, Relation]],
    mapping: CompiledMapping,
    mapping_file: Path,
    sheet: str,
    vocabulary: Vocabulary,
) -> None:
    """Write code files and sheet; where the mapping does not load with them, put back what they were."""
    before: dict[Path, bytes | None] = {}

    def put(path: Path, content: bytes) -> None:
        before.setdefault(path, path.read_bytes() if path.exists() else None)
        _replace(path, content)

    try:
        for name, relations in files.items():
            path = mapping_file.parent / name
            kept = [relation for relation, _ in read_code_file(path, name=name)]
            put(path, code_file([*kept, *_once(relations)]).encode())
        if rest:
            put(mapping_file.parent / sheet, _sheet(mapping, mapping_file.parent / sheet, rest).encode())
            if mapping.codes is None:
                put(mapping_file, _named(mapping_file, sheet))
        load_mapping(mapping_file, vocabulary)
    except (AllpoolError, OSError):
        for path, content in before.items():
            if content is None:
                path.unlink(missing_ok=True)
            else:
                _replace(path, content)
        raise


def _sheet(mapping: CompiledMapping, path: Path, rest: Sequence[tuple[Place, Relation]]) -> str:
    """Return the code sheet with new lines after those that it has."""
    if mapping.codes is None and path.exists():
        raise MappingError(
            f"is there, and {mapping.file} does not name it; write `codes: {path.name}` at its top, or "
            "rename the file",
            place=Where(file=path.name),
        )
    kept = [dict(line.cells) for line in sheet_lines(path)] if mapping.codes else []
    return written(KNOWN if kept else EXPORTED, [*kept, *(sheet_cells(mapping, *item) for item in rest)])


def _named(mapping_file: Path, sheet: str) -> bytes:
    """Return the mapping with a line that names its code sheet, after its version."""
    text = mapping_file.read_bytes().decode()
    found = re.search(r"^version:[^\r\n]*(\r?\n)", text, flags=re.MULTILINE)
    if found is None:
        raise MappingError(
            f"write `codes: {sheet}` at its top and import again", place=Where(file=mapping_file.name)
        )
    line = f"codes: {json.dumps(sheet, ensure_ascii=False)}    # filled work-lists{found[1]}"
    return (text[: found.end()] + line + text[found.end() :]).encode()


def _once(relations: Sequence[Relation]) -> list[Relation]:
    """Return relations with each text once; several fields may share a file."""
    return list({normal(relation.text): relation for relation in reversed(relations)}.values())[::-1]


def _replace(path: Path, content: bytes) -> None:
    """Write a file so that it is never half there."""
    draft = path.with_name(f".{path.name}.new")
    draft.write_bytes(content)
    draft.replace(path)

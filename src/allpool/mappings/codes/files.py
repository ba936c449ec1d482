"""Code files: the relations of one field's texts to codes, as a CSV file beside the mapping."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final, cast

from allpool.mappings.codes.relations import Equivalence, Relation, fault
from allpool.mappings.codes.spreadsheets import Line, read_lines, written

COLUMNS: Final = ("text", "code", "equivalence", "comment")
NEEDED: Final = ("text", "code")


def read_code_file(path: Path, *, name: str) -> list[tuple[Relation, Line]]:
    """Return the relations of a code file with the lines that they stand in; `name` is the file in errors.

    An empty equivalence is `equivalent`. Raises `MappingError` with file and line.
    """
    found = []
    for line in read_lines(path, name=name, needed=NEEDED, known=COLUMNS):
        if not line.cells["text"]:
            line.fail("the text is missing")
        found.append((relation_of(line), line))
    return found


def relation_of(line: Line) -> Relation:
    """Return the relation that a line of a CSV file says.

    Raises `MappingError` with file and line where it is not whole.
    """
    code = line.cells["code"] or None
    equivalence = line.cells.get("equivalence") or "equivalent"
    comment = line.cells.get("comment") or None
    wrong = fault(code, equivalence, comment)
    if wrong:
        line.fail(wrong)
    return Relation(line.cells["text"], code, cast("Equivalence", equivalence), comment)


def code_file(relations: Iterable[Relation]) -> str:
    """Return the text of a code file."""
    rows = [
        {
            "text": relation.text,
            "code": relation.code,
            "equivalence": relation.equivalence,
            "comment": relation.comment,
        }
        for relation in relations
    ]
    return written(COLUMNS, rows)

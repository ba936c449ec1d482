"""A streaming XML parser that takes no document type, so that no entity can grow or reach out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, NoReturn
from xml.parsers import expat

from allpool.errors import Place, SourceError

DEEPEST = 256
"""Elements within elements; what workbooks and ODM need is below twenty."""
LONGEST_TAG = 16 * 2**20
"""Bytes of one tag with its attributes, which the parser holds together."""


@dataclass(frozen=True)
class Document:
    """What kind of document is read, for the words and the rule of a refusal."""

    name: str
    rule: str
    advice: str


WORKBOOK: Final = Document("the workbook", "unreadable_workbook", "save it again as .xlsx")


@dataclass
class Cursor:
    """Where the parser stands: the line on which the element that starts now begins, from 1."""

    line: int = 1


def parse(
    chunks: Iterator[bytes],
    *,
    start: Callable[[str, dict[str, str]], None],
    end: Callable[[str], None] | None = None,
    text: Callable[[str], None] | None = None,
    document: Document = WORKBOOK,
    cursor: Cursor | None = None,
) -> None:
    """Call `start`, `end` and `text` for what `chunks` hold, names without namespace.

    Raises SourceError with the document's rule if it is not well formed, nests too deep, has a tag beyond all
    measure, or declares a document type (which ECMA-376-2, clause 8.1.4, forbids, and ODM 1.3 does not need).
    """
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    local = _LocalNames()
    depth, seen = 0, False

    def refuse(reason: str) -> NoReturn:
        place = Place(row=parser.CurrentLineNumber) if document is not WORKBOOK else None
        raise SourceError(
            f"{document.name} {reason}; {document.advice}", rule=document.rule, place=place
        ) from None

    def started(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth, seen
        depth, seen = depth + 1, True
        if depth > DEEPEST:
            refuse("nests its elements too deep")
        if cursor is not None:
            cursor.line = parser.CurrentLineNumber
        start(local[name], {local[key]: value for key, value in attributes.items()})

    def ended(name: str) -> None:
        nonlocal depth
        depth -= 1
        if end is not None:
            end(local[name])

    parser.StartElementHandler = started
    parser.EndElementHandler = ended
    parser.StartDoctypeDeclHandler = lambda *_: refuse("declares a document type, which is not read")
    if text is not None:
        parser.CharacterDataHandler = text
    try:
        _feed(parser, chunks, refuse)
    except expat.ExpatError:
        refuse("is damaged")
    except (ValueError, LookupError):
        if seen:
            raise
        # an encoding that the document declares and expat cannot take (one of several bytes to a character)
        refuse("declares an encoding that is not read; UTF-8 is")


def refuse_malformed(chunks: Iterator[bytes], *, document: Document = WORKBOOK) -> None:
    """Raise what `parse` raises of a document that is not well formed; no element is looked at."""
    parser = expat.ParserCreate()

    def refuse(reason: str) -> NoReturn:
        raise SourceError(f"{document.name} {reason}; {document.advice}", rule=document.rule) from None

    parser.StartDoctypeDeclHandler = lambda *_: refuse("declares a document type, which is not read")
    try:
        _feed(parser, chunks, refuse)
    except expat.ExpatError:
        refuse("is damaged")
    except (ValueError, LookupError):
        refuse("declares an encoding that is not read; UTF-8 is")


def _feed(parser: expat.XMLParserType, chunks: Iterator[bytes], refuse: Callable[[str], NoReturn]) -> None:
    fed = 0
    for chunk in chunks:
        parser.Parse(chunk, False)
        fed += len(chunk)
        if fed - parser.CurrentByteIndex > LONGEST_TAG:
            refuse("has a tag that is too long")
    parser.Parse(b"", True)


class _LocalNames(dict[str, str]):
    """Each name without its namespace, worked out once."""

    def __missing__(self, name: str) -> str:
        self[name] = local = name.rpartition(" ")[2]
        return local

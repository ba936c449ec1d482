"""A streaming XML parser that takes no document type, so that no entity can grow or reach out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from xml.parsers import expat

from allpool.errors import SourceError


@dataclass(frozen=True, slots=True)
class Element:
    """A start tag: local name, and attributes by local name."""

    name: str
    attributes: dict[str, str]


def parse(
    chunks: Iterator[bytes],
    *,
    start: Callable[[Element], None],
    end: Callable[[str], None] | None = None,
    text: Callable[[str], None] | None = None,
) -> None:
    """Call `start`, `end` and `text` for what the XML in `chunks` holds.

    Raises SourceError `unreadable_workbook` if it is not well formed or declares a document type
    (which ECMA-376-2, clause 8.1.4, forbids).
    """
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True

    def started(name: str, attributes: dict[str, str]) -> None:
        local = {key.rpartition(" ")[2]: value for key, value in attributes.items()}
        start(Element(name=name.rpartition(" ")[2], attributes=local))

    def refuse(*_: object) -> None:
        raise SourceError("the workbook declares a document type; save it again", rule="unreadable_workbook")

    parser.StartElementHandler = started
    parser.StartDoctypeDeclHandler = refuse
    if end is not None:
        parser.EndElementHandler = lambda name: end(name.rpartition(" ")[2])
    if text is not None:
        parser.CharacterDataHandler = text
    try:
        for chunk in chunks:
            parser.Parse(chunk, False)
        parser.Parse(b"", True)
    except expat.ExpatError:
        raise SourceError(
            "the workbook is damaged; save it again as .xlsx", rule="unreadable_workbook"
        ) from None

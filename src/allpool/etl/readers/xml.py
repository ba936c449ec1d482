"""A streaming XML parser that takes no document type, so that no entity can grow or reach out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from xml.parsers import expat

from allpool.errors import SourceError


def parse(
    chunks: Iterator[bytes],
    *,
    start: Callable[[str, dict[str, str]], None],
    end: Callable[[str], None] | None = None,
    text: Callable[[str], None] | None = None,
) -> None:
    """Call `start`, `end` and `text` for what `chunks` hold, names without namespace.

    Raises SourceError `unreadable_workbook` if it is not well formed or declares a document type
    (which ECMA-376-2, clause 8.1.4, forbids).
    """
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    local = _LocalNames()

    def started(name: str, attributes: dict[str, str]) -> None:
        start(local[name], {local[key]: value for key, value in attributes.items()})

    def refuse(*_: object) -> None:
        raise SourceError("the workbook declares a document type; save it again", rule="unreadable_workbook")

    parser.StartElementHandler = started
    parser.StartDoctypeDeclHandler = refuse
    if end is not None:
        parser.EndElementHandler = lambda name: end(local[name])
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


class _LocalNames(dict[str, str]):
    """Each name without its namespace, worked out once."""

    def __missing__(self, name: str) -> str:
        self[name] = local = name.rpartition(" ")[2]
        return local

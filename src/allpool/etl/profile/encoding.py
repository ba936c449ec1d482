"""The encoding and separator of a text file, found out for a description, never for a load."""

from __future__ import annotations

import codecs
from collections import Counter
from collections.abc import Callable
from itertools import islice
from typing import Final

from allpool.errors import SourceError
from allpool.etl.readers.encodings import BYTE_ORDER_MARKS
from allpool.etl.readers.quoting import records

SAMPLED_RECORDS: Final = 100
SEPARATORS: Final = (",", ";", "\t", "|")

# Letters with diacritics of Czech, Slovak and German, and the signs of typed reports.
CENTRAL_EUROPEAN: Final = frozenset(
    "áčďéěíňóřšťúůýžÁČĎÉĚÍŇÓŘŠŤÚŮÝŽľĺŕôäĽĹŔÔÄöüßÖÜ°µ±²³§–—…„“”‚‘’€×"
)  # fmt: skip


def found_encoding(sample: bytes) -> str:
    """Return the encoding in which `sample`, the first bytes of a file, is text: a name that Python knows.

    A byte order mark tells; then UTF-16 by its zero bytes, then UTF-8 where it can be read; then the one of
    GB18030, Big5, cp1250 and ISO 8859-2 in which most of what is not ASCII are the letters of its languages.
    Raises SourceError `encoding` where none can be.
    """
    marked = next((name for mark, name in BYTE_ORDER_MARKS if sample.startswith(mark)), None)
    if marked is not None:
        return marked
    zeros = [sample[turn : 4000 + turn : 2].count(0) for turn in (0, 1)]
    if max(zeros) > 0.2 * min(len(sample), 4000) / 2:
        return "utf-16-be" if zeros[0] > zeros[1] else "utf-16-le"
    if _decoded(sample, "utf-8") is not None:
        return "utf-8"
    scores = {name: _score(sample, name, usual) for name, usual in LEGACY.items()}
    best = max(scores, key=lambda name: scores[name])
    if scores[best] == 0:
        raise SourceError(
            "no encoding is found in which this is text; expected UTF-8, UTF-16, GB18030, Big5, cp1250 or "
            "ISO 8859-2: export the file again as UTF-8",
            rule="encoding",
        )
    return best


def found_separator(text: str, *, quote: str = '"') -> str:
    """Return the separator that gives most records the same number of fields, and the most of them."""
    content = bytearray(text.rstrip("\n").encode() + b"\n")
    scores = {}
    for separator in SEPARATORS:
        found = islice(records(content, start=0, line=1, separator=separator, quote=quote), SAMPLED_RECORDS)
        widths = Counter(len(record.fields) for record in found if record.fields and any(record.fields))
        width, alike = widths.most_common(1)[0] if widths else (1, 0)
        scores[separator] = (width > 1, alike / max(1, widths.total()) > 0.8, width * alike)
    return max(scores, key=lambda separator: scores[separator])


def _decoded(sample: bytes, encoding: str) -> str | None:
    """Return the text of a sample, which may end within a character; None where it is none."""
    try:
        return codecs.getincrementaldecoder(encoding)().decode(sample)
    except UnicodeError:
        return None


def _score(sample: bytes, encoding: str, usual: Callable[[str], bool]) -> float:
    """Return the share of the characters beyond ASCII that are usual in a language of the encoding."""
    text = _decoded(sample, encoding)
    if text is None:
        return 0.0
    beyond = [character for character in text if not character.isascii()]
    return sum(map(usual, beyond)) / len(beyond) if beyond else 0.0


def _is_simplified(character: str) -> bool:
    """Return whether a character is a common one of GB 2312: its level 1 (rows 16 to 55), or punctuation."""
    try:
        row = character.encode("gb2312")[0] - 0xA0
    except UnicodeError:
        return False
    return row in (1, 3) or 16 <= row <= 55


def _is_traditional(character: str) -> bool:
    """Return whether a character is a common one of Big5: its level 1 (A440 to C67E), or punctuation."""
    try:
        code = int.from_bytes(character.encode("big5"), "big")
    except UnicodeError:
        return False
    return 0xA140 <= code <= 0xA1FE or 0xA440 <= code <= 0xC67E


LEGACY: Final[dict[str, Callable[[str], bool]]] = {
    "gb18030": _is_simplified,
    "big5": _is_traditional,
    "cp1250": CENTRAL_EUROPEAN.__contains__,
    "iso8859-2": CENTRAL_EUROPEAN.__contains__,
}

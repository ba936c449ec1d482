"""The pattern of a patient key, from the shapes that its cells have."""

from __future__ import annotations

import re
from dataclasses import dataclass

from allpool.mappings.profile import ColumnProfile

MOST = 4
"""Forms of a key that are listed; a column with more has no pattern that would find a lost zero."""
CLASSES = {"9": "[0-9]", "A": "[A-Z]", "a": "[a-z]", "字": r"\p{Han}"}
"""What a shape writes for the characters of a class (`ColumnProfile.shapes`)."""
CUT = 40
"""Characters after which a shape may have been cut."""


@dataclass(frozen=True)
class KeyPattern:
    """A regular expression for a patient key, and what it leaves open."""

    text: str | None
    """None where the shapes tell none."""
    left: int = 0
    """Cells whose form is too rare to be told: they would wait in quarantine."""


def key_pattern(column: ColumnProfile) -> KeyPattern:
    """Return the pattern that the frequent forms of a key have, numbers of one form with their lengths."""
    forms: dict[tuple[str, ...], list[tuple[int, int]]] = {}
    cells = 0
    for shape in column.shapes:
        if len(shape.text) >= CUT:
            return KeyPattern(None)
        runs = [(match.group(0)[0], len(match.group(0))) for match in re.finditer(r"(.)\1*", shape.text)]
        kinds = tuple(kind if kind in CLASSES else kind * length for kind, length in runs)
        lengths = forms.setdefault(kinds, [(length, length) for _, length in runs])
        forms[kinds] = [
            (min(low, length), max(high, length))
            for (low, high), (_, length) in zip(lengths, runs, strict=True)
        ]
        cells += shape.cells
    if not forms or len(forms) > MOST:
        return KeyPattern(None)
    texts = ["".join(map(_part, kinds, lengths)) for kinds, lengths in forms.items()]
    return KeyPattern("|".join(texts), max(0, column.filled - cells))


def _part(kind: str, lengths: tuple[int, int]) -> str:
    if kind not in CLASSES:
        return re.escape(kind).replace("\\ ", " ").replace("\\-", "-")
    low, high = lengths
    times = "" if high == 1 else f"{{{low}}}" if low == high else f"{{{low},{high}}}"
    return CLASSES[kind] + times

"""A sentence with places: `a number in {unit}`; recognised in English, filled in any language."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

PLACE: Final = re.compile(r"\{(\w+)(?:\|(\w+))?\}")
"""A place: its name, and how its content is put into another language."""
SHAPES: Final = {
    "number": r"[\d,]+",
    "amount": r"-?[\d.,]+(?:e[+-]?\d+)?(?: \S+)?",
    "word": r"[^\s;,]+",
    "column": r"\w+",
    "code": r"[a-z0-9-]+",
    "year": r"[12]\d{3}",
}
"""What may stand in places of a kind; in the others anything may."""
OR: Final = {"en": " or ", "zh": " 或 ", "cs": " nebo "}
THOUSANDS: Final = {"en": ",", "zh": ",", "cs": "\u00a0"}


@dataclass(frozen=True)
class Translate:
    """How what stands in a place is put into a language; None where it cannot be."""

    sentence: Callable[[str], str | None]
    title: Callable[[str], str | None]
    unit: Callable[[str], str]
    date: Callable[[str], str]
    code: Callable[[str], str]
    column: Callable[[str], str]
    language: str


class Template:
    """A sentence with places."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._kinds = {found[1]: found[2] for found in PLACE.finditer(text)}
        literals = PLACE.split(text)[::3]
        self.letters = sum(map(len, literals))
        """How much the template says itself: of two that fit, the one that says more is meant."""

    @classmethod
    def of_rule(cls, rule: str) -> Template:
        """Return the template of a rule's id, where each `{}` stands for one part without a point."""
        made = cls(rule)
        parts = r"[^.]+".join(map(re.escape, rule.split("{}")))
        made._pattern = re.compile(parts)
        made.letters = len(rule.replace("{}", ""))
        return made

    def match(self, text: str) -> bool:
        """Whether the template says `text`."""
        return self._pattern.fullmatch(text) is not None

    def values(self, text: str, translate: Translate) -> Mapping[str, str] | None:
        """Return what stands in the places of `text`, in the other language; None if `text` is another."""
        found = self._pattern.fullmatch(text)
        if found is None:
            return None
        values = {name: _translated(found[name], kind, translate) for name, kind in self._kinds.items()}
        known = {name: value for name, value in values.items() if value is not None}
        return known if len(known) == len(values) else None

    def filled(self, values: Mapping[str, str]) -> str:
        """Return the sentence with `values` in its places; where it ends with a point, it begins large."""
        said = PLACE.sub(lambda found: values[found[1]], self._text)
        named = "_" in said.partition(" ")[0] or said.startswith("id ")  # a column of ours, under its name
        return said[:1].upper() + said[1:] if said.endswith(".") and not named else said

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        """What the template says, as an expression; places of one name stand in it once."""
        parts, end = [], 0
        for found in PLACE.finditer(self._text):
            inside = SHAPES.get(found[2] or "", ".+?")
            parts += [re.escape(self._text[end : found.start()]), f"(?P<{found[1]}>{inside})"]
            end = found.end()
        return re.compile("".join([*parts, re.escape(self._text[end:])]), re.DOTALL)


def _translated(text: str, kind: str | None, translate: Translate) -> str | None:
    """Return what stood in a place, in the other language."""
    match kind:
        case "sentence":
            return translate.sentence(text)
        case "maybe":
            return translate.sentence(text) or text
        case "title":
            return translate.title(text) or text
        case "unit":
            return translate.unit(text)
        case "amount":
            number, _, unit = text.partition(" ")
            return f"{number} {translate.unit(unit)}" if unit else number
        case "code":
            return translate.code(text)
        case "column":
            return translate.column(text)
        case "dates":
            return OR[translate.language].join(map(translate.date, text.split(OR["en"])))
        case "quoted":
            return text.replace("' or '", f"'{OR[translate.language]}'")
        case "number":
            return text.replace(THOUSANDS["en"], THOUSANDS[translate.language])
        case _:
            return text

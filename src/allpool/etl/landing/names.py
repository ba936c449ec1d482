"""Names and ids of the persons of a delivery: looked for in the texts that stay, and never stored."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

WORD: Final = re.compile(r"\w+")
TOKEN: Final = re.compile(r"[^\s,;:()\[\]]+")
UNSPACED: Final = re.compile(r"^[\u3400-\u9fff\uac00-\ud7a3\u3040-\u30ff]{2,}$")
"""Names in scripts that are written without blanks (Han, Hangul, Kana; The Unicode Standard, chapter 18)."""

PARTS: Final = ("family", "given")
TELLING: Final = 2
"""Words of one name that a text must hold: one alone is too often a common word (May, Long, White)."""
SHORTEST_ID: Final = 5


class Names:
    """Names of persons as sets of words, and their ids, all in lower case."""

    def __init__(self) -> None:
        self._people: set[frozenset[str]] = set()
        self._unspaced: set[str] = set()
        self._ids: set[str] = set()

    def add(self, value: Any) -> None:
        """Note every FHIR HumanName in `value`, a part of a resource that does not land."""
        for name in _human_names(value):
            parts = [text for part in PARTS for text in _texts(name.get(part))]
            for whole in (parts, _texts(name.get("text"))):
                words = [word for text in whole for word in WORD.findall(text.casefold())]
                self._unspaced.update(text for text in ("".join(words),) if UNSPACED.match(text))
                if len(set(words)) >= TELLING:
                    self._people.add(frozenset(words))

    def add_id(self, value: str) -> None:
        """Note an id or identifier of a person."""
        if len(value) >= SHORTEST_ID and any(map(str.isdigit, value)):
            self._ids.add(value.casefold())

    def within(self, texts: Iterable[str], *, ids: bool = True) -> frozenset[str]:
        """Return the texts that hold two words of one person's name, or (where `ids`) a person's id."""
        by_word: dict[str, list[frozenset[str]]] = {}
        for person in self._people:
            for word in person:
                by_word.setdefault(word, []).append(person)
        unspaced = re.compile("|".join(map(re.escape, sorted(self._unspaced)))) if self._unspaced else None
        return frozenset(
            text
            for text in texts
            if (ids and self._holds_id(text.casefold()))
            or self._names(text.casefold(), by_word)
            or (unspaced and unspaced.search(text.casefold()))
        )

    def _holds_id(self, text: str) -> bool:
        return not self._ids.isdisjoint(TOKEN.findall(text))

    def _names(self, text: str, by_word: Mapping[str, list[frozenset[str]]]) -> bool:
        words = set(WORD.findall(text))
        return any(
            len(person & words) >= TELLING for word in words & by_word.keys() for person in by_word[word]
        )


def _human_names(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, dict):
        if any(part in value for part in (*PARTS, "text")):
            yield value
        for item in value.values():
            yield from _human_names(item)
    elif isinstance(value, list):
        for item in value:
            yield from _human_names(item)


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []

"""The language of a centre's column names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache

from allpool.mappings.dictionary import Language
from allpool.mappings.draft.lexicon import HAN, WORD, load_lexicon, plain, split


def language_of(names: Iterable[str]) -> Language:
    """Return the language of most column names that tell one; English where few do.

    Han characters tell Chinese; for the others, words of the lexicon that only one of them has.
    """
    told = Counter(language for name in names for language in [_told(name)] if language)
    if not told:
        return "en"
    (language, most), *rest = told.most_common()
    return language if not rest or most > rest[0][1] else "en"


def _told(name: str) -> Language | None:
    if HAN.search(name):
        return "zh"
    words = WORD.findall(split(name))
    said = {language for word in words if (language := _only(word)) is not None}
    return next(iter(said)) if len(said) == 1 else None


def _only(word: str) -> Language | None:
    """Return the language that alone has a word."""
    having = [
        language for language, (words, stems) in _spoken().items() if word in words or word.startswith(stems)
    ]
    return having[0] if len(having) == 1 else None


@cache
def _spoken() -> Mapping[Language, tuple[frozenset[str], tuple[str, ...]]]:
    """Return the words and stems of the languages that share a script."""
    found: dict[Language, list[str]] = {"en": [], "cs": [], "de": []}
    for notion in load_lexicon().file.notions.values():
        found["en"] += map(plain, notion.en)
        found["cs"] += map(plain, notion.cs)
        found["de"] += map(plain, notion.de)
    return {
        language: (
            frozenset(word for word in words if not word.endswith("*")),
            tuple(word[:-1] for word in words if word.endswith("*")),
        )
        for language, words in found.items()
    }

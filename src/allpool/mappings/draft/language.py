"""The language of a centre's column names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from allpool.mappings.dictionary import Language
from allpool.mappings.draft.lexicon import HAN, WORD, load_lexicon, plain, split

OTHERS: tuple[Language, ...] = ("cs", "de")


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
    having: set[Language] = set()
    for notion in load_lexicon().file.notions.values():
        for language, words in (("en", notion.en), ("cs", notion.cs), ("de", notion.de)):
            if any(_is(word, plain(known)) for known in words):
                having.add(language)  # type: ignore[arg-type]  # one of the three
    return having.pop() if len(having) == 1 else None


def _is(word: str, known: str) -> bool:
    return word.startswith(known[:-1]) if known.endswith("*") else word == known

"""Words by which column names tell that they hold direct identifiers, in four languages."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

from allpool.mappings.dictionary import Frozen, Language
from allpool.mappings.positions import read_yaml
from allpool.mappings.profile import IdentifierKind

FIRST: Final[Mapping[IdentifierKind, int]] = {"email": 0, "phone": 1}
"""An e-mail address is no address, and a contact person's phone no name."""
LAST: Final[Mapping[IdentifierKind, int]] = {"medical_record_number": 3, "patient_key": 4}

Words = Mapping[Language, tuple[str, ...]]


@dataclass(frozen=True)
class HeaderWord:
    """What a column's name says: a kind of identifier, and the word that says so.

    `plain` words leave no doubt, whatever the cells look like; the others need cells of the right shape.
    """

    kind: IdentifierKind
    word: str
    plain: bool


def header_words(name: str) -> list[HeaderWord]:
    """Return the identifying words in the name of a column, the most telling first."""
    folded = _folded(name)
    return [found for found in _ranked() if _says(folded, found.word)]


def birth_word(name: str) -> str | None:
    """Return the word by which a column's name says that it holds a date of birth, or None."""
    folded = _folded(name)
    words = (word for listed in _file().birth.values() for word in listed)
    return next((word for word in words if _says(folded, word)), None)


class _File(Frozen):
    """The file of words; see there."""

    plain: Mapping[IdentifierKind, Words]
    shaped: Mapping[IdentifierKind, Words]
    birth: Words


@cache
def _file() -> _File:
    return read_yaml(Path(str(files("allpool.mappings.identifiers").joinpath("words.yaml")))).parse(_File)


@cache
def _ranked() -> tuple[HeaderWord, ...]:
    """Return all words: by kind, plain ones first, longer ones before those that they hold."""
    found = [
        HeaderWord(kind, word, plain)
        for plain, kinds in ((True, _file().plain), (False, _file().shaped))
        for kind, languages in kinds.items()
        for words in languages.values()
        for word in words
    ]

    def rank(item: HeaderWord) -> tuple[int, bool, int]:
        return {**FIRST, **LAST}.get(item.kind, 2), not item.plain, -len(item.word)

    return tuple(sorted(found, key=rank))


def _says(folded: str, word: str) -> bool:
    if word.startswith("="):
        return folded == word[1:]
    if not word.isascii():
        return word in folded.replace(" ", "")
    return f" {word} " in f" {folded} "


def _folded(name: str) -> str:
    """Return a name in small letters without diacritics, words apart: `JménoPacienta` is `jmeno pacienta`."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", unicodedata.normalize("NFKC", name))
    bare = "".join(c for c in unicodedata.normalize("NFKD", apart) if not unicodedata.combining(c))
    return re.sub(r"[\W_]+", " ", bare.casefold()).strip()

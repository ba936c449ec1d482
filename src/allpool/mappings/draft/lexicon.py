"""The words of column names: each stands for a notion, in four languages, by data in `lexicon.yaml`."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from pydantic import Field

from allpool.mappings.dictionary import Frozen, Language
from allpool.mappings.positions import read_yaml

HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")
WORD = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]+|[^\W_\u3400-\u4dbf\u4e00-\u9fff]+|#")
TRANSLOCATION = re.compile(
    r"(?<![a-z])(t|inv) ?[ _(]([0-9]{1,2}|v)[;_, /]{1,2}([0-9]{1,2})\b\)?", re.IGNORECASE
)
CHROMOSOME = re.compile(
    r"(?<![a-z])(inv|monosom\w+|trisom\w+|trizom\w+) ?[ _(]([0-9]{1,2})\)?", re.IGNORECASE
)
"""Numbers that are part of a name and not of a repetition: `t(9;22)`, `t_9_22`, `monosomy 7`."""
ENDING = 6
"""Letters that may follow a stem: case endings and links of compounds (`Transplantations|datum`)."""
SHORTEST = 3
"""Letters of the shortest word that a compound is cut into."""
EMPTY = frozenset({"of"})
"""Words between the others; no part of a compound."""
TYPING = 84.0
"""rapidfuzz ratio from which an unknown word of five letters or more counts as a known one mistyped."""


class Notion(Frozen):
    """What words in several languages stand for."""

    weak: float = Field(default=1.0, ge=0, le=1)
    """How much the notion says of which element is meant."""
    en: tuple[str, ...] = ()
    zh: tuple[str, ...] = ()
    cs: tuple[str, ...] = ()
    de: tuple[str, ...] = ()
    pl: tuple[str, ...] = ()

    @property
    def words(self) -> tuple[str, ...]:
        """Return its words in all languages."""
        return (*self.en, *self.zh, *self.cs, *self.de, *self.pl)


class LexiconFile(Frozen):
    """The content of `lexicon.yaml`."""

    notions: Mapping[str, Notion]
    short: Mapping[str, tuple[str, ...]]
    units: Mapping[str, tuple[str, ...]]
    fields: Mapping[str, Mapping[Language, tuple[str, ...]]]
    names: Mapping[str, tuple[str, ...]]
    """Element -> names that it goes by beside those of the dictionary."""
    doubtful: Mapping[str, tuple[str, ...]]
    """Element -> notions of which its name must say one."""
    unsure: tuple[str, ...]
    missing: tuple[str, ...]
    """Texts that stand for no value in most exports."""
    structural: Mapping[str, str]
    """Pattern of names that no element takes -> what they are."""


Token = frozenset[str]
"""One word of a name: the notions it may stand for, or `=word` where none is known."""


@dataclass(frozen=True)
class Lexicon:
    """All notions, ready to read names with."""

    file: LexiconFile
    words: Mapping[str, Token]
    stems: tuple[tuple[str, Token], ...]
    """The longest first."""
    han: int
    """Characters of the longest Chinese word."""

    def weight(self, notion: str) -> float:
        """Return how much a notion says; a word without notion says all that a word can."""
        found = self.file.notions.get(notion)
        return 1.0 if found is None else found.weak

    def tokens(self, text: str, *, mend: bool = True) -> tuple[tuple[Token, ...], float]:
        """Return the words of `text` and how surely they were read, 0 to 1 (less where one was mistyped)."""
        found: list[Token] = []
        sure = 1.0
        for run in WORD.findall(split(text)):
            if HAN.match(run):
                found.extend(self._chinese(run))
                continue
            known = self._latin(run)
            if known is None and mend and (mended := mistyped(run, self)):
                known, sure = self.words[mended], sure * 0.9
            found.extend(known if isinstance(known, tuple) else (known or frozenset({f"={run}"}),))
        return tuple(token for token in found if token), sure

    def _latin(self, word: str) -> Token | tuple[Token, ...] | None:
        if word in self.file.short:
            return tuple(frozenset({notion}) for notion in self.file.short[word])
        if word in self.words:
            return self.words[word]
        if (parts := self._compound(word)) is not None:
            return parts
        for stem, token in self.stems:
            if word.startswith(stem) and len(word) - len(stem) <= ENDING:
                return token
        bare = word.strip("0123456789")
        if bare and bare != word and (inner := self._latin(bare)) is not None:
            return inner
        return () if word.isdigit() else None

    def _compound(self, word: str) -> tuple[Token, ...] | None:
        """Cut a word into known ones with nothing left over: `todesdatum` into death and date."""
        if len(word) < 2 * SHORTEST:
            return None
        for cut in range(len(word) - SHORTEST, SHORTEST - 1, -1):
            head = self._part(word[:cut])
            if head is None:
                continue
            rest = self._part(word[cut:])
            tail = (rest,) if rest is not None else self._compound(word[cut:])
            if tail is not None:
                return (head, *tail)
        return None

    def _part(self, piece: str) -> Token | None:
        for text in (piece, piece.removesuffix("s"), piece.removesuffix("e"), piece.removesuffix("en")):
            if len(text) >= SHORTEST and text in self.words and self.words[text] != EMPTY:
                return self.words[text]
        for stem, token in self.stems:
            if len(stem) > SHORTEST and piece.startswith(stem) and len(piece) - len(stem) <= ENDING:
                return token
        return None

    def _chinese(self, run: str) -> list[Token]:
        """Cut a run of Chinese characters by the longest known word; what no word covers stays together."""
        found: list[Token] = []
        unknown, at = "", 0
        while at < len(run):
            for size in range(min(self.han, len(run) - at), 0, -1):
                piece = run[at : at + size]
                if piece in self.file.short:
                    token: tuple[Token, ...] = tuple(frozenset({item}) for item in self.file.short[piece])
                elif piece in self.words:
                    token = (self.words[piece],)
                else:
                    continue
                if unknown:
                    found.append(frozenset({f"={unknown}"}))
                    unknown = ""
                found.extend(token)
                at += size
                break
            else:
                unknown += run[at]
                at += 1
        if unknown:
            found.append(frozenset({f"={unknown}"}))
        return found


def plain(text: str) -> str:
    """Return `text` as names are compared: compatibility forms, lower case, without accents, `µ` as u."""
    text = (
        unicodedata.normalize("NFKC", text)
        .replace("µ", "u")
        .replace("μ", "u")
        .replace("ß", "ss")
        .replace("ł", "l")
        .replace("Ł", "L")
    )
    folded = unicodedata.normalize("NFD", text.casefold())
    return unicodedata.normalize("NFC", "".join(char for char in folded if not unicodedata.combining(char)))


def split(text: str) -> str:
    """Return `text` plain, with words set apart that only case or script tells (`birthDate`, `MRD方法`)."""
    text = unicodedata.normalize("NFKC", text)
    text = re.sub(r"(?<=[a-zà-ž])(?=[A-Z][a-zà-ž])", " ", text)
    text = re.sub(r"(?<=[A-Z]{2})(?=[A-Z][a-z]{3})", " ", text)
    text = re.sub(
        r"(?i)(?<![a-z])(t|inv) ?[ _(]([0-9]{1,2}|v)[;_, /]{1,2}([0-9]{1,2})\b\)?", r" \1\2x\3 ", text
    )
    text = re.sub(
        r"(?i)(?<![a-z])(inv|monosom\w+|trisom\w+|trizom\w+|trisomie) ?[ _(]([0-9]{1,2})\)?", r" \1\2 ", text
    )
    text = re.sub(r"([0-9]{1,2})号(?=染色体|单体|三体)", r" chr\1 ", text)
    text = re.sub(r"(?<![\w.])1(?:\.|st)(?=[\s_])", " first ", text)
    text = re.sub(r"(?<![\w.])[2-9](?:\.|nd|rd|th)(?=[\s_])", " second ", text)
    return re.sub(r"(?<![a-z])(il|pd|cd|th|car|bcr|icd|mkn)[ _/:-]+(?=\d|t(?![a-z])|abl)", r"\1", plain(text))


def compact(text: str) -> str:
    """Return only the letters and digits of `text`, plain: what two spellings of one name share."""
    return re.sub(r"[\W_]+", "", plain(text).replace("+", "plus").replace("#", "nr"))


def mistyped(word: str, lexicon: Lexicon) -> str | None:
    """Return the known word that `word` is but for a slip of typing, where one is near enough."""
    if len(word) < 5 or not word.isalpha():
        return None
    from rapidfuzz import fuzz, process

    near = process.extractOne(word, _long_words(lexicon.file), scorer=fuzz.ratio, score_cutoff=TYPING)
    if near:
        return str(near[0])
    for stem, _ in lexicon.stems:
        if len(stem) >= 6 and fuzz.ratio(word[: len(stem)], stem) >= TYPING:
            return stem
    return None


_LONG: dict[int, list[str]] = {}


def _long_words(file: LexiconFile) -> list[str]:
    found = _LONG.get(id(file))
    if found is None:
        words = {
            plain(word)
            for notion in file.notions.values()
            for word in notion.words
            if word.isascii() and len(word) >= 5 and not word.endswith("*")
        }
        found = _LONG[id(file)] = sorted(words)
    return found


@cache
def load_lexicon() -> Lexicon:
    """Load the lexicon that ships with allpool. Raises `MappingError` with file and line if not valid."""
    document = read_yaml(Path(str(files("allpool.mappings.draft").joinpath("lexicon.yaml"))))
    file = document.parse(LexiconFile)
    words: dict[str, set[str]] = {}
    stems: dict[str, set[str]] = {}
    for name, notion in file.notions.items():
        for word in notion.words:
            shelf = stems if word.endswith("*") else words
            shelf.setdefault(plain(word.rstrip("*")), set()).add(name)
    for stem, names in stems.items():
        words.setdefault(stem, set()).update(names)
    for short, names_ in file.short.items():
        for notion_name in names_:
            if notion_name not in file.notions:
                document.fail(f"'{short}' stands for '{notion_name}', which is no notion", ("short", short))
    han = max(len(word) for word in (*words, *file.short) if HAN.match(word))
    return Lexicon(
        file=file,
        words={word: frozenset(names) for word, names in words.items()},
        stems=tuple(
            sorted(
                ((stem, frozenset(names)) for stem, names in stems.items()), key=lambda item: -len(item[0])
            )
        ),
        han=han,
    )

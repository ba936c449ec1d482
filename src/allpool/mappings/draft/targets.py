"""What a column can become: each element with its record and field, and the names it goes by."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from allpool.mappings.compile import Vocabulary
from allpool.mappings.dictionary import DataElement, ValueType
from allpool.mappings.draft.header import Header, read_header
from allpool.mappings.draft.lexicon import HAN, Token, compact, load_lexicon
from allpool.mappings.records import STRUCTURE

OWN_FIELDS = ("date", "timepoint", "specimen", "unit", "analyte", "value")
"""What columns of long and dated tables say that no element names; each is a target with a `@` before."""
MOMENT = 0.5
"""Weight of the timepoint that a name of an element states (`baseline_mrd_high`)."""
SLIGHT = 0.45
"""Weight below which a word alone names nothing."""
SHARED = 0.75
"""How much of a notion counts that only the context of the table implies and the name does not say."""


@dataclass(frozen=True)
class Target:
    """One element, or one field without an element of its own (`@date`), that a column may be read into."""

    id: str
    record: str
    field: str
    type: ValueType
    domain: str
    element: DataElement | None = None
    codes: str | None = None
    is_single: bool = False
    """A patient has one: two columns of a table do not both say it."""


@dataclass(frozen=True)
class Name:
    """One name of a target as notions, and what they weigh together."""

    target: str
    text: str
    tokens: tuple[Token, ...]
    weights: tuple[float, ...]
    """Of each word."""
    weight: float
    """Of all."""
    units: tuple[str, ...]


@dataclass(frozen=True)
class Match:
    """How well a header fits a target, 0 to 1, and by which of its names."""

    score: float
    name: str


class Targets:
    """All targets of a vocabulary, with an index from notion to name."""

    def __init__(self, words: Vocabulary) -> None:
        self.words = words
        self.all: Mapping[str, Target] = {target.id: target for target in _targets(words)}
        self._spelled: dict[str, list[str]] = {}
        headers = [
            (target, text, read_header(text, words.terminology, mend=False))
            for target in self.all.values()
            for text in dict.fromkeys(_names(target))
        ]
        self._weights = _weights(headers, len(self.all))
        self.drugs: Mapping[str, str] = _drug_words(headers)
        """Word that only the names of one drug have -> its element."""
        self.order: Mapping[str, int] = {name: place for place, name in enumerate(self.all)}
        self._names: list[Name] = []
        self._holds: dict[str, list[tuple[int, int]]] = {}
        for target, text, header in headers:
            self._spelled.setdefault(compact(text), []).append(target.id)
            if _is_numbered(header) or self._is_slight(header):
                continue  # `relapse1_date` is one spelling, not a name for every date of relapse
            number = len(self._names)
            tokens = (*header.tokens, *_moment(header))
            weights = tuple(map(self._heaviest, tokens))
            self._names.append(Name(target.id, text, tokens, weights, sum(weights), header.units))
            for place, token in enumerate(tokens):
                for notion in token:
                    self._holds.setdefault(notion, []).append((number, place))

    def _is_slight(self, header: Header) -> bool:
        """Return whether a name is one slight word, which stands for the element only as it is (`pred`)."""
        lexicon = load_lexicon()
        return len(header.tokens) == 1 and all(
            len(notion) <= 3 if notion.startswith("=") else lexicon.weight(notion) < SLIGHT
            for notion in header.tokens[0]
        )

    def match(self, header: Header, implied: Iterable[str] = ()) -> dict[str, Match]:
        """Return how well a header fits each target that it fits at all.

        `implied` are notions that the cells or the table say and the name need not repeat.
        """
        said = [token for token in header.tokens if token]
        lent = [frozenset({notion}) for notion in implied if not any(notion in token for token in said)]
        full = sum(map(self._heaviest, said))
        covered: dict[int, float] = {}
        own: dict[int, float] = {}
        taken: defaultdict[int, set[int]] = defaultdict(set)
        for token in said:
            self._cover(token, 1.0, covered, taken, own)
        for token in lent:
            self._cover(token, SHARED, covered, taken, None)
        for token in _moment(header):
            self._cover(token, 1.0, covered, taken, None)
        is_han = bool(HAN.search(header.text))
        found: dict[str, Match] = {}
        ranks: dict[str, tuple[float, bool]] = {}
        for number, weight in own.items():
            name = self._names[number]
            of_name = min(1.0, covered[number] / name.weight) if name.weight else 0.0
            of_header = min(1.0, weight / full) if full else 0.0
            score = (
                header.sure * 2 * of_name * of_header / (of_name + of_header) if of_name + of_header else 0.0
            )
            # of names that fit alike, one in the script of the header tells its reader more
            rank = (score, bool(HAN.search(name.text)) == is_han)
            if rank > ranks.get(name.target, (0.0, False)):
                ranks[name.target] = rank
                found[name.target] = Match(score, name.text)
        for target in self._spelled.get(compact(header.text), ()):
            found[target] = Match(1.05, header.text)
        return found

    def _cover(
        self,
        token: Token,
        share: float,
        covered: dict[int, float],
        taken: defaultdict[int, set[int]],
        own: dict[int, float] | None,
    ) -> None:
        """Add what one word of the header covers of each name; a word of a name is covered once."""
        weight = self._heaviest(token) * share
        best: dict[int, int] = {}
        for notion in token:
            for number, place in self._holds.get(notion, ()):
                if (
                    number not in best
                    and (own is not None or number in covered)
                    and place not in taken[number]
                ):
                    best[number] = place
        for number, place in best.items():
            taken[number].add(place)
            covered[number] = covered.get(number, 0.0) + self._names[number].weights[place] * share
            if own is not None:
                own[number] = own.get(number, 0.0) + weight

    def _heaviest(self, token: Token) -> float:
        return max(map(self._weight, token), default=0.0)

    def _weight(self, notion: str) -> float:
        known = self._weights.get(notion)
        if known is not None:
            return known
        if notion.startswith("@"):
            return MOMENT
        if notion.startswith("="):
            return 0.25 if len(notion) <= 3 else 0.5
        return load_lexicon().weight(notion)


@cache
def _cached(hash_: str) -> Targets:
    return Targets(_VOCABULARIES[hash_])


_VOCABULARIES: dict[str, Vocabulary] = {}


def load_targets(words: Vocabulary) -> Targets:
    """Return the targets of a vocabulary, built once."""
    key = words.dictionary.hash + words.terminology.hash
    _VOCABULARIES[key] = words
    return _cached(key)


def _targets(words: Vocabulary) -> list[Target]:
    found: dict[str, Target] = {}
    for element in words.dictionary:
        if element.record == STRUCTURE:
            record, single = STRUCTURE, element.field in ("patient",)
        else:
            record = element.record if element.record in words.records else element.id
            single = words.records[record].singular
        found[element.id] = Target(
            id=element.id,
            record=record,
            field=element.field if element.field in _fields(words, record) else "value",
            type="date" if element.type == "reference" and element.field == "date" else element.type,
            domain=element.domain,
            element=element,
            codes=element.codes,
            is_single=single,
        )
    types: Mapping[str, ValueType] = {
        "date": "dateTime",
        "timepoint": "code",
        "specimen": "code",
        "value": "decimal",
    }
    for field in OWN_FIELDS:
        codes = field if field in words.terminology else None
        found[f"@{field}"] = Target(
            id=f"@{field}", record="", field=field, type=types.get(field, "string"), domain="", codes=codes
        )
    return list(found.values())


def _moment(header: Header) -> tuple[Token, ...]:
    return (frozenset({f"@{header.timepoint}"}),) if header.timepoint else ()


def _is_numbered(header: Header) -> bool:
    """Return whether a number at the end of a word was passed over as counting repeated columns."""
    if header.instance is None:
        return False
    return not any(notion.endswith(header.instance) for token in header.tokens for notion in token)


def _fields(words: Vocabulary, record: str) -> Iterable[str]:
    return (
        ("study", "centre", "patient", "timepoint", "lineage")
        if record == STRUCTURE
        else words.records[record].fields
    )


def _names(target: Target) -> list[str]:
    if target.element is None:
        names = load_lexicon().file.fields.get(target.field, {})
        return [text for texts in names.values() for text in texts]
    element = target.element
    return [
        element.id,
        *element.title.values(),
        *(text for texts in element.synonyms.values() for text in texts),
        *load_lexicon().file.names.get(element.id, ()),
    ]


def _drug_words(headers: Sequence[tuple[Target, str, Header]]) -> dict[str, str]:
    holders: dict[str, set[str]] = {}
    for target, _, header in headers:
        for token in header.tokens:
            for notion in token:
                holders.setdefault(notion, set()).add(target.id)
    return {
        notion: next(iter(held))
        for notion, held in holders.items()
        if notion.startswith("=") and len(held) == 1 and next(iter(held)).startswith("drug_")
    }


def _weights(headers: Sequence[tuple[Target, str, Header]], count: int) -> dict[str, float]:
    """Return the weight of each notion: less where many elements go by it."""
    holders: dict[str, set[str]] = {}
    for target, _, header in headers:
        for token in header.tokens:
            for notion in token:
                holders.setdefault(notion, set()).add(target.id)
    lexicon = load_lexicon()
    return {
        notion: lexicon.weight(notion)
        * (0.35 + 0.65 * math.log((count + 1) / len(held)) / math.log(count + 1))
        for notion, held in holders.items()
    }

"""Adverse events as columns: a name that is a term of one, with its grade or whether it occurred."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from allpool.mappings.draft.header import Header
from allpool.mappings.draft.lexicon import HAN, compact, load_lexicon
from allpool.mappings.terminology import Terminology

OF_EVENT = "a term of an adverse event"
"""Name under which a column called like an adverse event is matched."""
SHORTEST = 2
"""Chinese characters of the shortest term looked for within a name."""


def event_term(header: Header, terminology: Terminology) -> str | None:
    """Return the code of the adverse event that a column is named after, or None where it is not.

    The name is a term of the code table `ae_term`, alone or beside the word for grade.
    """
    words = _terms(terminology.hash, terminology)
    text = compact(header.text)
    if HAN.search(text):
        held = [word for word in words if len(word) >= SHORTEST and HAN.match(word) and word in text]
        best = max(held, key=len, default=None)
        return words[best] if best else None
    grades = [word for word in _grade_words() if text.endswith(word)]
    for cut in (0, *(len(word) for word in grades)):
        if (code := words.get(text[: len(text) - cut])) is not None:
            return code
    return None


_TERMS: dict[str, Mapping[str, str]] = {}


def _terms(key: str, terminology: Terminology) -> Mapping[str, str]:
    if key not in _TERMS:
        _TERMS[key] = {compact(word): code for word, code in terminology["ae_term"].lookup().items()}
    return _TERMS[key]


@cache
def _grade_words() -> tuple[str, ...]:
    notion = load_lexicon().file.notions["grade"]
    return tuple(
        sorted(
            (compact(word.rstrip("*")) for word in notion.words),
            key=lambda w: -len(w),
        )
    )

"""Populations as papers name them: how many, and which groups are compared."""

from __future__ import annotations

import re
from dataclasses import dataclass

from allpool.analysis.published.arithmetic.words import text_words

GUESSED = re.compile(r"[,;(]?\s*(most likely|probably|presumably|assumed|implied)\b.*$", re.IGNORECASE)
"""What a reader adds of his own stands behind one of these words."""
BRACKET = re.compile(r"\(\s*n?\s*=?\s*([0-9]+)\s*(patients|subjects|children|courses|pairs)?\s*[;,)]")
OF_SOMETHING = r"(?!\s*%|\s*(?:vs|of|centres|hospitals|days|weeks|months|years|cycles|mg|ug|kg)\b)"
LEADING = re.compile(rf"^(?:all|the|first)?\s*([0-9]+)\b(?![./-]){OF_SOMETHING}\s")
WHOLE = re.compile(r"^(?:all|the|first)?\s*([0-9]+)$")
LAST = re.compile(r"(?:^|\s)([0-9]+)\s*$")


@dataclass(frozen=True)
class Arm:
    """One of the groups that are compared."""

    label: str
    n: int
    words: tuple[str, ...]


def said(population: str) -> str:
    """Return what the paper says: "printed: a; implied: b" is a, and what a reader supposed is left out."""
    text = population.strip()
    if text.lower().startswith("printed:"):
        text = text.partition(":")[2]
    return GUESSED.sub("", text).strip(" ,;")


def size(population: str) -> int | None:
    """Return how many patients a population is said to have: "28 evaluable", "R/R (30)", "first 7"."""
    if arms(population):
        return None
    text = population.strip().lower()
    for form in (LEADING, WHOLE, BRACKET):
        if (found := form.search(text)) is not None:
            return int(found[1])
    return None


def arms(population: str) -> tuple[Arm, ...]:
    """Return the groups of "a (22) vs b (6)" or "19 vs 39"; none where one has no number."""
    parts = re.split(r"\s+(?:vs\.?|versus)\s+", population.strip(), flags=re.IGNORECASE)
    if len(parts) < 2:
        return ()
    found = []
    for part in parts:
        number = BRACKET.search(part.lower()) or WHOLE.search(part.lower()) or LAST.search(part)
        if number is None:
            return ()
        label = part[: number.start()].strip() if number.re is not WHOLE else ""
        found.append(Arm(label or part.strip(), int(number[1]), text_words(label)))
    return tuple(found)

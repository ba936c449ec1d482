"""What direct identifiers look like, by the name of a column and by its cells."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import polars as pl

from allpool.mappings.identifiers.forms import DATE, FORMS, HARMLESS, PERSON, SHAPES, Form
from allpool.mappings.identifiers.words import HeaderWord, birth_word, header_words
from allpool.mappings.profile import IdentifierKind, Suspicion

SHORTEST: Final = 6
"""Bytes of the shortest text that any form has: two Han characters, a@b.cz."""
HALF: Final = 0.5
"""Share of a column's filled cells from which it is a column of identifiers."""
MOST: Final = 0.9
CHECKED: Final = 20_000
"""Texts of which check digits are looked at, to tell a column."""
TELLING: Final = 3
"""Texts with a check digit that tell a column: fewer may pass by chance."""
PEOPLE: Final = 8
FAMILIES: Final = 4
"""So many names, of so many surnames, are people and no list of words that begin like surnames."""


def suspicion(name: str, texts: pl.DataFrame) -> Suspicion | None:
    """Return why the column `name` looks like a direct identifier, or None where it does not.

    `texts` holds its distinct filled texts, stripped: `text`, and `cells`, how many say it.
    """
    cells = int(texts["cells"].sum())
    words = header_words(name)
    if not cells:
        plain = next((word for word in words if word.plain or word.kind == "patient_key"), None)
        return Suspicion(kind=plain.kind, share=0.0, reason=_named(plain)) if plain else None
    found = _by_form(texts, cells)
    if found is None:
        found = next((said for word in words if (said := _by_name(word, texts, cells))), None)
    return found or _people(texts, cells)


def identifying(texts: pl.Series) -> pl.Series:
    """Return which of a column's distinct texts hold a direct identifier each by itself, in whatever column.

    For columns of other things: a phone number in a remark, a personal number in place of a result.
    """
    found = pl.repeat(value=False, n=texts.len(), dtype=pl.Boolean, eager=True)
    long = texts.str.len_bytes() >= SHORTEST
    if not long.any():
        return found
    needed = {form.needs: long & texts.str.contains(form.needs) for form in FORMS if form.single}
    for form in FORMS:
        if not form.single or not needed[form.needs].any():
            continue
        at = (long & texts.str.contains(form.pattern)).arg_true()
        held = [form.is_within(text) for text in texts.gather(at).to_list()]
        if any(held) and not _by_chance(form, texts):
            found = found.scatter(at.filter(pl.Series(held)), values=True)
    return found


def quasi_identifier(name: str) -> str | None:
    """Return why a column tells, together with others, who a person is; None where it does not."""
    word = birth_word(name)
    if word is None:
        return None
    return f"its name says '{word}': a date of birth tells who a person is, with sex and place"


def _by_form(texts: pl.DataFrame, cells: int) -> Suspicion | None:
    """Return the form that at least half of the cells have."""
    long = texts.filter(pl.col("text").str.len_bytes() >= SHORTEST)
    if int(long["cells"].sum()) < HALF * cells:
        return None
    needed = {needs: _share(long, needs, cells) for needs in dict.fromkeys(form.needs for form in FORMS)}
    for form in FORMS:
        if needed[form.needs] < HALF:
            continue
        passed, share = _passing(form, long, cells)
        if share >= HALF and (form.chance is None or passed >= TELLING):
            return Suspicion(kind=form.kind, share=share, reason=f"{share:.0%} of its cells are {form.title}")
    return None


def _passing(form: Form, texts: pl.DataFrame, cells: int) -> tuple[int, float]:
    """Return how many texts tell that a column is of a form, and the share of all cells that have it."""
    found = texts.filter(pl.col("text").str.contains(form.whole))
    share = int(found["cells"].sum()) / cells
    if form.check is None or share < HALF:
        return found.height, share
    looked_at = found.head(CHECKED)
    passed = pl.Series([form.check(text) for text in looked_at["text"].to_list()], dtype=pl.Boolean)
    passing = looked_at.filter(passed)
    telling = sum(map(form.passes, passing["text"].to_list()))
    return telling, share * int(passing["cells"].sum()) / int(looked_at["cells"].sum())


def _by_chance(form: Form, texts: pl.Series) -> bool:
    """Return whether a column's numbers that pass are a few among many alike that do not."""
    if form.chance is None or form.check is None:
        return False
    alike = texts.filter(texts.str.contains(rf"^(?:{form.chance})$")).head(CHECKED).to_list()
    return sum(map(form.passes, alike)) < HALF * len(alike)


def _by_name(word: HeaderWord, texts: pl.DataFrame, cells: int) -> Suspicion | None:
    """Return the suspicion that a column's name gives, where its cells do not speak against it."""
    if _share(texts, HARMLESS, cells) >= MOST:
        return None
    share = min(_shares(word.kind, texts, cells))
    if share >= HALF:
        reason = f"{_named(word)}, and {share:.0%} of its cells look so"
        return Suspicion(kind=word.kind, share=share, reason=reason)
    if not word.plain:
        return None
    if word.kind == "name" and _share(texts, SHAPES["patient_key"], cells) >= MOST:
        # names that were replaced by codes, where they stand
        return Suspicion(kind="patient_key", share=1.0, reason=f"{_named(word)}, and its cells are codes")
    return Suspicion(kind=word.kind, share=share, reason=_named(word))


def _shares(kind: IdentifierKind, texts: pl.DataFrame, cells: int) -> Iterator[float]:
    """Yield shares of cells that each must be high for a column of `kind`."""
    shape = _share(texts, SHAPES[kind], cells)
    yield shape
    if kind == "phone":
        yield shape - _share(texts, DATE, cells)
    if kind == "name":
        yield min(1.0, texts.height / min(30, max(1, cells / 4)))  # words of a list stand in many rows


def _people(texts: pl.DataFrame, cells: int) -> Suspicion | None:
    """Return whether a column without a telling name holds Chinese names."""
    people = texts.filter(pl.col("text").str.contains(PERSON))
    share = int(people["cells"].sum()) / cells
    families = people["text"].str.slice(0, 1).n_unique()
    if share < HALF or people.height < max(PEOPLE, 0.7 * texts.height) or families < FAMILIES:
        return None
    reason = f"{share:.0%} of its cells are a common Chinese surname and one or two characters more"
    return Suspicion(kind="name", share=share, reason=reason)


def _share(texts: pl.DataFrame, pattern: str, cells: int) -> float:
    return int(texts.filter(pl.col("text").str.contains(pattern))["cells"].sum()) / cells


def _named(word: HeaderWord) -> str:
    return f"its name says '{word.word.lstrip('=')}'"

"""What centres write for a unit: a closed table (`written_forms.yaml`), and the nearest form of it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

from pydantic import model_validator

from allpool.mappings.dictionary import Frozen
from allpool.mappings.positions import read_yaml
from allpool.mappings.units.conversion import Conversion, Scale

RAISED: Final = "⁰¹²³⁴⁵⁶⁷⁸⁹⁻"
SUPERSCRIPTS: Final = str.maketrans(RAISED, "0123456789-")
SIGNS: Final = str.maketrans({"µ": "u", "μ": "u", "×": "x", "∗": "*", "⋅": ".", "·": ".", "−": "-"})
FULL_WIDTH: Final = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
"""Unicode's full-width forms of ASCII (block Halfwidth and Fullwidth Forms, U+FF01 to U+FF5E)."""
ALIKE: Final = 75
"""From how many of 100 (rapidfuzz ratio) a form is suggested for another."""
SHORTEST: Final = 3
"""Characters of a form that is suggested; shorter ones are like everything."""


class WrittenForms(Frozen):
    """UCUM unit -> what centres write for it."""

    forms: Mapping[str, tuple[str, ...]]

    @model_validator(mode="after")
    def _disjoint(self) -> WrittenForms:
        seen: dict[str, str] = {}
        for unit, texts in self.forms.items():
            for text in texts:
                if seen.setdefault(folded(text), unit) != unit:
                    raise ValueError(f"'{text}' stands for both {seen[folded(text)]} and {unit}")
        return self


def folded(text: str) -> str:
    """Return `text` as unit columns compare it; case stays, for G/l and g/l are two units."""
    plain = "".join(text.translate(FULL_WIDTH).translate(SIGNS).split())
    return re.sub(f"(?<=[0-9])[{RAISED}]+", lambda found: f"^{found.group()}", plain).translate(SUPERSCRIPTS)


def understood(text: str, scale: Scale, codes: Mapping[str, str]) -> tuple[str, Conversion] | None:
    """Return the UCUM unit that a unit column's text means and its conversion, or None where it has none.

    `codes` (folded text -> UCUM) are the mapping's own and come first, then the dictionary's units and the
    table of written forms; only what none of them knows is read as UCUM.
    """
    short = folded(text)
    unit = codes.get(short) or (text if text in scale.listed else written_forms().get(short, text))
    try:
        return unit, scale.conversion(unit)
    except ValueError:
        return None


def suggestion(text: str, scale: Scale) -> str | None:
    """Return the UCUM unit of `scale` whose written form is nearest to `text`, or None where none is near."""
    from rapidfuzz import fuzz, process

    suitable = _suitable(scale.canonical, tuple(scale.listed.items()), scale.molar_mass)
    forms = {form: unit for form, unit in suitable.items() if len(form) >= SHORTEST}
    found = process.extractOne(folded(text), list(forms), scorer=fuzz.ratio, score_cutoff=ALIKE)
    return forms[found[0]] if found else None


@cache
def _suitable(
    canonical: str, listed: tuple[tuple[str, float], ...], molar_mass: float | None
) -> Mapping[str, str]:
    """Return the forms, and the dictionary's own units, that a scale can convert."""
    scale = Scale(canonical, dict(listed), molar_mass)
    found = {folded(unit): unit for unit in scale.listed}
    for form, unit in written_forms().items():
        try:
            scale.conversion(unit)
        except ValueError:
            continue
        found.setdefault(form, unit)
    return found


@cache
def written_forms() -> Mapping[str, str]:
    """Return folded text -> UCUM unit, of the table that ships with allpool."""
    path = Path(str(files("allpool.mappings.units").joinpath("written_forms.yaml")))
    table = read_yaml(path).parse(WrittenForms)
    return {folded(text): unit for unit, texts in table.forms.items() for text in texts}

"""How the values of one element are brought to its canonical unit, from any unit that has its dimension."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from allpool.mappings.units.ucum import conversion as ucum_conversion
from allpool.mappings.units.ucum import read_unit


@dataclass(frozen=True)
class Conversion:
    """From numbers in one unit to numbers in the canonical one: times `factor`, plus `offset`."""

    factor: float
    offset: float = 0.0

    def __call__(self, value: pl.Expr) -> pl.Expr:
        """Return `value` in the canonical unit.

        A factor below one whose inverse is whole divides by the inverse: 0.01 % is then 1e-4 to the last bit,
        on the same side of a threshold as a centre that writes 1e-4.
        """
        inverse = round(1 / self.factor) if 0 < self.factor < 1 else 0
        whole = inverse and abs(1 / inverse - self.factor) <= 1e-12 * self.factor
        scaled = value / inverse if whole else value * self.factor
        return scaled + self.offset if self.offset else scaled

    def of(self, value: float) -> float:
        """Return one number in the canonical unit."""
        return value * self.factor + self.offset

    def back(self, value: float) -> float:
        """Return the number that leads to `value`."""
        return (value - self.offset) / self.factor


@dataclass(frozen=True)
class Scale:
    """The units of one element: its canonical one, those that the dictionary lists, and its molar mass."""

    canonical: str
    listed: Mapping[str, float]
    molar_mass: float | None = None
    """g/mol; without it mass and amount of substance do not meet."""

    def conversion(self, unit: str) -> Conversion:
        """Return how numbers in `unit` (UCUM) become canonical ones; what the dictionary lists wins.

        A plain number (a fraction, a count) takes only units whose annotations the dictionary lists: a number
        of {cells} is no per cent. Raises ValueError with a sentence that says what was understood.
        """
        if unit in self.listed:
            return Conversion(self.listed[unit])
        if unit.isdecimal():
            raise ValueError("a number alone is no unit")
        measure = read_unit(unit)
        factor, offset = ucum_conversion(unit, self.canonical, molar_mass=self.molar_mass)
        if measure.is_number and measure.annotations not in (
            read_unit(own).annotations for own in self.listed
        ):
            raise ValueError(f"{unit} is a number of something else than {self.canonical}")
        return Conversion(factor, offset)

    @property
    def accepted(self) -> str:
        """The units that a mapping may name, as a part of a sentence."""
        return f"{', '.join(self.listed)} and every UCUM unit that is the same kind of quantity"

"""UCUM units read and compared: grammar and tables are those that ucumvert carries, factors exact fractions.

Pint, which ucumvert offers beside them, is left aside: it takes some twenty atoms for others (`g%`, `[Cal]`,
`'`, `[cft_i]`) or gives them other values than UCUM's own table (ucum-essence.xml), which is the law here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element  # only its type: the parser is defusedxml's

    from lark import Lark, Token, Tree

OFFSETS: Final = {
    "Cel": (Fraction(1), Fraction("273.15")),
    "[degF]": (Fraction(5, 9), Fraction("459.67") * Fraction(5, 9)),
    "[degRe]": (Fraction(5, 4), Fraction("273.15")),
}
"""Special units that are temperatures: factor and offset to kelvin (UCUM 2.2, chapter 3.1 and its tables)."""

OWN: Final = frozenset({"mol", "eq", "osm", "[HPF]", "[LPF]"})
"""Units that are plain numbers or moles in UCUM 2.2 (1 mol = 6.02214076e23, 1 eq = 1 osm = 1 mol, 1 [HPF] =
1) and something of their own here, which is stricter: an equivalent is a mole only of single charges, and a
field of view is no number."""


LONGEST: Final = 60
"""Characters of a unit; the longest of UCUM's own examples has 41."""
LARGEST: Final = 99
"""Exponent of a unit: 10*23 is the largest that anyone needs, and a power of millions never ends."""


@dataclass(frozen=True)
class Measure:
    """What a unit is: `factor` and `offset` to the product of base units that `dimension` names."""

    factor: Fraction
    dimension: tuple[tuple[str, int], ...]
    offset: Fraction = Fraction(0)
    annotations: frozenset[str] = field(default=frozenset())

    @property
    def is_number(self) -> bool:
        """Whether it is a plain number, like `%` or `10*-3`."""
        return not self.dimension

    def __str__(self) -> str:
        return (
            ".".join(f"{atom}{'' if power == 1 else power}" for atom, power in self.dimension) or "a number"
        )


def is_unit(text: str) -> bool:
    """Return whether `text` is a valid UCUM unit (case sensitive)."""
    try:
        read_unit(text)
    except ValueError:
        return False
    return True


@cache
def read_unit(text: str) -> Measure:
    """Return what a UCUM unit (case sensitive) means. Raises ValueError with a sentence where it is none."""
    from lark.exceptions import LarkError

    if len(text) > LONGEST:
        raise ValueError(f"a unit has no more than {LONGEST} characters")
    try:
        measure = _read(_parser().parse(text))
    except LarkError:
        raise ValueError(f"'{text}' is no UCUM unit") from None
    if measure is None:
        raise ValueError(
            f"'{text}' is no UCUM unit: a number takes no exponent (write 10*3), and none is above {LARGEST}"
        )
    return _with_offset(measure)


def conversion(source: str, target: str, *, molar_mass: float | None = None) -> tuple[float, float]:
    """Return factor and offset that lead from numbers in `source` to numbers in `target`, both UCUM.

    `molar_mass` (g/mol) is the analyte's own; without it mass and amount do not meet. Arbitrary units ([iU],
    [arb'U]; UCUM 2.2, chapter 3.2) lead to nothing but themselves. Raises ValueError with a sentence.
    """
    found, wrong = _conversion(source, target, molar_mass)
    if found is None:
        raise ValueError(wrong)
    return found


@cache
def _conversion(source: str, target: str, molar_mass: float | None) -> tuple[tuple[float, float] | None, str]:
    """Return factor and offset, or None and the sentence that says why there are none."""
    try:
        return _computed(source, target, molar_mass), ""
    except ValueError as wrong:
        return None, str(wrong)


def _computed(source: str, target: str, molar_mass: float | None) -> tuple[float, float]:
    one, other = read_unit(source), read_unit(target)
    factor = one.factor / other.factor
    if one.dimension != other.dimension:
        moles = _moles(dict(one.dimension), dict(other.dimension))
        if moles is None:
            raise ValueError(f"{source} is {one}, and {target} is {other}")
        if molar_mass is None:
            raise ValueError(f"{source} is {one}, {target} is {other}, and no molar mass is known")
        factor *= Fraction(str(molar_mass)) ** moles
    try:
        found = float(factor), float((one.offset - other.offset) / other.factor)
    except OverflowError:
        found = 0.0, 0.0
    if not found[0]:
        raise ValueError(f"no number holds the factor from {source} to {target}")
    return found


def _moles(one: dict[str, int], other: dict[str, int]) -> int | None:
    """Return how many more moles `one` has where `other` has grams, or None where they differ otherwise."""
    apart = {atom: one.get(atom, 0) - other.get(atom, 0) for atom in one.keys() | other.keys()}
    moles = apart.pop("mol", 0)
    if apart.pop("g", 0) != -moles or any(apart.values()):
        return None
    return moles


def _with_offset(measure: Measure) -> Measure:
    """Return a temperature scale that stands alone in kelvin, with its offset (UCUM 2.2, chapter 3.1)."""
    (atom, power), *more = measure.dimension or (("", 0),)
    if more or power != 1 or atom not in OFFSETS:
        return measure
    factor, offset = OFFSETS[atom]
    return Measure(measure.factor * factor, (("K", 1),), offset, measure.annotations)


def _read(tree: Tree[Token] | Token) -> Measure | None:
    """Return what a tree means; None where an exponent is huge or a number's (UCUM 2.2, chapter 2.2)."""
    if isinstance(tree, str):
        return Measure(Fraction(1), (), annotations=frozenset({tree[1:-1]}))
    if tree.data == "simple_unit":
        return _simple([str(part) for part in tree.children])
    parts = list(tree.children)
    if tree.data == "annotatable":
        base, power = parts[0], int(str(parts[1]))
        return None if _is_factor(base) or abs(power) > LARGEST else _power(_read(base), power)
    if tree.data == "component":
        inner, annotation = _read(parts[0]), str(parts[1])[1:-1]
        return inner and Measure(inner.factor, inner.dimension, annotations=inner.annotations | {annotation})
    if len(parts) == 2:  # a leading solidus
        return _times(Measure(Fraction(1), ()), _read(parts[1]), -1)
    if len(parts) == 1:
        return _read(parts[0])
    return _times(_read(parts[0]), _read(parts[2]), 1 if str(parts[1]) == "." else -1)


def _is_factor(tree: Tree[Token] | Token) -> bool:
    return (
        not isinstance(tree, str)
        and tree.data == "simple_unit"
        and len(tree.children) == 1
        and str(tree.children[0]).isdecimal()
    )


def _simple(parts: list[str]) -> Measure:
    table = _table()
    if parts[0].isdecimal():
        return Measure(Fraction(int(parts[0])), ())
    atom = _atom(parts[-1])
    if len(parts) == 1:
        return atom
    return Measure(table.prefixes[parts[0]] * atom.factor, atom.dimension)


@cache
def _atom(code: str) -> Measure:
    """Return what an atom means by its definition; one without, or a special one, is its own dimension."""
    defined = _table().definitions.get(code)
    if defined is None:
        return Measure(Fraction(1), ((_table().same.get(code, code), 1),))
    value, unit = defined
    measure = _read(_parser().parse(unit))
    assert measure is not None  # noqa: S101  # UCUM's own table
    return Measure(value * measure.factor, measure.dimension)


def _power(measure: Measure | None, power: int) -> Measure | None:
    if measure is None:
        return None
    dimension = tuple((atom, times * power) for atom, times in measure.dimension)
    return Measure(measure.factor**power, dimension, annotations=measure.annotations)


def _times(one: Measure | None, other: Measure | None, power: int) -> Measure | None:
    if one is None or other is None:
        return None
    dimension = dict(one.dimension)
    for atom, times in other.dimension:
        dimension[atom] = dimension.get(atom, 0) + power * times
    return Measure(
        one.factor * other.factor**power,
        tuple(sorted((atom, times) for atom, times in dimension.items() if times)),
        annotations=one.annotations | other.annotations,
    )


@dataclass(frozen=True)
class _Table:
    """UCUM's tables: prefixes, and atoms with the value and unit that define them."""

    prefixes: dict[str, Fraction]
    definitions: dict[str, tuple[Fraction, str]]
    same: dict[str, str]
    """Arbitrary unit that is another one: [IU] is [iU]."""


@cache
def _table() -> _Table:
    from defusedxml.ElementTree import fromstring

    root = fromstring(files("ucumvert").joinpath("vendor", "ucum-essence.xml").read_bytes())
    prefixes = {item.attrib["Code"]: Fraction(_value(item)["value"]) for item in root.iterfind("{*}prefix")}
    definitions: dict[str, tuple[Fraction, str]] = {}
    same: dict[str, str] = {}
    for item in root.iterfind("{*}unit"):
        code, value = item.attrib["Code"], _value(item)
        if item.get("isArbitrary") == "yes":
            if value["Unit"] != "1":
                same[code] = value["Unit"]
        elif item.get("isSpecial") != "yes" and code not in OWN:
            definitions[code] = (Fraction(value["value"]), value["Unit"])
    return _Table(prefixes, definitions, same)


def _value(item: Element) -> dict[str, str]:
    return next(dict(value.attrib) for value in item.iterfind("{*}value"))


@cache
def _parser() -> Lark:
    from ucumvert.parser import get_ucum_parser  # type: ignore[import-untyped,unused-ignore]

    parser: Lark = get_ucum_parser()
    return parser

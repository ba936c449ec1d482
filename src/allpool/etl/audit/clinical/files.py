"""The data files of the clinical rules, read and checked once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, field_validator

from allpool.etl.audit.clinical.conditions import OTHER, owner
from allpool.etl.audit.clinical.forms import KEYS, Companion, Form, Side, read_by, read_of
from allpool.etl.audit.clinical.selects import columns_of
from allpool.etl.audit.moments import partial_dates
from allpool.etl.audit.rules import Category, Context, Severity
from allpool.mappings.dictionary import Dictionary, Frozen, load_dictionary
from allpool.mappings.positions import Document, Location, read_yaml
from allpool.models import STAGING

PREFIX: Final = "clinical."
LANGUAGES: Final = ("en", "zh", "cs")
Words = Mapping[Literal["en", "zh", "cs"], str]
ExampleRow = Mapping[str, Any]


def _as_list(value: object) -> object:
    """Let an author write one row or example where several are meant."""
    return value if isinstance(value, (list, tuple)) else (value,)


Example = Mapping[str, Annotated[tuple[ExampleRow, ...], BeforeValidator(_as_list)]]
"""Table -> rows of one patient. Dates are `2024-05-01`, `2024-05`, `2024`, or `12 first-dose` for days from
an anchor; `parts` holds components by element; `wrong: yes` marks the row that fails, where the table of the
rule has several."""
Examples = Annotated[tuple[Example, ...], BeforeValidator(_as_list), Field(min_length=1)]


class ClinicalRule(Frozen):
    """One entry: what cannot both be true of a patient, why, and who says so."""

    id: str = Field(pattern=r"^[a-z0-9-]+(\.[a-z_]+)?$")
    severity: Severity
    category: Category = "plausibility"
    context: Context = "verification"
    row: Side
    """The rows that are looked at."""
    column: str
    """Their column that is at fault."""
    element: str | None = None
    """The data element that this column holds."""
    check: Form
    title: Words
    """What is wrong, in a few words."""
    expected: Words
    """What would have been right, as a sentence for the centre; names no value."""
    reason: str
    """Why it matters, for the data manager."""
    source: str
    fails: Examples
    """Patients in whom the rule finds a row."""
    holds: Examples
    """Patients in whom it finds none."""

    @field_validator("title", "expected")
    @classmethod
    def _in_every_language(cls, words: Words) -> Words:
        lacking = [language for language in LANGUAGES if not words.get(language)]
        if lacking:
            raise ValueError(f"not said in {', '.join(lacking)}")
        if any("{" in text for text in words.values()):
            raise ValueError("a clinical rule's words have no places to fill")
        return words

    @property
    def rule(self) -> str:
        """The id as the audit says it."""
        return f"{PREFIX}{self.id}"

    @property
    def beside(self) -> tuple[str, ...]:
        """The row's other columns that take part: what its conditions and the form read of it."""
        dates, parts = partial_dates(self.row.table), self.row.parts
        read = dict.fromkeys((*self.row.names(), *read_by(self.check)))
        named = {f"{name}_date" if name in dates else name for name in read if name not in parts}
        named |= {parts[name].element for name in read if name in parts}
        return tuple(sorted(named - {self.column, "data_element"}))


class RuleFile(Frozen):
    """The content of a file of `rules/`."""

    about: str
    """What its rules are about, as a heading."""
    rules: tuple[ClinicalRule, ...]


@cache
def rule_files() -> tuple[RuleFile, ...]:
    """Return the files that ship with allpool, by name.

    Raises `MappingError` with file and line where an entry is wrong or names something that does not exist.
    """
    folder = Path(str(files("allpool.etl.audit.clinical"))) / "rules"
    return load_rule_files(folder, load_dictionary())


def load_rule_files(folder: Path, dictionary: Dictionary) -> tuple[RuleFile, ...]:
    """Return the rule files of a folder; raises `MappingError` with file and line."""
    found: list[RuleFile] = []
    seen: dict[str, str] = {}
    for path in sorted(folder.glob("*.yaml")):
        document = read_yaml(path)
        content = document.parse(RuleFile)
        for number, rule in enumerate(content.rules):
            at = ("rules", number)
            if rule.id in seen:
                document.fail(f"the rule {rule.id} stands in {seen[rule.id]} too", (*at, "id"))
            seen[rule.id] = path.name
            _check(rule, document, at, dictionary)
        found.append(content)
    return tuple(found)


def _check(rule: ClinicalRule, document: Document, at: Location, dictionary: Dictionary) -> None:
    if rule.element is not None and rule.element not in dictionary:
        document.fail(f"the dictionary has no element {rule.element}", (*at, "element"))
    called = {OTHER, *(other.name for other in rule.check.companions())}
    for side, names in _sides(rule):
        place = (*at, "row") if side is rule.row else (*at, "check")
        _check_side(side, names, document, place, dictionary)
        column = side.column if isinstance(side, Companion) else rule.column
        if column not in STAGING[side.table].c:
            document.fail(
                f"{side.table} has no column {column}", at if side is not rule.row else (*at, "column")
            )
        if isinstance(side, Companion):
            for name in (name for condition in side.compare for name in condition.names()):
                if owner(name) not in (None, *called):
                    document.fail(f"no companion is called {owner(name)}", place)
    for kind in ("fails", "holds"):
        for example in getattr(rule, kind):
            _check_example(rule, kind, example, document, at)


def _check_side(
    side: Side, names: tuple[str, ...], document: Document, at: Location, dictionary: Dictionary
) -> None:
    if side.table not in STAGING:
        document.fail(f"there is no table {side.table}", (*at, "table"))
    for element in (*side.elements, *(part.element for part in side.parts.values())):
        if element not in dictionary:
            document.fail(f"the dictionary has no element {element}", at)
    for name in (*side.names(), *names):
        try:
            list(columns_of(side, [name]))
        except KeyError:
            if name not in KEYS:
                document.fail(f"{side.table} has no column, date or part called {name}", at)


def _sides(rule: ClinicalRule) -> Iterator[tuple[Side, tuple[str, ...]]]:
    yield rule.row, read_by(rule.check)
    for other in rule.check.companions():
        yield other, read_of(rule.check, other)


def _check_example(rule: ClinicalRule, kind: str, example: Example, document: Document, at: Location) -> None:
    for table in example:
        if table not in STAGING:
            document.fail(f"there is no table {table}", (*at, kind))
    rows = example.get(rule.row.table, ())
    if kind == "fails" and len(rows) != 1 and not any("wrong" in row for row in rows):
        document.fail(f"mark with `wrong: yes` which row of {rule.row.table} fails", (*at, kind))

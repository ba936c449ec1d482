"""Code tables: good codes, known misspellings and known rubbish; anything else is quarantined."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

from pydantic import Field, model_validator

from allpool.mappings.dictionary import Code, Frozen, Language
from allpool.mappings.positions import read_yaml


class Term(Frozen):
    """One good code: its display, what centres write for it, and its external codes."""

    display: str
    synonyms: Mapping[Language, tuple[str, ...]] = Field(default_factory=dict)
    external: tuple[Code, ...] = ()


class CodeTable(Frozen):
    """A code system of the consortium's own, or the subset of a public one that it uses."""

    table: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str
    system: str | None = None
    """Canonical URL where the codes are those of a public system; else the table's own."""
    source: str
    codes: Mapping[str, Term]
    fixes: Mapping[str, str] = Field(default_factory=dict)
    """Known misspelling -> good code."""
    ignored: tuple[str, ...] = ()
    """Known rubbish: the cell is ignored under the rule `ignored code`."""

    @model_validator(mode="after")
    def _disjoint(self) -> CodeTable:
        seen: dict[str, str] = {}
        for code in self.codes:
            seen[normal(code)] = code
        for code, term in self.codes.items():
            for text in (term.display, *(text for texts in term.synonyms.values() for text in texts)):
                if seen.setdefault(normal(text), code) != code:
                    raise ValueError(f"'{text}' stands for both {seen[normal(text)]} and {code}")
        for text, code in self.fixes.items():
            if code not in self.codes:
                raise ValueError(f"the fix '{text}' leads to {code}, which is not a code of this table")
            if seen.setdefault(normal(text), code) != code:
                raise ValueError(f"'{text}' is both a fix to {code} and a word for {seen[normal(text)]}")
        for text in self.ignored:
            if normal(text) in seen:
                raise ValueError(f"'{text}' is both ignored and a word for {seen[normal(text)]}")
        return self

    def lookup(self) -> dict[str, str]:
        """Return normalised source text -> code, for codes, what they are shown as, synonyms and fixes."""
        words = {normal(code): code for code in self.codes}
        for code, term in self.codes.items():
            words[normal(term.display)] = code
            words.update({normal(text): code for texts in term.synonyms.values() for text in texts})
        words.update({normal(text): code for text, code in self.fixes.items()})
        return words


def normal(text: str) -> str:
    """Return `text` as code tables compare it: case folded, outer blanks cut, inner blanks single."""
    return " ".join(text.casefold().split())


@dataclass(frozen=True)
class Terminology:
    """All code tables by name, and the hash of the files they come from."""

    tables: Mapping[str, CodeTable]
    hash: str

    def __getitem__(self, table: str) -> CodeTable:
        return self.tables[table]

    def __contains__(self, table: object) -> bool:
        return table in self.tables


def load_terminology(folder: Path | None = None) -> Terminology:
    """Load the code tables from `folder`, by default those that ship with allpool.

    Raises `MappingError` with file and line where a table is not valid.
    """
    return _load(folder or Path(str(files("allpool.mappings").joinpath("terminology"))))


@cache
def _load(folder: Path) -> Terminology:
    tables: dict[str, CodeTable] = {}
    digest = sha256()
    for path in sorted(folder.glob("*.yaml")):
        document = read_yaml(path)
        digest.update(path.read_bytes())
        table = document.parse(CodeTable)
        if table.table != path.stem:
            document.fail(f"the table is called {table.table} and its file {path.stem}", ("table",))
        tables[table.table] = table
    return Terminology(tables, digest.hexdigest())

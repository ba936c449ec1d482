"""What a source's text means beside the code that it becomes, and where a mapping says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from pydantic import Field, model_validator

from allpool.mappings.dictionary import Frozen

# FHIR R4 4.0.1, CodeSystem http://hl7.org/fhir/concept-map-equivalence: the word says what the target (our
# code) means beside the source (the centre's text). `wider`: "The target mapping is wider in meaning than the
# source concept." `narrower`: the target is narrower; "The sense in which the mapping is narrower SHALL be
# described in the comments in this case". `unmatched`: "There is no match for this concept in the target code
# system." R5 turned the point of view round (source-is-narrower-than-target is R4's wider).
Equivalence = Literal["equivalent", "wider", "narrower", "unmatched"]

EQUIVALENCES: Final[tuple[Equivalence, ...]] = ("equivalent", "wider", "narrower", "unmatched")
COMMENTED: Final = frozenset({"narrower", "unmatched"})
"""R4's invariant cmd-1 asks a comment of a narrower target; we ask one of a text left without code too."""


@dataclass(frozen=True)
class Relation:
    """One text of a source, the code that it becomes (none where `unmatched`), and how the two relate."""

    text: str
    code: str | None
    equivalence: Equivalence = "equivalent"
    comment: str | None = None

    @property
    def is_equal(self) -> bool:
        """Whether the code means what the text means, so that nothing needs saying."""
        return self.equivalence == "equivalent"


def fault(code: str | None, equivalence: str, comment: str | None) -> str | None:
    """Return what is wrong with a relation, as a sentence; None where nothing is."""
    if equivalence not in EQUIVALENCES:
        return f"'{equivalence}' is no equivalence; there are {', '.join(EQUIVALENCES)}"
    if equivalence == "unmatched" and code:
        return "a text that is unmatched has no code"
    if equivalence != "unmatched" and not code:
        return "the code is missing; a text that deliberately has none is `unmatched`, with a comment"
    if equivalence in COMMENTED and not comment:
        return f"`{equivalence}` needs a comment that says why"
    return None


class Target(Frozen):
    """What a text becomes: a code by itself, or with equivalence and comment."""

    code: str | None = None
    equivalence: Equivalence = "equivalent"
    comment: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        return {"code": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _whole(self) -> Target:
        wrong = fault(self.code, self.equivalence, self.comment)
        if wrong:
            raise ValueError(wrong)
        return self


class Codes(Frozen):
    """What a field's texts become: words of a code table, of a CSV file beside the mapping, of its own."""

    table: str | None = None
    """Code table whose own words are understood too; words of the file and of the mapping win over them."""
    file: str | None = None
    """CSV file relative to the mapping: text, code, equivalence, comment."""
    words: Mapping[str, Target] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"table": value}
        if isinstance(value, dict) and not set(value) <= {"table", "file", "words"}:
            return {"words": value}
        return value

    @model_validator(mode="after")
    def _says_something(self) -> Codes:
        if self.table is None and self.file is None and not self.words:
            raise ValueError("name a code table, a file, or the words themselves")
        return self

    @property
    def relations(self) -> tuple[Relation, ...]:
        """The words written in the mapping itself."""
        return tuple(
            Relation(text, target.code, target.equivalence, target.comment)
            for text, target in self.words.items()
        )

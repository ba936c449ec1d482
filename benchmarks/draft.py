"""How good drafts are: of the example's files with their mappings hidden, and of headers kept apart.

    python -m benchmarks.draft [--show] [--write]

`--show` prints each column that is not right, `--write` writes docs/draft.md (a test asks that it is fresh).
Right is the element that the mapping (or the held-out file) names for a column; where a column is read for
several, any of them. What only a `when` reads counts by the records that it decides on.
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from allpool.etl.profile import profile
from allpool.mappings.compile import Vocabulary, load_mapping, load_vocabulary
from allpool.mappings.draft import Suggestion, suggest
from allpool.mappings.plan import CompiledMapping, SourcePlan, condition_columns
from allpool.mappings.positions import read_yaml
from allpool.mappings.profile import TableProfile
from allpool.mappings.schema import UnitColumn

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "examples" / "consortium"
HELD_OUT = ROOT / "tests" / "mappings" / "held_out"
PAGE = ROOT / "docs" / "draft.md"
TIMES = 5
"""Rows of a held-out table stand so often in its file: values that few cells have are not told."""
SETS = {
    "example": "Example consortium (synthetic), mappings hidden",
    "centres": "Held out 1: headers written before tuning",
    "later": "Held out 2: headers written after tuning",
}
INTRODUCTION = """
# The draft of a mapping

`allpool profile FILE --draft M.yaml` proposes an element, unit, code table and date format for each
column of a file that nobody has mapped yet, each with a confidence (0 to 1) and its reason. From 0.8 on
it is sure, and the proposal stands in the draft; below, it is a comment, to be decided and uncommented.
Once a patient key is said, the draft loads.

What speaks: the column's name, word by word in English, Chinese, Czech, German and Polish (synonyms of
the dictionary, and words of `src/allpool/mappings/draft/lexicon.yaml`), forgiving slips of typing; the
unit and the timepoint that a name states; the cells (codes that a table knows, dates, numbers of the
size that an element has in some unit); and the columns beside it. Cells rule out what a name suggests,
never the other way round: no column is sure whose cells contradict its name. No network is asked and no
language model.

What it leaves to a person: a fusion called BCR-ABL1 without more (chromosome or gene), blasts without
blood or marrow, a course beside measurements, days and months in an order that no cell decides, a unit
where the numbers fit two, numbers that stand for words. Direct identifiers are proposed for `ignore`,
without a value of theirs.

## How good it is

A column is right where the first proposal is an element that the hidden mapping reads it for. What is
sure of a column that no mapping reads counts as sure and wrong. The held-out sets were never a source of
words, but the hand that wrote them wrote the lexicon too: expect less of other hands' files. `python -m
benchmarks.draft --write` writes this page.
"""
LANGUAGES = {"en": "English", "zh": "Chinese", "cs": "Czech", "de": "German", "pl": "Polish"}


@dataclass(frozen=True)
class Answer:
    """One column: what is right, and what the draft says."""

    kind: str
    language: str
    place: str
    right: frozenset[str]
    """Elements; none where the dictionary has none for the column."""
    said: Suggestion

    @property
    def is_right(self) -> bool:
        """Whether the first proposal is right."""
        return self.said.element in self.right if self.right else self.said.element is None


def example_answers(words: Vocabulary) -> Iterator[Answer]:
    """Yield each column of the example's files, with what its mapping reads it for."""
    config = tomllib.loads((EXAMPLE / "allpool.toml").read_text(encoding="utf-8"))
    seen: dict[Path, list[TableProfile]] = {}
    for feed in config["feeds"]:
        mapping = load_mapping(EXAMPLE / "mappings" / feed["mapping"], words)
        for source in mapping.sources:
            right = _read_for(mapping, source)
            for path in sorted((EXAMPLE / feed["folder"]).glob(source.file or "")):
                if path not in seen:
                    seen[path] = profile(path)
                for table in seen[path]:
                    if _is_of(table, source):
                        yield from _answers("example", mapping.language, feed["id"], table, right, words)


def held_out_answers(name: str, words: Vocabulary) -> Iterator[Answer]:
    """Yield each column of the tables of a held-out file."""
    content = read_yaml(HELD_OUT / f"{name}.yaml").content
    for table in content["tables"]:
        right = {
            column: frozenset([elements] if isinstance(elements, str) else elements) - {"null"}
            for column, elements, _ in table["columns"]
        }
        cells = {column: texts for column, _, texts in table["columns"]}
        made = held_out_profile(table["file"], table.get("sheet"), cells)
        yield from _answers(name, table["language"], table["centre"], made, right, words)


def held_out_profile(file: str, sheet: str | None, columns: Mapping[str, Sequence[str]]) -> TableProfile:
    """Return the profile of a table given as column name -> cells."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        with path.open("w", encoding="utf-8", newline="") as out:
            writer = csv.writer(out)
            writer.writerow(columns)
            for _ in range(TIMES):
                writer.writerows(zip(*columns.values(), strict=True))
        (table,) = profile(path, minimum_frequency=TIMES)
    return replace(table, file=file, sheet=sheet)


def _is_of(table: TableProfile, source: SourcePlan) -> bool:
    sheets = getattr(source.read, "sheet", None)
    return table.sheet is None or sheets is None or table.sheet in sheets


def _answers(
    kind: str,
    language: str,
    place: str,
    table: TableProfile,
    right: Mapping[str, frozenset[str]],
    words: Vocabulary,
) -> Iterator[Answer]:
    for said in suggest(table, vocabulary=words):
        where = f"{place} {table.sheet or table.file}"
        yield Answer(kind, language, where, right.get(said.column, frozenset()), said)


def _read_for(mapping: CompiledMapping, source: SourcePlan) -> Mapping[str, frozenset[str]]:
    """Return column -> elements that a mapping reads it for, joined columns at home."""
    found: dict[str, set[str]] = {}
    decided: dict[str, set[str]] = {}
    _add(found, [source.patient.column], ["subject_id"])
    for scope, element in ((mapping.study, "study_id"), (mapping.centre, "site")):
        _add(found, [(scope.column or ()) if scope else ()], [element])
    for plan in mapping.sources:
        home = "" if plan is source else f"{source.name}."
        for rule in plan.rules:
            every = [*(item.element for item in rule.fields), rule.data_element]
            _add(decided, condition_columns(rule.when), every, home)
            for item in rule.fields:
                _add(found, [item.binding.column or ()], [item.element], home)
                _add(decided, condition_columns(item.binding.when), [item.element], home)
                if isinstance(item.binding.unit, UnitColumn):
                    _add(found, [item.binding.unit.column], [item.element], home)
    for made, (_, columns, _) in source.computed.items():
        _add(decided, columns, found.pop(made, ()))
    return {column: frozenset(elements) for column, elements in {**decided, **found}.items()}


def _add(
    to: dict[str, set[str]],
    columns: Iterable[Iterable[str]],
    elements: Iterable[str | None],
    home: str = "",
) -> None:
    for names in columns:
        for name in names:
            if name.startswith(home):
                to.setdefault(name.removeprefix(home), set()).update(item for item in elements if item)


@dataclass
class Count:
    """Of the columns of one set and language."""

    columns: int = 0
    right: int = 0
    sure: int = 0
    sure_right: int = 0
    unmapped: int = 0
    """Columns for which no element is right."""
    unmapped_sure: int = 0
    """Those of them that are sure of an element all the same: wrong, and counted among the sure."""

    def add(self, answer: Answer) -> None:
        """Count one column."""
        is_sure = answer.said.element is not None and answer.said.is_confident
        self.sure += is_sure
        if answer.right:
            self.columns += 1
            self.right += answer.is_right
            self.sure_right += is_sure and answer.is_right
        else:
            self.unmapped += 1
            self.unmapped_sure += is_sure

    @property
    def cells(self) -> list[str]:
        """Return the cells of its line."""
        return [
            str(self.columns),
            f"{self.right / max(self.columns, 1):.1%}",
            str(self.sure),
            f"{self.sure_right / max(self.sure, 1):.1%}",
            f"{self.sure / max(self.columns + self.unmapped, 1):.0%}",
            f"{self.unmapped_sure} of {self.unmapped}",
        ]


def counted(answers: Iterable[Answer]) -> dict[tuple[str, str], Count]:
    """Return the counts by set and language, and by set (language `all`)."""
    found: dict[tuple[str, str], Count] = {}
    for answer in answers:
        for language in (answer.language, "all"):
            found.setdefault((answer.kind, language), Count()).add(answer)
    return found


def page(answers: Sequence[Answer]) -> str:
    """Return docs/draft.md."""
    counts = counted(answers)
    lines = [INTRODUCTION.strip(), ""]
    for kind, title in SETS.items():
        head = [
            "language",
            "mapped columns",
            "right first",
            "sure",
            "of these right",
            "share sure",
            "sure, but unmapped",
        ]
        lines += [f"### {title}", "", _line(head), _line(["---", *["--:"] * (len(head) - 1)])]
        languages = [language for language in (*LANGUAGES, "all") if (kind, language) in counts]
        lines += [_line([LANGUAGES.get(item, item), *counts[kind, item].cells]) for item in languages]
        wrong = {
            _line(
                [
                    f"`{item.said.column}`",
                    _named(item.right),
                    f"`{item.said.element}`",
                    f"{item.said.confidence}",
                ]
            )
            for item in answers
            if item.kind == kind and item.said.element and item.said.is_confident and not item.is_right
        }
        if wrong:
            lines += ["", "Sure and not right:", "", _line(["column", "right", "proposed", "confidence"])]
            lines += [_line(["---"] * 4), *sorted(wrong)]
        lines.append("")
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _named(elements: Iterable[str]) -> str:
    names = sorted(elements)
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(f"`{name}`" for name in names[:3]) + more if names else "none"


def every_answer() -> list[Answer]:
    """Return all columns of all sets."""
    words = load_vocabulary()
    held = [answer for kind in SETS if kind != "example" for answer in held_out_answers(kind, words)]
    return [*example_answers(words), *held]


def main() -> int:
    """Print the counts; `--show` the columns that are not right, `--write` the page."""
    options = argparse.ArgumentParser(description="How good drafts are.")
    options.add_argument("--show", action="store_true")
    options.add_argument("--write", action="store_true")
    given = options.parse_args()
    answers = every_answer()
    for answer in answers if given.show else ():
        if not answer.is_right and (answer.right or answer.said.is_confident):
            said = answer.said
            print(
                answer.place,
                repr(said.column),
                sorted(answer.right)[:4],
                said.element,
                said.confidence,
                said.reason,
            )
    for (kind, language), count in sorted(counted(answers).items()):
        print(f"{kind:10} {language:4}", *(f"{cell:>9}" for cell in count.cells))
    if given.write:
        PAGE.write_text(page(answers), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Files of published figures: what is wrong is said, with file and line, before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from allpool.analysis.definitions.catalogue import load_catalogue
from allpool.analysis.published.load import load_published
from allpool.errors import DefinitionError

HEAD = """\
study: "001"
title: A study
source: a paper
records:
"""
RECORD = """\
  - record: n
    location: abstract
    population: all
    statistic: count
"""


COX_WITHOUT_ITS_TERM = """\
    printed: {p: 0.01}
    recompute: {kind: cox, endpoint: os, term: sex, covariates: {age: {of: {column: age}}}}"""


def load(folder: Path, text: str) -> DefinitionError:
    (folder / "001.yaml").write_text(HEAD + text, encoding="utf-8")
    with pytest.raises(DefinitionError) as raised:
        load_published(folder, load_catalogue())
    return raised.value


def test_a_whole_record_is_read_with_its_digits(tmp_path: Path) -> None:
    text = (
        RECORD + "    printed: {percent: 80.0, lower: 51.9, upper: 95.7}\n    recompute: {kind: proportion}\n"
    )
    (tmp_path / "001.yaml").write_text(HEAD + text, encoding="utf-8")
    (file,) = load_published(tmp_path, load_catalogue())
    printed = file.records[0].printed
    assert printed is not None
    assert dict(printed.given) == {"percent": "80.0", "lower": "51.9", "upper": "95.7"}


def test_a_folder_that_is_not_there_has_no_figures(tmp_path: Path) -> None:
    assert load_published(tmp_path / "nowhere", load_catalogue()) == ()


@pytest.mark.parametrize(
    ("lines", "line", "message"),
    [
        ("    printed: {value: 3}", 5, "exactly one of `recompute`, `parts` and `not_recomputed`"),
        ("    recompute: {kind: count}", 5, "`recompute` needs `printed` figures"),
        ("    printed: {value: three}\n    recompute: {kind: count}", 9, "pattern"),
        ("    printed: {amount: 3}\n    recompute: {kind: count}", 9, "is not a word of this language"),
        ("    printed: {}\n    recompute: {kind: count}", 9, "names none of value, numerator"),
        (
            "    printed: {value: 3}\n    recompute: {kind: guess}",
            10,
            "there is no kind 'guess'; there are: count, proportion",
        ),
        (
            "    printed: {value: 3}\n    corrected: {value: 4}\n    recompute: {kind: count}",
            5,
            "names the flag that says why",
        ),
        (
            "    not_recomputed: {kind: external, reason: another study}",
            5,
            "say what stands in the paper",
        ),
        (
            "    words: a rule\n    not_recomputed: {kind: dull, reason: because}",
            10,
            "Input should be 'external'",
        ),
        (
            "    printed: {value: 3}\n    recompute: {kind: count, numerator: [{fact: cheerfulness, in: Y}]}",
            10,
            "there is no fact 'cheerfulness'",
        ),
        (
            "    printed: {value: 3}\n    recompute: {kind: count, population: everyone_else}",
            10,
            "there is no population 'everyone_else'",
        ),
        (
            "    printed: {value: 3}\n    recompute: {kind: count, where: [{population: others, in: Y}]}",
            10,
            "there is no population 'others'",
        ),
        (
            "    printed: {median: 3}\n    recompute: {kind: survival, endpoint: joy}",
            10,
            "there is no endpoint 'joy'",
        ),
        (
            "    printed: {median: 3}\n    recompute: {kind: survival, endpoint: cr}",
            10,
            "cr is no time to an event",
        ),
        (
            "    printed: {median: 3}\n    recompute: {kind: survival, endpoint: efs, definition: study_004}",
            10,
            "not meant for study 001",
        ),
        (
            "    printed: {value: 3}\n    recompute: {kind: count, numerator: [{column: sex, in: neither}]}",
            10,
            "'neither' is not a code of sex",
        ),
        (
            "    printed: {p: 0.01}\n    ours: {endpoint: joy}\n    recompute: {kind: count}",
            10,
            "there is no endpoint 'joy'",
        ),
        (
            "    printed: {value: 3}\n    recompute: {kind: adverse_events, grade: [4, 3]}",
            10,
            "the lowest and the highest",
        ),
        (
            COX_WITHOUT_ITS_TERM,
            10,
            "`term` is none of the covariates",
        ),
    ],
)
def test_what_is_wrong_is_said_with_its_line(tmp_path: Path, lines: str, line: int, message: str) -> None:
    error = load(tmp_path, RECORD + lines + "\n")
    assert message in error.message
    assert error.place is not None
    assert (error.place.file, error.place.line) == ("001.yaml", line)


def test_groups_of_after_time_zero_need_a_reason(tmp_path: Path) -> None:
    asked = (
        "    printed: {p: 0.01}\n"
        "    recompute:\n"
        "      kind: log_rank\n"
        "      endpoint: os\n"
        "      groups: {yes: [{fact: transplanted, in: Y}], no: [{fact: transplanted, in: N}]}\n"
    )
    error = load(tmp_path, RECORD + asked)
    assert "immortal time" in error.message
    assert error.place is not None
    assert error.place.line == 10
    (tmp_path / "001.yaml").write_text(HEAD + RECORD + asked + "      override: as printed\n")
    assert load_published(tmp_path, load_catalogue())


def test_a_record_stands_once(tmp_path: Path) -> None:
    whole = RECORD + "    printed: {value: 3}\n    recompute: {kind: count}\n"
    error = load(tmp_path, whole + whole)
    assert "record 'n' stands here twice" in error.message
    assert error.place is not None
    assert error.place.line == 11


def test_a_study_has_one_file(tmp_path: Path) -> None:
    whole = HEAD + RECORD + "    printed: {value: 3}\n    recompute: {kind: count}\n"
    (tmp_path / "a.yaml").write_text(whole, encoding="utf-8")
    (tmp_path / "b.yaml").write_text(whole, encoding="utf-8")
    with pytest.raises(DefinitionError, match="two files"):
        load_published(tmp_path, load_catalogue())

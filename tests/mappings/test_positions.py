"""YAML as text with positions: nothing is guessed, everything has its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from allpool.errors import MappingError
from allpool.mappings.positions import parse_yaml

HERE = Path("here.yaml")


def test_every_scalar_is_what_the_author_typed() -> None:
    document = parse_yaml("a: no\nb: 010\nc: 2023-01-05\nd: 1e3\ne: ~\nf: 'x'\n", path=HERE)
    assert document.content == {"a": "no", "b": "010", "c": "2023-01-05", "d": "1e3", "e": "~", "f": "x"}


def test_a_place_has_its_line_and_an_absent_one_that_of_its_parent() -> None:
    document = parse_yaml("a:\n  - b: 1\n    c:\n      d: 2\n", path=HERE)
    assert document.line(("a", 0, "c", "d")) == 4
    assert document.line(("a", 0, "c", "absent", "deeper")) == 3
    assert document.line(("absent",)) == 1


def test_an_anchor_is_read_at_each_alias() -> None:
    document = parse_yaml("a: &x {k: v}\nb: *x\n", path=HERE)
    assert document.content == {"a": {"k": "v"}, "b": {"k": "v"}}


@pytest.mark.parametrize(
    ("text", "line"), [("a: 1\nb: 2\na: 3\n", 3), ("a: [1\n", 2), ("a: 1\n  b: 2\n", 2), ("a: \tb: c\n", 1)]
)
def test_what_is_no_yaml_or_stands_twice_fails_at_its_line(text: str, line: int) -> None:
    with pytest.raises(MappingError) as caught:
        parse_yaml(text, path=HERE)
    assert caught.value.place is not None
    assert (caught.value.place.file, caught.value.place.line) == ("here.yaml", line)


def test_an_empty_file_is_an_empty_mapping() -> None:
    assert parse_yaml("# nothing\n", path=HERE).content == {}

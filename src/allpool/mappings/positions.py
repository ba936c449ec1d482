"""YAML read as text with positions: every scalar a string, every error with file and line.

YAML's own guesses (`no` is false, `010` is 8, `2023-01-05` is a date) have no place here: scalars stay
what the author typed, and the models say what they mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from allpool.errors import AllpoolError, MappingError, Place

Model = TypeVar("Model", bound=BaseModel)
Location = tuple[str | int, ...]


@dataclass(frozen=True)
class Document:
    """A YAML file's content, all scalars as text, and the line (from 1) of each place in it."""

    path: Path
    content: Any
    lines: dict[Location, int]

    def line(self, location: Sequence[str | int]) -> int:
        """Return the line of `location`, or of the nearest place above it that stands in the file."""
        place = tuple(location)
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)

    def fail(
        self, message: str, location: Sequence[str | int] = (), error: type[AllpoolError] = MappingError
    ) -> NoReturn:
        """Raise `error` at `location` of this file."""
        raise error(message, place=Place(file=self.path.name, line=self.line(location)))

    def parse(
        self,
        model: type[Model],
        content: Any = None,
        *,
        at: Location = (),
        error: type[AllpoolError] = MappingError,
    ) -> Model:
        """Return `content` (the whole file by default) as `model`; an error names file, line and field."""
        try:
            return model.model_validate(self.content if content is None else content)
        except ValidationError as invalid:
            found = invalid.errors(include_url=False, include_input=False)
            first = max(found, key=lambda item: (len(self._known(at + tuple(item["loc"]))), _tells(item)))
            where = self._known((*at, *first["loc"], *_discriminator(first)))
            name = ".".join(str(part) for part in first["loc"] if _is_word(part))
            more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
            raise error(
                f"{name}: {_sentence(first)}{more}",
                place=Place(file=self.path.name, line=self.lines.get(where, self.line(at))),
            ) from None

    def _known(self, location: Location) -> Location:
        """Return the longest leading part of a pydantic location that stands in the file."""
        known: Location = ()
        for part in location:
            if (*known, part) in self.lines:
                known = (*known, part)
        return known


def _sentence(item: Any) -> str:
    if item["type"] == "extra_forbidden":
        return "is not a word of this language here; check the spelling"
    if item["type"] == "union_tag_invalid":
        known = item["ctx"]["expected_tags"].replace("'", "")
        return f"there is no {_discriminator(item)[0]} '{item['ctx']['tag']}'; there are: {known}"
    if item["type"] == "union_tag_not_found":
        return f"`{_discriminator(item)[0]}` is missing"
    if item["type"] == "missing":
        return "is missing"
    return str(item["msg"]).removeprefix("Value error, ")


def _discriminator(item: Any) -> tuple[str, ...]:
    """Return the word that says which of several forms is meant, where the error is about that."""
    word = item.get("ctx", {}).get("discriminator")
    return (str(word).strip("'"),) if word and item["type"].startswith("union_tag") else ()


def _tells(item: Any) -> bool:
    """Return whether an error is about what was written, not that it might have been a mere text."""
    return bool(item["type"] != "string_type")


def _is_word(part: str | int) -> bool:
    """Return whether a part of a place is one that the author knows, not the name of a form."""
    return part != "str" and "[" not in str(part)


def read_yaml(path: Path, *, error: type[AllpoolError] = MappingError) -> Document:
    """Read a YAML file with positions.

    Raises `error` with file and line where the file is absent, not UTF-8, not YAML, or repeats a key.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise error("there is no such file", place=Place(file=str(path))) from None
    except UnicodeDecodeError:
        raise error("is not UTF-8; save it as UTF-8", place=Place(file=str(path))) from None
    return parse_yaml(text, path=path, error=error)


def parse_yaml(text: str, *, path: Path, error: type[AllpoolError] = MappingError) -> Document:
    """Parse YAML text as `read_yaml` does; `path` names it in errors."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        node = yaml.compose(text, Loader=loader)
    except yaml.MarkedYAMLError as broken:
        line = broken.problem_mark.line + 1 if broken.problem_mark else None
        raise error(f"not YAML: {broken.problem}", place=Place(file=path.name, line=line)) from None
    lines: dict[Location, int] = {(): 1}
    content = _plain(node, (), lines, path, error) if node is not None else {}
    return Document(path, content, lines)


def _plain(
    node: yaml.Node, at: Location, lines: dict[Location, int], path: Path, error: type[AllpoolError]
) -> Any:
    lines[at] = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        result: dict[str, Any] = {}
        for key, value in node.value:
            name = str(key.value)
            if name in result:
                raise error(
                    f"'{name}' stands here twice",
                    place=Place(file=path.name, line=key.start_mark.line + 1),
                )
            result[name] = _plain(value, (*at, name), lines, path, error)
            lines[(*at, name)] = key.start_mark.line + 1
        return result
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, (*at, i), lines, path, error) for i, item in enumerate(node.value)]
    return str(node.value)

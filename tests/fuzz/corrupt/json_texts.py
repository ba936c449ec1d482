"""Corruptions of JSON, one document or one to a line: trees bent, names twice, texts that are no JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from random import Random
from typing import Any

from tests.fuzz.corrupt.cells import STRANGE
from tests.fuzz.corrupt.delimited import ENCODINGS

JsonCorruption = Callable[[Random, bytes], bytes]
Container = dict[str, Any] | list[Any]
NUMBERS = ("1e999", "-1e999", "1" * 5000, "1.0000000000000000000000001", "-0", "1E-400", "0.1e+1", "9" * 25)
NO_JSON = ("NaN", "Infinity", "-Infinity", "01", "+1", ".5", "1.", "undefined", "'x'", "True", "0x10", "1_0")
TEXTS = (r'"\ud800"', r'"\udc00x"', r'"\u0000"', r'"\u000d\u000a"', r'"\x41"', '"\t"', '"\n"', '"', r'"\u12"')


def swapped_values(random: Random, content: bytes) -> bytes:
    """Let parts change places."""

    def change(places: list[tuple[Container, Any]]) -> None:
        for _ in range(random.choice((1, 5))):
            (one, a), (two, b) = random.choice(places), random.choice(places)
            if _inside(one[a], two) or _inside(two[b], one):
                continue
            one[a], two[b] = two[b], one[a]

    return _bent(random, content, change)


def other_kinds(random: Random, content: bytes) -> bytes:
    """Let values be of another kind: a list for a text, an object for a list, a number for all."""
    kinds: tuple[Any, ...] = (
        None,
        True,
        0,
        -1.5,
        2**70,
        "",
        " ",
        [],
        {},
        [[]],
        [{}],
        {"a": {}},
        [1, "b", None],
    )

    def change(places: list[tuple[Container, Any]]) -> None:
        for _ in range(random.choice((1, 3, 20))):
            inside, name = random.choice(places)
            inside[name] = random.choice((*kinds, random.choice(STRANGE)))

    return _bent(random, content, change)


def strange_names(random: Random, content: bytes) -> bytes:
    """Call members what none should be called."""
    names = (
        "",
        " ",
        ".",
        "a.b",
        "[0]",
        "x[0].y",
        "_row",
        "_i",
        "resourceType",
        "é" * 40,
        "\u202e",
        "a" * 70_000,
    )

    def change(places: list[tuple[Container, Any]]) -> None:
        for _ in range(random.choice((1, 4))):
            inside, name = random.choice(places)
            if isinstance(inside, dict) and name in inside:
                inside[random.choice((*names, *STRANGE))] = inside.pop(name)

    return _bent(random, content, change)


def lost_and_more(random: Random, content: bytes) -> bytes:
    """Leave members out, or say the same list again and again."""

    def change(places: list[tuple[Container, Any]]) -> None:
        lists = [(inside, name) for inside, name in places if isinstance(inside[name], list) and inside[name]]
        if lists and random.random() < 0.5:
            inside, name = random.choice(lists)
            inside[name] = inside[name] * random.choice((2, 100, 1500))
        for inside, name in random.sample(places, min(len(places), random.choice((1, 10)))):
            if isinstance(inside, dict):
                inside.pop(name, None)

    return _bent(random, content, change)


def nested(random: Random, content: bytes) -> bytes:
    """Nest lists or objects far too deep, here and there."""
    depth = random.choice((60, 66, 900, 30_000, 400_000))
    opening, closing = random.choice((("[", "]"), ('{"a":', "}"), ('{"extension":[', "]}")))
    closed = closing * depth if random.random() < 0.7 else ""
    return _replaced(random, content, opening * depth + "1" + closed)


def written(random: Random, content: bytes) -> bytes:
    """Write numbers and texts as JSON does not know them, or hardly."""
    for _ in range(random.choice((1, 3))):
        content = _replaced(random, content, random.choice(NUMBERS + NO_JSON + TEXTS))
    return content


def twice(random: Random, content: bytes) -> bytes:
    """Say a member twice in one object."""
    members = list(re.finditer(rb'"[^"\\]+": ?("[^"\\]*"|[\d.]+)', content))
    if not members:
        return content
    chosen = random.choice(members)
    other = chosen[0] if random.random() < 0.5 else re.sub(rb"\d", b"7", chosen[0])
    return content[: chosen.end()] + b", " + other + content[chosen.end() :]


def long_text(random: Random, content: bytes) -> bytes:
    """Let one text be far too long."""
    return _replaced(
        random, content, json.dumps(random.choice(("x", "田", "\\")) * random.choice((40_000, 1_100_000)))
    )


def many_members(random: Random, content: bytes) -> bytes:
    """Let one object have thousands of members, or each line others."""
    count = random.choice((500, 21_000))
    if random.random() < 0.5:
        return _replaced(random, content, json.dumps({f"m{number}": number for number in range(count)}))
    return content + b"".join(b'{"only%d": %d}\n' % (number, number) for number in range(count))


def many_lines(random: Random, content: bytes) -> bytes:
    """Say lines again, many times, or let them be empty objects or no objects."""
    lines = content.splitlines(keepends=True)
    more = random.choice((random.choice(lines), b"{}\n", b"[]\n", b"null\n", b"\n", b"{\n", b'"x"\n'))
    at = random.randrange(len(lines) + 1)
    return b"".join([*lines[:at], more * random.choice((1, 30, 3000)), *lines[at:]])


def layout(random: Random, content: bytes) -> bytes:
    """Lay the same values out in another way: one document, one line, several lines, an array of all."""
    values = _values(content)
    indent = random.choice((None, 1, "\t"))
    if random.random() < 0.5:
        return json.dumps(values, indent=indent).encode()
    glue = random.choice(("\n", "\r\n", "\r", "", " ", ",\n", "\x1e", "\u2028"))
    return glue.join(json.dumps(value, indent=indent) for value in values).encode()


def other_encoding(random: Random, content: bytes) -> bytes:
    """Write the file, or its end, in another encoding."""
    text = content.decode("utf-8", "replace")
    at = random.choice((0, random.randrange(len(text) + 1)))
    return text[:at].encode() + text[at:].encode(random.choice(ENCODINGS), "replace")


ALL: tuple[JsonCorruption, ...] = (
    swapped_values,
    other_kinds,
    strange_names,
    lost_and_more,
    nested,
    written,
    twice,
    long_text,
    many_members,
    many_lines,
    layout,
    other_encoding,
)


def _values(content: bytes) -> list[Any]:
    """Return the document, or the documents on the lines, as far as they are whole."""
    try:
        return [json.loads(content)]
    except ValueError:
        return [json.loads(line) for line in content.splitlines() if line.strip()]


def _bent(random: Random, content: bytes, change: Callable[[list[tuple[Container, Any]]], None]) -> bytes:
    """Return the content with some of its values changed by `change`, which is given all places."""
    values = _values(content)
    one_document = len(values) == 1
    places = [(inside, name) for inside, name in _places(values) if inside is not values]
    change(places or list(_places(values)))
    lines = [json.dumps(value, ensure_ascii=random.random() < 0.5) for value in values]
    return ("\n".join(lines) + ("" if one_document else "\n")).encode("utf-8", "surrogatepass")


def _places(value: Container) -> list[tuple[Container, Any]]:
    """Return each place in a tree: what it is in, and its name or number there."""
    found: list[tuple[Container, Any]] = []
    waiting: list[Container] = [value]
    while waiting:
        inside = waiting.pop()
        for name in list(inside) if isinstance(inside, dict) else range(len(inside)):
            found.append((inside, name))
            if isinstance(inside[name], (dict, list)):
                waiting.append(inside[name])
    return found


def _inside(value: Any, container: Container) -> bool:
    """Return whether `container` is `value` or a part of it: they cannot change places."""
    if value is container:
        return True
    return isinstance(value, (dict, list)) and any(
        inside[name] is container for inside, name in _places(value)
    )


def _replaced(random: Random, content: bytes, text: str) -> bytes:
    """Put `text` where a value stands."""
    values = list(re.finditer(rb'(?<=[:\[,])\s*("[^"\\]*"(?!\s*:)|-?[\d.]+|true|null)', content))
    if not values:
        return content
    chosen = random.choice(values)
    return content[: chosen.start(1)] + text.encode("utf-8", "surrogatepass") + content[chosen.end() :]

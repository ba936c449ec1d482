"""What the tests of landing share: a feed's folder landed, and delivered JSON compared with landed JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from allpool.etl.landing import Landing, land
from allpool.etl.transform.ledger import Verdict
from allpool.etl.transform.source import Scene
from allpool.mappings.compile import load_mapping

KEY = b"a key of the tests alone"
SCENE = Scene(feed="f", study="s1", centre="brno", security="HTEST", key=KEY)

PSEUDONYM = re.compile(r"[0-9a-f]{32}|urn:uuid:[0-9a-f-]{36}")


def landed(folder: Path, pattern: str, tmp_path: Path, *, read: str = "{format: fhir}") -> Landing:
    """Land the files of a folder, with nothing mapped."""
    mapping = tmp_path / "m.yaml"
    mapping.write_text(
        f'mapping: m\nversion: "1"\nsources:\n  all:\n    file: "{pattern}"\n    read: {read}\n',
        encoding="utf-8",
    )
    return land(folder, load_mapping(mapping), SCENE)


def each(folder: Path, pattern: str, tmp_path: Path) -> Iterator[tuple[str, Landing]]:
    """Land each file of a folder as a delivery of its own."""
    (tmp_path / "m.yaml").write_text(
        'mapping: m\nversion: "1"\nsources: {all: {file: "*", read: {format: fhir}}}\n', encoding="utf-8"
    )
    mapping = load_mapping(tmp_path / "m.yaml")
    (plan,) = mapping.landings
    for path in sorted(folder.glob(pattern)):
        one = replace(mapping, landings=(replace(plan, file=path.name),))
        yield path.name, land(folder, one, SCENE)


def balanced(landing: Landing) -> bool:
    """Return whether the account of each file holds, once its resources are published."""
    verdicts = dict.fromkeys(landing.rows["id"], Verdict.LOADED)
    return all(file.account(verdicts).balanced for file in landing.files)


def parsed(text: str) -> Any:
    """Return JSON with its numbers as they are written, by the standard library alone."""
    return json.loads(text, parse_float=lambda digits: ("number", digits), parse_int=lambda d: ("number", d))


def delivered(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield the resources of a file by their row, a Bundle's envelope as row 0."""
    text = path.read_text(encoding="utf-8-sig")
    if path.suffix == ".ndjson":
        yield from ((row, parsed(line)) for row, line in enumerate(text.splitlines(), start=1) if line)
        return
    whole = parsed(text)
    if whole.get("resourceType") != "Bundle" or "entry" not in whole:
        yield 1, whole
        return
    bare = [{name: item for name, item in entry.items() if name != "resource"} for entry in whole["entry"]]
    yield 0, {**whole, "entry": bare}
    for row, entry in enumerate(whole["entry"], start=1):
        if "resource" in entry:
            yield row, entry["resource"]


def leaves(value: Any) -> int:
    """Return how many texts, numbers and booleans there are."""
    if isinstance(value, dict):
        return sum(map(leaves, value.values()))
    if isinstance(value, list):
        return sum(map(leaves, value))
    return value is not None


def difference(said: Any, kept: Any, path: str = "") -> str | None:
    """Return where `kept` says something else than `said` less what it leaves out; pseudonyms may differ."""
    if kept == {}:
        return None  # says nothing, and keeps the place of a Bundle's entry
    if isinstance(kept, dict):
        if not isinstance(said, dict) or kept.keys() - said.keys():
            return path
        found = (difference(said[name], kept[name], f"{path}.{name}") for name in kept)
        return next((place for place in found if place is not None), None)
    if isinstance(kept, list):
        rest = iter(said if isinstance(said, list) else [])
        for place, item in enumerate(kept):
            if all(difference(one, item) is not None for one in rest):
                return f"{path}[{place}]"
        return None
    if said == kept:
        return None
    return None if isinstance(kept, str) and PSEUDONYM.search(kept) else path

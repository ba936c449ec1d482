"""Variants by seed and number: one feed, with one file corrupted once to three times."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random

from allpool.mappings.read import DelimitedRead, OdmRead, ParquetRead, RedcapRead, SasRead, WorkbookRead
from tests.fuzz import material
from tests.fuzz.corrupt import any_bytes, binaries, delimited, json_texts, workbooks, xml_texts
from tests.fuzz.material import Example, read_of

ONLY_BYTES = 0.25
"""Share of corruptions that know nothing of the format."""
OTHER_FORMATS = 0.5
"""Share of variants of formats that the example consortium does not send."""
ONE_FILE = 7
"""Of every so many-th variant only the corrupted file is named to `check`, not its folder."""
BOMBS = frozenset(
    (
        "zip_bomb",
        "cell_bomb",
        "string_bomb",
        "table_bomb",
        "many_parts",
        "far_cell",
        "more_rows",
        "more_columns",
    )
)
"""Corruptions after which a program that opens the file to corrupt it again would need gigabytes itself."""
Change = Callable[[Random, bytes], bytes]


@dataclass(frozen=True)
class Variant:
    """One feed with one file corrupted; the same seed and number make the same one."""

    seed: int
    number: int
    example: Example
    file: str
    corruptions: tuple[str, ...]
    content: bytes

    @property
    def is_of_one_file(self) -> bool:
        """Whether `check` is asked about the corrupted file alone."""
        return self.number % ONE_FILE == 0

    def is_named(self, name: str) -> bool:
        """Return whether `check` is asked about a file of the feed."""
        return name == self.file or not self.is_of_one_file

    def write(self, folder: Path) -> None:
        """Write the feed's files into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in self.example.files.items():
            (folder / name).write_bytes(self.content if name == self.file else content)


@cache
def examples() -> tuple[tuple[Example, ...], tuple[Example, ...]]:
    """Return the example consortium's feeds, and those of other formats; made once."""
    return material.consortium(), material.other_formats()


def variant(seed: int, number: int) -> Variant:
    """Return the variant with a number."""
    random = Random(f"{seed}/{number}")
    consortium, other_formats = examples()
    example = random.choice(other_formats if random.random() < OTHER_FORMATS else consortium)
    file = random.choice(sorted(example.files))
    content, applied = example.files[file], list[str]()
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        name, change = _corruption(random, example, file, is_bomb=not BOMBS.isdisjoint(applied))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of programs that write what is half broken
                content = change(random, content)
        except Exception:
            if not applied:  # of an example that is whole, every corruption must succeed
                raise
            break  # what is broken already may be beyond a corruption that wants a whole file
        applied.append(name)
        if not content:
            break
    return Variant(seed, number, example, file, tuple(applied), content)


def _corruption(random: Random, example: Example, file: str, *, is_bomb: bool) -> tuple[str, Change]:
    knows_nothing = random.random() < ONLY_BYTES
    choices = any_bytes.ALL if knows_nothing or is_bomb else of_format(example, file)
    change = random.choice(choices)
    return change.__name__, change


@cache
def _of_text(read: DelimitedRead) -> tuple[Change, ...]:
    return tuple(_reading(change, read) for change in delimited.ALL)


def _reading(change: delimited.DelimitedCorruption, read: DelimitedRead) -> Change:
    def changed(random: Random, content: bytes) -> bytes:
        return change(random, content, read)

    changed.__name__ = change.__name__
    return changed


def of_format(example: Example, file: str) -> tuple[Change, ...]:
    """Return the corruptions that know the format of a file."""
    match read_of(example, file):
        case DelimitedRead() as read:
            return _of_text(read)
        case RedcapRead() as read if file.endswith(".csv"):
            return _of_text(DelimitedRead(format="csv", encoding=read.encoding, separator=read.separator))
        case WorkbookRead():
            return workbooks.ALL
        case OdmRead():
            return xml_texts.ALL
        case ParquetRead():
            return binaries.PARQUET
        case SasRead():
            return binaries.SAS
        case _:
            return json_texts.ALL

"""Columns that the transform makes for itself never stand over a centre's: the reader refuses their names."""

from __future__ import annotations

import re
from pathlib import Path

import allpool.etl.transform
from allpool.etl.readers.header import RESERVED
from allpool.mappings.plan import TOKENS

NOT_COLUMNS = {
    "_delivered",  # an ending of our tables' columns
    "_id",  # of frames that hold no column of a source; exports of form servers have such a column
}


def test_every_working_column_is_reserved() -> None:
    folder = Path(str(allpool.etl.transform.__file__)).parent
    used = {
        name
        for path in folder.glob("*.py")
        for name in re.findall(r"\"(_[a-z]+)\"", path.read_text(encoding="utf-8"))
    }
    assert (used | {TOKENS}) - NOT_COLUMNS == RESERVED

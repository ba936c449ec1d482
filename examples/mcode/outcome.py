"""A night on the deliveries, as the store and the exported bundles hold it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pandas as pd

import allpool
from allpool.mappings.compile import load_mapping
from examples.mcode.comparison import Comparison, Reasons, read_bundle
from examples.mcode.deliveries import HERE, SAMPLE, Pair
from examples.mcode.kept import Kept

STUDIES: Final[Mapping[str, str]] = {
    "delivered": "example-researchId",
    "leukaemia": "mcode-leukaemia",
    SAMPLE: "researchId-1",
}
"""Feed -> its study, as `allpool.toml` has them."""

MAPPING: Final = HERE / "mappings" / "mcode.yaml"


def compare(
    pairs: Mapping[str, Sequence[Pair]], reasons: Reasons, *, store: str, bundles: Path
) -> list[Comparison]:
    """Return the comparison of each variant; `bundles` is the folder that the store was exported to."""
    return [
        Comparison(variant, found, kept(variant, store=store, bundles=bundles), reasons)
        for variant, found in pairs.items()
    ]


def kept(feed: str, *, store: str, bundles: Path) -> Kept:
    """Return what allpool made of one feed."""
    opened = allpool.open(store)
    files = _rows(
        opened.sql(
            "select s.id, s.feed, s.path, a.ignored_by from source_file s "
            "join cell_account a on a.source_file = s.id"
        ),
        feed,
    )
    waits = _rows(opened.sql('select feed, file, "column", rule from quarantine order by rule'), feed)
    plan = load_mapping(MAPPING)
    return Kept(
        read_bundle(bundles / f"{STUDIES[feed]}.bundle.json"),
        {row["id"]: row["path"] for row in files},
        {str(source.file): source.ignore for source in plan.sources},
        {(row["file"], row["column"]): row["rule"] for row in waits},
        {row["path"]: json.loads(row["ignored_by"]) for row in files},
    )


def _rows(frame: pd.DataFrame, feed: str) -> list[dict[str, Any]]:
    return [
        {str(name): value for name, value in row.items()}
        for row in frame.to_dict("records")
        if row["feed"] == feed
    ]


def accounts(store: str) -> pd.DataFrame:
    """Return the cells of each file by feed: read, loaded, waiting, left out and empty."""
    return allpool.open(store).sql(
        "select s.feed, s.path as file, a.rows, a.read, a.loaded, a.quarantined, a.ignored, a.empty "
        "from cell_account a join source_file s on s.id = a.source_file order by s.feed, s.path"
    )

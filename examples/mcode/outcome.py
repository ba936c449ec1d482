"""A night on the deliveries, as the store and the exported bundles hold it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

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
    files = opened.sql("select id, path, feed from source_file").query("feed == @feed")
    waits = opened.sql('select file, "column", rule, feed from quarantine').query("feed == @feed")
    plan = load_mapping(MAPPING)
    return Kept(
        read_bundle(bundles / f"{STUDIES[feed]}.bundle.json"),
        dict(zip(files["id"], files["path"], strict=True)),
        {str(source.file): source.ignore for source in plan.sources},
        {(row.file, row.column): row.rule for row in waits.sort_values("rule").itertuples()},
    )


def accounts(store: str) -> pd.DataFrame:
    """Return the cells of each file by feed: read, loaded, waiting, left out and empty."""
    return allpool.open(store).sql(
        "select s.feed, s.path as file, a.rows, a.read, a.loaded, a.quarantined, a.ignored, a.empty "
        "from cell_account a join source_file s on s.id = a.source_file order by s.feed, s.path"
    )

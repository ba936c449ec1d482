"""The source row of each derived row: CDISC's SRCSEQ beside SRCDOM and the id of the record."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl
from sqlalchemy import Connection

from allpool.analysis.derivation.tables import read


def with_source_rows(connection: Connection, frames: Mapping[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """Return the derived tables with `srcseq`: the row of the file that the record at `srcid` came from.

    Resources of FHIR have no sequence number; the row of the source file is what a person counts by.
    """
    named = [frame for frame in frames.values() if "srcid" in frame.columns]
    domains = sorted({domain for frame in named for domain in frame["srcdom"].drop_nulls().unique()})
    empty = pl.DataFrame(schema={"srcid": pl.String, "srcseq": pl.Int64})
    rows = pl.concat(
        [
            empty,
            *(
                read(connection, domain, ["id", "source_row"]).select(
                    pl.col("id").alias("srcid"), pl.col("source_row").cast(pl.Int64).alias("srcseq")
                )
                for domain in domains
            ),
        ]
    )
    return {
        name: frame.join(rows, on="srcid", how="left", maintain_order="left")
        if "srcid" in frame.columns
        else frame
        for name, frame in frames.items()
    }

"""The moments of some subjects, with the row that each was read from."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl
from sqlalchemy.engine import Connection

from allpool.analysis.definitions.catalogue import Catalogue
from allpool.analysis.derivation.judged_moments import judged_moments
from allpool.analysis.derivation.measurements import read_measurements
from allpool.analysis.derivation.timeline import build_timeline, read_waiting
from allpool.mappings.dictionary import load_dictionary


def moments_of(connection: Connection, catalogue: Catalogue, level: Mapping[str, str]) -> pl.DataFrame:
    """Return the times of `derive`'s timeline for some subjects (usubjid -> patient id).

    Columns: usubjid, moment, clock, day, coarse, srcdom, srcid.
    """
    who = pl.DataFrame(
        {"usubjid": list(level), "patient_id": list(level.values())},
        schema={"usubjid": pl.String, "patient_id": pl.String},
    )
    judged = judged_moments(
        connection, who, catalogue.moments, measurements=read_measurements(connection, who)
    )
    timeline = build_timeline(
        connection,
        who,
        catalogue.moments,
        entries=read_waiting(connection, who),
        dictionary=load_dictionary(),
        judged=judged,
    )
    return timeline.times

"""Columns computed from dates that are in doubt: what cannot be told is not computed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import polars as pl

from allpool.etl.transform.dates import Calendar, DateColumn, DateDoubt
from allpool.etl.transform.source import Prepared


def without_doubtful(
    prepared: Prepared, doubts: Mapping[DateColumn, DateDoubt], calendar: Calendar
) -> Prepared:
    """Return a source whose computed columns are not computed where a date of theirs is two days."""
    frame, uncomputed = prepared.frame, dict(prepared.uncomputed)
    for name, column, formats in prepared.computed_dates():
        doubt = doubts.get((prepared.source.id, column, formats))
        if doubt is None or not doubt.swapped:
            continue
        declared, other = (calendar.read(frame[column], read)["date"] for read in (formats, doubt.swapped))
        two = (declared != other).fill_null(value=False)
        lost = two & frame[name].is_not_null()
        if lost.any():
            frame = frame.with_columns(pl.when(~lost).then(name).alias(name))
            uncomputed[name] = uncomputed[name] | lost if name in uncomputed else lost
    if frame is prepared.frame:
        return prepared
    return replace(prepared, frame=frame, uncomputed=uncomputed, _wordings={})

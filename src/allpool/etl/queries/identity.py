"""The id of a query: the same question keeps it when rows move, files are renamed, or the cell is wrong anew.

It is a hash of feed, rule, column and record. Where the mapping gives a patient several such cells, hashes
fall together; these queries are told apart by what they say and where they stand.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from hashlib import sha256
from itertools import count
from typing import Any, Final

import polars as pl

from allpool.etl.quarantine import identity_hash

ID_LENGTH: Final = 16
PLACE: Final = ("file", "sheet", "row")
MENDED: Final = "mended"
LIKE: Final = ((*PLACE, "value"), ("value",), PLACE, ())
"""What a query seen again has in common with the one that it is, the surest first; at last their order."""


def with_ids(asked: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """Return the queries `asked` by one night with their ids, given those that the feed has had (`known`).

    Both have feed, rule, column, record, resource_id, patient_id, place and value; `known` has id and status
    too.
    """
    named = asked.with_columns(id=_hashes(asked))
    before = known.with_columns(_hash=_hashes(known))
    crowded = _crowded(named, before)
    if not crowded:
        return named
    apart = pl.col("id").is_in(sorted(crowded))
    several = named.filter(apart).sort("id", *PLACE, "value", maintain_order=True)
    had = before.filter(pl.col("_hash").is_in(sorted(crowded))).sort("_hash", *PLACE, "value", "id")
    by_hash = had.partition_by("_hash", as_dict=True, maintain_order=True)
    ids: list[str] = []
    for (hash_,), group in several.partition_by("id", as_dict=True, maintain_order=True).items():
        former = by_hash.get((hash_,), had.clear())
        ids += _told_apart(str(hash_), group.to_dicts(), former.to_dicts())
    return pl.concat([named.filter(~apart), several.with_columns(id=pl.Series(ids, dtype=pl.String))])


def _hashes(queries: pl.DataFrame) -> pl.Series:
    """Return the hash that a query has for its id where it is alone."""
    resource, patient, record = (pl.col(name) for name in ("resource_id", "patient_id", "record"))
    place = [pl.col(name).cast(pl.String) for name in PLACE]
    known = resource.is_not_null() | (patient.is_not_null() & record.is_not_null())
    parts = [
        *(pl.col(name) for name in ("feed", "rule", "column")),
        resource,
        *(pl.when(resource.is_null()).then(part) for part in (patient, record)),
        *(pl.when(~known).then(part) for part in place),
    ]
    return identity_hash(queries, parts, length=ID_LENGTH)


def _crowded(asked: pl.DataFrame, known: pl.DataFrame) -> set[str]:
    """Return the hashes that more than one query has, or one whose id differs from its hash."""
    repeated = asked.filter(pl.col("id").is_duplicated())["id"]
    apart = known.filter(pl.col("_hash").is_duplicated() | (pl.col("_hash") != pl.col("id")))["_hash"]
    return {*repeated, *(set(apart) & set(asked["id"]))}


def _told_apart(
    hash_: str, asked: Sequence[Mapping[str, Any]], known: Sequence[Mapping[str, Any]]
) -> list[str]:
    """Return an id for each query of one hash: that of a known one, or a new one."""
    ids: dict[int, str] = {}
    waiting = dict(enumerate(asked))
    for pool, likes in (
        ([item for item in known if item["status"] != MENDED], LIKE),
        ([item for item in known if item["status"] == MENDED], LIKE[:2]),
    ):
        for like in likes:
            spots: dict[tuple[Any, ...], deque[str]] = defaultdict(deque)
            for item in pool:
                spots[tuple(item[name] for name in like)].append(item["id"])
            for number, query in list(waiting.items()):
                found = spots.get(tuple(query[name] for name in like))
                if found:
                    ids[number] = found.popleft()
                    del waiting[number]
            taken = set(ids.values())
            pool = [item for item in pool if item["id"] not in taken]
    taken = set(ids.values()) | {item["id"] for item in known if item["status"] != MENDED}
    for number, query in waiting.items():
        ids[number] = _free(hash_, query, taken)
        taken.add(ids[number])
    return [ids[number] for number in range(len(asked))]


def _free(hash_: str, query: Mapping[str, Any], taken: set[str]) -> str:
    """Return the first id that no other query has: the hash, then those with the place in it."""
    if hash_ not in taken:
        return hash_
    place = "|".join(str(query[name]) for name in PLACE)
    made = (sha256(f"{hash_}|{place}|{n}".encode()).hexdigest()[:ID_LENGTH] for n in count())
    return next(id_ for id_ in made if id_ not in taken)

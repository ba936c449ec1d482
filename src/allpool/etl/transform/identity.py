"""Identities: pseudonyms by HMAC, deterministic ids, and the hash of what a row says."""

from __future__ import annotations

import hmac
from hashlib import sha256
from typing import Any, Final
from uuid import NAMESPACE_URL, UUID, uuid5

import polars as pl
import polars_hash  # noqa: F401  # registers the namespaces chash and uuidhash

from allpool.models import STAGING
from allpool.models.base import Lineage
from allpool.models.systems import BASE

NAMESPACE: Final = str(uuid5(NAMESPACE_URL, BASE))
"""Namespace of all our UUIDs (RFC 9562, version 5)."""

LINEAGE: Final = frozenset(name for name in vars(Lineage) if not name.startswith("_"))
"""Columns that say where a row came from; `security` says what it is and belongs to the content."""

SEPARATOR: Final = "\x1f"  # ASCII unit separator: stands in no source text that a person typed


def pseudonyms(ids: pl.Series, centres: pl.Series, key: bytes) -> pl.Series:
    """Return HMAC-SHA-256 (32 hex digits) of centre and patient id under `key`; null ids stay null."""
    pairs = pl.DataFrame({"c": centres, "p": ids}).with_columns(
        t=pl.concat_str(["c", "p"], separator=SEPARATOR)
    )
    distinct = pairs["t"].unique().drop_nulls()
    made = [hmac.new(key, text.encode(), sha256).hexdigest()[:32] for text in distinct.to_list()]
    return pairs["t"].replace_strict(distinct, made, default=None, return_dtype=pl.String)


def uuid(*parts: pl.Expr | str) -> pl.Expr:
    """Return the UUIDv5 of the parts; null parts count as empty."""
    named: Any = joined_text(*parts)
    made: pl.Expr = named.uuidhash.uuid5(NAMESPACE)  # namespace of polars-hash
    return made


def joined_text(*parts: pl.Expr | str) -> pl.Expr:
    """Return the parts as the one text that an id is made of; itself a part of a longer one."""
    texts = [pl.lit(part) if isinstance(part, str) else part.cast(pl.String).fill_null("") for part in parts]
    return pl.concat_str(texts, separator=SEPARATOR)


def uuid_of(*parts: str) -> str:
    """Return the UUIDv5 of constant parts, as `uuid` makes it."""
    return str(uuid5(UUID(NAMESPACE), SEPARATOR.join(parts)))


def content_hash(table: str, frame: pl.DataFrame) -> pl.Series:
    """Return SHA-256 (32 hex digits) over each row's content columns, name by name; nulls do not count."""
    names = [
        column
        for column in sorted(STAGING[table].c.keys())
        if column in frame.columns and (column not in LINEAGE or column == "security") and column != "row_key"
    ]
    filled = [name for name in names if frame[name].null_count() < frame.height]
    # a null makes its part null, and null parts are left out
    parts = [pl.concat_str([pl.lit(f"{name}="), pl.col(name).cast(pl.String)]) for name in filled]
    said: Any = pl.concat_str(parts, separator=SEPARATOR, ignore_nulls=True)
    hashed: pl.Expr = said.chash.sha2_256()  # namespace of polars-hash
    return frame.select(hashed.str.slice(0, 32)).to_series()

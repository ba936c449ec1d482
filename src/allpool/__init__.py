"""allpool: the data-standards and interoperability layer of a leukaemia consortium."""

from __future__ import annotations

from typing import TYPE_CHECKING

from allpool.version import __version__

if TYPE_CHECKING:
    from allpool.analysis.store import Store

__all__ = ["__version__", "open"]


def open(url: str, release: str | None = None) -> Store:  # noqa: A001 - the promised name
    """Open a store for analysis, read only; see `allpool.analysis.store.Store`.

    Raises `allpool.errors.StoreError` where the store is out of reach or has no such release.
    """
    from allpool.analysis.store import open_store

    return open_store(url, release=release)

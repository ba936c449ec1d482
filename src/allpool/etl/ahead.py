"""Feeds read and mapped ahead, in a thread of their own, while others are audited and published."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from threading import Condition

from allpool.config import FeedSection
from allpool.etl.feed import Changed, Mapped


def ahead(
    feeds: Sequence[Changed], work: Callable[[Changed], Mapped], *, limit: int
) -> Iterator[tuple[FeedSection, Callable[[], Mapped]]]:
    """Yield each feed, in order, with a function that waits for its mapping and returns or raises it.

    One thread works ahead of the caller, and rests while more than `limit` rows wait to be taken. The work
    must not touch the store: the caller does, at the same time.
    """
    room = _Room(limit)

    def worked(changed: Changed) -> Mapped:
        room.wait()
        mapped = work(changed)
        room.put(mapped.rows)
        return mapped

    pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="mapping")
    try:
        futures = [pool.submit(worked, changed) for changed in feeds]
        for changed, future in zip(feeds, futures, strict=True):
            yield changed.feed, partial(_taken, future, room)
    finally:
        room.open()
        pool.shutdown(wait=True, cancel_futures=True)


def _taken(future: Future[Mapped], room: _Room) -> Mapped:
    mapped = future.result()
    room.take(mapped.rows)
    return mapped


class _Room:
    """Rows mapped and not taken yet."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._rows = 0
        self._changed = Condition()

    def wait(self) -> None:
        """Wait until there is room."""
        with self._changed:
            self._changed.wait_for(lambda: self._rows < self._limit)

    def put(self, rows: int) -> None:
        """Say that `rows` were mapped."""
        with self._changed:
            self._rows += rows

    def take(self, rows: int) -> None:
        """Say that `rows` were taken."""
        with self._changed:
            self._rows -= rows
            self._changed.notify()

    def open(self) -> None:
        """Let nobody wait any more."""
        with self._changed:
            self._rows = 0
            self._changed.notify()

"""Feeds mapped ahead of their publishing: in order, errors where they belong, never too far."""

from __future__ import annotations

from threading import Event
from types import SimpleNamespace
from typing import Any

import pytest

from allpool.errors import MappingError
from allpool.etl.ahead import ahead


def changed(name: str) -> Any:
    return SimpleNamespace(feed=name)


def mapped(item: Any) -> Any:
    return SimpleNamespace(rows=10, name=item.feed)


def test_feeds_come_in_their_order() -> None:
    feeds = [changed(name) for name in "abcde"]
    found = [(feed, take().name) for feed, take in ahead(feeds, mapped, limit=15)]
    assert found == [(name, name) for name in "abcde"]


def test_an_error_comes_where_its_feed_is_taken_and_the_others_go_on() -> None:
    def work(item: Any) -> Any:
        if item.feed == "b":
            raise MappingError("b is broken")
        return mapped(item)

    found = []
    for feed, take in ahead([changed(name) for name in "abc"], work, limit=1):
        if feed == "b":
            with pytest.raises(MappingError, match="b is broken"):
                take()
        else:
            found.append(take().name)
    assert found == ["a", "c"]


def test_no_more_than_the_limit_waits() -> None:
    begun: list[str] = []
    third = Event()

    def work(item: Any) -> Any:
        begun.append(item.feed)
        if item.feed == "c":
            third.set()
        return mapped(item)

    feeds = ahead([changed(name) for name in "abc"], work, limit=20)
    _, take = next(feeds)
    assert not third.wait(0.2)  # a and b make 20 rows; c has to wait until one of them is taken
    take()
    assert third.wait(5)
    assert [entry[1]().name for entry in feeds] == ["b", "c"]


def test_who_stops_early_leaves_no_thread_at_work() -> None:
    begun: list[str] = []

    def work(item: Any) -> Any:
        begun.append(item.feed)
        return mapped(item)

    feeds = ahead([changed(str(number)) for number in range(50)], work, limit=10)
    next(feeds)[1]()
    feeds.close()  # type: ignore[attr-defined]  # it is a generator
    assert len(begun) < 50

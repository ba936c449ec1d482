"""The page: whole, accessible, without requests to anywhere, the same bytes each night."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import insert

from allpool.analysis.plans.night import analyse
from allpool.models import CellAccount, Feed, FeedRun
from allpool.models.engine import connect
from tests.analysis.hand_built import HandBuilt

PLAN = """
plan: test
title: A <plan>
steps:
  - id: os
    question: Overall survival
    population: all_treated
    endpoint: os
    by: study
    estimator: kaplan-meier
    times: 1
  - {id: cr, question: CR pooled, population: all_treated, endpoint: cr, estimator: synthesis}
"""


class Page(HTMLParser):
    """What a page holds, as a screen reader would come across it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "br", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The page of two nights over the same store, in two folders."""
    built = HandBuilt()
    for study in ("001", "002"):
        for number in range(8):
            built.patient(
                f"{study}-{number}",
                study=study,
                first_dose="2022-01-01",
                response="cr 2022-01-29" if number % 3 else "nr 2022-01-29",
                death=f"2022-0{number}-01" if number > 5 else None,
                last_contact="2022-09-15",
            )
    built.quarantined("001-0", "wbc")
    engine = built.into(connect("sqlite://"))
    with engine.begin() as connection:
        connection.execute(
            insert(Feed).values(id="f", study="001", centre="north", mapping="m.yaml", mode="snapshot")
        )
        connection.execute(insert(FeedRun).values(run=1, feed="f", status="published"))
        counts = {
            "rows": 9,
            "read": 90,
            "loaded": 80,
            "unchanged": 0,
            "quarantined": 1,
            "ignored": 4,
            "empty": 5,
        }
        connection.execute(
            insert(CellAccount).values(run=1, source_file="a", feed="f", ignored_by={}, **counts)
        )
    folder = tmp_path_factory.mktemp("pages")
    (folder / "plan.yaml").write_text(PLAN)
    for name in ("first", "second"):
        analyse(engine, plans=[folder / "plan.yaml"], output=folder / name)
    engine.dispose()
    return folder / "first", folder / "second"


def test_the_same_bytes_each_night(night: tuple[Path, Path]) -> None:
    first, second = ({p.relative_to(d): p.read_bytes() for p in d.rglob("*") if p.is_file()} for d in night)
    assert len(first) == 7, "the page, two figures as SVG and as PNG, and what each shows"
    assert first == second


def test_the_page_is_accessible_and_alone(night: tuple[Path, Path]) -> None:
    text = (night[0] / "index.html").read_text()
    page = Page(text)
    assert page.open == []
    assert page.named("html") == [{"lang": "en"}]
    assert len(page.named("h1")) == 1
    assert all(len(image["alt"] or "") > 20 for image in page.named("img"))
    assert len(page.named("caption")) == len(page.named("table"))
    assert not page.named("script")
    assert not re.search(r"(?:https?:)?//[a-z]", text), "nothing is fetched from anywhere"
    targets = {attributes["id"] for _, attributes in page.tags if attributes.get("id")}
    for link in page.named("a"):
        address = link["href"] or ""
        assert address[1:] in targets if address.startswith("#") else (night[0] / address).is_file()
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h\d", tag)]
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_what_the_page_says(night: tuple[Path, Path]) -> None:
    text = (night[0] / "index.html").read_text()
    assert "Synthetic: patients behind these results are invented" in text
    assert "A &lt;plan&gt;" in text
    assert "from the first dose of blinatumomab to death of any cause" in text
    assert "binomial-normal" in text
    assert '<th scope="col" class="number">Standard error</th>' in text
    assert "<td>standard error</td>" not in text, "it stands beside the survival, in no row of its own"
    account = re.search(r'<th scope="row">f</th>.*?</tr>', text, re.DOTALL)
    assert account is not None
    assert re.findall(r">(\d+)<", account[0]) == ["001", "1", "9", "90", "80", "0", "1", "4", "5"]
    assert "unreadable date" in text
    assert "a secret value" not in text, "what the source said stays in the store"


def test_the_figures_say_that_they_are_synthetic(night: tuple[Path, Path]) -> None:
    for name in ("test-os", "test-cr"):
        svg = (night[0] / "figures" / f"{name}.svg").read_text()
        assert svg.count("<svg") == 1
        assert "<!-- SYNTHETIC -->" in svg
        assert (night[0] / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")

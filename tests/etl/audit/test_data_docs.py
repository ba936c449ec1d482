"""Data Docs: real suites per centre and table, pages without values, and nothing outside the run's folder."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from allpool.etl.audit import audit, findings, rules_for
from allpool.etl.audit.data_docs import write_data_docs, write_index
from allpool.etl.audit.suite import centre_suite, library_silent
from allpool.mappings.dictionary import Dictionary
from allpool.mappings.terminology import Terminology
from allpool.models import STAGING
from tests.etl.audit.cases import quantity, sound
from tests.etl.audit.conftest import TODAY

BRNO, PRAHA = "004-brno", "004-praha"
POSSIBLE = "observation.value_quantity.possible.wbc"
NOW = datetime(2026, 1, 15, 3, tzinfo=UTC)


def two_centres() -> dict[str, list[dict[str, Any]]]:
    """Return the sound rows of two centres; three slips in one, one in the other."""
    rows = sound()
    rows["observation"] += [quantity(f"bad{i}", "wbc", -31.25, "10*9/L") for i in range(3)]
    rows["observation"] += [quantity("praha1", "wbc", -31.25, "10*9/L", feed=PRAHA)]
    rows["observation"] += [quantity("praha2", "wbc", 3.0, "10*9/L", feed=PRAHA)]
    return rows


def audited(store: Engine, dictionary: Dictionary, terminology: Terminology) -> tuple[Any, Any]:
    feeds = [BRNO, PRAHA]
    with store.connect() as connection:
        staged = findings.staged_rows(connection, feeds=feeds)
    together = findings._together(staged)
    rules = rules_for(together, dictionary=dictionary, terminology=terminology, today=TODAY)
    given: dict[str, Any] = {"dictionary": dictionary, "terminology": terminology, "today": TODAY}
    return audit(store, feeds=feeds, run=3, **given), rules


def test_a_centres_suite_run_by_the_library_alone_finds_what_the_audit_says(
    stage: Callable[..., None], store: Engine, dictionary: Dictionary, terminology: Terminology
) -> None:
    stage(two_centres())
    found, rules = audited(store, dictionary, terminology)
    own = [rule for rule in rules if rule.table == "observation" and rule.keys is None]
    for feed, expected in ((BRNO, 3), (PRAHA, 1)):
        by_rule = {result.rule: result for result in found[feed].results}
        suite = centre_suite(
            store,
            [rule for rule in own if rule.id in by_rule],
            feed=feed,
            table="observation",
            severities={},
        )
        with library_silent(), _asset(store, feed) as batch:
            outcome = batch.validate(suite, result_format="BASIC")
        counts = {
            result.expectation_config.meta["rule"]: int(result.result["unexpected_count"])
            for result in outcome.results
        }
        assert counts == {rule.id: by_rule[rule.id].failed for rule in own if rule.id in by_rule}
        assert counts[POSSIBLE] == expected
        assert suite.name == f"{feed}.observation"
        for item in suite.expectations:
            assert item.meta["category"] in ("conformance", "completeness", "plausibility")
            assert item.meta["context"] in ("verification", "validation")


class _asset:
    """The rows of one feed, as a batch of the library."""

    def __init__(self, store: Engine, feed: str) -> None:
        self.store, self.feed = store, feed

    def __enter__(self) -> Any:
        from allpool.etl.audit.suite import _source

        self.source = _source(self.store)
        found = self.source.__enter__()
        query = f"select * from {STAGING['observation'].name} where feed = '{self.feed}'"
        asset = found.add_query_asset("one", query=query)
        return asset.add_batch_definition_whole_table("all").get_batch()

    def __exit__(self, *told: object) -> None:
        self.source.__exit__(None, None, None)


def test_pages_and_suites_per_centre_and_table(
    stage: Callable[..., None],
    store: Engine,
    dictionary: Dictionary,
    terminology: Terminology,
    tmp_path: Path,
) -> None:
    stage(two_centres())
    found, rules = audited(store, dictionary, terminology)
    folder = tmp_path / "docs"
    pages = write_data_docs(folder, found.values(), rules, engine=store, now=NOW)
    index = write_index(folder, pages, title="quality")
    written = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    expected = [f"{page.feed}/{page.table}" for page in pages]
    assert written == sorted(
        ["index.html", *(f"{name}.html" for name in expected), *(f"{name}.suite.json" for name in expected)]
    )
    assert {page.table for page in pages if page.feed == PRAHA} == {"observation"}
    page = (folder / PRAHA / "observation.html").read_text(encoding="utf-8")
    assert "1 of 2 rows fail" in page
    assert f"{POSSIBLE}" in page
    assert index.read_text(encoding="utf-8").count("<tr>") == len(pages) + 1
    suite = json.loads((folder / BRNO / "observation.suite.json").read_text(encoding="utf-8"))
    meta = next(item["meta"] for item in suite["expectations"] if item["meta"]["rule"] == POSSIBLE)
    assert (meta["category"], meta["context"], meta["severity"]) == (
        "plausibility",
        "verification",
        "quarantine",
    )
    for path in folder.rglob("*.*"):
        text = path.read_text(encoding="utf-8")
        assert "31.25" not in text, "a value"
        assert "bad1" not in text, "the key of a row"
        assert not re.search(r"(src|href|srcset)=[\"']https?:", text), f"{path.name} asks a server"


ALONE = """
import os, socket, sys, tempfile
def refuse(*args, **kwargs):
    raise AssertionError("the audit asked the network")
for name in ("connect", "connect_ex", "sendto"):
    setattr(socket.socket, name, refuse)
socket.create_connection = socket.getaddrinfo = refuse
from datetime import UTC, datetime
from pathlib import Path
from sqlalchemy import insert
from allpool.etl.audit import audit, rules_for
from allpool.etl.audit.data_docs import write_data_docs
from allpool.etl.audit.findings import staged_rows
from allpool.mappings.dictionary import load_dictionary
from allpool.mappings.terminology import load_terminology
from allpool.migrations import upgrade
from allpool.models import STAGING
from allpool.models.engine import connect
from tests.etl.audit.cases import sound
from tests.etl.audit.conftest import FEED, LINEAGE, TODAY
store = connect(f"sqlite:///{sys.argv[1]}/store.db")
upgrade(store)
with store.begin() as connection:
    for table, rows in sound().items():
        for row in rows:
            connection.execute(insert(STAGING[table]), {**LINEAGE, "source_row": 2, **row})
    staged = staged_rows(connection, feeds=[FEED])
words = {"dictionary": load_dictionary(), "terminology": load_terminology(), "today": TODAY}
found = audit(store, feeds=[FEED], run=1, **words)
pages = write_data_docs(
    Path(sys.argv[1]) / "docs", found.values(), rules_for(staged[FEED], **words), engine=store,
    now=datetime.now(UTC),
)
store.dispose()
assert pages
"""


def test_nothing_is_asked_of_the_network_and_nothing_left_elsewhere(tmp_path: Path) -> None:
    folders = {name: tmp_path / name for name in ("home", "temporary", "here", "run")}
    for folder in folders.values():
        folder.mkdir()
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, "-c", ALONE, str(folders["run"])],
        cwd=folders["here"],
        env={
            "HOME": str(folders["home"]),
            "TMPDIR": str(folders["temporary"]),
            "PYTHONPATH": str(root),
            "PATH": "",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for name in ("home", "temporary", "here"):
        assert list(folders[name].rglob("*")) == [], name
    inside = {path.name for path in folders["run"].iterdir()}
    assert inside - {"store.db-wal", "store.db-shm"} == {"store.db", "docs"}

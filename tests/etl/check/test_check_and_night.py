"""A check says what the night says: the same places and rules, the same cells."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import select

from allpool.etl.audit import HELD_WITH
from allpool.etl.check.precheck import precheck
from allpool.models import Quarantine
from tests.etl.check.broken import CELLS, GOOD, VISITS, healthy, patients, visits
from tests.nights.conftest import NOW, run
from tests.nights.test_bad_input import CONFIG


def test_a_check_says_what_the_night_says(tmp_path: Path) -> None:
    folder = healthy(tmp_path / "one")
    (folder / "allpool.toml").write_text(CONFIG, encoding="utf-8")
    rows = [row for row, _, _ in CELLS.values()]
    patients(
        folder,
        [
            *GOOD,
            *(row.replace("0003", f"{number:04d}") for number, row in enumerate(rows, start=10)),
            "0004;m;01.02.1980;;5.1;03.04.2031",  # a date in the future
            "0005;m;01.02.1980;01.06.2024;5.1;03.04.2024",  # two deaths, with the one below
            "0006;m;01.02.2031;;5.1;03.04.2024",  # born in the future: what is the patient's waits too
            "0007;m;01.02.1980",
        ],
    )
    visits(
        folder,
        [*VISITS, ["0005", "2024-04-03", "0.001", "2024-06-09"], ["0001", "2024-06-04", "=0.0001*2", None]],
    )

    checked = precheck([folder / "data"], folder / "mappings" / "one.yaml", today=NOW.date())
    engine, report = run(folder / "allpool.toml", f"sqlite:///{folder / 'store.db'}")

    with engine.connect() as connection:
        entries = [
            tuple(row)
            for row in connection.execute(
                select(*(getattr(Quarantine, name) for name in ("file", "sheet", "row", "column", "rule")))
            )
        ]
    engine.dispose()
    told = [
        tuple(item[name] for name in ("file", "sheet", "row", "column", "rule")) for item in checked.findings
    ]
    # what waits only because its patient does
    waits_along = {place for place in told if place[-1] == HELD_WITH}
    assert {(file, row) for file, _, row, _, _ in waits_along} == {("patients.csv", 15)}
    assert set(told) == set(entries)
    assert len({rule for *_, rule in entries}) > 10
    (feed,) = [feed for feed in report.feeds if feed.feed == "one"]
    assert checked.accounts.keys() == feed.accounts.keys()
    for name, account in feed.accounts.items():
        mine = checked.accounts[name]
        assert (mine.read, mine.loaded, mine.quarantined, mine.ignored, mine.empty) == (
            *(account.read, account.loaded, account.quarantined, account.ignored, account.empty),
        )

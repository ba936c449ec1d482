"""SDTM domains of the CDISC pilot by the example's mapping: what the files say arrives in the store."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyreadstat
import pytest
from sqlalchemy import Engine

from tests.nights.conftest import ROOT, run

pytestmark = pytest.mark.xdist_group("cdisc_pilot")  # one worker: the night is run once

Found = tuple[Engine, Any]


@pytest.fixture(scope="module")
def night(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Found]:
    """The store after a night on the pilot, and what the night says of its feed."""
    folder = tmp_path_factory.mktemp("sdtm") / "sdtm"
    shutil.copytree(ROOT / "examples" / "sdtm", folder)
    config = folder / "allpool.toml"
    config.write_text(
        config.read_text(encoding="utf-8").replace("../../../shared", str(shared)), encoding="utf-8"
    )
    engine, report = run(config, f"sqlite:///{folder / 'sdtm.db'}")
    yield engine, next(feed for feed in report.feeds if feed.feed == "cdiscpilot01")
    engine.dispose()


@pytest.fixture(scope="module")
def domain(shared: Path) -> Any:
    """A domain as pyreadstat has it, by its row in the file from 1."""

    def read(name: str) -> pd.DataFrame:
        frame, _ = pyreadstat.read_xport(str(shared / "sources" / "cdisc-pilot" / f"{name}.xpt"))
        return frame.set_index(pd.RangeIndex(1, len(frame) + 1))

    return read


def stored(night: Found, table: str) -> pd.DataFrame:
    found = pd.read_sql(f"select * from {table}", night[0])
    return found.set_index("source_row").sort_index()


def test_every_cell_is_accounted_for(night: Found) -> None:
    accounts = night[1].accounts
    assert {name: account.read for name, account in accounts.items()} == {
        "dm.xpt [DM]": 306 * 25,
        "ae.xpt [AE]": 1191 * 35,
        "ds.xpt [DS]": 596 * 13,
    }
    assert all(account.balanced for account in accounts.values())
    assert accounts["dm.xpt [DM]"].quarantined == accounts["ds.xpt [DS]"].quarantined == 0


def test_demography_arrives(night: Found, domain: Any) -> None:
    dm, patients = domain("dm"), stored(night, "patient")
    assert patients["gender"].to_list() == dm["SEX"].map({"F": "female", "M": "male"}).to_list()
    assert patients["deceased_date"].fillna("").astype(str).to_list() == dm["DTHDTC"].to_list()
    subjects = stored(night, "research_subject")
    assert subjects["actual_arm"].to_list() == dm["ACTARM"].to_list()
    assert subjects["period_start_date"].fillna("").astype(str).to_list() == dm["RFSTDTC"].to_list()
    observations = stored(night, "observation")
    ages = observations[observations["data_element"] == "age_at_index"]
    assert ages["value_quantity"].astype(float).to_list() == dm["AGE"].to_list()
    assert set(ages["value_quantity_unit"]) == {"a"}
    deaths = observations[observations["value_concept"] == "dead"]
    assert len(deaths) == (dm["DTHFL"] == "Y").sum() == 3  # DM and DS say the same of them


def test_adverse_events_arrive_or_wait_for_their_term(night: Found, domain: Any) -> None:
    ae, events = domain("ae"), stored(night, "adverse_event")
    waiting = pd.read_sql("select * from quarantine where rule = 'unknown_code'", night[0])
    assert set(waiting["column"]) == {"AEDECOD"}
    assert (len(events), len(waiting), len(ae)) == (215, 976, 1191)
    assert set(events.index) | set(waiting["row"]) == set(ae.index)
    said = ae.loc[events.index]
    assert events["term_delivered"].to_list() == said["AEDECOD"].to_list()
    assert (
        events["seriousness"].to_list() == said["AESER"].map({"Y": "Serious", "N": "Non-serious"}).to_list()
    )
    precise = {4: "year", 7: "month", 10: "day"}
    assert events["date_precision"].to_list() == said["AESTDTC"].str.len().map(precise).to_list()
    assert events["grade"].isna().all()  # mild, moderate, severe are no grades

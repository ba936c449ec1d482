"""Nights for tests: a consortium folder, a store, a fixed clock."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

import allpool
from allpool.analysis.plans.night import analyse
from allpool.analysis.store import Store
from allpool.cli.nightly import make_ready
from allpool.config import load_config
from allpool.etl.night import NightReport, run_night
from allpool.models.engine import connect

ROOT = Path(__file__).resolve().parents[2]
NOW = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)

Night = Callable[..., tuple[Engine, NightReport[Any]]]


class Silent:
    """A watch that shows nothing."""

    def step(self, feed: str, name: str) -> None:
        """Do nothing."""


def run(config: Path, store_url: str, *, output: Path | None = None, centres: Sequence[str] = ()) -> Any:
    """Run one night of `config` into `store_url`; with `output`, its analysis too."""
    consortium = load_config(config, store_url=store_url)
    engine = connect(store_url)
    make_ready(engine)
    plans = sorted(consortium.path(consortium.content.paths.plans).glob("*.yaml"))
    printed = consortium.path(consortium.content.paths.published)
    report = run_night(
        consortium,
        engine,
        now=NOW,
        watch=Silent(),
        centres=centres,
        analyse=(lambda at: analyse(at, plans=plans, output=output, published=printed))
        if output is not None
        else None,
    )
    return engine, report


@pytest.fixture(scope="session")
def real_night(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Any]:
    """The store after a night on the real published sets, and the night's report."""
    folder = tmp_path_factory.mktemp("real") / "a" / "b"
    shutil.copytree(ROOT / "examples" / "real", folder)
    config = folder / "allpool.toml"
    text = config.read_text(encoding="utf-8").replace("../../../shared/real", str(shared / "real"))
    config.write_text(text, encoding="utf-8")
    url = f"sqlite:///{folder / 'real.db'}"
    engine, report = run(config, url, output=folder / "out")
    engine.dispose()
    return url, report


@pytest.fixture(scope="session")
def real_store(real_night: tuple[str, Any]) -> Store:
    """The store of `real_night`, open for reading."""
    return allpool.open(real_night[0])


@pytest.fixture(scope="session")
def amlsg_oracle(shared: Path) -> Any:
    """What R says of AMLSG."""
    return json.loads((shared / "oracles" / "amlsg.json").read_text(encoding="utf-8"))


@pytest.fixture
def night() -> Night:
    """The function `run`."""
    return run


@pytest.fixture
def consortium(tmp_path: Path) -> Path:
    """A copy of the example consortium that a test may break."""
    folder = tmp_path / "consortium"
    shutil.copytree(ROOT / "examples" / "consortium", folder)
    return folder


@dataclass(frozen=True)
class ExampleNight:
    """The example consortium after one night: its folder, the store's address, the report."""

    folder: Path
    url: str
    report: NightReport[Any]


@pytest.fixture(scope="session")
def example_night(tmp_path_factory: pytest.TempPathFactory) -> ExampleNight:
    """One night for all tests that only read it (they share the xdist group `example`)."""
    folder = tmp_path_factory.mktemp("example") / "consortium"
    shutil.copytree(ROOT / "examples" / "consortium", folder)
    url = f"sqlite:///{folder / 'one.db'}"
    engine, report = run(folder / "allpool.toml", url, output=folder / "out")
    engine.dispose()
    return ExampleNight(folder, url, report)

"""Nights for tests: a consortium folder, a store, a fixed clock."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from allpool.analysis.plans.night import analyse
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
    report = run_night(
        consortium,
        engine,
        now=NOW,
        watch=Silent(),
        centres=centres,
        analyse=(lambda at: analyse(at, plans=plans, output=output)) if output is not None else None,
    )
    return engine, report


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

"""The night on many generated patients: time, throughput and peak memory per step, beside the bare work.

    python -m benchmarks.night [--patients 10000] [--keep]

Source files are written by the example's generator (synthetic patients, the example mappings load them). Each
step stands beside the bare parse or bare bulk load of the same data, measured in the same run. Writes
build/bench/night.json and prints a table.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import sys
import threading
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
from sqlalchemy import Engine

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "bench"
STEPS = ("look", "read", "map", "stage", "audit", "publish")
"""Of the feeds; reading and mapping go on while others are published, so the sum is more than all."""
PAGE = 4096
MIB = 2**20


def resident() -> float:
    """Memory of this process in MiB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE / MIB


@dataclass
class Step:
    """Seconds between two words of the night, and the most memory."""

    seconds: float = 0.0
    peak: float = 0.0


@dataclass
class Meter:
    """A night's watch that times the steps and samples the memory."""

    steps: dict[str, Step] = field(default_factory=dict)
    _name: str = "start"
    _since: float = field(default_factory=time.perf_counter)
    _running: bool = True

    def step(self, feed: str, name: str) -> None:  # noqa: ARG002  # a watch is told the feed too
        """A feed has come to a step."""
        now = time.perf_counter()
        self.steps.setdefault(self._name, Step()).seconds += now - self._since
        self._name, self._since = name, now

    def sample(self) -> None:
        """Sample the memory until stopped."""
        while self._running:
            step = self.steps.setdefault(self._name, Step())
            step.peak = max(step.peak, resident())
            time.sleep(0.01)

    @contextmanager
    def measuring(self) -> Iterator[None]:
        """Sample while the block runs."""
        sampler = threading.Thread(target=self.sample, daemon=True)
        sampler.start()
        try:
            yield
        finally:
            self.step("", "end")
            self._running = False
            sampler.join()


def generate(patients: int, folder: Path) -> None:
    """Write the source files and a copy of the example's configuration that reads them."""
    from examples.generate.consortium import write_benchmark

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    write_benchmark(folder, patients=patients)
    example = ROOT / "examples" / "consortium"
    for name in ("mappings", "studies", "plans"):
        shutil.copytree(example / name, folder / name)
    for mapping in (folder / "mappings").glob("*.yaml"):
        # ten thousand patients need longer numbers than the example's centres give
        longer = re.sub(r"\[0-9\]\{(\d)\}", r"[0-9]{\1,8}", mapping.read_text(encoding="utf-8"))
        mapping.write_text(longer, encoding="utf-8")
    text = (example / "allpool.toml").read_text(encoding="utf-8")
    text = text.replace("../../build/example/allpool.db", "store.db").replace("../../build/example", "out")
    (folder / "allpool.toml").write_text(text, encoding="utf-8")


def bare_parse(folder: Path) -> float:
    """Seconds to parse every source file with the frame library alone."""
    from python_calamine import CalamineWorkbook

    began = time.perf_counter()
    for path in sorted((folder / "data").rglob("*")):
        if path.suffix == ".csv":
            raw = path.read_bytes()
            encoding = next(name for name in ("utf-8-sig", "gb18030", "cp1250") if decodes(raw, name))
            text = raw.decode(encoding).encode()
            separator = ";" if text.split(b"\n", 1)[0].count(b";") > 2 else ","
            pl.read_csv(text, infer_schema=False, separator=separator)
        elif path.suffix == ".xlsx":
            book = CalamineWorkbook.from_path(str(path))
            for name in book.sheet_names:
                book.get_sheet_by_name(name).to_python()
    return time.perf_counter() - began


def decodes(raw: bytes, encoding: str) -> bool:
    """Whether `raw` is text in `encoding`."""
    try:
        raw.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def bare_load(engine: Engine) -> tuple[float, int]:
    """Seconds and rows to load the published rows into bare tables by ADBC, nothing else."""
    from adbc_driver_sqlite import dbapi
    from sqlalchemy import select

    from allpool.models import published_tables
    from allpool.models.bulk import read

    target = BUILD / "bare.db"
    seconds, rows = 0.0, 0
    for table in published_tables():  # one at a time: the frames need not all be in memory
        target.unlink(missing_ok=True)
        with engine.connect() as connection:
            frame = read(connection, select(table))
        if frame.is_empty():
            continue
        data = frame.to_arrow()
        began = time.perf_counter()
        with dbapi.connect(str(target)) as connection, connection.cursor() as cursor:
            cursor.adbc_ingest(str(table.name), data, mode="create")
            connection.commit()
        seconds += time.perf_counter() - began
        rows += frame.height
    target.unlink(missing_ok=True)
    return seconds, rows


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--patients", type=int, default=10_000)
    parser.add_argument("--keep", action="store_true", help="keep the source files of an earlier run")
    given = parser.parse_args()
    sys.path.insert(0, str(ROOT))
    folder = BUILD / f"patients-{given.patients}"
    if not (given.keep and (folder / "allpool.toml").is_file()):
        print(f"writing {given.patients} synthetic patients ...", flush=True)
        generate(given.patients, folder)
    for path in folder.glob("store.db*"):
        path.unlink()
    parse = bare_parse(folder)
    before = resident()

    from allpool.analysis.plans.night import analyse
    from allpool.cli.nightly import make_ready
    from allpool.config import load_config
    from allpool.etl.night import run_night
    from allpool.models.engine import connect

    consortium = load_config(folder / "allpool.toml")
    assert tomllib.loads((folder / "allpool.toml").read_text(encoding="utf-8"))["consortium"]["synthetic"]
    engine = connect(consortium.store_url)
    meter = Meter()
    plans = sorted((folder / "plans").glob("*.yaml"))
    with meter.measuring():
        report = run_night(
            consortium,
            engine,
            now=datetime.now(UTC),
            watch=meter,
            prepare=make_ready,
            analyse=lambda at: analyse(at, plans=plans, output=folder / "out"),
        )
    engine.dispose()
    again = Meter()
    with again.measuring():
        second = run_night(consortium, connect(consortium.store_url), now=datetime.now(UTC), watch=again)
    load, rows = bare_load(engine)
    show(given.patients, report, second, meter, parse=parse, load=load, rows=rows, before=before)
    return 0


def show(patients, report, second, meter, *, parse, load, rows, before) -> None:  # type: ignore[no-untyped-def]
    """Print the figures and write them as JSON."""
    cells = sum(account.read for result in report.feeds for account in result.accounts.values())
    quarantined = sum(a.quarantined for result in report.feeds for a in result.accounts.values())
    bare = {
        "read": ("bare parse", parse),
        "stage": ("bare bulk load", load),
        "publish": ("bare bulk load", load),
    }
    print(f"{patients} synthetic patients, {cells:,} cells ({quarantined:,} quarantined), {rows:,} rows")
    print(f"{'step':<10}{'seconds':>9}{'rows/s':>12}{'peak MiB':>10}  bare work on the same data")
    spent = {name: sum(feed.steps.get(name, 0.0) for feed in report.feeds) for name in STEPS}
    spent["analyse"] = meter.steps["analyse"].seconds
    steps = {}
    for name, seconds in spent.items():
        beside = f"{bare[name][0]} {bare[name][1]:.2f} s" if name in bare else ""
        most = meter.steps.get(name, Step()).peak
        shown = f"{most:,.0f}" if most else ""
        print(f"{name:<10}{seconds:>9.2f}{rows / seconds:>12,.0f}{shown:>10}  {beside}")
        steps[name] = {"seconds": seconds, "peak_mib": most}
    peak = max(step.peak for step in meter.steps.values())
    total = report.seconds
    feeds = total - spent["analyse"]
    print(f"{'all':<10}{total:>9.2f}{rows / total:>12,.0f}{peak:>10,.0f}  before the night {before:,.0f} MiB")
    print(f"{'etl alone':<10}{feeds:>9.2f}{rows / feeds:>12,.0f}")
    print(f"a second night with nothing new: {second.seconds:.2f} s")
    result = {
        "patients": patients,
        "cells": cells,
        "rows": rows,
        "seconds": total,
        "rows_per_second": rows / total,
        "peak_mib": peak,
        "bare_parse_seconds": parse,
        "bare_load_seconds": load,
        "second_night_seconds": second.seconds,
        "steps": steps,
    }
    BUILD.mkdir(parents=True, exist_ok=True)
    (BUILD / "night.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())

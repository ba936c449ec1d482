"""One process that checks variant after variant: `python -m tests.fuzz.worker`, JSON lines in and out."""

from __future__ import annotations

import io
import json
import os
import resource
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

os.environ.setdefault("POLARS_MAX_THREADS", "1")
FUSE = 8 * 2**30
"""Bytes of address space, so that a bug in a reader cannot take the machine with it; what is really used is
measured."""


def main() -> None:
    """Answer each job with what `allpool check` said, did and took."""
    resource.setrlimit(resource.RLIMIT_AS, (FUSE, FUSE))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    with tempfile.TemporaryFile() as beneath:
        # what libraries below Python print goes past sys.stderr
        os.dup2(beneath.fileno(), 1)
        os.dup2(beneath.fileno(), 2)
        _ready()
        for line in sys.stdin:
            out.write(json.dumps(_answer(json.loads(line), beneath)) + "\n")
            out.flush()


def _ready() -> None:
    """Import what a check imports, and keep compiled mappings: neither is what is tested here."""
    import allpool.etl.check.precheck as checked
    from allpool.mappings.compile import load_vocabulary

    vocabulary, load = load_vocabulary(), checked.load_mapping
    compiled = cache(lambda path: load(path, vocabulary))
    checked.load_vocabulary = lambda: vocabulary
    checked.load_mapping = lambda path, _: compiled(path)


@contextmanager
def _audited(*, is_audited: bool) -> Iterator[None]:
    """Leave the audit out, where the job does without it; the check imports `precheck` when it is called."""
    import allpool.etl.check.precheck as checked

    whole = checked.precheck
    if not is_audited:
        checked.precheck = lambda paths, mapping, today: whole(paths, mapping, today=None)
    try:
        yield
    finally:
        checked.precheck = whole


def _answer(job: dict[str, Any], beneath: BinaryIO) -> dict[str, Any]:
    """Run the jobs' command lines, one after the other, and tell of each."""
    Path("/proc/self/clear_refs").write_text("5")  # proc(5): resets VmHWM
    began, cpu = time.monotonic(), time.process_time()
    with _audited(is_audited=job["audited"]):
        runs = [_run(arguments) for arguments in job["commands"]]
    told = {"runs": runs, "wall": time.monotonic() - began, "seconds": time.process_time() - cpu}
    status = Path("/proc/self/status").read_text()
    beneath.seek(0)
    printed = beneath.read().decode("utf-8", "replace")
    beneath.seek(0)
    beneath.truncate()
    return {**told, "beneath": printed, "peak": _kib(status, "VmHWM"), "resident": _kib(status, "VmRSS")}


def _run(arguments: list[str]) -> dict[str, Any]:
    """Return exit code and output of one command line, with the warnings that Python would have shown."""
    from allpool.cli import run

    code, crash, out, err = None, None, io.StringIO(), io.StringIO()
    with warnings.catch_warnings(record=True) as heard, redirect_stdout(out), redirect_stderr(err):
        warnings.simplefilter("always")
        try:
            code = run(arguments)
        except BaseException as error:  # a panic of a library in Rust is no Exception
            crash = _described(error)
    return {
        "code": code,
        "crash": crash,
        "out": out.getvalue(),
        "err": err.getvalue(),
        "warnings": [
            f"{item.category.__name__} at {Path(item.filename).name}:{item.lineno}" for item in heard
        ],
    }


def _described(error: BaseException) -> str:
    """Return kind and place of an error, without what it says: that may be a cell."""
    places = []
    trace = error.__traceback__
    while trace is not None:
        places.append(f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}")
        trace = trace.tb_next
    return f"{type(error).__name__} at {' < '.join(reversed(places[-6:]))}"


def _kib(status: str, name: str) -> int:
    return int(status.split(f"{name}:")[1].split()[0]) * 1024


if __name__ == "__main__":
    main()

"""A worker process, started anew when it dies, or is stopped for what it takes."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 120.0
"""Seconds by the clock on the wall after which a worker is stopped; a busy machine is no bug of ours."""
FAR_TOO_LARGE = 3 * 2**30
"""Bytes of resident memory beyond which it is stopped at once."""
RETAINED = 450 * 2**20
"""Bytes that an allocator may keep before the next variant gets a fresh process, so as not to be blamed."""
LOOK = 0.25


class LostError(Exception):
    """The worker gave no answer; the message says why."""


@dataclass
class Worker:
    """Runs command lines of allpool, and tells what became of each."""

    patience: float = PATIENCE
    _process: subprocess.Popen[str] | None = None
    _answers: queue.Queue[str] = field(default_factory=queue.Queue)

    @property
    def pid(self) -> int | None:
        """Number of the process that runs now."""
        return self._process.pid if self._process else None

    def run(self, commands: Sequence[Sequence[str]], *, audited: bool = True) -> dict[str, Any]:
        """Return what `worker` answers. Raises LostError."""
        process = self._running()
        assert process.stdin is not None
        try:
            job = {"commands": [list(command) for command in commands], "audited": audited}
            process.stdin.write(json.dumps(job) + "\n")
            process.stdin.flush()
            answer = self._heard(process)
        except BrokenPipeError:
            answer = ""
        if not answer:
            code = process.wait()
            self._stop()
            raise LostError(f"died: the process ended with {code}")
        told: dict[str, Any] = json.loads(answer)
        if told["resident"] > RETAINED:
            self._stop()
        return told

    def _heard(self, process: subprocess.Popen[str]) -> str:
        """Return the next answer, unless it takes too long, or too much."""
        until = monotonic() + self.patience
        while monotonic() < until:
            try:
                return self._answers.get(timeout=LOOK)
            except queue.Empty:
                if _resident(process.pid) > FAR_TOO_LARGE:
                    self._stop()
                    raise LostError(f"memory: more than {FAR_TOO_LARGE / 2**20:.0f} MiB") from None
        self._stop()
        raise LostError(f"hang: no answer after {self.patience:g} s")

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None:
            self._answers = queue.Queue()
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.fuzz.worker"],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                encoding="utf-8",
            )
            threading.Thread(target=_listen, args=(self._process, self._answers), daemon=True).start()
        return self._process

    def _stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                if pipe is not None:
                    pipe.close()
            self._process = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()


def _resident(pid: int) -> int:
    """Return the bytes of memory that a process has now; 0 where it is gone."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def _listen(process: subprocess.Popen[str], answers: queue.Queue[str]) -> None:
    """Pass on each line that the process says, and an empty one when it ends."""
    assert process.stdout is not None
    try:
        for line in process.stdout:
            answers.put(line)
    except ValueError:  # the pipe was closed while we listened
        return
    answers.put("")

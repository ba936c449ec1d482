"""Variants by seed, each checked in a worker process that may die or hang without harm."""

from __future__ import annotations

import json
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, Self

from allpool.mappings.compile import load_mapping
from allpool.mappings.read import DelimitedRead
from tests.fuzz.corrupt import any_bytes, delimited, workbooks
from tests.fuzz.material import ROOT, Example, examples

DEADLINE = 10.0
"""Seconds that a variant may take."""
LARGEST = 2**30
"""Bytes of memory that a variant may take."""
ONLY_BYTES = 0.25
"""Share of variants that know nothing of the format."""


@dataclass(frozen=True)
class Variant:
    """One feed with one file corrupted; the same seed makes the same one."""

    seed: int
    example: Example
    file: str
    corruptions: tuple[str, ...]
    content: bytes


@dataclass(frozen=True)
class Verdict:
    """What became of a variant: `wrong` is what a variant must not do, and empty where all is well."""

    variant: Variant
    outcome: str
    wrong: tuple[str, ...]
    seconds: float
    peak: int
    rules: tuple[str, ...] = ()
    cells: int = 0
    counted: int = 0
    """Files of which another program counted the cells too."""


@cache
def material() -> tuple[Example, ...]:
    """Return the examples, read once."""
    return examples()


def variant(seed: int) -> Variant:
    """Return the variant of a seed: one to three corruptions of one file of one feed."""
    random = Random(seed)
    example = random.choice(material())
    file = random.choice(sorted(example.files))
    content, applied = example.files[file], []
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        name, change = _corruption(random, example, file)
        try:
            changed = change(random, content)
        except Exception:
            if not applied:  # of an example that is whole, every corruption must succeed
                raise
            break  # what is broken already may be beyond a corruption that wants a whole file
        content = changed
        applied.append(name)
        if not content:
            break
    return Variant(seed, example, file, tuple(applied), content)


def _corruption(random: Random, example: Example, file: str) -> tuple[str, Callable[[Random, bytes], bytes]]:
    if random.random() < ONLY_BYTES:
        change = random.choice(any_bytes.ALL)
        return change.__name__, change
    read = _read(example, file)
    if isinstance(read, DelimitedRead):
        of_text = random.choice(delimited.ALL)
        return of_text.__name__, lambda random, content: of_text(random, content, read)
    of_workbook = random.choice(workbooks.ALL)
    return of_workbook.__name__, of_workbook


@cache
def _mapping(path: Path) -> Any:
    return load_mapping(path)


def _read(example: Example, file: str) -> Any:
    return next(plan.read for plan in _mapping(example.mapping).sources if Path(file).match(plan.file))


def verdicts(seeds: Iterator[int]) -> Iterator[Verdict]:
    """Yield the verdict on the variant of each seed."""
    with tempfile.TemporaryDirectory(prefix="fuzz") as place, Worker() as worker:
        for number, seed in enumerate(seeds):
            made = variant(seed)
            folder = Path(place) / str(number)
            folder.mkdir()
            for name, content in made.example.files.items():
                (folder / name).write_bytes(made.content if name == made.file else content)
            yield worker.verdict(made, folder)
            shutil.rmtree(folder)


@dataclass
class Worker:
    """A worker process, started anew when it dies or is stopped for taking too long."""

    deadline: float = DEADLINE
    _process: subprocess.Popen[str] | None = None
    _answers: queue.Queue[str] = field(default_factory=queue.Queue)

    def verdict(self, made: Variant, folder: Path) -> Verdict:
        """Return what the worker says of a variant in `folder`."""
        process = self._running()
        assert process.stdin is not None
        job = {"folder": str(folder), "mapping": str(made.example.mapping)}
        try:
            process.stdin.write(json.dumps(job) + "\n")
            process.stdin.flush()
            answer = self._answers.get(timeout=2 * self.deadline)
        except queue.Empty:
            self._stop()
            return Verdict(made, "hang", (f"no answer after {2 * self.deadline:g} s",), 2 * self.deadline, 0)
        except BrokenPipeError:
            answer = ""
        if not answer:
            code = process.wait()
            self._stop()
            return Verdict(made, "crash", (f"the process died ({code})",), 0.0, 0)
        told = json.loads(answer)
        wrong = list(told.pop("wrong"))
        if told["seconds"] > self.deadline:
            wrong.append(f"took {told['seconds']:.1f} s")
        if told["peak"] > LARGEST:
            wrong.append(f"took {told['peak'] / 2**20:.0f} MiB")
            self._stop()  # memory that an allocator keeps is not the next variant's
        told["rules"] = tuple(told["rules"])
        return Verdict(variant=made, wrong=tuple(wrong), **told)

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


def _listen(process: subprocess.Popen[str], answers: queue.Queue[str]) -> None:
    """Pass on each line that the process says, and an empty one when it ends."""
    assert process.stdout is not None
    try:
        for line in process.stdout:
            answers.put(line)
    except ValueError:  # the pipe was closed while we listened
        return
    answers.put("")

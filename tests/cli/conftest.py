"""Two consortium folders made by `allpool init`: one as it comes, one with a centre that sends a mess."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from allpool.cli import run

BROKEN_MAPPING = (
    "mapping: broken\nversion: '1'\ntitle: broken\nlanguage: en\nsources:\n  a:\n    fille: x.csv\n"
)


@dataclass(frozen=True)
class Said:
    """What a command ended with and printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, all of it, as JSON."""
        return json.loads(self.out)


@dataclass
class Folder:
    """A consortium folder, and a way to run commands in it."""

    path: Path
    heard: list[str] = field(default_factory=list)
    """Everything that commands printed here."""

    def says(self, *arguments: str | Path) -> Said:
        """Run a command in the folder."""
        out, err, before = io.StringIO(), io.StringIO(), Path.cwd()
        os.chdir(self.path)
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                code = run([str(word) for word in arguments])
        finally:
            os.chdir(before)
        self.heard += [out.getvalue(), err.getvalue()]
        return Said(code, out.getvalue(), err.getvalue())

    def ids(self, query: str) -> list[str]:
        """Return the first column of a query."""
        import allpool

        return list(allpool.open(f"sqlite:///{self.path / 'allpool.db'}").sql(query).iloc[:, 0])


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as `allpool init` makes it; copy it to change it."""
    folder = tmp_path_factory.mktemp("cli") / "consortium"
    with contextlib.redirect_stdout(io.StringIO()):
        assert run(["init", str(folder)]) == 0
    return folder


@pytest.fixture(scope="session")
def first_night(fresh: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Folder, Said]:
    """The sample after its first night, and what that night said; not to be changed."""
    folder = Folder(tmp_path_factory.mktemp("night") / "consortium")
    shutil.copytree(fresh, folder.path)
    return folder, folder.says("nightly")


@pytest.fixture(scope="session")
def calm(first_night: tuple[Folder, Said]) -> Folder:
    """The sample after its first night; not to be changed."""
    return first_night[0]


@pytest.fixture(scope="session")
def messy_night(
    first_night: tuple[Folder, Said], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Folder, Said]:
    """The sample after a night in which centre 1 sent bad cells and centre 2's mapping is broken."""
    folder = Folder(tmp_path_factory.mktemp("messy") / "consortium")
    shutil.copytree(first_night[0].path, folder.path)
    patients = folder.path / "data" / "centre-1" / "patients_synthetic.csv"
    text = patients.read_text(encoding="utf-8").splitlines()
    text[1] = text[1].replace(",2021-12-22,", ",31.02.2021,")  # no date
    text[2] = text[2].replace("C1-002,F,", "C1-002,Zebra,")  # no code
    text[3] = text[3].replace("C1-003,", "C1-3,")  # lost zeros
    text[4] = text[4].replace(",alive,", ",=HYPERLINK(1),")  # no code, and a formula for a spreadsheet
    patients.write_text("\n".join(text) + "\n", encoding="utf-8")
    (folder.path / "mappings" / "centre_2.yaml").write_text(BROKEN_MAPPING, encoding="utf-8")
    config = folder.path / "allpool.toml"
    config.write_text(
        config.read_text(encoding="utf-8")
        + '\n[[feeds]]\nid = "demo-centre-2"\nstudy = "demo"\ncentre = "centre-2"\n'
        + 'mapping = "centre_2.yaml"\nfolder = "data/centre-1"\n',
        encoding="utf-8",
    )
    return folder, folder.says("nightly", "--json")


@pytest.fixture(scope="session")
def messy(messy_night: tuple[Folder, Said]) -> Folder:
    """The sample after a night with a mess; not to be changed."""
    return messy_night[0]


@pytest.fixture
def copied(fresh: Path, tmp_path: Path) -> Folder:
    """A folder as `allpool init` makes it, for a test to change."""
    shutil.copytree(fresh, tmp_path / "consortium")
    return Folder(tmp_path / "consortium")

"""allpool init: a new consortium folder."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import click

from allpool.errors import ConfigError, ExitCode, Place


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), metavar="DIR")
def init(folder: Path) -> int:
    """Make a new consortium folder: configuration, a sample feed with its mapping, .gitignore for data.

    Example: allpool init my-consortium
    """
    template = files("allpool.cli").joinpath("template")
    if folder.exists() and any(folder.iterdir()):
        raise ConfigError("the folder is not empty; name a new one", place=Place(file=str(folder)))
    for name, text in _contents(template, ""):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        click.echo(f"  {target}")
    click.echo(f"now: cd {folder} && allpool nightly")
    return int(ExitCode.OK)


def _contents(folder: object, prefix: str) -> list[tuple[str, str]]:
    from importlib.abc import Traversable

    assert isinstance(folder, Traversable)  # noqa: S101  # importlib.resources gives these
    found: list[tuple[str, str]] = []
    for item in sorted(folder.iterdir(), key=lambda entry: entry.name):
        name = f"{prefix}{item.name.removesuffix('.template')}"
        if item.is_dir():
            found += _contents(item, f"{name}/")
        else:
            found.append((name, item.read_text(encoding="utf-8")))
    return found

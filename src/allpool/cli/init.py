"""allpool init: a new consortium folder."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from importlib.abc import Traversable
from importlib.resources import files
from pathlib import Path
from typing import Final

import click

from allpool.errors import ConfigError, ExitCode, Place

KEY_FILE: Final = "allpool.key"
KEY_BYTES: Final = 32
"""The length of what HMAC-SHA256 gives: a shorter key is weaker, a longer one no stronger (RFC 2104, 3)."""


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), metavar="DIR")
def init(folder: Path) -> int:
    """Make a new consortium folder: configuration, key, a synthetic sample feed with its mapping, a plan.

    The key of the pseudonyms is made at random for this folder; .gitignore keeps it, the data and the store
    out of version control.

    Example: allpool init my-consortium
    """
    place = Place(file=str(folder))
    try:
        if folder.exists() and any(folder.iterdir()):
            raise ConfigError("the folder is not empty; name a new one", place=place)
        for name, content in _contents(files("allpool.cli").joinpath("template")):
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
            click.echo(f"  {target}")
        key = folder / KEY_FILE
        _write_key(key)
    except OSError as error:
        raise ConfigError(f"cannot be made ({error.strerror})", place=place) from None
    click.echo(f"  {key}")
    click.echo(f"{key} is the key of the pseudonyms: random, readable by you alone, ignored by git.")
    click.echo("Keep a copy apart from the data; under another key every patient would be another.")
    click.echo(f"now: cd {folder} && allpool nightly")
    return int(ExitCode.OK)


def _write_key(path: Path) -> None:
    """Write a new random key, which nobody but the owner may read."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(f"{secrets.token_hex(KEY_BYTES)}\n")


def _contents(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, bytes]]:
    """Yield path and content of the template's files; a tool does not take `x.template` for its own."""
    for item in sorted(folder.iterdir(), key=lambda entry: entry.name):
        name = f"{prefix}{item.name.removesuffix('.template')}"
        if item.is_dir():
            yield from _contents(item, f"{name}/")
        else:
            yield name, item.read_bytes()

"""Write a migration from the difference between the newest revision and the models.

    python -m allpool.migrations.revise "What changes"            the next revision
    python -m allpool.migrations.revise "What changes" --replace  the newest one anew, before its release

What it writes is a draft: read it, and add what moves data.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import click
from alembic import command
from alembic.autogenerate import produce_migrations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from allpool.migrations.schema import configuration, upgrade
from allpool.models import Base
from allpool.models.engine import connect

VERSIONS = Path(__file__).parent / "versions"


@click.command()
@click.argument("message")
@click.option("--replace", is_flag=True, help="Write the newest revision anew instead of adding one.")
def main(message: str, *, replace: bool) -> None:
    """Write the migration that MESSAGE describes."""
    click.echo(revise(message, replace=replace))


def revise(message: str, *, replace: bool = False) -> Path:
    """Write the next revision (or the newest anew) and return its file."""
    scripts = ScriptDirectory.from_config(configuration(None))
    newest = scripts.get_current_head()
    replaced = scripts.get_revision(newest) if replace and newest else None
    if replaced is not None:
        Path(replaced.path).unlink()
    number = replaced.revision if replaced else f"{int(newest or 0) + 1:04d}"
    with tempfile.TemporaryDirectory() as folder:
        engine = connect(f"sqlite:///{folder}/draft.db")
        upgrade(engine)
        with engine.connect() as connection:
            draft = produce_migrations(MigrationContext.configure(connection), Base.metadata)
            if draft.upgrade_ops is None or draft.upgrade_ops.is_empty():
                raise click.ClickException("the models equal the newest revision; there is nothing to write")
            config = configuration(connection)
            config.set_main_option("file_template", f"r%%(rev)s_{_slug(message)}")
            for name, value in FORMATTING.items():
                config.set_section_option("post_write_hooks", name, value)
            command.revision(config, message, autogenerate=True, rev_id=number)
    return next(VERSIONS.glob(f"r{number}_*.py"))


FORMATTING = {
    "hooks": "format, fix",
    "format.type": "module",
    "format.module": "ruff",
    "format.options": "format --quiet REVISION_SCRIPT_FILENAME",
    "fix.type": "module",
    "fix.module": "ruff",
    "fix.options": "check --fix --quiet REVISION_SCRIPT_FILENAME",
}
"""How Alembic has the written file formatted: as the rest of the repository is."""


def _slug(message: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", message.lower()).strip("_")[:40]


if __name__ == "__main__":
    main()

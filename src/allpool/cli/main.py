"""The command group, and how errors become a sentence and an exit code."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

import click

from allpool.cli.analysis import analyse, report
from allpool.cli.check import check
from allpool.cli.db import db
from allpool.cli.export import export
from allpool.cli.init import init
from allpool.cli.nightly import nightly
from allpool.cli.overlap import overlap
from allpool.cli.profile import profile
from allpool.cli.published import published
from allpool.cli.quality import quality
from allpool.cli.quarantine import quarantine
from allpool.cli.queries import queries
from allpool.cli.status import status
from allpool.cli.terminology import terminology
from allpool.cli.trace import trace
from allpool.errors import AllpoolError, ExitCode, exit_code
from allpool.version import __version__

INTERRUPTED = 130  # 128 + SIGINT, as shells count


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="allpool")
def allpool() -> None:
    """Data standards and interoperability for a leukaemia consortium.

    Centres send what they have; every night it becomes FHIR-aligned tables, checked and pooled.

    \b
    Exit codes: 0 all well; 1 something needs a person; 2 wrong use (arguments, config, mapping);
    3 the store is out of reach or locked; 4 a rule of the design was broken (a bug).

    Example: allpool nightly --config examples/consortium/allpool.toml
    """


for command in (
    init,
    nightly,
    profile,
    check,
    db,
    quality,
    quarantine,
    queries,
    overlap,
    analyse,
    published,
    trace,
    export,
    report,
    status,
    terminology,
):
    allpool.add_command(command)


def run(arguments: Sequence[str]) -> int:
    """Run the command line on `arguments` and return the exit code."""
    try:
        result = allpool.main(list(arguments), prog_name="allpool", standalone_mode=False)
    except click.ClickException as wrong:
        wrong.show()
        return int(ExitCode.WRONG_USE)
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped; the store is as it was before the feed at work", err=True)
        return INTERRUPTED
    except AllpoolError as error:
        click.echo(f"allpool: {error}", err=True)
        return int(exit_code(error))
    except BrokenPipeError:
        sys.stderr.close()
        return int(ExitCode.OK)
    except Exception as bug:  # whatever it is, its message may quote a cell
        click.echo(_where(bug), err=True)
        return int(ExitCode.BROKEN_RULE)
    return int(result) if isinstance(result, int) else int(ExitCode.OK)


def _where(bug: Exception) -> str:
    """Say where a bug lies, without the exception's message: that may quote what a cell says."""
    steps = [
        f"  {Path(step.filename).name}, line {step.lineno}, in {step.name}"
        for step in traceback.extract_tb(bug.__traceback__)
    ]
    return "\n".join(
        [f"allpool: a bug ({type(bug).__name__}); please report this, and what you ran:", *steps]
    )

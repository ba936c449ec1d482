"""allpool check: a centre's own check, without a store."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from allpool.cli.options import json_option, show
from allpool.errors import ExitCode


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--mapping",
    "mapping_file",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="M.yaml",
)
@json_option
def check(files: Sequence[Path], mapping_file: Path, as_json: bool) -> int:
    """Read FILES as the night would and say what would load and what would not, and why. Needs no store.

    FILES are the delivery's files, or its folder.

    Example: allpool check data/centre-1 --mapping mappings/centre_1.yaml
    """
    from allpool.etl.precheck import precheck

    found = precheck(files, mapping_file)
    columns = ("file", "sheet", "row", "column", "rule", "expected")
    if as_json:
        findings = [{name: row[name] for name in columns} for row in found.findings]
        accounts = [{"file": name, **asdict(account)} for name, account in found.accounts.items()]
        click.echo(json.dumps({"findings": findings, "cells": accounts}, ensure_ascii=False))
    else:
        show("what would wait", columns, found.findings, as_json=False, right=("row",))
        cells = ("read", "loaded", "quarantined", "ignored", "empty")
        rows = [
            {"file": name, "rows": account.rows, **{cell: getattr(account, cell) for cell in cells}}
            for name, account in found.accounts.items()
        ]
        show("cells", ("file", "rows", *cells), rows, as_json=False, right=("rows", *cells))
    return int(ExitCode.NEEDS_A_PERSON if found.findings else ExitCode.OK)

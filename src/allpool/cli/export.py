"""allpool export: the store for other systems."""

from __future__ import annotations

from pathlib import Path

import click

from allpool.cli.options import config_options, json_option, open_store, show
from allpool.errors import ExitCode


@click.command()
@config_options
@click.option(
    "--format", "kind", type=click.Choice(["bundle"]), default="bundle", help="FHIR R4 collection bundles."
)
@click.option("--study", metavar="S", help="Only this study.")
@click.option(
    "--out", "folder", required=True, type=click.Path(path_type=Path, file_okay=False), metavar="DIR"
)
@click.option("--validate", is_flag=True, help="Check structure and references of what was written.")
@json_option
def export(
    config_file: Path | None,
    store_url: str | None,
    kind: str,
    study: str | None,
    folder: Path,
    validate: bool,
    as_json: bool,
) -> int:
    """Write the store as FHIR R4 (4.0.1), one bundle per study.

    With --validate every resource is parsed by fhir.resources and every reference followed; exit code 1 where
    something is wrong.

    Example: allpool export --format bundle --study 004 --out build/fhir
    """
    from allpool.etl.fhir.bundle import export_bundles

    files = export_bundles(open_store(config_file, store_url), folder, study=study)
    rows = [
        {
            "file": str(item.path),
            "study": item.study,
            "resources": item.resources,
            "bytes": item.bytes,
        }
        for item in files
    ]
    show(
        f"FHIR R4 {kind}",
        ("file", "study", "resources", "bytes"),
        rows,
        as_json=as_json,
        right=("resources", "bytes"),
    )
    if not validate:
        return int(ExitCode.OK)
    from allpool.etl.fhir.validation import NOT_CHECKED, bundle_problems

    wrong = [f"{item.path.name}: {problem}" for item in files for problem in bundle_problems(item.path)]
    for line in wrong:
        click.echo(line, err=True)
    click.echo(f"structure and references: {len(wrong)} kinds of fault; {NOT_CHECKED}", err=True)
    return int(ExitCode.NEEDS_A_PERSON if wrong else ExitCode.OK)

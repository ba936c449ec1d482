"""allpool profile: what a source file is like, and the draft of its mapping."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from allpool.cli.options import json_option, show
from allpool.cli.progress import progress
from allpool.errors import ConfigError, ExitCode, Place, SourceError

if TYPE_CHECKING:
    from allpool.mappings.dictionary import Language
    from allpool.mappings.draft import Draft, Suggestion
    from allpool.mappings.profile import ColumnProfile, TableProfile

SHOWN: Final = 5
"""Values of a column that the terminal shows; --json has all that may be told."""
LONGEST: Final = 24
"""Characters of a value that the terminal shows."""


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--draft",
    "draft_file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="M.yaml",
    help="Write a draft of the mapping there.",
)
@click.option("--force", is_flag=True, help="Let --draft write over a file that says something else.")
@click.option(
    "--language",
    type=click.Choice(["en", "zh", "cs", "de"]),
    help="The centre's language; default that of most column names.",
)
@click.option("--sheet", metavar="S", help="Only this sheet (data set, form, type of resource) of each file.")
@click.option(
    "--dictionary",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="D.csv",
    help="The data dictionary of the REDCap project that the files are exports of.",
)
@click.option(
    "--minimum",
    type=click.IntRange(min=2),
    default=5,
    show_default=True,
    metavar="N",
    help="Show no value that fewer cells hold.",
)
@json_option
def profile(
    files: Sequence[Path],
    draft_file: Path | None,
    force: bool,
    language: Language | None,
    sheet: str | None,
    dictionary: Path | None,
    minimum: int,
    as_json: bool,
) -> int:
    """Say what each column of FILES holds and what it most likely is, and draft their mapping.

    FILES are of any format that allpool reads (CSV, Excel, REDCap, ODM, SAS, Parquet, JSON lines, FHIR), or
    their folder; encoding, separator and header row are found out. No rare value is shown, and none of a
    column that looks like a direct identifier. With --json: a list with one entry per column.

    Example: allpool profile data/centre-1/patients.csv --draft mappings/centre_1.yaml
    """
    from allpool.mappings.draft import draft

    if dictionary is not None and not dictionary.is_file():
        raise ConfigError("no such file", place=Place(file=str(dictionary)))
    tables, failures = _profiled(
        _files(files), sheet=sheet, dictionary=dictionary, minimum_frequency=minimum, quiet=as_json
    )
    for failure in failures:
        click.echo(f"allpool: {failure}", err=True)
    found = draft(tables, language=language, name=draft_file.stem if draft_file else None)
    if draft_file is not None and tables:
        _write(draft_file, found.render(), force=force)
    if as_json:
        click.echo(json.dumps(_told(found), ensure_ascii=False))
    else:
        _print(found, minimum)
        if draft_file is not None and tables:
            click.echo(f"draft: {draft_file}; complete it, then: allpool check FILES --mapping {draft_file}")
    return int(ExitCode.NEEDS_A_PERSON if failures else ExitCode.OK)


def _files(given: Sequence[Path]) -> list[Path]:
    """Return the files, a folder's own in place of it. Raises ConfigError where there is none."""
    found: list[Path] = []
    for path in given:
        if path.is_dir():
            inside = sorted(
                file for file in path.rglob("*") if file.is_file() and not file.name.startswith((".", "~$"))
            )
            if not inside:
                raise ConfigError("the folder is empty; name the files", place=Place(file=str(path)))
            found += inside
        elif path.exists():
            found.append(path)
        else:
            raise ConfigError("no such file", place=Place(file=str(path)))
    return list(dict.fromkeys(found))


def _profiled(
    files: Sequence[Path], *, sheet: str | None, dictionary: Path | None, minimum_frequency: int, quiet: bool
) -> tuple[list[TableProfile], list[SourceError]]:
    """Return the tables of all files, and why some cannot be read: a bad file costs that file."""
    from allpool.etl.profile import profile as profiled

    tables: list[TableProfile] = []
    failures: list[SourceError] = []
    with progress("profile", quiet=quiet) as watch:
        for file in files:
            if dictionary is not None and file.samefile(dictionary):
                continue
            watch(file.name)
            try:
                tables += profiled(
                    file,
                    sheet=sheet,
                    dictionary=dictionary,
                    minimum_frequency=minimum_frequency,
                    watch=watch,
                )
            except SourceError as error:
                failures.append(error)
    return tables, failures


def _write(file: Path, text: str, *, force: bool) -> None:
    """Write a draft, not over a mapping that someone may have worked on."""
    if file.exists() and not force and file.read_text(encoding="utf-8", errors="replace") != text:
        raise ConfigError(
            "the file is there and says something else; name another, or write over it with --force",
            place=Place(file=str(file)),
        )
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def _told(found: Draft) -> list[Mapping[str, Any]]:
    """Return one entry per column: what is proposed, and what the profile found."""
    columns = [column for table, _ in found.tables for column in table.columns]
    return [{**row, "profile": _described(column)} for row, column in zip(found.rows(), columns, strict=True)]


def _described(column: ColumnProfile) -> Mapping[str, Any]:
    said = column.identifier
    return {
        "position": column.position,
        "rows": column.rows,
        "filled": column.filled,
        "missing_share": round(column.missing_share, 4),
        "distinct": column.distinct,
        "is_approximate": column.is_approximate,
        "kinds": dict(column.kinds),
        "values": [{"text": value.text, "cells": value.cells} for value in column.values],
        "rare": column.rare,
        "quantiles": {str(share): number for share, number in column.quantiles.items()},
        "dates": [
            {
                "format": reading.format,
                "cells": reading.cells,
                "first_year": reading.first_year,
                "last_year": reading.last_year,
            }
            for reading in column.dates
        ],
        "is_order_open": column.is_order_open,
        "unit": column.unit,
        "longest": column.longest,
        "identifier_reason": said.reason if said else None,
        "quasi_identifier": column.quasi_identifier,
    }


def _print(found: Draft, minimum: int) -> None:
    names = ("column", "filled", "distinct", "holds", "likely", "sure", "why")
    for table, suggestions in found.tables:
        place = f"{table.file}, {table.sheet}" if table.sheet else table.file
        click.echo(
            f"{place}: {table.rows:,} rows, {len(table.columns)} columns ({', '.join(_layout(table))})"
        )
        lines = [
            {
                "column": column.name,
                "filled": f"{1 - column.missing_share:.0%}",
                "distinct": f"{'about ' if column.is_approximate else ''}{column.distinct:,}",
                "holds": _holds(column),
                "likely": item.element,
                "sure": f"{item.confidence:.2f}" if item.element else None,
                "why": _why(column, item),
            }
            for column, item in zip(table.columns, suggestions, strict=True)
        ]
        show("Columns", names, lines, as_json=False, right=("filled", "distinct", "sure"))
    if found.tables:
        click.echo(f"Not shown: values that fewer than {minimum} cells hold, and all of likely identifiers.")


def _layout(table: TableProfile) -> Iterator[str]:
    yield table.format
    if table.encoding:
        yield table.encoding
    if table.separator:
        yield f"separator {'tab' if table.separator == chr(9) else table.separator}"
    if table.decimal != ".":
        yield f"decimal {table.decimal}"
    if table.header_row != 1:
        yield f"column names in row {table.header_row}"


def _holds(column: ColumnProfile) -> str:
    """Return what the cells are, in a few words and without a rare value."""
    if not column.filled:
        return "nothing"
    if column.identifier is not None:
        return f"{column.identifier.kind.replace('_', ' ')} (identifier)"
    if column.dates:
        best = column.dates[0]
        years = f", {best.first_year} to {best.last_year}" if best.first_year else ""
        order = "; day or month first: ask" if column.is_order_open else ""
        return f"dates {best.format}{years}{order}"
    if column.values and column.rare * 2 <= column.filled:
        return _values(column)
    if column.quantiles:
        low, middle, high = (column.quantiles[share] for share in (0.25, 0.5, 0.75))
        unit = f" {column.unit}" if column.unit else ""
        return f"numbers about {middle:g} ({low:g} to {high:g}){unit}"
    return _values(column) if column.values else next(iter(column.kinds), "text").replace("_", " ")


def _values(column: ColumnProfile) -> str:
    shown = [
        f"{value.text if len(value.text) <= LONGEST else value.text[: LONGEST - 1] + '…'} {value.cells:,}"
        for value in column.values[:SHOWN]
    ]
    others = column.filled - sum(value.cells for value in column.values[:SHOWN])
    return ", ".join([*shown, f"others {others:,}"] if others else shown)


def _why(column: ColumnProfile, item: Suggestion) -> str:
    said = f"Looks like an identifier: {column.identifier.reason}." if column.identifier else None
    return said if said and item.element is None else item.reason

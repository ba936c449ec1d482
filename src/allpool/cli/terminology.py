"""allpool terminology: what texts become, out and in; what waits for a code; what rests on a near one."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from allpool.cli.options import config_options, json_option, open_config, open_store, show
from allpool.errors import ConfigError, ExitCode, MappingError, Place

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from allpool.mappings.codes.sheets import SheetRow
    from allpool.mappings.plan import CompiledMapping

EXISTING = click.Path(path_type=Path, dir_okay=False)


@click.group()
def terminology() -> None:
    """Texts and codes: export and import, the work-list of unmapped texts, near codes, absent values.

    Example: allpool terminology worklist --centre brno --out brno_codes.csv
    """


@terminology.command("export")
@click.option("--mapping", "mapping_file", type=EXISTING, metavar="M.yaml", help="What this mapping says.")
@click.option("--table", metavar="T", help="The words of this code table instead.")
@click.option("--format", "format_", type=click.Choice(["conceptmap", "csv"]), required=True)
@click.option("--out", "file", required=True, type=EXISTING, metavar="F")
def export_(mapping_file: Path | None, table: str | None, format_: str, file: Path) -> int:
    """Write what texts become: as a FHIR R4 ConceptMap, or as CSV to edit.

    Example: allpool terminology export --mapping mappings/004.yaml --format conceptmap --out 004.json
    """
    if (mapping_file is None) == (table is None):
        raise click.UsageError("say either --mapping or --table")
    text = _of_mapping(mapping_file, format_) if mapping_file else _of_table(str(table), format_)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    click.echo(f"written to {file}")
    return int(ExitCode.OK)


def _of_mapping(file: Path, format_: str) -> str:
    from allpool.mappings.codes.concept_maps import mapping_concept_map
    from allpool.mappings.codes.sheets import mapping_sheet
    from allpool.mappings.compile import load_mapping

    mapping = load_mapping(file)
    return mapping_sheet(mapping) if format_ == "csv" else _json(mapping_concept_map(mapping))


def _of_table(name: str, format_: str) -> str:
    from allpool.mappings.codes.blocks import table_relations
    from allpool.mappings.codes.concept_maps import table_concept_map
    from allpool.mappings.codes.files import code_file
    from allpool.mappings.terminology import load_terminology
    from allpool.version import __version__

    terminology = load_terminology()
    if name not in terminology:
        raise ConfigError(f"there is no code table '{name}'; there are {', '.join(terminology.tables)}")
    table = terminology[name]
    if format_ == "csv":
        return code_file(table_relations(table))
    return _json(table_concept_map(table, version=__version__))


def _json(resource: Any) -> str:
    return json.dumps(resource, ensure_ascii=False, indent=2) + "\n"


@terminology.command("import")
@click.argument("file", type=EXISTING)
@click.option("--mapping", "mapping_file", required=True, type=EXISTING, metavar="M.yaml")
@click.option("--to", "field", metavar="SOURCE.RECORD.FIELD", help="Field of a ConceptMap from elsewhere.")
@click.option("--dry-run", is_flag=True, help="Check all, write nothing.")
def import_(file: Path, mapping_file: Path, field: str | None, *, dry_run: bool) -> int:
    """Take a filled work-list, an export or a ConceptMap into the code files of the mapping's fields.

    What is of fields without a code file goes into the mapping's code sheet; a mapping that names none gets
    one. Nothing is written where anything is wrong.

    Example: allpool terminology import brno_codes.csv --mapping mappings/004.yaml
    """
    from allpool.mappings.codes.importing import take_in
    from allpool.mappings.compile import load_vocabulary

    rows, unfilled, others = _incoming(file, mapping_file, field)
    done = take_in(rows, mapping_file, load_vocabulary(), dry_run=dry_run)
    verb = "would be added" if dry_run else "added"
    for name, texts in done.written.items():
        click.echo(f"{texts} texts {verb} to {name}")
    if done.named is not None:
        click.echo(f"{mapping_file.name} {'would name' if dry_run else 'names'} {done.named} now (`codes`)")
    notes = {"known already": done.known, "without a code yet": unfilled, "of other mappings": others}
    told = ", ".join(f"{count} lines {what}" for what, count in notes.items() if count)
    if told:
        click.echo(told)
    return int(ExitCode.NEEDS_A_PERSON if unfilled else ExitCode.OK)


def _incoming(file: Path, mapping_file: Path, field: str | None) -> tuple[list[SheetRow], int, int]:
    """Return the relations of a code sheet or ConceptMap, lines that are not filled, and those of others."""
    from allpool.mappings.codes.blocks import Address
    from allpool.mappings.codes.concept_maps import read_concept_map
    from allpool.mappings.codes.importing import rows_of_blocks
    from allpool.mappings.codes.sheets import read_sheet
    from allpool.mappings.compile import load_mapping

    if file.suffix.casefold() != ".json":
        sheet = read_sheet(file, mapping=mapping_file.name)
        return list(sheet.rows), sheet.open, sheet.others
    parts = field.split(".") if field else []
    if field and len(parts) != len(Address.__dataclass_fields__):
        raise click.UsageError("--to names a field as SOURCE.RECORD.FIELD")
    try:
        resource = json.loads(file.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise MappingError("there is no such file", place=Place(file=file.name)) from None
    except (UnicodeDecodeError, ValueError):
        raise MappingError("is no JSON in UTF-8", place=Place(file=file.name)) from None
    blocks = read_concept_map(resource, file=file.name)
    to = Address(*parts) if parts else None
    name = load_mapping(mapping_file).name
    return rows_of_blocks(blocks, mapping=name, file=file.name, to=to), 0, 0


WAITING = ("centre", "study", "column", "field", "code_table", "text", "cells", "suggestions")


@terminology.command("worklist")
@config_options
@click.option("--centre", metavar="C", help="Only this centre (or feed).")
@click.option("--out", "file", type=EXISTING, metavar="CSV", help="Write the work-list to fill.")
@json_option
def worklist_(
    config_file: Path | None, store_url: str | None, centre: str | None, file: Path | None, *, as_json: bool
) -> int:
    """List the texts that wait in quarantine for a code, with suggestions.

    A text that few patients have, or that reads like free text or an identifier, is not shown: it stands in
    the file alone, which holds patient data. Fill its columns code, equivalence and comment, and give it to
    `allpool terminology import`.

    Example: allpool terminology worklist --centre brno --out brno_codes.csv
    """
    from allpool.etl.worklist import printable, worklist, worklist_sheet
    from allpool.mappings.terminology import load_terminology

    consortium = open_config(config_file, store_url)
    with open_store(config_file, store_url).connect() as connection:
        mappings = _mappings(connection, consortium.path(consortium.content.paths.mappings))
        found = worklist(connection, mappings, load_terminology(), centre=centre)
    minimum = 1 if consortium.synthetic else consortium.content.disclosure.minimum
    shown = printable(found, minimum=minimum)
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_text(worklist_sheet(found), encoding="utf-8")
    rows = [
        {
            "centre": item.centre,
            "study": item.study,
            "column": item.column,
            "field": str(item.place.address) if item.place else None,
            "code_table": item.place.table if item.place else None,
            "text": item.text if told else None,
            "cells": item.cells,
            "suggestions": "; ".join(map(str, item.suggestions)) if told else None,
        }
        for item, told in zip(found, shown, strict=True)
    ]
    if as_json:
        show("texts without a code", WAITING, rows, as_json=True)
    else:
        hidden = [{**row, "text": row["text"] or "(only in the file)"} for row in rows]
        show("texts without a code", WAITING, hidden, as_json=False, right=("cells",))
        if file is not None:
            click.echo(f"{len(found)} lines written to {file}")
    return int(ExitCode.NEEDS_A_PERSON if found else ExitCode.OK)


def _mappings(connection: Connection, folder: Path) -> dict[str, CompiledMapping]:
    """Return the mappings of the store's feeds, as far as they load: a broken one has its own error."""
    from sqlalchemy import select

    from allpool.mappings.compile import load_mapping, load_vocabulary
    from allpool.models import Feed

    vocabulary = load_vocabulary()
    found: dict[str, CompiledMapping] = {}
    for feed, name in connection.execute(select(Feed.id, Feed.mapping).where(Feed.mapping != "")):
        try:
            found[feed] = load_mapping(folder / name, vocabulary)
        except MappingError as wrong:
            click.echo(
                f"allpool: {feed}: {wrong}; its texts are listed without field and code table", err=True
            )
    return found


@terminology.command("relations")
@config_options
@click.option("--centre", metavar="C", help="Only this centre (or feed).")
@json_option
def relations_(config_file: Path | None, store_url: str | None, centre: str | None, *, as_json: bool) -> int:
    """Count the values that rest on a code wider or narrower than the text, and the texts left without one.

    Example: allpool terminology relations --centre brno
    """
    from allpool.etl.code_counts import unequal_codes

    with open_store(config_file, store_url).connect() as connection:
        rows = unequal_codes(connection, centre=centre)
    columns = ("centre", "study", "record", "column", "text", "code", "equivalence", "cells", "comment")
    _show("codes that are not equivalent", columns, rows, as_json=as_json, right="cells")
    return int(ExitCode.OK)


@terminology.command("absent")
@config_options
@click.option("--centre", metavar="C", help="Only this centre.")
@json_option
def absent_(config_file: Path | None, store_url: str | None, centre: str | None, *, as_json: bool) -> int:
    """Count the values that are absent for a stated reason, and name what is declared not collected.

    Example: allpool terminology absent --json
    """
    from allpool.etl.code_counts import absences

    with open_store(config_file, store_url).connect() as connection:
        rows = absences(connection, centre=centre)
    _show("absent", ("centre", "study", "element", "reason", "rows"), rows, as_json=as_json, right="rows")
    return int(ExitCode.OK)


def _show(
    title: str, columns: Iterable[str], rows: list[dict[str, Any]], *, as_json: bool, right: str
) -> None:
    show(title, columns, rows, as_json=as_json, right=(right,))

"""Forms of an ODM file, and instruments of a REDCap export with its data dictionary, a table each."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from allpool.errors import SourceError
from allpool.etl.profile.table import Table, chosen, read_table, table_of
from allpool.etl.readers import ROW, ReadLimits, SourceTable
from allpool.etl.readers.files import Reading, opened
from allpool.etl.readers.odm.metadata import ODM, MetadataScan
from allpool.etl.readers.redcap.dictionary import DataDictionary, load_data_dictionary
from allpool.etl.readers.xml import parse
from allpool.mappings.read import OdmRead, RedcapRead


def forms(path: Path, sheet: str | None) -> Iterator[Table]:
    """Yield the forms of an ODM file that hold data, or the one whose OID is `sheet`.

    A form in which an item stands twice is yielded by its item groups. Raises SourceError where it is no ODM.
    """
    scan = MetadataScan()
    with opened(path) as file:
        parse(iter(Reading(file)), start=scan.start, end=scan.end, text=scan.text, document=ODM)
    known = scan.metadata
    if not known.forms:
        raise SourceError(
            "the file is XML without the metadata of CDISC ODM (no FormDef); export it as ODM with metadata",
            rule="unreadable_odm",
        )
    for form in chosen(list(known.forms), sheet, what="form", file=path.name):
        try:
            yield from _odm(path, OdmRead(format="odm", form=form), {"form": form})
        except SourceError as error:
            if error.rule != "repeating_item_group":
                raise
            for group in known.groups_of[form]:
                yield from _odm(path, OdmRead(format="odm", item_group=group), {"item_group": group})


def _odm(path: Path, read: OdmRead, words: dict[str, str]) -> Iterator[Table]:
    found = read_table(path, read)
    if found.frame.height:
        yield table_of(found, sheet=next(iter(words.values())), format="odm", read=words)


def instruments(path: Path, dictionary: Path, sheet: str | None) -> Iterator[Table]:
    """Yield the instruments of a REDCap export that hold data, or the one called `sheet`.

    Whether the export has codes or labels, names or labels of fields, is found out.
    Raises SourceError as the reader of REDCap does.
    """
    folder = Path(os.path.commonpath([path.resolve().parent, dictionary.resolve().parent]))
    pattern = dictionary.resolve().relative_to(folder).as_posix()
    project = load_data_dictionary(folder, glob.escape(pattern), encoding=None, limits=ReadLimits())
    said: dict[str, Any] = {"dictionary": glob.escape(pattern), "partial": True}
    whole = _whole(path.resolve(), folder, said)
    if _has_labels(whole, project):
        said["export"] = "label"
    words = {name: text for name, text in said.items() if isinstance(text, str)}
    words["dictionary"] = glob.escape(dictionary.name)
    for name in chosen(project.instruments, sheet, what="instrument", file=path.name):
        read = RedcapRead(format="redcap", instrument=name, **said)
        found = read_table(path.resolve(), read, folder=folder)
        if found.frame.height:
            yield table_of(found, sheet=name, format="redcap", read={**words, "instrument": name})


def _whole(path: Path, folder: Path, said: dict[str, Any]) -> SourceTable:
    """Return the whole export, by the names or else the labels of fields; puts into `said` which."""
    try:
        return read_table(path, RedcapRead(format="redcap", **said), folder=folder)
    except SourceError as error:
        if error.rule != "wrong_dictionary":
            raise
    said["header"] = "label"
    return read_table(path, RedcapRead(format="redcap", **said), folder=folder)


def _has_labels(whole: SourceTable, project: DataDictionary) -> bool:
    """Return whether more cells of fields with choices are labels than codes."""
    codes = labels = 0
    for field in project.fields:
        if field.name not in whole.columns or not field.choices:
            continue
        texts = whole.frame.drop(ROW)[field.name].drop_nulls()
        codes += int(texts.is_in(list(field.choices)).sum())
        labels += int(texts.is_in(list(field.choices.values())).sum())
    return labels > codes

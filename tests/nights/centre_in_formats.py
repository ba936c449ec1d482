"""One small centre (synthetic) in seven formats, each as its program would write it, with its mapping."""

from __future__ import annotations

import csv
import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pandas as pd
import polars as pl
import pyreadstat

PATIENTS = (
    # id, sex, born, white cells, seen, spleen enlarged, testes involved, note
    ("0001", "f", date(1980, 1, 31), 5.1, date(2024, 4, 3), True, False, None),
    ("0002", "m", date(1975, 6, 5), 72.5, date(2024, 5, 4), None, None, "free text"),
    ("0003", "x", date(1968, 11, 30), None, None, False, True, None),  # no sex that anybody knows
)
MRD = (
    ("0001", date(2024, 5, 10), 0.001),
    ("0001", date(2024, 8, 1), 0.0002),
    ("0003", date(2024, 6, 6), 0.01),
)
MAPPING = """\
mapping: centre-{name}
version: "1"
sources:
  patients:
    {patients}
    patient: {{column: {id}, pattern: "[0-9]{{4}}"}}
    records:
      - record: patient
        sex: {{column: {sex}, codes: {codes}}}
        birth_date: {{column: {born}, format: "{format}"}}
      - record: wbc
        value: {{column: {wbc}, unit: 10*9/L}}
        date: {{column: {seen}, format: "{format}"}}
      - record: splenomegaly
        value: {{column: {spleen}, codes: {yes_no}}}
        timepoint: baseline
      - record: testicular_involvement
        value: {{column: {testes}, codes: {yes_no}}}
        timepoint: baseline
    ignore: {{{note}: free text{ignore_patients}}}
  mrd:
    {mrd}
    patient: {{column: {id}, pattern: "[0-9]{{4}}"}}
    records:
      - record: mrd
        date: {{column: {date}, format: "{format}"}}
        value: {{column: {value}, unit: "1"}}
        method: mfc
        specimen: bone_marrow
{ignore_mrd}"""
NAMES = {
    "id": "id",
    "sex": "sex",
    "born": "born",
    "wbc": "wbc",
    "seen": "seen",
    "spleen": "spleen",
    "testes": "testes",
    "note": "note",
    "date": "taken",
    "value": "mrd",
    "format": "iso",
    "codes": "{f: female, m: male}",
    "yes_no": "{y: 'true', n: 'false'}",
    "ignore_patients": "",
    "ignore_mrd": "",
}


@dataclass(frozen=True)
class Format:
    """How the centre delivers: what its program writes, and the words of its mapping."""

    write: Callable[[Path], None]
    words: dict[str, str]
    cells: dict[str, int]
    """File -> its cells, counted by hand: rows of records times columns."""

    @property
    def main(self) -> str:
        """The file with the patients."""
        file = next(iter(self.cells)).partition(" [")[0]
        return "clinic.db" if file.startswith("sql:") else file

    def mapping(self, name: str) -> str:
        """Return the mapping file."""
        return MAPPING.format(**{**NAMES, **self.words, "name": name})


def yes_no(value: bool | None) -> str | None:
    return None if value is None else "y" if value else "n"


def _rows() -> list[dict[str, object]]:
    names = ("id", "sex", "born", "wbc", "seen", "spleen", "testes", "note")
    rows = [dict(zip(names, row, strict=True)) for row in PATIENTS]
    return [{**row, "spleen": yes_no(row["spleen"]), "testes": yes_no(row["testes"])} for row in rows]  # type: ignore[arg-type]


def _write_csv(folder: Path) -> None:
    """A Czech laboratory's export: cp1250, semicolons, decimal commas, day before month."""

    def said(value: object) -> str:
        if isinstance(value, date):
            return f"{value:%d.%m.%Y}"
        return "" if value is None else str(value).replace(".", ",")

    for name, header, rows in (
        (
            "pacienti.csv",
            ("číslo", "pohlaví", "narozen", "leukocyty", "datum", "slezina", "varlata", "poznámka"),
            [row.values() for row in _rows()],
        ),
        ("mrd.csv", ("číslo", "odběr", "výsledek"), MRD),
    ):
        with (folder / name).open("w", encoding="cp1250", newline="") as lines:
            writer = csv.writer(lines, delimiter=";")
            writer.writerow(header)
            writer.writerows([said(value) for value in row] for row in rows)


def _write_redcap(folder: Path) -> None:
    """A REDCap project: MRD is a repeating instrument, the organs are one checkbox field."""
    (folder / "dictionary.csv").write_text(
        "Variable / Field Name,Form Name,Section Header,Field Type,Field Label,"
        '"Choices, Calculations, OR Slider Labels",Field Note,Text Validation Type OR Show Slider Number\n'
        "record_id,base,,text,Study ID,,,\n"
        'sex,base,,radio,Sex,"1, Female | 2, Male | 9, Other",,\n'
        "born,base,,text,Date of birth,,,date_dmy\n"
        "wbc,base,,text,White cells,,,number_2dp_comma_decimal\n"
        "seen,base,,text,Date,,,date_dmy\n"
        'organs,base,,checkbox,Organs involved,"1, Spleen | 2, Testes",,\n'
        "note,base,,notes,Note,,,\n"
        "taken,mrd,,text,Taken on,,,date_mdy\n"
        "value,mrd,,text,MRD,,,number\n",
        encoding="utf-8",
    )
    own = ["record_id", "redcap_repeat_instrument", "redcap_repeat_instance"]
    base = ["sex", "born", "wbc", "seen", "organs___1", "organs___2", "note", "base_complete"]
    codes = {"f": "1", "m": "2", "x": "9"}
    with (folder / "data.csv").open("w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow([*own, *base, "taken", "value", "mrd_complete"])
        for number, sex, born, wbc, seen, *organs, note in PATIENTS:
            count = "" if wbc is None else str(wbc).replace(".", ",")
            boxes = ["1" if ticked else "0" for ticked in organs]
            said = [codes[sex], born, count, seen, *boxes, note, "2"]
            writer.writerow([number, "", "", *said, "", "", ""])
            for instance, (_, taken, value) in enumerate([row for row in MRD if row[0] == number], start=1):
                writer.writerow([number, "mrd", instance, *[""] * len(base), taken, f"{value:f}", "2"])


def _write_odm(folder: Path) -> None:
    """An EDC system's export as CDISC ODM 1.3, with two forms."""

    def form(oid: str, repeat: int, items: dict[str, object]) -> str:
        data = "".join(
            f'<ItemData ItemOID="{name}" Value="{value}"/>'
            for name, value in items.items()
            if value is not None
        )
        return (
            f'<FormData FormOID="F.{oid}" FormRepeatKey="{repeat}">'
            f'<ItemGroupData ItemGroupOID="G.{oid}">{data}</ItemGroupData></FormData>\n'
        )

    subjects = []
    for row in _rows():
        base = {f"I.{name.upper()}": value for name, value in row.items() if name != "id"}
        samples = [found for found in MRD if found[0] == row["id"]]
        forms = [
            form("BASE", 1, base),
            *(
                form("MRD", number, {"I.TAKEN": taken, "I.MRD": f"{value:f}"})
                for number, (_, taken, value) in enumerate(samples, start=1)
            ),
        ]
        subjects.append(f'<SubjectData SubjectKey="{row["id"]}">\n{"".join(forms)}</SubjectData>\n')
    defined = {"BASE": list(_rows()[0])[1:], "MRD": ["taken", "mrd"]}
    forms_defined = "".join(
        f'<FormDef OID="F.{oid}" Name="{oid}" Repeating="Yes"><ItemGroupRef ItemGroupOID="G.{oid}"/>'
        "</FormDef>\n"
        f'<ItemGroupDef OID="G.{oid}" Name="{oid}" Repeating="No">'
        + "".join(f'<ItemRef ItemOID="I.{name.upper()}"/>' for name in names)
        + "</ItemGroupDef>\n"
        for oid, names in defined.items()
    )
    (folder / "export.xml").write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<ODM xmlns="http://www.cdisc.org/ns/odm/v1.3" FileType="Snapshot" ODMVersion="1.3.2">\n'
        f'<Study OID="S"><MetaDataVersion OID="M">\n{forms_defined}</MetaDataVersion></Study>\n'
        f'<ClinicalData StudyOID="S" MetaDataVersionOID="M">\n{"".join(subjects)}</ClinicalData>\n</ODM>\n',
        encoding="utf-8",
    )


def _write_xpt(folder: Path) -> None:
    """Two SAS transport files, version 5: dates are numbers with a SAS format, names are upper case."""
    epoch = date(1960, 1, 1)

    def sas(frame: pd.DataFrame, file: str, table: str, dates: list[str]) -> None:
        for name in dates:
            frame[name] = [None if day is None else float((day - epoch).days) for day in frame[name]]
        frame.columns = frame.columns.str.upper()
        pyreadstat.write_xport(
            frame,
            str(folder / file),
            file_format_version=5,
            table_name=table,
            variable_format={name.upper(): "DATE9." for name in dates},
        )

    sas(pd.DataFrame(_rows()), "dm.xpt", "DM", ["born", "seen"])
    sas(pd.DataFrame(MRD, columns=["id", "taken", "mrd"]), "lb.xpt", "LB", ["taken"])


def _write_parquet(folder: Path) -> None:
    """Two typed tables; what goes with the white cells is a structure."""
    rows = [{"lab": {"wbc": row.pop("wbc"), "seen": row.pop("seen")}, **row} for row in _rows()]
    pl.DataFrame(rows).write_parquet(folder / "patients.parquet")
    pl.DataFrame(MRD, schema=["id", "taken", "mrd"], orient="row").write_parquet(folder / "mrd.parquet")


def _write_jsonl(folder: Path) -> None:
    """One object per line; what is not known is left out, or null."""
    patients = [
        {
            "id": row["id"],
            "who": {"sex": row["sex"], "born": str(row["born"])},
            "lab": [{"wbc": row["wbc"], "seen": str(row["seen"])}] if row["wbc"] is not None else [],
            "organs": {name: row[name] for name in ("spleen", "testes")},
            "note": row["note"],
        }
        for row in _rows()
    ]
    samples = [{"id": number, "taken": str(taken), "mrd": value} for number, taken, value in MRD]
    for name, found in (("patients.jsonl", patients), ("mrd.jsonl", samples)):
        (folder / name).write_text("".join(json.dumps(row) + "\n" for row in found), encoding="utf-8")


def _write_sql(folder: Path) -> None:
    """A SQLite database, whose address the night finds in the environment."""
    connection = sqlite3.connect(folder / "clinic.db")
    connection.execute("create table patient (id, sex, born, wbc real, seen, spleen, testes, note)")
    connection.execute("create table sample (id, taken, mrd real)")
    connection.executemany(
        "insert into patient values (?, ?, ?, ?, ?, ?, ?, ?)",
        [[str(v) if isinstance(v, date) else v for v in row.values()] for row in _rows()],
    )
    connection.executemany("insert into sample values (?, ?, ?)", [(n, str(d), v) for n, d, v in MRD])
    connection.commit()
    connection.close()


def _upper(names: str) -> dict[str, str]:
    return {name: NAMES[name].upper() for name in names.split()}


FIELDS = "id sex born wbc seen spleen testes note date value"
CZECH = 'read: {format: csv, encoding: cp1250, separator: ";", decimal: ","}'
SQL = 'read: {{format: sql, url_env: CLINIC_URL, query: "{}"}}'
REDCAP = "file: data.csv\n    read: {{format: redcap, dictionary: dictionary.csv, instrument: {}}}"
FORMATS = {
    "csv": Format(
        _write_csv,
        {
            "patients": f"file: pacienti.csv\n    {CZECH}",
            "mrd": f"file: mrd.csv\n    {CZECH}",
            "id": "číslo",
            "sex": "pohlaví",
            "born": "narozen",
            "wbc": "leukocyty",
            "seen": "datum",
            "spleen": "slezina",
            "testes": "varlata",
            "note": "poznámka",
            "date": "odběr",
            "value": "výsledek",
            "format": "%d.%m.%Y",
        },
        {"pacienti.csv": 3 * 8, "mrd.csv": 3 * 3},
    ),
    "redcap": Format(
        _write_redcap,
        {
            "patients": REDCAP.format("base"),
            "mrd": REDCAP.format("mrd"),
            "id": "record_id",
            "spleen": "organs___1",
            "testes": "organs___2",
            "value": "value",
            "codes": "{'1': female, '2': male}",
            "yes_no": "{'1': 'true', '0': 'false'}",
            "ignore_patients": ', "redcap_*": REDCap, base_complete: REDCap',
            "ignore_mrd": '    ignore: {"redcap_*": REDCap, mrd_complete: REDCap}\n',
        },
        {"data.csv [base]": 3 * 11, "data.csv [mrd]": 3 * 6},
    ),
    "odm": Format(
        _write_odm,
        {
            "patients": "file: export.xml\n    read: {format: odm, form: BASE}",
            "mrd": "file: export.xml\n    read: {format: odm, form: F.MRD}",
            **{name: f"I.{NAMES[name].upper()}" for name in FIELDS.split()},
            "id": "SubjectKey",
            "ignore_patients": ", FormRepeatKey: always 1",
            "ignore_mrd": "    ignore: {FormRepeatKey: the date tells repeats apart}\n",
        },
        {"export.xml [F.BASE]": 3 * 9, "export.xml [F.MRD]": 3 * 4},
    ),
    "xpt": Format(
        _write_xpt,
        {
            "patients": "file: dm.xpt\n    read: {format: xpt}",
            "mrd": "file: lb.xpt\n    read: {format: xpt, member: LB}",
            **_upper(FIELDS),
        },
        {"dm.xpt": 3 * 8, "lb.xpt [LB]": 3 * 3},
    ),
    "parquet": Format(
        _write_parquet,
        {
            "patients": "file: patients.parquet\n    read: {format: parquet}",
            "mrd": "file: mrd.parquet\n    read: {format: parquet}",
            "wbc": "lab.wbc",
            "seen": "lab.seen",
        },
        {"patients.parquet": 3 * 8, "mrd.parquet": 3 * 3},
    ),
    "jsonl": Format(
        _write_jsonl,
        {
            "patients": "file: patients.jsonl\n    read: {format: jsonl}",
            "mrd": "file: mrd.jsonl\n    read: {format: jsonl}",
            "sex": "who.sex",
            "born": "who.born",
            "wbc": '"lab[0].wbc"',
            "seen": '"lab[0].seen"',
            "spleen": "organs.spleen",
            "testes": "organs.testes",
        },
        {"patients.jsonl": 3 * 8, "mrd.jsonl": 3 * 3},
    ),
    "sql": Format(
        _write_sql,
        {
            "patients": SQL.format("select * from patient order by id"),
            "mrd": SQL.format("select * from sample order by id, taken"),
        },
        {"sql:patients": 3 * 8, "sql:mrd": 3 * 3},
    ),
}

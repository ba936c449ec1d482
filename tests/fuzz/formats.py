"""One small table of synthetic patients in each format that the example consortium does not send."""

from __future__ import annotations

import csv
import io
import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pyreadstat

from tests.fuzz.corrupt.cells import Table
from tests.fuzz.planting import mark, planted

NAMES = ("subject", "sex", "born", "seen", "wbc", "blasts", "note")
NUMERIC = (4, 5)
ROWS = 12
SAS = Path(__file__).resolve().parents[1] / "etl" / "readers" / "synthetic" / "haven.sas7bdat"


def keys() -> tuple[str, ...]:
    """Return the patients' keys."""
    return tuple(f"F-{1047 + number}" for number in range(ROWS))


def rows() -> Table:
    """Return the table with its header; the last rows hold planted texts."""
    made = [
        [
            key,
            "fm"[number % 2],
            f"19{50 + number}-0{1 + number % 9}-17",
            f"2021-1{number % 3}-0{1 + number % 9}",
            f"{3.5 + number * 1.25}",
            str(number * 8),
            "" if number % 3 else "seen at home",
        ]
        for number, key in enumerate(keys())
    ]
    return planted([list(NAMES), *made], numeric=NUMERIC)


def files() -> Mapping[str, Mapping[str, bytes]]:
    """Return the files of each format, by the name of its mapping in `mappings`."""
    return {
        "jsonl": {"visits.jsonl": json_lines()},
        "parquet": {"visits.parquet": parquet()},
        "xpt": {"visits.xpt": transport()},
        "sas7bdat": {"visits.sas7bdat": SAS.read_bytes()},
        "odm": {"visits.xml": odm()},
        "redcap": {"records.csv": redcap(), "dictionary.csv": redcap_dictionary()},
        "redcap_json": {"records.json": redcap_json(), "dictionary.csv": redcap_dictionary()},
        "fhir_bundle": {"patients.json": bundle()},
        "fhir_ndjson": {"patient.ndjson": ndjson(people()), "observation.ndjson": ndjson(counts())},
    }


def json_lines() -> bytes:
    """Return nested JSON lines."""
    header, *records = rows()
    lines = []
    for record in records:
        told: dict[str, Any] = dict(zip(header, record, strict=True))
        told["blood"] = {"wbc": _number(told.pop("wbc")), "blasts": _number(told.pop("blasts"))}
        told["tags"] = ["a", {"code": "b", "on": True}, None]
        lines.append(json.dumps(told, ensure_ascii=False))
    return ("\n".join(lines) + "\n").encode()


def parquet(table: Table | None = None) -> bytes:
    """Return a Parquet file of two row groups."""
    header, *records = table or rows()
    columns = {
        name: pa.array([_number(text) if place in NUMERIC else text or None for text in column])
        for place, (name, column) in enumerate(zip(header, zip(*records, strict=True), strict=True))
    }
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out, row_group_size=7)
    return out.getvalue()


def transport() -> bytes:
    """Return a SAS transport file of version 5, written at a fixed moment."""
    header, *records = rows()
    frame = pd.DataFrame(records, columns=[name.upper() for name in header])
    for place in NUMERIC:
        frame[header[place].upper()] = frame[header[place].upper()].astype(float)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "visits.xpt"
        pyreadstat.write_xport(frame, str(path), file_format_version=5, table_name="VISITS")
        return re.sub(rb"\d\d[A-Z]{3}\d\d:\d\d:\d\d:\d\d", b"05JAN23:01:02:03", path.read_bytes())


def odm() -> bytes:
    """Return an ODM file with one form of two item groups."""
    header, *records = rows()
    items = [name for name in header if name != "subject"]
    defined = "".join(f'<ItemDef OID="{name}" Name="{name}" DataType="text"/>' for name in items)
    groups = {"G.WHO": items[:2], "G.LAB": items[2:]}
    grouped = "".join(
        f'<ItemGroupDef OID="{oid}" Name="{oid}" Repeating="No">'
        + "".join(f'<ItemRef ItemOID="{name}" Mandatory="No"/>' for name in names)
        + "</ItemGroupDef>"
        for oid, names in groups.items()
    )
    data = "\n".join(
        f'<SubjectData SubjectKey="{record[0]}"><StudyEventData StudyEventOID="E">'
        '<FormData FormOID="F.VISIT">'
        + "".join(
            f'<ItemGroupData ItemGroupOID="{oid}">'
            + "".join(f'<ItemData ItemOID="{name}" Value="{record[header.index(name)]}"/>' for name in names)
            + "</ItemGroupData>"
            for oid, names in groups.items()
        )
        + "</FormData></StudyEventData></SubjectData>"
        for record in records
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<ODM xmlns="http://www.cdisc.org/ns/odm/v1.3" '
        'FileType="Snapshot" FileOID="SYNTHETIC" ODMVersion="1.3.2">\n'
        '<Study OID="S"><MetaDataVersion OID="M" Name="M">\n<FormDef OID="F.VISIT" Name="Visit" '
        'Repeating="No"><ItemGroupRef ItemGroupOID="G.WHO"/><ItemGroupRef ItemGroupOID="G.LAB"/></FormDef>\n'
        f"{grouped}\n{defined}\n</MetaDataVersion></Study>\n"
        f'<ClinicalData StudyOID="S" MetaDataVersionOID="M">\n{data}\n</ClinicalData></ODM>\n'
    ).encode()


def redcap_dictionary() -> bytes:
    """Return a REDCap data dictionary; `note` is a checkbox in it."""
    return (
        b"Variable / Field Name,Form Name,Section Header,Field Type,Field Label,"
        b'"Choices, Calculations, OR Slider Labels",Field Note,Text Validation Type OR Show Slider Number\n'
        b"subject,visit,,text,Study number,,,\n"
        b'sex,visit,,radio,Sex,"f, Female | m, Male",,\n'
        b"born,visit,,text,Date of birth,,,date_ymd\nseen,visit,,text,Date,,,date_ymd\n"
        b"wbc,visit,,text,Leucocytes,,,number\nblasts,visit,,text,Blasts,,,number\n"
        b'note,visit,,checkbox,Notes,"1, At home | 2, On the ward",,\n'
    )


def redcap() -> bytes:
    """Return an export as CSV."""
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\n").writerows(_redcap_rows())
    return out.getvalue().encode()


def redcap_json() -> bytes:
    """Return the same export as JSON."""
    header, *records = _redcap_rows()
    return json.dumps([dict(zip(header, record, strict=True)) for record in records]).encode()


def _redcap_rows() -> Table:
    header, *records = rows()
    boxes = [["1", "0"] if record[-1] else ["0", "0"] for record in records]
    boxes[-1] = [mark(90), mark(91)]
    whole = [[*record[:-1], *box, "2"] for record, box in zip(records, boxes, strict=True)]
    return [[*header[:-1], "note___1", "note___2", "visit_complete"], *whole]


def people() -> list[dict[str, Any]]:
    """Return the patients as FHIR resources."""
    return [
        {
            "resourceType": "Patient",
            "id": f"p{number}",
            "identifier": [{"system": "urn:fuzz", "value": record[0]}],
            "gender": {"f": "female", "m": "male"}.get(record[1], record[1]),
            "birthDate": record[2],
            "extension": [{"url": "http://fuzz.invalid/note", "valueString": record[6] or "none"}],
        }
        for number, record in enumerate(rows()[1:])
    ]


def counts() -> list[dict[str, Any]]:
    """Return the leucocyte counts as FHIR resources."""
    return [
        {
            "resourceType": "Observation",
            "id": f"o{number}",
            "status": "final",
            "subject": {"reference": f"Patient/p{number}", "identifier": {"value": record[0]}},
            "code": {
                "coding": [{"system": "http://loinc.org", "code": "6690-2"}],
                "text": record[6] or "none",
            },
            "effectiveDateTime": record[3],
            "valueQuantity": {"value": _number(record[4]), "unit": "10*9/L", "code": "10*9/L"},
        }
        for number, record in enumerate(rows()[1:])
    ]


def bundle() -> bytes:
    """Return all resources in one Bundle."""
    entries = [{"fullUrl": f"urn:fuzz:{item['id']}", "resource": item} for item in (*people(), *counts())]
    return json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}).encode()


def ndjson(resources: Sequence[Mapping[str, Any]]) -> bytes:
    """Return resources one to a line."""
    return "".join(json.dumps(item) + "\n" for item in resources).encode()


def frame_of(table: Table) -> pl.DataFrame:
    """Return a table of texts as a frame."""
    header, *records = table
    return pl.DataFrame(records, schema=dict.fromkeys(header, pl.String), orient="row")


def _number(text: str) -> float | None:
    return float(text) if text else None

"""CDISC ODM: forms and item groups as rows, REDCap's boxes, and XML that is refused before it grows."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from defusedxml import ElementTree
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from allpool.etl.readers import ROW, ReadLimits, SourceFailure, SourceTable, read_source
from allpool.mappings.read import OdmRead, RedcapRead
from tests.etl.readers.conftest import read_bytes
from tests.etl.readers.redcap_project import ODM, REDCAP, project_of

Read = Callable[..., SourceTable]
Fail = Callable[..., SourceFailure]

# Synthetic: two forms as an EDC system other than REDCap writes them (ODM 1.3.2).
HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<ODM xmlns="http://www.cdisc.org/ns/odm/v1.3" FileType="Snapshot" FileOID="F1" ODMVersion="1.3.2">
<Study OID="S1"><MetaDataVersion OID="M1" Name="first">
<FormDef OID="F.LAB" Name="Laboratory" Repeating="Yes">
  <ItemGroupRef ItemGroupOID="G.CBC"/><ItemGroupRef ItemGroupOID="G.MRD"/>
</FormDef>
<FormDef OID="F.DM" Name="Demography" Repeating="No"><ItemGroupRef ItemGroupOID="G.DM"/></FormDef>
<ItemGroupDef OID="G.CBC" Name="Blood count" Repeating="No">
  <ItemRef ItemOID="I.WBC"/><ItemRef ItemOID="I.SEEN"/>
</ItemGroupDef>
<ItemGroupDef OID="G.MRD" Name="MRD" Repeating="Yes"><ItemRef ItemOID="I.MRD"/></ItemGroupDef>
<ItemGroupDef OID="G.DM" Name="Demography" Repeating="No"><ItemRef ItemOID="I.SEX"/></ItemGroupDef>
<ItemDef OID="I.WBC" Name="WBC" DataType="float">
  <Question><TranslatedText xml:lang="en">White blood &lt;b&gt;cells&lt;/b&gt;</TranslatedText></Question>
</ItemDef>
<ItemDef OID="I.SEEN" Name="SEEN" DataType="date"/>
<ItemDef OID="I.MRD" Name="MRD" DataType="float"/>
<ItemDef OID="I.SEX" Name="SEX" DataType="text"><CodeListRef CodeListOID="C.SEX"/></ItemDef>
<CodeList OID="C.SEX" Name="Sex" DataType="text">
  <CodeListItem CodedValue="F"><Decode><TranslatedText>Female</TranslatedText></Decode></CodeListItem>
</CodeList>
</MetaDataVersion></Study>
<ClinicalData StudyOID="S1" MetaDataVersionOID="M1">
"""
DATA = """<SubjectData SubjectKey="P1"><SiteRef LocationOID="BRNO"/>
<StudyEventData StudyEventOID="E.BASE" StudyEventRepeatKey="1">
<FormData FormOID="F.DM">
<ItemGroupData ItemGroupOID="G.DM"><ItemData ItemOID="I.SEX" Value="F"/></ItemGroupData>
</FormData>
<FormData FormOID="F.LAB" FormRepeatKey="1">
<ItemGroupData ItemGroupOID="G.CBC">
<ItemData ItemOID="I.WBC" Value="5.10"><MeasurementUnitRef MeasurementUnitOID="10*9/L"/></ItemData>
<ItemDataDate ItemOID="I.SEEN">2023-01-05</ItemDataDate>
</ItemGroupData>
</FormData>
<FormData FormOID="F.LAB" FormRepeatKey="2">
<ItemGroupData ItemGroupOID="G.CBC"><ItemData ItemOID="I.WBC" IsNull="Yes"/></ItemGroupData>
<ItemGroupData ItemGroupOID="G.MRD" ItemGroupRepeatKey="1">
<ItemData ItemOID="I.MRD" Value="0.01"/></ItemGroupData>
</FormData>
</StudyEventData>
</SubjectData>
<SubjectData SubjectKey="P2">
<StudyEventData StudyEventOID="E.BASE" StudyEventRepeatKey="1">
<FormData FormOID="F.LAB" FormRepeatKey="1">
<ItemGroupData ItemGroupOID="G.MRD" ItemGroupRepeatKey="1">
<ItemData ItemOID="I.MRD" Value="0.02"/></ItemGroupData>
</FormData>
</StudyEventData>
</SubjectData>
"""
TAIL = "</ClinicalData></ODM>\n"


def odm(data: str = DATA, *, head: str = HEAD) -> bytes:
    return (head + data + TAIL).encode()


LINES = [n for n, line in enumerate(odm().decode().splitlines(), 1) if 'FormOID="F.LAB" ' in line]


def test_a_row_is_a_form(table: Read) -> None:
    found = table(odm(), format="odm", form="F.LAB")
    assert found.facts.sheet == "F.LAB"
    assert found.columns == (
        *("SubjectKey", "StudyEventOID", "StudyEventRepeatKey", "FormRepeatKey", "LocationOID"),
        *("I.WBC", "I.WBC.MeasurementUnitOID", "I.SEEN", "I.MRD"),
    )
    assert found.frame.rows() == [
        ("P1", "E.BASE", "1", "1", "BRNO", "5.10", "10*9/L", "2023-01-05", None, LINES[0]),
        ("P1", "E.BASE", "1", "2", "BRNO", None, None, None, "0.01", LINES[1]),
        ("P2", "E.BASE", "1", "1", None, None, None, None, "0.02", LINES[2]),
    ]
    assert found.labels == {"I.WBC": "White blood cells"}
    assert found.problems.is_empty()


def test_a_row_is_an_item_group_called_by_its_name(table: Read) -> None:
    found = table(odm(), format="odm", item_group="MRD")
    assert found.facts.sheet == "G.MRD"
    assert found.frame.select("SubjectKey", "FormOID", "FormRepeatKey", "I.MRD").rows() == [
        ("P1", "F.LAB", "2", "0.01"),
        ("P2", "F.LAB", "1", "0.02"),
    ]


def test_codes_stay_codes(table: Read) -> None:
    assert table(odm(), format="odm", form="Demography").frame["I.SEX"].to_list() == ["F"]


def test_rows_on_one_line_are_counted(table: Read) -> None:
    found = table(odm(DATA.replace("\n", "")), format="odm", form="F.LAB")
    assert found.frame["_row"].to_list() == [1, 2, 3]


def test_an_item_without_metadata_is_a_column_all_the_same(table: Read) -> None:
    found = table(odm(DATA.replace('"I.MRD"', '"I.NEW"')), format="odm", form="F.LAB")
    assert found.columns[-1] == "I.NEW"
    assert found.frame["I.NEW"].to_list() == [None, "0.01", "0.02"]
    assert found.frame["I.MRD"].null_count() == 3


def test_a_form_that_nobody_filled_in(table: Read) -> None:
    found = table(odm(""), format="odm", form="F.DM")
    assert found.columns == ("I.SEX",)
    assert found.problems["rule"].to_list() == ["header_only"]


def test_an_item_that_repeats_within_a_form_asks_for_its_group(failure: Fail) -> None:
    second = (
        '<ItemGroupData ItemGroupOID="G.MRD" ItemGroupRepeatKey="2"><ItemData ItemOID="I.MRD" Value="9"/>'
    )
    twice = DATA.replace(
        "</FormData>\n</StudyEventData>", f"{second}</ItemGroupData></FormData></StudyEventData>"
    )
    found = failure(odm(twice), format="odm", form="F.LAB")
    assert (found.rule, found.column) == ("repeating_item_group", "I.MRD")
    assert "item_group" in found.message


def test_metadata_may_stand_elsewhere(table: Read, failure: Fail) -> None:
    alone = HEAD[: HEAD.index("<Study")] + HEAD[HEAD.index("<ClinicalData") :]
    found = table(odm(head=alone), format="odm", form="F.LAB")
    assert found.frame.drop("_row").equals(
        table(odm(), format="odm", form="F.LAB").frame.select(found.columns)
    )
    refused = failure(odm(head=alone), format="odm", form="F.AE")
    assert (refused.rule, "F.AE" in refused.message) == ("empty_file", True)


def test_data_within_the_file_wait(table: Read) -> None:
    image = '<ItemDataBase64Binary ItemOID="I.SEEN">AAAA</ItemDataBase64Binary>'
    found = table(
        odm(DATA.replace('<ItemDataDate ItemOID="I.SEEN">2023-01-05</ItemDataDate>', image)),
        format="odm",
        form="F.LAB",
    )
    assert found.problems.select("row", "column", "rule", "cells").rows() == [
        (LINES[0], "I.SEEN", "binary_item", 1)
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1"])
def test_the_encoding_is_the_one_that_the_file_declares(table: Read, encoding: str) -> None:
    text = odm().decode().replace('encoding="UTF-8"', f'encoding="{encoding}"').replace("P2", "Pé")
    assert table(text.encode(encoding), format="odm", form="F.LAB").frame["SubjectKey"].to_list()[2] == "Pé"


# what is refused

BOMB = (
    '<?xml version="1.0"?><!DOCTYPE ODM [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9))
    + "]><ODM>&j;</ODM>"
).encode()
OUTSIDE = b'<!DOCTYPE ODM [<!ENTITY x SYSTEM "file:///etc/hostname">]><ODM>&x;</ODM>'


@pytest.mark.parametrize("content", [BOMB, OUTSIDE])
def test_a_document_type_is_refused_before_an_entity_is_read(failure: Fail, content: bytes) -> None:
    found = failure(content, format="odm", form="F.LAB")
    assert (found.rule, found.row) == ("unreadable_odm", 1)
    assert "document type" in found.message


def test_reference_data_are_of_no_patient(table: Read) -> None:
    reference = b"""<ReferenceData StudyOID="S1" MetaDataVersionOID="M1">
<ItemGroupData ItemGroupOID="G.CBC"><ItemData ItemOID="I.WBC" Value="9.9"/></ItemGroupData>
</ReferenceData><ClinicalData"""
    with_them = table(odm().replace(b"<ClinicalData", reference), format="odm", form="F.LAB")
    without = table(odm(), format="odm", form="F.LAB")
    assert with_them.frame.drop(ROW).equals(without.frame.drop(ROW))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "damaged"),
        (b"id;sex\n1;m\n", "damaged"),
        (odm()[:-40], "damaged"),
        (odm()[: len(odm()) // 2], "damaged"),
        (odm().replace(b"</SubjectData>", b"", 1), "SubjectData stands where"),
        (odm().replace(b"</MetaDataVersion>", b"<FormData/></MetaDataVersion>"), "FormData stands where"),
        (odm().replace(b"<ItemData ", b"<ItemGroupData><ItemData ", 1), "ItemGroupData stands where"),
        (odm().replace(b'"5.10"', b'"5.10\xff"'), "damaged"),
        (b"<html><body/></html>", "no ODM"),
        (b"<ODM>" * 100_000, "too deep"),
        (b"<ODM " + b"x" * (20 * 2**20) + b"='1'/>", "too long"),
        (b'<?xml version="1.0" encoding="gb18030"?><ODM/>', "encoding"),
        (b'<?xml version="1.0" encoding="klingon"?><ODM/>', "encoding"),
        (odm().replace(b"Snapshot", b"Transactional"), "snapshot"),
        (odm().replace(b'ODMVersion="1.3.2"', b'ODMVersion="2.0"'), "1.3"),
        (odm().replace(b'SubjectKey="P1"', b'SubjectKey="P1" TransactionType="Remove"'), "snapshot"),
    ],
)
def test_xml_that_is_no_whole_odm(failure: Fail, content: bytes, says: str) -> None:
    found = failure(content, format="odm", form="F.LAB")
    assert found.rule in ("unreadable_odm", "not_a_snapshot")
    assert says in found.message
    assert "5.10" not in found.message


@given(
    edits=st.lists(
        st.tuples(st.integers(0, 3_000), st.integers(0, 60), st.sampled_from("<>&\"'/ 9é")), max_size=4
    )
)
def test_an_edited_file_is_a_table_or_a_failure(
    tmp_path_factory: pytest.TempPathFactory, edits: list[tuple[int, int, str]]
) -> None:
    content = odm().decode()
    for at, length, other in edits:
        at %= len(content)
        content = content[:at] + other + content[at + length :]
    folder = tmp_path_factory.getbasetemp()
    for words in ({"form": "F.LAB"}, {"item_group": "G.MRD"}):
        read_bytes(folder, content.encode(), name="edited.xml", format="odm", **words)


def test_codes_that_stand_in_no_code_list_are_nobodys(table: Read) -> None:
    stray = HEAD.replace('<CodeList OID="C.SEX" Name="Sex" DataType="text">', "").replace("</CodeList>", "")
    assert table(odm(head=stray), format="odm", form="F.DM").frame["I.SEX"].to_list() == ["F"]


@pytest.mark.parametrize("words", [{"form": "F.AE"}, {"item_group": "F.LAB"}])
def test_a_form_or_group_that_there_is_not(failure: Fail, words: dict[str, str]) -> None:
    found = failure(odm(), format="odm", **words)
    assert (found.rule, found.sheet) == ("missing_sheet", *words.values())
    assert "F.LAB, F.DM" in found.message or "G.CBC, G.MRD, G.DM" in found.message


def test_more_cells_than_the_limit(tmp_path: Path) -> None:
    found = read_bytes(tmp_path, odm(), format="odm", form="F.LAB", limits=ReadLimits(sheet_cells=8))
    assert isinstance(found, SourceFailure)
    assert found.rule == "sheet_too_large"


@pytest.mark.parametrize("words", [{}, {"form": "A", "item_group": "B"}, {"form": "A", "encoding": "utf-8"}])
def test_one_form_or_one_group(words: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        OdmRead.model_validate({"format": "odm", **words})


# REDCap's project XML

Place = tuple[str, str | None, str | None]


def forms_of(path: Path) -> dict[str, dict[Place, dict[str, str]]]:
    """Return instrument -> subject, event and repeat -> items, by ElementTree."""
    root = ElementTree.parse(path).getroot()
    found: dict[str, dict[Place, dict[str, str]]] = {
        form.get(f"{REDCAP}FormName"): {} for form in root.iter(f"{ODM}FormDef")
    }
    called = {form.get("OID"): form.get(f"{REDCAP}FormName") for form in root.iter(f"{ODM}FormDef")}
    for subject in root.iter(f"{ODM}SubjectData"):
        for event in subject.findall(f"{ODM}StudyEventData") or [subject]:
            for form in event.findall(f"{ODM}FormData"):
                place = (subject.get("SubjectKey"), event.get("StudyEventOID"), form.get("FormRepeatKey"))
                found[called[form.get("FormOID")]][place] = {
                    item.get("ItemOID"): item.get("Value") or item.get(f"{REDCAP}DocName") or ""
                    for item in form.iter()
                    if item.get("ItemOID")
                }
    return found


def test_every_form_of_every_sample_project_reads_whole(shared: Path) -> None:
    """Rows per instrument and event, and each item, as ElementTree finds them; boxes as in CSV."""
    projects = shared / "sources" / "redcap-REDCapR" / "inst" / "test-data" / "projects"
    seen: Counter[str] = Counter()
    for path in sorted(projects.glob("*/project.xml")):
        project = project_of(path)
        for instrument, forms in forms_of(path).items():
            (found,) = read_source(path.parent, path.name, OdmRead(format="odm", form=instrument))
            assert isinstance(found, SourceTable), (path, found)
            rows = {
                (row["SubjectKey"], row.get("StudyEventOID"), row["FormRepeatKey"]): row
                for row in found.frame.to_dicts()
            }
            assert rows.keys() == forms.keys(), path
            passed = {(row, column) for row, column, _ in found.passed_over.iter_rows()}
            for place, items in forms.items():
                row = rows[place]
                for item, value in items.items():
                    field = project.box_field(item)
                    ticked = field is None or "1" in [items.get(box) for box in project.boxes[field]]
                    assert row[item] == ((value.strip() or None) if ticked else None), (path, item)
                    assert ((row["_row"], item) in passed) == (not ticked), (path, item)
                    seen["cells"] += 1
                    seen["boxes"] += field is not None
                    seen["unanswered"] += not ticked
                seen["rows"] += 1
    assert seen["rows"] > 900
    assert seen["cells"] > 10_000
    assert seen["boxes"] > seen["unanswered"] > 50


@pytest.mark.parametrize(
    "name", ["checkboxes-1", "repeating-instruments", "longitudinal", "vignette-repeating"]
)
def test_an_instrument_says_the_same_in_both_exports(shared: Path, name: str) -> None:
    """CSV with its dictionary, and the project's XML: the same rows under the same names."""
    folder = shared / "sources" / "redcap-REDCapR" / "inst" / "test-data" / "projects" / name
    with (folder / "dictionary.csv").open(encoding="utf-8", newline="") as lines:
        _, *fields = list(csv.reader(lines))
    compared = 0
    for instrument in dict.fromkeys(field[1] for field in fields):
        records = RedcapRead(format="redcap", dictionary="dictionary.csv", instrument=instrument)
        (plain,) = read_source(folder, "data.csv", records)
        (own,) = read_source(folder, "project.xml", OdmRead(format="odm", form=instrument))
        assert isinstance(plain, SourceTable)
        assert isinstance(own, SourceTable)
        columns = [column for column in plain.columns if column in own.columns and column != fields[0][0]]
        ours = Counter(
            (row[fields[0][0]], *(text(row[column]) for column in columns)) for row in plain.frame.to_dicts()
        )
        theirs = Counter(
            (row["SubjectKey"], *(text(row[column]) for column in columns)) for row in own.frame.to_dicts()
        )
        # the export calls forms that nobody opened Incomplete; the XML has them with zeros, or not at all
        for counted in (ours, theirs):
            for row in [row for row in counted if set(row[1:]) <= {None, "0"}]:
                del counted[row]
        assert ours == theirs, instrument
        compared += sum(theirs.values())
    assert compared >= 3


def text(value: str | None) -> str | None:
    """Return a text as both exports have it: blanks and line breaks differ between them."""
    return (" ".join(value.split()) or None) if value else None

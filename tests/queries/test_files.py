"""The centre's file: workbook and page say the same, run nothing, tell no identifier, and come back."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from allpool.errors import ConfigError
from allpool.etl.messages import LANGUAGES, MessageLanguage, load_messages
from allpool.etl.queries.answers import read_answers
from allpool.etl.queries.export import centre_file, write_private
from allpool.etl.queries.wording import CHOICES
from tests.etl.personal_numbers import birth_number

AT = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)
FORMULAS = ("=1+1", "+44", "-5", "@SUM(A1)", '=HYPERLINK("http://x")', "\tx", "|cmd")


def query(**more: Any) -> dict[str, Any]:
    given = {
        "id": "0123456789abcdef",
        "feed": "one",
        "centre": "c1",
        "rule": "not_a_number",
        "severity": "quarantine",
        "file": "a.csv",
        "sheet": None,
        "row": 4,
        "column": "wbc",
        "scope": "cell",
        "others": [],
        "value": "high",
        "expected": "a number in 10*9/L",
        "status": "open",
        "owner": "data manager, centre one",
        "answer": None,
        "opened_at": AT,
        "days": 3,
        "held_with": 2,
        **more,
    }
    return {**given, "id": more.get("id", f"{given['row']:016x}")}


def workbook(queries: Sequence[dict[str, Any]], language: MessageLanguage = "en") -> Any:
    content = centre_file(
        queries, form=".xlsx", language=language, centre="c1", synthetic=True, written_on=AT
    )
    return openpyxl.load_workbook(io.BytesIO(content))


def page(queries: Sequence[dict[str, Any]], language: MessageLanguage = "en") -> str:
    return centre_file(
        queries, form=".html", language=language, centre="c1", synthetic=True, written_on=AT
    ).decode()


def rows(book: Any) -> list[dict[str, Any]]:
    lines = list(book.worksheets[0].iter_rows())
    names = [cell.value for cell in lines[0]]
    return [dict(zip(names, line, strict=True)) for line in lines[1:]]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_query_is_told_in_each_language(language: MessageLanguage) -> None:
    messages = load_messages()
    other = {"file": "b.xlsx", "sheet": "Visits", "row": 7, "column": "died", "value": "2020-01-01"}
    asked = [query(others=[other])]
    (row,) = rows(workbook(asked, language))
    told = {name: row[messages.label(name, language)].value for name in ("file", "row", "column", "value")}
    assert told == {"file": "a.csv", "row": 4, "column": "wbc", "value": "high"}
    assert row[messages.label("rule", language)].value == messages.title("not_a_number", language)
    expected = messages.said("a number in 10*9/L", language)
    assert row[messages.label("expected", language)].value == expected
    assert row[messages.label("query_since", language)].value.date() == AT.date()
    assert row[messages.label("query_status", language)].value == messages.label("query_open", language)
    others = row[messages.label("query_others", language)].value
    assert "b.xlsx [Visits]" in others
    assert others.endswith("2020-01-01")
    html = page(asked, language)
    for text in ("a.csv", "wbc", "high", expected, others.replace("[", "[")):
        assert text in html
    assert f'<html lang="{messages.label("language", language)}">' in html


def test_the_answer_is_chosen_from_a_list() -> None:
    book = workbook([query(), query(row=5)], "cs")
    (choice,) = book.worksheets[0].data_validations.dataValidation
    assert choice.formula1 == '"bude opraveno,hodnota je správná,jiné (viz poznámka)"'
    assert str(choice.sqref) == "M2:M3"
    assert book.worksheets[0]["M1"].value == "Odpověď"
    notes = " ".join(str(row[0].value) for row in book.worksheets[1].iter_rows())
    assert "data manager, centre one" in notes
    assert "Syntetická data" in notes


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_list_fits_into_a_workbook(language: MessageLanguage) -> None:
    """The choices stand in one text of at most 255 characters, parted by commas; a sheet's name has 31."""
    messages = load_messages()
    words = [messages.label(f"choice_{choice}", language) for choice in CHOICES]
    assert len(",".join(words)) <= 253
    assert not any("," in word or '"' in word for word in words)
    assert max(len(messages.label(name, language)) for name in ("queries", "queries_how")) <= 31


@pytest.mark.parametrize("text", FORMULAS)
def test_what_a_cell_says_is_never_run(text: str) -> None:
    (row,) = rows(workbook([query(value=text, column=text, file=f"{text}.csv")]))
    for name in ("The cell says", "Column", "File"):
        cell = row[name]
        assert cell.data_type == "s"
        assert cell.number_format == "@"
        assert cell.quotePrefix
    assert row["The cell says"].value == text


def test_markup_in_a_cell_stays_text() -> None:
    html = page([query(value="<script>alert(1)</script>", column='x"><b>')])
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert "<b>" not in html


def test_a_character_that_no_workbook_holds_does_not_stop_it() -> None:
    (row,) = rows(workbook([query(value="a\x00b\x1fc")]))
    assert row["The cell says"].value == "a\ufffdb\ufffdc"


def test_direct_identifiers_are_withheld() -> None:
    telling = birth_number(3)
    other = {"file": "b.csv", "sheet": None, "row": 7, "column": "note", "value": f"rč {telling}"}
    asked = [query(value=telling, others=[other]), query(row=5, value="high")]
    html = page(asked)
    cells = [str(cell.value) for row in rows(workbook(asked)) for cell in row.values()]
    assert telling not in html
    assert not any(telling in cell for cell in cells)
    assert "high" in html
    assert any("withheld" in cell for cell in cells)


def test_the_page_needs_nothing_else() -> None:
    html = page([query()])
    assert not re.search(r"(?:src|href)=\"(?!#)", html)
    assert "<script" not in html
    assert "default-src 'none'" in html


def test_nothing_to_ask_is_said() -> None:
    assert "There is nothing to answer." in page([])
    assert rows(workbook([])) == []


def test_the_same_queries_give_the_same_page() -> None:
    assert page([query(), query(row=5)]) == page([query(row=5), query()])


def test_the_file_is_its_owner_s_alone(tmp_path: Path) -> None:
    file = tmp_path / "new" / "c1.html"
    write_private(file, b"x")
    assert file.stat().st_mode & 0o777 == 0o600
    file.chmod(0o644)
    write_private(file, b"longer")
    assert (file.stat().st_mode & 0o777, file.read_bytes()) == (0o600, b"longer")
    with pytest.raises(ConfigError, match="cannot be written"):
        write_private(tmp_path / "new", b"x")


def as_csv(book: Any, path: Path, separator: str) -> Path:
    """Save the first sheet as a spreadsheet does."""
    with path.open("w", encoding="utf-8-sig", newline="") as out:
        writer = csv.writer(out, delimiter=separator)
        writer.writerows(
            [["" if cell is None else cell for cell in row] for row in book.worksheets[0].values]
        )
    return path


def filled(
    queries: Sequence[dict[str, Any]], answers: Sequence[tuple[str, str | None]], language: Any
) -> Any:
    messages = load_messages()
    book = workbook(queries, language)
    for row, (answer, comment) in zip(rows(book), answers, strict=True):
        row[messages.label("answer", language)].value = answer or None
        row[messages.label("comment", language)].value = comment
    return book


ANSWERS = {
    "en": [("will be corrected", None), ("Value is correct ", "seen, twice"), ("", None)],
    "cs": [("bude opraveno", None), ("hodnota je správná", "seen, twice"), ("", None)],
    "zh": [("将予更正", None), ("数值无误", "seen, twice"), ("", None)],
}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", ["xlsx", ",", ";", "\t"])
def test_answers_come_back(tmp_path: Path, language: str, kind: str) -> None:
    asked = [query(row=row, value="-5", rule="not_a_number") for row in (4, 5, 6)]
    book = filled(asked, ANSWERS[language], language)
    path = tmp_path / ("back.xlsx" if kind == "xlsx" else "back.csv")
    book.save(path) if kind == "xlsx" else as_csv(book, path, kind)
    found = read_answers(path)
    assert [(answer.query, answer.choice, answer.comment) for answer in found.answers] == [
        (f"{4:016x}", "will_correct", ""),
        (f"{5:016x}", "is_correct", "seen, twice"),
    ]
    assert found.left_open == 1


WRONG = {
    "none of the list": ("maybe", None),
    "a comment without an answer": ("", "seen"),
    "there is none": ("other (see comment)", None),
    "direct identifier": ("value is correct", f"rodné číslo {birth_number(3)}"),
}


@pytest.mark.parametrize("told", WRONG)
def test_a_wrong_line_is_named(tmp_path: Path, told: str) -> None:
    book = filled([query(), query(row=5)], [("will be corrected", None), WRONG[told]], "en")
    book.save(tmp_path / "back.xlsx")
    with pytest.raises(ConfigError, match=rf"back\.xlsx: nothing was taken:\n  row 3: .*{told}") as wrong:
        read_answers(tmp_path / "back.xlsx")
    assert str(WRONG[told][1] or "-") not in str(wrong.value).replace("a direct identifier of a person", "")


def test_a_query_answered_twice_is_named(tmp_path: Path) -> None:
    asked = [query(), query(row=5, id=f"{4:016x}")]
    filled(asked, [("will be corrected", None)] * 2, "en").save(tmp_path / "back.xlsx")
    with pytest.raises(ConfigError, match="row 3: query 0000000000000004 is answered in row 2 already"):
        read_answers(tmp_path / "back.xlsx")


def test_an_id_that_was_lost_is_named(tmp_path: Path) -> None:
    book = filled([query()], [("will be corrected", None)], "en")
    book.worksheets[0]["A2"].value = None
    book.save(tmp_path / "back.xlsx")
    with pytest.raises(ConfigError, match="row 2: the query's id is missing"):
        read_answers(tmp_path / "back.xlsx")


def test_a_formula_in_an_answer_is_refused(tmp_path: Path) -> None:
    book = filled([query()], [("will be corrected", None)], "en")
    book.worksheets[0]["M2"].value = '="value is correct"'
    book.save(tmp_path / "back.xlsx")
    with pytest.raises(ConfigError, match="row 2: holds a formula"):
        read_answers(tmp_path / "back.xlsx")


def test_another_file_is_refused(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.worksheets[0].append(["a", "b"])
    book.worksheets[0].append(["1", "2"])
    book.save(tmp_path / "other.xlsx")
    with pytest.raises(ConfigError, match=r"the column .* is missing"):
        read_answers(tmp_path / "other.xlsx")
    (tmp_path / "damaged.xlsx").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(ConfigError, match=r"damaged\.xlsx"):
        read_answers(tmp_path / "damaged.xlsx")
    (tmp_path / "other.csv").write_text("a;b\n1;2\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"other\.csv"):
        read_answers(tmp_path / "other.csv")
    (tmp_path / "page.html").write_text("x", encoding="utf-8")
    with pytest.raises(ConfigError, match="no workbook of answers"):
        read_answers(tmp_path / "page.html")
    with pytest.raises(ConfigError, match="no such file"):
        read_answers(tmp_path / "absent.xlsx")

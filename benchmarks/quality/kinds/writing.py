"""Slips of the pen within one cell: what stands there is not what the column holds."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from benchmarks.quality.copies import Cell, Copy
from benchmarks.quality.planting import CATALOGUE, Planted
from benchmarks.quality.targets import Target, targets

NOT_A_NUMBER = "not_a_number comparator decimal_sign unit"
NO_CODE = "unknown_code not_a_boolean not_a_number *.code.*"
FULL_WIDTH = str.maketrans("0123456789.", "０１２３４５６７８９．")


def _spoil(
    copy: Copy, patient: str, rng: Random, kinds: tuple[str, ...], change: Callable[[Any, Target], Any]
) -> Planted | None:
    """Change one cell of a column of these kinds; None where no change makes it another."""
    choice = [(target, row) for target in targets(copy, *kinds) for row in target.rows(copy, patient)]
    rng.shuffle(choice)
    for target, row in choice:
        sheet = copy.sheets[target.sheet]
        index = sheet.at(target.column)
        before = sheet.rows[row][index]
        after = change(before, target)
        if after is not None and after != before and _encodable(after, copy):
            sheet.rows[row][index] = after
            return Planted((Cell(sheet.file, sheet.name, row + 2, target.column),))
    return None


def _encodable(value: object, copy: Copy) -> bool:
    try:
        str(value).encode(copy.feed.encoding)
    except UnicodeEncodeError:
        return False
    return True


def _as_text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


@CATALOGUE.cell("codes", NO_CODE)
def typo_in_a_code(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """Two letters change places, or one is lost."""

    def change(value: Any, _: Target) -> Any:
        text = str(value)
        if len(text) < 3 or not text.replace(" ", "").isalpha():
            return None
        at = rng.randrange(len(text) - 1)
        swapped = text[:at] + text[at + 1] + text[at] + text[at + 2 :]
        return swapped if swapped.casefold() != text.casefold() else text[:at] + text[at + 1 :]

    return _spoil(copy, patient, rng, ("coding", "boolean"), change)


@CATALOGUE.cell("codes", NO_CODE)
def code_that_no_table_has(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """A number or word that the code book does not list."""
    return _spoil(
        copy, patient, rng, ("coding", "boolean"), lambda value, _: "9" if str(value) != "9" else "8"
    )


@CATALOGUE.cell("codes", NO_CODE)
def code_cut_off(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """The end of a word is missing."""
    return _spoil(
        copy, patient, rng, ("coding",), lambda value, _: str(value)[:-2] if len(str(value)) > 5 else None
    )


@CATALOGUE.cell("codes", NO_CODE)
def question_mark_in_a_code(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """Somebody was not sure: `M?`."""
    return _spoil(copy, patient, rng, ("coding", "boolean"), lambda value, _: f"{value}?")


@CATALOGUE.cell("codes", NO_CODE)
def encoding_damage_in_a_cell(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """UTF-8 read as Windows' code page and saved: `Å¾ije`."""

    def change(value: Any, _: Target) -> Any:
        text = str(value)
        if text.isascii():
            return None
        damaged = text.encode("utf-8").decode("cp1252", errors="replace").replace("�", "?")
        return damaged if damaged.encode(copy.feed.encoding, "ignore").decode(copy.feed.encoding) else None

    def plain(value: Any, target: Target) -> Any:
        found = change(value, target)
        return "".join(c for c in found if _encodable(c, copy)) if found else None

    return _spoil(copy, patient, rng, ("coding", "boolean"), plain)


@CATALOGUE.cell("numbers", f"{NOT_A_NUMBER} not_whole unknown_code")
def text_in_a_number_cell(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """Words where a number should be."""
    word = rng.choice(["n.d.", "see report", "ND", "low", "x"])
    return _spoil(copy, patient, rng, ("quantity", "integer"), lambda *_: word)


@CATALOGUE.cell("numbers", f"{NOT_A_NUMBER} not_whole unknown_code")
def other_decimal_sign(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """A decimal comma in a file of points, a point in a file of commas."""

    def change(value: Any, _: Target) -> Any:
        text = _as_text(value)
        return (
            text.replace(".", ";").replace(",", ".").replace(";", ",") if "." in text or "," in text else None
        )

    return _spoil(copy, patient, rng, ("quantity",), change)


@CATALOGUE.cell("numbers", f"{NOT_A_NUMBER} not_whole unknown_code")
def letter_for_a_digit(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """O for 0, l for 1."""

    def change(value: Any, _: Target) -> Any:
        text = _as_text(value)
        wrong = text.replace("0", "O", 1) if "0" in text else text.replace("1", "l", 1)
        return None if wrong == text else wrong

    return _spoil(copy, patient, rng, ("quantity", "integer"), change)


@CATALOGUE.cell("numbers", f"{NOT_A_NUMBER} not_whole unknown_code")
def two_numbers_in_a_cell(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """A range or two readings in one cell."""
    return _spoil(copy, patient, rng, ("quantity",), lambda value, _: f"{_as_text(value)}-{_as_text(value)}1")


@CATALOGUE.cell("numbers", f"{NOT_A_NUMBER} not_whole unknown_code")
def unit_in_a_number_cell(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """Another unit than the column's, written behind the number."""

    def change(value: Any, target: Target) -> Any:
        return f"{_as_text(value)} mmol/kg" if target.unit else None

    return _spoil(copy, patient, rng, ("quantity",), change)


@CATALOGUE.cell("numbers", f"{NOT_A_NUMBER} not_whole unknown_code")
def comparator_where_none_is_read(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """`>` before a number."""

    def change(value: Any, target: Target) -> Any:
        return f">{_as_text(value)}" if "MRD" not in target.column else None

    return _spoil(copy, patient, rng, ("quantity",), change)


@CATALOGUE.cell("numbers", f"{NOT_A_NUMBER} not_whole unknown_code")
def two_decimal_signs(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """`1..5` or `1.2.3`."""

    def change(value: Any, _: Target) -> Any:
        text = _as_text(value)
        sign = copy.feed.decimal
        return text.replace(sign, sign * 2) if sign in text else None

    return _spoil(copy, patient, rng, ("quantity",), change)


@CATALOGUE.cell("numbers", "*.possible.* *.plausible.* not_whole not_a_number clinical.*")
def negative_number(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """A minus where nothing can be below zero."""

    def change(value: Any, _: Target) -> Any:
        if isinstance(value, int | float):
            return -value if value else None
        text = str(value)
        return f"-{text}" if text[:1].isdigit() and text.strip("0.,") and not text.endswith("%") else None

    return _spoil(copy, patient, rng, ("quantity",), change)


@CATALOGUE.cell("numbers", "excel_error formula_cell not_a_number unknown_code not_a_date not_whole")
def spreadsheet_error_in_a_cell(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """What a spreadsheet leaves where it cannot compute."""
    word = rng.choice(["#DIV/0!", "#N/A", "#REF!", "#VALUE!", "#NAME?"])
    return _spoil(copy, patient, rng, ("quantity", "partial_date"), lambda *_: word)


@CATALOGUE.cell("numbers", "formula_cell not_a_number unknown_code not_a_date not_whole")
def formula_in_a_cell(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """A formula instead of its value."""
    return _spoil(copy, patient, rng, ("quantity", "partial_date"), lambda *_: "=A1+1")


@CATALOGUE.cell("codes", "unit unknown_code")
def unknown_word_for_a_unit(copy: Copy, patient: str, rng: Random) -> Planted | None:
    """A unit that the analyte does not have."""
    rows = [(role, row) for role in ("test.unit", "dose_unit") for row in copy.rows(role, patient)]
    if not rows:
        return None
    role, row = rng.choice(rows)
    if role == "dose_unit":
        return None
    copy.put(role, row, "mg/ml")
    value = copy.cell("test.value", row)
    return Planted((copy.cell(role, row), value))

"""The check's page: whole, in the centre's language, without a value, for every kind of fault."""

from __future__ import annotations

import html
import re
from datetime import UTC, date, datetime
from itertools import pairwise
from pathlib import Path

import pytest

from allpool.config import load_config
from allpool.etl.check.page import check_page
from allpool.etl.check.precheck import Precheck, precheck
from allpool.etl.messages import LANGUAGES, MessageLanguage, load_messages
from tests.etl.check.broken import FAULTS, SECRETS, healthy

ROOT = Path(__file__).resolve().parents[3]
EXAMPLE = ROOT / "examples" / "consortium"
TODAY = date(2026, 11, 20)
AT = datetime(2026, 11, 20, 16, 45, tzinfo=UTC)
MAPPED = {feed.mapping: feed for feed in load_config(EXAMPLE / "allpool.toml").content.feeds}


def checked(folder: Path) -> Precheck:
    return precheck([folder / "data"], folder / "mappings" / "one.yaml", today=TODAY)


def page(found: Precheck, language: MessageLanguage = "en") -> str:
    return check_page(found, language=language, checked_on=AT)


def text(found: str) -> str:
    """Return what a reader sees of a page."""
    body = re.sub(r"<style>.*?</style>", "", found, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


@pytest.fixture(scope="module")
def messy(tmp_path_factory: pytest.TempPathFactory) -> Precheck:
    """A check that has something in each of its parts."""
    folder = healthy(tmp_path_factory.mktemp("messy") / "one")
    rows = [f"{number:04d};Zebra;01.02.1980;;5.1;03.04.2024" for number in range(10, 2010, 2)]
    rows += ["3001;m;01.02.1980;;9000;03.04.2024", "3002;m;soon;;high;03.04.2031", "3003;m"]
    (folder / "data" / "patients.csv").write_text(
        "\n".join(["id;sex;born;died;wbc;seen;remark", *(f"{row};r" for row in rows), ""]), encoding="utf-8"
    )
    (folder / "data" / "visits.xlsx").write_bytes(b"no workbook")
    return checked(folder)


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_is_told_in_every_language(tmp_path: Path, fault: str):
    make, rule = FAULTS[fault]
    folder = healthy(tmp_path / "one")
    make(folder)
    found = checked(folder)
    messages = load_messages()
    assert rule in {group.rule for group in found.groups}
    assert all(account.balanced for account in found.accounts.values())
    for group in found.groups:
        assert messages.knows(group.expected), group.expected
    for language in LANGUAGES:
        seen = text(page(found, language))
        assert messages.title(rule, language) in seen
        assert not [secret for secret in SECRETS if secret in seen]


def test_files_without_fault_load_whole(tmp_path: Path):
    found = checked(healthy(tmp_path / "one"))
    assert not found.groups
    assert "Everything would load." in text(page(found))
    assert "全部内容均可导入" in text(page(found, "zh"))
    assert "Vše by se načetlo." in text(page(found, "cs"))


@pytest.mark.parametrize("mapping", sorted(MAPPED))
def test_the_example_consortium_in_every_language(mapping: str):
    feed = MAPPED[mapping]
    found = precheck([EXAMPLE / feed.folder], EXAMPLE / "mappings" / mapping, today=TODAY)
    messages = load_messages()
    for group in (*found.groups, *found.warnings):
        assert messages.knows(group.expected), group.expected
    for account in found.accounts.values():
        assert account.balanced
        assert all(messages.knows(reason) for reason in account.ignored_by)
    titles = {(kind.record, messages.record(kind.record, kind.element, "cs")) for kind in found.kinds}
    assert titles
    assert not [record for record, title in titles if record == title]
    for language, word in zip(LANGUAGES, ("What will load", "可以导入的内容", "Co se načte"), strict=True):
        assert word in page(found, language)


def test_the_page_needs_nothing_else(messy: Precheck):
    for language in LANGUAGES:
        found = page(messy, language)
        assert not re.search(r"https?:|src=|<script|<link|@import|url\(|<img|<form", found)
        assert "default-src 'none'" in found
        assert len(found) < 100_000


def test_the_page_says_its_language(messy: Precheck):
    assert [re.search(r'<html lang="([^"]+)">', page(messy, language))[1] for language in LANGUAGES] == [  # type: ignore[index]
        "en",
        "zh-Hans",
        "cs",
    ]


@pytest.mark.parametrize("language", ["zh", "cs"])
def test_no_english_is_left_on_a_page_in_another_language(messy: Precheck, language: MessageLanguage):
    messages = load_messages()
    seen = text(page(messy, language))
    english = {words["en"] for words in messages.labels.values() if len(words["en"]) > 8}
    english |= {rule.title["en"] for rule in messages.rules.values() if len(rule.title["en"]) > 8}
    assert not {words for words in english if words in seen}


def test_equal_findings_are_one_line_with_their_rows(messy: Precheck):
    group = next(group for group in messy.groups if group.rule == "unknown_code")
    assert (group.column, group.cells, group.rows[:3]) == ("sex", 1000, (2, 3, 4))
    seen = text(page(messy))
    assert "1,000 2–1001" in seen
    assert "1\u00a0000" in html.unescape(page(messy, "cs"))


def test_scattered_rows_are_folded_away_and_all_there(tmp_path: Path):
    folder = healthy(tmp_path / "one")
    rows = [f"{number:04d};{'m' if number % 2 else 'Zebra'};01.02.1980;;5;03.04.2024" for number in range(40)]
    (folder / "data" / "patients.csv").write_text(
        "\n".join(["id;sex;born;died;wbc;seen", *rows, ""]), encoding="utf-8"
    )
    found = page(checked(folder))
    assert "2, 4, 6, 8, 10 and 15 more" in text(found)
    assert "<details>" in found
    assert "36, 38, 40" in text(found)


def test_a_file_that_cannot_be_read_stands_in_the_account(messy: Precheck):
    assert messy.accounts.keys() == {"patients.csv"}
    assert "visits.xlsx could not be read" in text(page(messy))
    assert "visits.xlsx 无法读取" in text(page(messy, "zh"))


def test_the_account_is_shown_and_holds(messy: Precheck):
    (account,) = messy.accounts.values()
    cells = (account.loaded, account.quarantined, account.ignored, account.empty)
    assert account.read == sum(cells)
    shown = " ".join(f"{number:,}" for number in (account.rows, account.read, *cells))
    assert f"patients.csv {shown}" in text(page(messy))
    assert "The sum holds for every file" in text(page(messy))


def test_what_only_warns_loads_and_stands_apart(tmp_path: Path):
    folder = healthy(tmp_path / "one")
    make = "0003;m;01.02.1980;;9000;03.04.2024"
    text_of = (folder / "data" / "patients.csv").read_text(encoding="utf-8")
    (folder / "data" / "patients.csv").write_text(f"{text_of}{make}\n", encoding="utf-8")
    found = checked(folder)
    assert not found.groups
    (warning,) = found.warnings
    assert (warning.column, warning.rows) == ("wbc", (4,))
    assert ".plausible." in warning.rule
    assert sum(kind.records for kind in found.kinds if kind.record == "wbc") == 3
    seen = text(page(found, "cs"))
    assert "Co se načte, ale stojí za kontrolu" in seen
    assert "9000" not in seen


def test_a_rule_that_most_rows_break_holds_back_the_delivery(tmp_path: Path):
    folder = healthy(tmp_path / "one")
    rows = [f"{number:04d};m;01.02.1980;;5;03.04.2031" for number in range(30)]
    (folder / "data" / "patients.csv").write_text(
        "\n".join(["id;sex;born;died;wbc;seen", *rows, ""]), encoding="utf-8"
    )
    found = checked(folder)
    assert [rule.rule for rule in found.blocked] == ["observation.effective_date.future"]
    assert not found.kinds
    assert all(account.loaded == 0 and account.balanced for account in found.accounts.values())
    assert "整批数据将暂不导入" in text(page(found, "zh"))


def test_a_patient_key_that_identifies_is_told(tmp_path: Path):
    folder = healthy(tmp_path / "one")
    mapping = folder / "mappings" / "one.yaml"
    # synthetic birth numbers: 1 January 1980, divisible by eleven
    numbers = [str(number) for number in range(8001011000, 8001012000) if number % 11 == 0][:8]
    mapping.write_text(
        mapping.read_text(encoding="utf-8").replace("[0-9]{4}", "[0-9]{10}|[0-9]{4}"), encoding="utf-8"
    )
    rows = [f"{key};m;01.02.1980;;5.1;03.04.2024" for key in numbers]
    (folder / "data" / "patients.csv").write_text(
        "\n".join(["id;sex;born;died;wbc;seen", *rows, ""]),
        encoding="utf-8",
    )
    (folder / "data" / "visits.xlsx").unlink()
    found = checked(folder)
    assert [key.column for key in found.keys] == ["id"]
    seen = text(page(found, "cs"))
    assert "vypadá jako přímý identifikátor" in seen
    assert not [key for key in numbers if key in seen]


def test_headings_descend_and_cells_have_headers(messy: Precheck):
    found = page(messy)
    levels = [int(level) for level in re.findall(r"<h(\d)", found)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later <= earlier + 1 for earlier, later in pairwise(levels))
    assert not re.search(r"<th(?![^>]*scope=)[ >]", found)
    for row in re.findall(r"<tr[^>]*>(.*?)</tr>", found, flags=re.DOTALL):
        assert "<th" in row
    assert found.count("<table") == found.count("<thead")


def test_colours_have_contrast(messy: Precheck):
    found = page(messy)
    colours = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", found))
    grounds = set(re.findall(r"background: (#[0-9a-f]{3,6})", found))
    assert {"#fff8c5", "#dafbe1", "#ffebe9"} <= grounds
    for ground in (*grounds, colours["band"]):
        assert _contrast(colours["ink"], ground) >= 7  # WCAG 2.2, 1.4.6
    for ink in (colours["soft"], colours["link"], "#9a3412"):
        assert _contrast(ink, "#fff") >= 4.5  # WCAG 2.2, 1.4.3


def _contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours (WCAG 2.2, definition of contrast ratio)."""
    lights = sorted((_luminance(one), _luminance(other)))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def _luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_a_page_is_the_same_for_the_same_check(messy: Precheck):
    assert page(messy, "zh") == page(messy, "zh")


def test_markup_in_names_is_text(tmp_path: Path):
    folder = healthy(tmp_path / "one")
    source = folder / "data" / "patients.csv"
    source.write_text(source.read_text(encoding="utf-8").replace("wbc", "<b>wbc"), encoding="utf-8")
    found = page(checked(folder))
    assert "<b>" not in found
    assert "&lt;b&gt;wbc" in found

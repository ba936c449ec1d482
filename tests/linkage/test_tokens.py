"""Tokens: identifiers become keyed hashes at the door and are found nowhere after it; on both databases."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, MetaData, select

from allpool.cli import run as command
from allpool.cli.nightly import make_ready
from allpool.config import load_config
from allpool.errors import MappingError, SecretError
from allpool.etl.linkage.identifiers import national_number, plain_name, plain_number
from allpool.etl.linkage.tokens import MADE
from allpool.etl.night import NightReport, run_night
from allpool.mappings.compile import load_mapping
from tests.etl.personal_numbers import birth_number, resident_id

NOW = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)
NAMES = (("Dvořáčková", "Jarmila"), ("Müller-Weiß", "Anežka"), ("Horáčkův", "Řehoř"), ("欧阳", "慕容雪"))
SPELLED = (("DVOŘÁČKOVÁ", "Jarmila"), ("muller weiss", "Anezka"), ("HORACKUV", " Rehor"), ("欧阳", "慕容雪"))
"""The same people, as another centre writes them."""
BORN = ("1975-02-03", "1981-12-24", "1968-07-01", "1990-10-10")

CONFIG = """[consortium]
name = "two centres (synthetic)"
synthetic = true
[store]
url = "sqlite:///allpool.db"
[pseudonyms]
key_file = "allpool.key"
[linkage]
key_file = "linkage.key"
[[feeds]]
id = "brno"
study = "s1"
centre = "brno"
mapping = "brno.yaml"
folder = "data/brno"
[[feeds]]
id = "praha"
study = "s2"
centre = "praha"
mapping = "praha.yaml"
folder = "data/praha"
"""
MAPPING = """mapping: {centre}
version: "1"
language: cs
sources:
  patients:
    file: "*.csv"
    read: {{format: csv, encoding: utf-8}}
    patient: {{column: id, pattern: "[A-Z]-[0-9]+"}}
    missing: [NA]
    linkage:
      {name}
      birth_date: {{column: narozen, format: {format}}}
      sex: {{column: pohlaví, codes: {{žena: female, muž: male}}}}
      national_id: {{column: rč, country: cz}}
      hospital_number: {{column: chorobopis}}
    records:
      - record: patient
        sex: {{column: pohlaví, codes: {{žena: female, muž: male}}}}
      - record: subject
        status: on-study
    ignore: [poznámka]
"""
BRNO = MAPPING.format(
    centre="brno",
    name="family_name: {column: příjmení}\n      given_name: {column: jméno}",
    format="iso",
)
PRAHA = MAPPING.format(centre="praha", name="full_name: {column: pacient}", format='"%d.%m.%Y"')


def number(of: int) -> str:
    return birth_number(of + 40)


def deliver(folder: Path, *, wrong: bool = False) -> Path:
    """Write a consortium of two centres with the same four people, and one more in each."""
    for name, text in {
        "allpool.toml": CONFIG,
        "allpool.key": "a key of the pseudonyms, for tests",
        "linkage.key": "a key of the tokens, for tests",
        "mappings/brno.yaml": BRNO,
        "mappings/praha.yaml": PRAHA,
        "studies/s1.yaml": STUDY.format("s1", "brno"),
        "studies/s2.yaml": STUDY.format("s2", "praha"),
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (folder / "plans").mkdir()
    rows = ["id,příjmení,jméno,narozen,pohlaví,rč,chorobopis,poznámka"]
    others = ["id,pacient,narozen,pohlaví,rč,chorobopis,poznámka"]
    for of, ((family, given), (family_too, given_too), born) in enumerate(
        zip(NAMES, SPELLED, BORN, strict=True)
    ):
        sex = ("žena", "muž")[of % 2]
        rows.append(f"A-{of},{family},{given},{born},{sex},{number(of) if of < 2 else 'NA'},CH 77{of},x")
        year, month, day = born.split("-")
        whole = f"{given_too} {family_too}" if of < 3 else f"{family_too}{given_too}"
        told = number(of).replace("/", "") if of < 2 else ""
        others.append(f"B-{of},{whole},{day}.{month}.{year},{sex},{told},CH 77{of},x")
    rows.append(f"A-9,Jedlička,Otakar,1950-01-01,muž,{'750203/0001' if wrong else number(9)},,x")
    others.append(f"B-9,Smetana Bedřich,02.03.1944,muž,{number(8)},,x")
    for name, lines in (("brno", rows), ("praha", others)):
        path = folder / "data" / name / "patients_synthetic.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder / "allpool.toml"


STUDY = (
    "study: {0}\ntitle: SYNTHETIC\ndesign: prospective_phase_2\nperiod_start: 2021-01\nperiod_end: 2023-12\n"
    "ae_ascertainment: false\ncentres:\n  - {{id: {1}, name: {1} (synthetic)}}\n"
)


class Silent:
    def step(self, feed: str, name: str) -> None:
        """Say nothing."""


@pytest.fixture
def nights(store: Engine, tmp_path: Path) -> Callable[..., NightReport[Any]]:
    """Run a night in `tmp_path` into the store."""

    def night(config: Path) -> NightReport[Any]:
        make_ready(store)
        url = store.url.render_as_string(hide_password=False)
        return run_night(load_config(config, store_url=url), store, now=NOW, watch=Silent())

    return night


def everything(engine: Engine) -> str:
    """Return all texts in all tables of a store."""
    known = MetaData()
    known.reflect(engine)
    said: list[str] = []
    with engine.connect() as connection:
        for table in known.tables.values():
            said += [str(tuple(row)) for row in connection.execute(select(table))]
    return "\n".join(said)


def secrets() -> set[str]:
    names = {part for pair in (*NAMES, *SPELLED) for part in pair} | {
        "Jedlička",
        "Otakar",
        "Smetana",
        "Bedřich",
    }
    numbers = {number(of) for of in (0, 1, 8, 9)}
    return (
        names | numbers | {text.replace("/", "") for text in numbers} | {"CH 77", "CH77", *BORN, "1944-03-02"}
    )


def tokens_of(engine: Engine) -> dict[str, dict[str, str]]:
    """Return centre and row -> kind -> token."""
    from allpool.models import Patient

    own = Patient.__table__.c
    with engine.connect() as connection:
        rows = connection.execute(select(own.centre, own.source_row, own.linkage_token)).all()
    return {
        f"{centre} {row - 2}": dict(token.split(":") for token in (tokens or "").split())
        for centre, row, tokens in rows
    }


def test_one_person_bears_one_token_however_a_centre_writes_the_name(
    store: Engine, nights: Callable[..., NightReport[Any]], tmp_path: Path
) -> None:
    report = nights(deliver(tmp_path))
    assert [feed.status for feed in report.feeds] == ["published"] * 3
    found = tokens_of(store)
    for of in range(4):
        here, there = found[f"brno {of}"], found[f"praha {of}"]
        for kind in ("name_birth_sex", "name_birth", "name_birth_year"):
            assert here[kind] == there[kind], (of, kind)
        assert (here.get("national_id") == there.get("national_id")) is True
        assert ("national_id" in here) is (of < 2)
        assert here["hospital_number"] != there["hospital_number"]  # a number is of one hospital
    assert not set(found["brno 4"].values()) & set(found["praha 4"].values())
    every = [token for own in found.values() for token in own.values()]
    assert all(len(token) == 32 for token in every)
    assert report.candidates == 4
    with store.connect() as connection:
        from allpool.models import PatientLink

        links = connection.execute(select(PatientLink.__table__)).all()
    assert {row.method for row in links} == {"token"}
    assert all(row.evidence["token_name_birth_sex"] == "equal" for row in links)


def test_identifiers_are_nowhere_in_the_store(
    store: Engine, nights: Callable[..., NightReport[Any]], tmp_path: Path
) -> None:
    report = nights(deliver(tmp_path, wrong=True))
    said = everything(store) + repr(report)
    assert "name_birth_sex:" in said  # what is looked through holds the tokens
    assert {secret for secret in secrets() | {"750203/0001", "7502030001"} if secret in said} == set()
    [brno] = [feed for feed in report.feeds if feed.feed == "brno"]
    [account] = brno.accounts.values()
    assert account.balanced
    # five columns for tokens alone, but for the number that is wrong and one that is not there
    assert account.ignored_by[MADE] == 5 * 5 - 1 - 1
    assert account.quarantined == 1
    assert brno.waiting == 1
    from allpool.models import Quarantine

    with store.connect() as connection:
        [entry] = connection.execute(select(Quarantine.__table__)).all()
    assert (entry.rule, entry.column, entry.row, entry.value) == ("linkage_identifier", "rč", 6, None)
    assert entry.expected == "a Czech birth number (rodné číslo) with its check digit"


def test_a_patient_in_two_files_bears_the_tokens_of_both(
    store: Engine, nights: Callable[..., NightReport[Any]], tmp_path: Path
) -> None:
    config = deliver(tmp_path)
    more = "id,příjmení,jméno,narozen,pohlaví,rč,chorobopis,poznámka\n"
    more += f"A-0,Dvořáčková,Jarmilla,{BORN[0]},žena,,,x\nA-2,,,,,{number(3)},,x\n"
    (tmp_path / "data" / "brno" / "more_synthetic.csv").write_text(more, encoding="utf-8")
    report = nights(config)
    assert report.feeds[1].waiting == 0
    from allpool.models import Patient

    with store.connect() as connection:
        rows = connection.execute(select(Patient.linkage_token).where(Patient.centre == "brno")).scalars()
        kinds = sorted([token.split(":")[0] for token in (tokens or "").split()] for tokens in rows)
    twice = ["hospital_number", *("name_birth",) * 2, *("name_birth_sex",) * 2, *("name_birth_year",) * 2]
    assert [*twice, "national_id"] in kinds
    assert ["hospital_number", "name_birth", "name_birth_sex", "name_birth_year", "national_id"] in kinds
    assert report.candidates == 4


def test_running_again_changes_nothing_and_another_key_makes_other_tokens(
    store: Engine, nights: Callable[..., NightReport[Any]], tmp_path: Path
) -> None:
    config = deliver(tmp_path)
    nights(config)
    first = tokens_of(store)
    assert [feed.status for feed in nights(config).feeds] == ["unchanged"] * 3
    assert tokens_of(store) == first
    (tmp_path / "linkage.key").write_text("another key of the tokens", encoding="utf-8")
    report = nights(config)
    second = tokens_of(store)
    assert second.keys() == first.keys()
    assert not {t for own in first.values() for t in own.values()} & {
        t for own in second.values() for t in own.values()
    }
    assert report.candidates == 4


def test_without_a_key_the_feed_waits_and_says_why(
    store: Engine, nights: Callable[..., NightReport[Any]], tmp_path: Path
) -> None:
    config = deliver(tmp_path)
    config.write_text(CONFIG.replace('[linkage]\nkey_file = "linkage.key"\n', ""), encoding="utf-8")
    report = nights(config)
    [_, brno, _] = report.feeds
    assert brno.status == "failed"
    assert "set ALLPOOL_LINKAGE_KEY" in str(brno.message)


def test_a_centre_checks_its_files_without_any_key(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    deliver(tmp_path, wrong=True)
    page = tmp_path / "check.html"
    mapping = tmp_path / "mappings" / "brno.yaml"
    code = command(
        ["check", str(tmp_path / "data" / "brno"), "--mapping", str(mapping), "--report", str(page), "--json"]
    )
    said = capsys.readouterr().out + page.read_text(encoding="utf-8")
    assert code == 1
    assert "linkage_identifier" in said
    assert {secret for secret in secrets() | {"750203/0001"} if secret in said} == set()


def test_the_key_is_one_of_its_own(tmp_path: Path) -> None:
    config = load_config(deliver(tmp_path))
    assert config.linkage_key({"ALLPOOL_LINKAGE_KEY": "sixteen bytes or more"}) == b"sixteen bytes or more"
    with pytest.raises(SecretError, match="fewer than 16 bytes"):
        config.linkage_key({"ALLPOOL_LINKAGE_KEY": "short"})
    with pytest.raises(SecretError, match="is that of the pseudonyms"):
        config.linkage_key({"ALLPOOL_LINKAGE_KEY": "a key of the pseudonyms, for tests"})


@pytest.mark.parametrize(
    ("said", "instead", "message"),
    [
        ("      given_name: {column: jméno}\n", "", "a name is family_name and given_name, or full_name"),
        ("      birth_date: {column: narozen, format: iso}\n", "", "a token of a name takes birth_date"),
        ("country: cz", "country: xx", "country"),
        (
            "      - record: patient\n        sex:",
            "      - record: ph_status\n        value:",
            "no record `patient`",
        ),
        (
            "        sex: {column",
            "        linkage_token: {column: poznámka}\n        sex: {column",
            "of the centre's own",
        ),
        ("format: iso}", "format: nonsense}", "a date format has %Y once"),
    ],
    ids=["half a name", "no birth", "country", "no patient", "two tokens", "format"],
)
def test_a_wrong_linkage_is_refused_with_its_line(
    tmp_path: Path, said: str, instead: str, message: str
) -> None:
    assert said in BRNO
    path = tmp_path / "brno.yaml"
    path.write_text(BRNO.replace(said, instead), encoding="utf-8")
    with pytest.raises(MappingError, match=message) as stopped:
        load_mapping(path)
    assert stopped.value.place is not None
    assert stopped.value.place.line


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (["Nováková", "Jana"], ["JANA", "Novakova"]),
        (["Müller-Weiß", "Anežka"], ["Anezka Muller Weiss"]),
        (["欧阳", "慕容雪"], ["欧阳慕容雪"]),
        (["Ｗａｎｇ", "Ｗｅｉ"], ["wang wei"]),
        (["O'Neill", "Áine"], ["oneill".replace("oneill", "O’Neill"), "Aine"]),
    ],
)
def test_names_are_one_whatever_their_spelling(one: list[str], other: list[str]) -> None:
    assert plain_name(one) == plain_name(other) is not None


def test_different_names_stay_different() -> None:
    assert plain_name(["张", "伟"]) != plain_name(["伟", "张"])
    assert plain_name(["Novák", "Jan"]) != plain_name(["Nováková", "Jana"])
    assert plain_name(["--", "1"]) is None


def test_national_numbers_are_checked_and_brought_to_one_form() -> None:
    czech, chinese = birth_number(4), resident_id(4)
    assert national_number(czech, "cz") == national_number(f" {czech.replace('/', '')} ", "cz")
    assert national_number("750203/0001", "cz") is None
    assert national_number(chinese.lower(), "cn") == f"cn:{chinese}"
    assert national_number(chinese[:-1] + ("0" if chinese[-1] != "0" else "1"), "cn") is None
    first_generation = chinese[:6] + chinese[8:17]
    assert national_number(first_generation, "cn") == f"cn:{chinese}"
    assert national_number("A123456780", "de") == "de:A123456780"
    assert national_number("A123456781", "de") is None
    assert plain_number(" ch 77 １ ") == "CH771"
    assert plain_number("  ") is None

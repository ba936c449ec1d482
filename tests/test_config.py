"""The configuration: checked whole, paths from its folder, secrets from elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from allpool.config import find_config, load_config
from allpool.errors import ConfigError, ExitCode, SecretError, exit_code

GOOD = """
[consortium]
name = "A consortium"
[store]
url = "sqlite:///store.db"
[[feeds]]
id = "one"
study = "s1"
centre = "c1"
mapping = "one.yaml"
folder = "data/one"
"""


def written(folder: Path, text: str) -> Path:
    file = folder / "allpool.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_paths_are_taken_from_the_configurations_folder(tmp_path: Path) -> None:
    found = load_config(written(tmp_path, GOOD))
    assert found.store_url == f"sqlite:///{tmp_path / 'store.db'}"
    assert found.path("data") == tmp_path / "data"
    assert [feed.mode for feed in found.feeds] == ["snapshot"]


def test_a_store_given_by_hand_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    found = load_config(written(tmp_path, GOOD), store_url="sqlite:///other.db")
    assert found.store_url == f"sqlite:///{tmp_path / 'other.db'}"
    server = "postgresql+psycopg://host/name"
    assert load_config(tmp_path / "allpool.toml", store_url=server).store_url == server


def test_the_nearest_configuration_above_is_found(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    assert find_config(written(tmp_path, GOOD).parent / "a" / "b") == tmp_path / "allpool.toml"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("[store]", "[stor]"), "stor"),
        (('name = "A consortium"', ""), "name"),
        (('id = "one"', 'id = "o n e"'), "id"),
        (('mapping = "one.yaml"', 'mapping = "one.yaml"\nmode = "sometimes"'), "mode"),
        (("[consortium]", "[consortium"), "TOML"),
    ],
)
def test_a_wrong_configuration_names_file_and_setting(
    tmp_path: Path, change: tuple[str, str], message: str
) -> None:
    file = written(tmp_path, GOOD.replace(*change))
    with pytest.raises(ConfigError, match=message) as caught:
        load_config(file)
    assert "allpool.toml" in str(caught.value)
    assert exit_code(caught.value) is ExitCode.WRONG_USE


def test_two_feeds_of_one_centre_in_one_study_are_refused(tmp_path: Path) -> None:
    feed = GOOD[GOOD.index("[[feeds]]") :]
    with pytest.raises(ConfigError, match="study and centre"):
        load_config(written(tmp_path, GOOD + feed.replace('"one"', '"two"')))


def test_no_configuration_at_all(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="allpool init"):
        find_config(tmp_path)
    with pytest.raises(ConfigError, match="no such file"):
        load_config(tmp_path / "absent.toml")


def test_the_key_comes_from_the_environment_or_a_file(tmp_path: Path) -> None:
    found = load_config(written(tmp_path, GOOD))
    assert found.pseudonym_key({"ALLPOOL_PSEUDONYM_KEY": "k" * 32}) == b"k" * 32
    (tmp_path / "secret").write_text("f" * 32 + "\n", encoding="utf-8")
    with_file = load_config(written(tmp_path, GOOD + '[pseudonyms]\nkey_file = "secret"\n'))
    assert with_file.pseudonym_key({}) == b"f" * 32


@pytest.mark.parametrize(
    ("more", "environment", "message"),
    [
        ("", {}, "ALLPOOL_PSEUDONYM_KEY"),
        ("", {"ALLPOOL_PSEUDONYM_KEY": "short"}, "16 bytes"),
        ('[pseudonyms]\nkey_file = "absent"\n', {}, "does not exist"),
    ],
)
def test_no_key_is_made_up(tmp_path: Path, more: str, environment: dict[str, str], message: str) -> None:
    found = load_config(written(tmp_path, GOOD + more))
    with pytest.raises(SecretError, match=message):
        found.pseudonym_key(environment)


def test_only_an_example_runs_with_the_example_key(tmp_path: Path) -> None:
    example = GOOD.replace('name = "A consortium"', 'name = "A consortium"\nexample = true')
    assert load_config(written(tmp_path, example)).pseudonym_key({})

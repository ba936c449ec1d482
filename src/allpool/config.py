"""The consortium's configuration: `allpool.toml`, read once, checked whole."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from allpool.errors import ConfigError, Place, SecretError

FILE_NAME = "allpool.toml"
EXAMPLE_KEY = "allpool-example-key-not-a-secret"  # synthetic patients only; refused elsewhere
EXAMPLE_LINKAGE_KEY = "allpool-example-linkage-key-not-a-secret"  # likewise
MINIMUM_KEY_BYTES = 16  # NIST SP 800-107r1, 5.3.2: an HMAC key below 112 bits is too weak

Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]


class Section(BaseModel):
    """Base of all sections: frozen, no unknown words."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class About(Section):
    """Who the consortium is."""

    name: str
    synthetic: bool = False
    """All patients are invented; marked so in the store, the pages and the exports."""
    example: bool = False
    """Runs with the example key; only for data that is no secret."""


class StoreSection(Section):
    """Where the store is."""

    url: str


class Pseudonyms(Section):
    """Where the key of the pseudonyms is; never the key itself."""

    key_env: str = "ALLPOOL_PSEUDONYM_KEY"
    key_file: str | None = None


class LinkageSection(Section):
    """Where the key of the linkage tokens is: one for all centres, and another than the pseudonyms'."""

    key_env: str = "ALLPOOL_LINKAGE_KEY"
    key_file: str | None = None


class Paths(Section):
    """Folders and files, relative to the configuration."""

    mappings: str = "mappings"
    studies: str = "studies"
    plans: str = "plans"
    published: str = "published"
    """What papers print of the studies, and how it is recomputed; the folder may be absent."""
    output: str = "build"


class FeedSection(Section):
    """One centre's delivery."""

    id: Identifier
    mapping: str
    folder: str
    study: Identifier | None = None
    """Left out where the mapping reads it from a column."""
    centre: Identifier | None = None
    mode: Literal["snapshot", "append"] = "snapshot"
    contact: str | None = None
    """Who answers this feed's queries: a role, as `data manager, centre A`."""


class DisclosureSection(Section):
    """What may leave the store in pages and result files; synthetic patients are exempt."""

    # "some agencies require at least five": threshold rule, OECD Glossary of Statistical Terms
    # https://stats.oecd.org/glossary/detail.asp?ID=7010
    minimum: int = Field(default=5, ge=1)
    """Least count of persons that is shown; 1 shows all, Medicare's rule is 11."""


class QualitySection(Section):
    """What the audit tolerates, and what it writes."""

    file: str | None = None
    """Limits per centre and rule (docs/quality.md)."""
    share: float = Field(default=0.5, ge=0, le=1)
    """Share of rows that may fail a rule that quarantines before the feed is held back."""
    rows: int = Field(default=20, ge=1)
    """Least failing rows for that."""
    patients: int = Field(default=20, ge=1)
    """Patients from which a promised element that none of them has is raised."""
    false_alarms: float = Field(default=0.01, gt=0, lt=1)
    """Chance that a delivery in which nothing has changed is raised by its trend."""
    deliveries: int = Field(default=20, ge=1)
    """Earlier deliveries that a trend is seen against."""
    data_docs: bool = False
    """Great Expectations' pages of each night, per centre and table."""


class ConfigFile(Section):
    """The content of `allpool.toml`."""

    consortium: About
    store: StoreSection
    pseudonyms: Pseudonyms = Pseudonyms()
    linkage: LinkageSection = LinkageSection()
    paths: Paths = Paths()
    disclosure: DisclosureSection = DisclosureSection()
    quality: QualitySection = QualitySection()
    feeds: tuple[FeedSection, ...] = ()

    @model_validator(mode="after")
    def _distinct(self) -> ConfigFile:
        for name, values in (
            ("feed id", [feed.id for feed in self.feeds]),
            ("study and centre", [f"{f.study}, {f.centre}" for f in self.feeds if f.study and f.centre]),
        ):
            twice = {value for value in values if values.count(value) > 1}
            if twice:
                raise ValueError(f"{name} stands twice: {', '.join(sorted(twice))}")
        return self


class Consortium:
    """A configuration with its paths resolved."""

    def __init__(self, file: Path, content: ConfigFile, *, store_url: str | None = None) -> None:
        self.file = file
        self.root = file.parent
        self.content = content
        self.store_url = absolute_store_url(
            store_url or content.store.url, self.root if not store_url else Path()
        )

    @property
    def feeds(self) -> tuple[FeedSection, ...]:
        """The feeds in the order of the configuration."""
        return self.content.feeds

    @property
    def synthetic(self) -> bool:
        """Whether all patients are invented."""
        return self.content.consortium.synthetic

    @property
    def name(self) -> str:
        """The consortium's name."""
        return self.content.consortium.name

    @property
    def output(self) -> Path:
        """Folder that reports and exports are written to."""
        return self.root / self.content.paths.output

    def path(self, *parts: str) -> Path:
        """Return a path relative to the configuration's folder."""
        return self.root.joinpath(*parts)

    def pseudonym_key(self, environment: Mapping[str, str] | None = None) -> bytes:
        """Return the key of the pseudonyms from the environment or the key file.

        Raises `SecretError` where neither gives one of at least 16 bytes and the data are not an example.
        """
        section = self.content.pseudonyms
        key = self._key(section, environment, example=EXAMPLE_KEY, of="pseudonyms")
        if key is None:
            raise SecretError(
                f"no key for the pseudonyms: set {section.key_env} or name a key_file under [pseudonyms]",
                place=Place(file=self.file.name),
            )
        return key

    def linkage_key(self, environment: Mapping[str, str] | None = None) -> bytes | None:
        """Return the key of the linkage tokens from the environment or the key file; None without one.

        Raises `SecretError` for one of fewer than 16 bytes, and for the key of the pseudonyms: who has one
        must not be able to make the other.
        """
        key = self._key(self.content.linkage, environment, example=EXAMPLE_LINKAGE_KEY, of="linkage tokens")
        if key is not None and key == self.pseudonym_key(environment):
            raise SecretError("the key for the linkage tokens is that of the pseudonyms; take another")
        return key

    def _key(
        self,
        section: Pseudonyms | LinkageSection,
        environment: Mapping[str, str] | None,
        *,
        example: str,
        of: str,
    ) -> bytes | None:
        given = (environment if environment is not None else os.environ).get(section.key_env)
        if given is None and section.key_file:
            path = self.root / section.key_file
            if not path.is_file():
                raise SecretError(
                    f"the key file {section.key_file} does not exist", place=Place(file=self.file.name)
                )
            given = path.read_text(encoding="utf-8").strip()
        if given is None and self.content.consortium.example:
            given = example
        if given is None:
            return None
        key = given.encode()
        if len(key) < MINIMUM_KEY_BYTES:
            raise SecretError(f"the key for the {of} has fewer than {MINIMUM_KEY_BYTES} bytes")
        return key


def absolute_store_url(url: str, root: Path) -> str:
    """Return a store URL whose SQLite file, if it has one, is resolved against `root`."""
    prefix = "sqlite:///"
    if url.startswith(prefix) and not url.startswith("sqlite:////") and url != prefix:
        return f"{prefix}{(root / url.removeprefix(prefix)).resolve()}"
    return url


def find_config(start: Path) -> Path:
    """Return the nearest `allpool.toml` in `start` or above. Raises `ConfigError` where there is none."""
    for folder in (start.resolve(), *start.resolve().parents):
        if (folder / FILE_NAME).is_file():
            return folder / FILE_NAME
    raise ConfigError(
        f"no {FILE_NAME} here or above; make one with `allpool init DIR` or name one with --config"
    )


def load_config(file: Path, *, store_url: str | None = None) -> Consortium:
    """Read a configuration; `store_url` wins over the one in the file.

    Raises `ConfigError` that names the file and the setting.
    """
    place = Place(file=str(file))
    try:
        raw: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError("there is no such file", place=place) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as broken:
        raise ConfigError(f"is not TOML: {broken}", place=place) from None
    try:
        return Consortium(file.resolve(), ConfigFile.model_validate(raw), store_url=store_url)
    except ValidationError as invalid:
        first = invalid.errors(include_url=False, include_input=False)[0]
        name = ".".join(str(part) for part in first["loc"]) or "configuration"
        raise ConfigError(f"{name}: {first['msg'].removeprefix('Value error, ')}", place=place) from None

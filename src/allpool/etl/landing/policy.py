"""What of a FHIR resource identifies a person: `deidentification.yaml`, worked out per type."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final, Literal, NamedTuple

from allpool.mappings.dictionary import Frozen
from allpool.mappings.positions import read_yaml
from allpool.models.fhir_types import OPEN, RESOURCE, SIBLING, Member, is_resource_type, members

Pseudonym = Literal["id", "reference", "value"]

PERSONAL: Final = frozenset(
    {"HumanName", "Address", "LocationPosition", "ContactPoint", "ContactDetail", "Signature"}
)
"""Types that go from resources that describe no person, too."""

PERSONAL_MEMBERS: Final = frozenset(
    {"text", "contact", "author", "editor", "reviewer", "endorser", "note", "publisher"}
)
"""The same of types whose members nobody tells us (`fhir_types.OPEN`)."""


SAMPLES: Final = "SampledData.data"
"""A text of numbers, in which persons' numbers would be found by chance."""


class Action(NamedTuple):
    """What landing does with one member of a type."""

    kind: Literal["keep", "drop", "pseudonym", "within"]
    member: Member
    rule: str = ""
    """Named rule of what goes."""
    pseudonym: Pseudonym = "id"
    partial: bool = False
    """Of what is within, only the parts stay that the type's entry under `parts` names."""
    open: bool = False
    """Texts, addresses and identifiers within stay."""
    searched: bool = False
    """Texts that stay are searched for persons."""


class Policy(Frozen):
    """The file `deidentification.yaml`."""

    types: Mapping[str, str]
    parts: Mapping[str, tuple[str, ...]]
    pseudonyms: Mapping[str, Pseudonym]
    keep: tuple[str, ...]
    drop: Mapping[str, str]
    extensions: tuple[str, ...]
    open: tuple[str, ...]

    def keeps_texts_of(self, url: object) -> bool:
        """Return whether the texts of an extension stay."""
        return isinstance(url, str) and any(
            url.startswith(known) if known.endswith("/") else url == known for known in self.extensions
        )

    def is_open(self, type_name: str) -> bool:
        """Return whether resources of a type describe no person."""
        return type_name in self.open or type_name in OPEN


@cache
def load_policy() -> Policy:
    """Return the policy that ships with allpool."""
    return read_yaml(Path(__file__).with_name("deidentification.yaml")).parse(Policy)


@cache
def actions(type_name: str, *, partial: bool, open: bool) -> Mapping[str, Action]:  # noqa: A002
    """Return what landing does with each member of a type; `resourceType`, not among them, is kept."""
    policy = load_policy()
    found = {
        name: _partial(policy, type_name, name, member)
        if partial
        else _action(policy, type_name, name, member, open)
        for name, member in members(type_name).items()
    }
    for name, member in members(type_name).items():
        if name.startswith("_"):
            found[name] = _sibling(found[name[1:]], member, open)
    return found


def _action(policy: Policy, type_name: str, name: str, member: Member, open_: bool) -> Action:
    place = f"{type_name}.{name}"
    if place in policy.drop:
        return Action("drop", member, rule=policy.drop[place])
    known = policy.pseudonyms.get(f"{RESOURCE}.id" if name == "id" and is_resource_type(type_name) else place)
    if known is not None and not (open_ and known == "value"):
        return Action("pseudonym", member, rule=known, pseudonym=known)
    if place in policy.keep or f"*.{name}" in policy.keep:
        return _stays(member, open_=True)._replace(searched=not open_ and place != SAMPLES)
    rule = policy.types.get(member.type)
    if rule is None or (open_ and member.type not in PERSONAL):
        return _stays(member, open_=open_)
    if member.type in policy.parts:
        return Action("within", member, rule=rule, partial=True)
    return Action("drop", member, rule=rule)


def _partial(policy: Policy, type_name: str, name: str, member: Member) -> Action:
    if name in policy.parts[type_name]:
        return _stays(member, open_=False)._replace(searched=True)
    return Action("drop", member, rule=policy.types[type_name])


def _stays(member: Member, *, open_: bool) -> Action:
    return Action("keep" if member.is_primitive else "within", member, open=open_)


def _sibling(of: Action, member: Member, open_: bool) -> Action:
    """Return what becomes of `_birthDate`: what becomes of `birthDate`, if that goes."""
    if of.kind in ("drop", "pseudonym"):
        return Action("drop", member, rule=of.rule)
    return Action("within", Member(SIBLING, member.is_list, False), open=open_)

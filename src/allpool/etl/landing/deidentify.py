"""A FHIR resource without the direct identifiers of persons; every leaf that goes is told."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from allpool.etl.landing.names import Names
from allpool.etl.landing.policy import PERSONAL_MEMBERS, Action, Policy, actions, load_policy
from allpool.etl.landing.pseudonyms import Pseudonyms
from allpool.etl.readers.fhir.parsing import Number, cells, labels
from allpool.models.fhir_types import NUMBERS, OPEN, RESOURCE, is_resource_type

DROPPED: Final = "direct identifier dropped at landing: {}"
PSEUDONYM: Final = "landed as a pseudonym"
UNKNOWN: Final = "not R4's, so that nobody knows whether it identifies"
"""What goes by it waits in quarantine: nobody decided that it may go."""

MOMENTS: Final = frozenset({"date", "dateTime", "instant", "time"})
MOMENT: Final = re.compile(r"^[0-9T:.+\-Z]+$")
CODE: Final = re.compile(r"^[^\s]{1,128}( [^\s]{1,128}){0,8}$")

PERSONS: Final = frozenset({"Patient", "RelatedPerson", "Person", "Practitioner"})

TELLS: Final = DROPPED.format("text that tells who it is")
SEARCHED: Final = frozenset({"string", "markdown"})
"""Types whose texts, where they stay, are searched for persons."""


class Taken(NamedTuple):
    """What is left of a resource, and what went: column of each leaf -> named rule."""

    resource: Mapping[str, Any]
    gone: dict[str, str]


class Deidentifier:
    """Takes direct identifiers out of resources of one centre."""

    def __init__(self, pseudonyms: Pseudonyms, *, hidden: frozenset[str] = frozenset()) -> None:
        """`hidden` are texts that go although they stand where texts stay: somebody's name is in them."""
        self.pseudonyms = pseudonyms
        self.names = Names()
        self.texts: set[str] = set()
        """Texts that stayed, to look for `names` in once all are known."""
        self.codes: set[str] = set()
        """The same of codes of several words, which a centre may have put anything into."""
        self._hidden = hidden
        self._policy: Policy = load_policy()
        self._gone: dict[str, str] = {}
        self._of_person = False

    def apply(self, resource: Mapping[str, Any]) -> Taken:
        """Return `resource` without what `deidentification.yaml` takes out, with pseudonyms that link."""
        self._gone = {}
        left = self._resource(resource, "", contained=False)
        return Taken(left, self._gone)

    def full_url(self, url: str) -> str:
        """Return the address of a Bundle's entry as its envelope has it."""
        return self.pseudonyms.reference(url)

    def _resource(self, value: Mapping[str, Any], path: str, *, contained: bool) -> dict[str, Any]:
        type_name = value.get("resourceType")
        if not isinstance(type_name, str) or not is_resource_type(type_name):
            self._drop(path, value, UNKNOWN)
            return {}
        before, self._of_person = self._of_person, type_name in PERSONS
        open_ = self._policy.is_open(type_name)
        if type_name in OPEN:
            left = self._unlisted(value, path)
        else:
            known = actions(type_name, partial=False, open=open_)
            left = {"resourceType": type_name}
            body = {name: item for name, item in value.items() if name != "resourceType"}
            left |= self._object(body, known, path, id_of=type_name, contained=contained)
        self._of_person = before
        return left

    def _unlisted(self, value: Mapping[str, Any], path: str) -> dict[str, Any]:
        """Return what is left of a resource that describes no person and whose members nobody tells us."""
        left: dict[str, Any] = {}
        for name, item in value.items():
            if name.lstrip("_") in PERSONAL_MEMBERS:
                self._drop(_within(path, name), item, DROPPED.format("contact"))
            else:
                left[name] = item
        return left

    def _object(
        self,
        value: Mapping[str, Any],
        known: Mapping[str, Action],
        path: str,
        *,
        id_of: str = "",
        contained: bool = False,
    ) -> dict[str, Any]:
        left: dict[str, Any] = {}
        for name, item in value.items():
            action = known.get(name)
            place = f"{path}.{name}" if path else name
            if action is None:
                self._drop(place, item, UNKNOWN)
                continue
            kind, member = action.kind, action.member
            if kind == "drop":
                if self._of_person:
                    self.names.add(item)
                self._drop(place, item, DROPPED.format(action.rule))
            elif member.is_list != isinstance(item, list):
                self._drop(place, item, UNKNOWN)
            elif kind == "keep":
                rule = self._against(item if member.is_list else (item,), action)
                if rule is None:
                    left[name] = item
                else:
                    self._drop(place, item, rule)
            elif kind == "pseudonym":
                self._replace(left, name, item, place, action, id_of=id_of, contained=contained)
            elif member.is_list:
                kept = self._items(item, action, place, name)
                if any(part is not None for part in kept):
                    left[name] = kept
            elif (part := self._within(item, action, place, name)) is not None:
                left[name] = part
        return left

    def _items(self, values: Sequence[Any], action: Action, path: str, name: str) -> list[Any]:
        """Return what is left of the items of a list.

        An object that is empty then goes. Two lists keep their places: `_given`, by null, those of `given`;
        a Bundle's `entry`, by {}, those of resources that are rows of their own.
        """
        parts = [
            self._within(part, action, f"{path}{label}", name)
            for part, label in zip(values, labels(name, values), strict=True)
        ]
        if action.member.type == "BundleEntry":
            return [part or {} for part in parts]
        return [part for part in parts if part is not None or name.startswith("_")]

    def _against(self, values: Sequence[Any], action: Action) -> str | None:
        """Return the rule by which values go that stand where such values stay, None where they stay."""
        if not all(_fits(value, action.member.type) for value in values):
            return UNKNOWN
        is_code = action.member.type == "code"
        if not is_code and not (action.searched and action.member.type in SEARCHED):
            return None
        texts = {value for value in values if value is not None and (" " in value or not is_code)}
        if not texts.isdisjoint(self._hidden):
            return TELLS
        (self.codes if is_code else self.texts).update(texts)
        return None

    def _within(self, value: Any, action: Action, path: str, name: str) -> dict[str, Any] | None:
        """Return what is left of an object, None where that is nothing."""
        if value is None:
            return None
        if not isinstance(value, dict):
            self._drop(path, value, UNKNOWN)
            return None
        type_name = action.member.type
        if type_name == RESOURCE:
            return self._resource(value, path, contained=name == "contained") or None
        open_ = action.open or (type_name == "Extension" and self._policy.keeps_texts_of(value.get("url")))
        known = actions(type_name, partial=action.partial, open=open_)
        return self._object(value, known, path) or None

    def _replace(
        self,
        left: dict[str, Any],
        name: str,
        value: Any,
        path: str,
        action: Action,
        *,
        id_of: str,
        contained: bool,
    ) -> None:
        if not isinstance(value, str) or isinstance(value, Number):
            self._drop(path, value, UNKNOWN)
            return
        if action.pseudonym == "reference":
            made = self.pseudonyms.reference(value)
        elif action.pseudonym == "id":
            made = self.pseudonyms.resource_id(id_of, value, contained=contained)
        else:
            made = self.pseudonyms.of(value)
        if self._of_person and action.pseudonym != "reference":
            self.names.add_id(value)
        left[name] = made
        if made != value:
            self._gone[path] = PSEUDONYM

    def _drop(self, path: str, value: Any, rule: str) -> None:
        self._gone |= dict.fromkeys(cells(path, value), rule)


def _within(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _fits(value: Any, type_name: str) -> bool:
    """Return whether a value is what its type can say; a text elsewhere could be anybody's name."""
    if value is None:
        return True
    if type_name == "boolean":
        return isinstance(value, bool)
    if type_name in NUMBERS:
        return isinstance(value, Number)
    if not isinstance(value, str) or isinstance(value, Number):
        return False
    if type_name in MOMENTS:
        return MOMENT.match(value) is not None
    return type_name != "code" or CODE.match(value) is not None

"""Pseudonyms of ids, references and identifiers, the same for the same text, so that links hold."""

from __future__ import annotations

import hmac
import re
from hashlib import sha256
from typing import Final

from allpool.etl.transform.identity import SEPARATOR

LENGTH: Final = 32
"""Hex digits; a FHIR id takes 64 characters."""

# FHIR R4, Reference.reference: a relative or absolute address of a resource, with a version or without.
# Of an address before it only host and path are kept, and a path that is no resource's.
LITERAL: Final = re.compile(
    r"^((?:https?://[^?#@\s]*/)?)([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})((?:/_history/[A-Za-z0-9\-.]{1,64})?)$"
)
WITHIN_ANOTHER: Final = re.compile(r"/[A-Z][A-Za-z]+/[^/]*/$")
SEARCH: Final = re.compile(r"^([A-Z][A-Za-z]+)\?(.*)$")
TYPE_ALONE: Final = re.compile(r"^[A-Z][A-Za-z]+$")
PATIENT: Final = "Patient"

KNOWN: Final = 200_000
"""References remembered; most repeat."""


class Pseudonyms:
    """Pseudonyms under one key and centre; those of patients are what the tables call them by."""

    def __init__(self, key: bytes, centre: str) -> None:
        self._key, self._centre = key, centre
        self._references: dict[str, str] = {}

    def of(self, text: str) -> str:
        """Return the pseudonym of a text, as the transform makes it of a patient's id."""
        said = f"{self._centre}{SEPARATOR}{text}".encode()
        return hmac.digest(self._key, said, sha256).hex()[:LENGTH]

    def resource_id(self, type_name: str, text: str, *, contained: bool) -> str:
        """Return the pseudonym of a resource's id; contained ones are known within their resource alone."""
        if contained:
            return self.of(f"#{text}")
        return self.of(text if type_name == PATIENT else f"{type_name}/{text}")

    def reference(self, text: str) -> str:
        """Return a reference that leads to the pseudonym of what `text` leads to."""
        found = self._references.get(text)
        if found is None:
            if len(self._references) >= KNOWN:
                self._references.clear()
            found = self._references[text] = self._reference(text)
        return found

    def _reference(self, text: str) -> str:
        if text.startswith("#"):
            return f"#{self.of(text)}" if len(text) > 1 else text
        if text.startswith(("urn:uuid:", "urn:oid:")):
            made = self.of(text.split(":", 2)[2])
            return f"urn:uuid:{made[:8]}-{made[8:12]}-{made[12:16]}-{made[16:20]}-{made[20:]}"
        literal = LITERAL.match(text)
        if literal and not WITHIN_ANOTHER.search(literal[1]):
            base, type_name, id_, version = literal.groups()
            return f"{base}{type_name}/{self.resource_id(type_name, id_, contained=False)}{version}"
        if TYPE_ALONE.match(text):
            return text
        if search := SEARCH.match(text):
            return f"{search[1]}?{self.of(search[2])}"
        return self.of(text)

"""Which patient a landed resource is about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from allpool.etl.landing.pseudonyms import LITERAL, PATIENT

# The elements by which R4's patient compartment holds resources that are about one patient
# (http://hl7.org/fhir/R4/compartmentdefinition-patient.html); who only takes part is not among them.
MEMBERS: Final = ("subject", "patient", "individual", "beneficiary", "for")

URN: Final = "urn:uuid:"


def reference_of(resource: Mapping[str, Any]) -> str | None:
    """Return the reference to what a resource is about; None where there is none, or several."""
    for member in MEMBERS:
        said = resource.get(member)
        if isinstance(said, list):
            said = said[0] if len(said) == 1 else None
        reference = said.get("reference") if isinstance(said, Mapping) else None
        if isinstance(reference, str):
            return reference
    return None


def subject(reference: str | None, patients: Mapping[str, str]) -> str | None:
    """Return the id of the patient whom a reference leads to: by address in the file, else by its text."""
    if reference is None or reference in patients:
        return patients.get(reference or "")
    literal = LITERAL.match(reference)
    return literal[3] if literal and literal[2] == PATIENT else None


def known_as(url: str | None) -> str | None:
    """Return what a Patient without id is known as: the id in its address."""
    if url is None:
        return None
    literal = LITERAL.match(url)
    return literal[3] if literal else url.removeprefix(URN).replace("-", "")

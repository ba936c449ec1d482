"""Public codes of data elements: the canonical URLs of the systems that the dictionary names."""

from __future__ import annotations

from collections.abc import Mapping

from allpool.mappings.dictionary import Dictionary
from allpool.models import systems

CODE_SYSTEMS: Mapping[str, str] = {
    "LOINC": systems.LOINC,
    "SNOMED CT": systems.SNOMED,
    "ATC": systems.ATC,
    "RxNorm": systems.RXNORM,
    "ICD-10": systems.ICD10,
    "ICD-O-3": systems.ICDO3,
    "HGNC": systems.HGNC,
    "NCIt": systems.NCIT,
    "MedDRA": systems.MEDDRA,
}
"""Names that the dictionary may use for a public code system; a URL stands for itself."""


def external_code(dictionary: Dictionary, element: str | None) -> tuple[str, str] | None:
    """Return system URL and code of an element's first verified public code, or None.

    A code that nobody has verified against a public source stays in the dictionary and is not sent out.
    """
    if element is None:
        return None
    verified = [code for code in dictionary[element].code if code.status == "verified"]
    return (CODE_SYSTEMS.get(verified[0].system, verified[0].system), verified[0].code) if verified else None

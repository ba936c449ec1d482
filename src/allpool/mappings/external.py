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
    """Return system URL and code of an element's first public code, or None."""
    if element is None or not dictionary[element].code:
        return None
    first = dictionary[element].code[0]
    return CODE_SYSTEMS.get(first.system, first.system), first.code

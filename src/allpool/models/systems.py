"""Canonical URLs of the code systems, extensions and profiles that the tables use.

The consortium owns no domain yet: its own canonicals live under `allpool.example` (a name that RFC 2606
reserves, so that nobody else can own it) and are changed in this one place.
"""

from __future__ import annotations

from typing import Final

BASE: Final = "https://allpool.example/fhir"

DICTIONARY: Final = f"{BASE}/CodeSystem/data-element"
"""Our own code system: one code per common data element of the dictionary."""

PSEUDONYM: Final = f"{BASE}/NamingSystem/pseudonym"
CENTRE: Final = f"{BASE}/NamingSystem/centre"
STUDY: Final = f"{BASE}/NamingSystem/study"
LINKAGE_TOKEN: Final = f"{BASE}/NamingSystem/linkage-token"
ANCHOR: Final = f"{BASE}/CodeSystem/time-anchor"

# https://terminology.hl7.org and http://hl7.org/fhir/R4/terminologies-systems.html
LOINC: Final = "http://loinc.org"
SNOMED: Final = "http://snomed.info/sct"
UCUM: Final = "http://unitsofmeasure.org"
ATC: Final = "http://www.whocc.no/atc"
RXNORM: Final = "http://www.nlm.nih.gov/research/umls/rxnorm"
ICD10: Final = "http://hl7.org/fhir/sid/icd-10"
ICDO3: Final = "http://terminology.hl7.org/CodeSystem/icd-o-3"
HGNC: Final = "http://www.genenames.org/geneId"
NCIT: Final = "http://ncicb.nci.nih.gov/xml/owl/EVS/Thesaurus.owl"
MEDDRA: Final = "http://terminology.hl7.org/CodeSystem/MDR"
ADMINISTRATIVE_GENDER: Final = "http://hl7.org/fhir/administrative-gender"
ACT_REASON: Final = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
OBSERVATION_CATEGORY: Final = "http://terminology.hl7.org/CodeSystem/observation-category"
DATA_ABSENT_REASON: Final = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
OBSERVATION_INTERPRETATION: Final = "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation"
CONDITION_CLINICAL: Final = "http://terminology.hl7.org/CodeSystem/condition-clinical"
CONDITION_VERIFICATION: Final = "http://terminology.hl7.org/CodeSystem/condition-ver-status"
ORGANIZATION_TYPE: Final = "http://terminology.hl7.org/CodeSystem/organization-type"
ADVERSE_EVENT_SERIOUSNESS: Final = "http://terminology.hl7.org/CodeSystem/adverse-event-seriousness"
ADVERSE_EVENT_OUTCOME: Final = "http://terminology.hl7.org/CodeSystem/adverse-event-outcome"
CONSENT_SCOPE: Final = "http://terminology.hl7.org/CodeSystem/consentscope"
CONSENT_CATEGORY: Final = "http://terminology.hl7.org/CodeSystem/consentcategorycodes"
CONSENT_POLICY: Final = "http://terminology.hl7.org/CodeSystem/consentpolicycodes"

RELATIVE_DATE: Final = "http://hl7.org/fhir/StructureDefinition/relative-date"
"""R4 core extension that carries a date as an offset from an event (package hl7.fhir.r4.core 4.0.1)."""

DATA_ABSENT: Final = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
"""R4 core extension that says why a required element has no value (package hl7.fhir.r4.core 4.0.1)."""


def extension_url(name: str) -> str:
    """Return the canonical URL of our own extension `name` (path segment `extension(name)`)."""
    return f"{BASE}/StructureDefinition/{name}"


def local_system(table: str) -> str:
    """Return the canonical URL of our own code table `table` (a file of `mappings/terminology`)."""
    return f"{BASE}/CodeSystem/{table.replace('_', '-')}"

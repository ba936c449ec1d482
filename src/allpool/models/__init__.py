"""The contract: SQLAlchemy tables whose every column knows its FHIR R4 element."""

from __future__ import annotations

from allpool.models.administrative import (
    Consent,
    Organization,
    Patient,
    ResearchStudy,
    ResearchStudySite,
    ResearchSubject,
)
from allpool.models.analysis import Adae, Adfact, Admrd, Adrs, Adsl, Adtte, AnalysisResult, AnalysisSubject
from allpool.models.base import Base, Child, Lineage, Resource, fhir_element
from allpool.models.clinical import (
    AdverseEvent,
    Condition,
    MedicationAdministration,
    Observation,
    ObservationComponent,
    Procedure,
    Specimen,
)
from allpool.models.operations import (
    CellAccount,
    EtlRun,
    Feed,
    FeedRun,
    MappingRule,
    PublishedEstimate,
    QualityResult,
    Quarantine,
    Release,
    ResourceHistory,
    SourceFile,
)
from allpool.models.staging import STAGING, child_classes, published_tables, resource_classes

__all__ = [
    "STAGING",
    "Adae",
    "Adfact",
    "Admrd",
    "Adrs",
    "Adsl",
    "Adtte",
    "AdverseEvent",
    "AnalysisResult",
    "AnalysisSubject",
    "Base",
    "CellAccount",
    "Child",
    "Condition",
    "Consent",
    "EtlRun",
    "Feed",
    "FeedRun",
    "Lineage",
    "MappingRule",
    "MedicationAdministration",
    "Observation",
    "ObservationComponent",
    "Organization",
    "Patient",
    "Procedure",
    "PublishedEstimate",
    "QualityResult",
    "Quarantine",
    "Release",
    "ResearchStudy",
    "ResearchStudySite",
    "ResearchSubject",
    "Resource",
    "ResourceHistory",
    "SourceFile",
    "Specimen",
    "child_classes",
    "fhir_element",
    "published_tables",
    "resource_classes",
]

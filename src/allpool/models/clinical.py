"""What was found, given, done and suffered."""

from __future__ import annotations

from sqlalchemy import Index
from sqlalchemy.orm import Mapped

from allpool.models import systems
from allpool.models.base import Base, Child, Resource
from allpool.models.element import Instead, coding, element, partial_date, period, quantity, reference

LOCAL = {"code.coding[0].system": systems.DICTIONARY}


class Condition(Resource, Base):
    """A diagnosis, relapse site or late effect. https://hl7.org/fhir/R4/condition.html"""

    __tablename__ = "condition"
    __table_args__ = (Index(None, "feed"), Index(None, "subject_id", "data_element"))
    resource_type = "Condition"

    data_element: Mapped[str] = element("code.coding[0].code", "code", beside=LOCAL, nullable=False)
    """Data element of the dictionary."""
    code = coding("code.coding[1]", text="code.text")
    morphology = coding("code.coding[2]", system=systems.ICDO3)
    icd10 = coding("code.coding[3]", system=systems.ICD10)
    who_version: Mapped[str | None] = element("extension(who-classification).valueString")
    """Edition of the WHO classification; not a version of ICD-O-3, so not the morphology's `version`."""
    clinical_status: Mapped[str | None] = element(
        "clinicalStatus.coding[0].code",
        "code",
        beside={"clinicalStatus.coding[0].system": systems.CONDITION_CLINICAL},
    )
    verification_status: Mapped[str | None] = element(
        "verificationStatus.coding[0].code",
        "code",
        beside={"verificationStatus.coding[0].system": systems.CONDITION_VERIFICATION},
    )
    body_site = coding("bodySite[0].coding[0]", text="bodySite[0].text")
    severity = coding("severity.coding[0]", text="severity.text")
    subject = reference("subject", "Patient", nullable=False)
    onset = partial_date("onsetDateTime")


class Specimen(Resource, Base):
    """A marrow, blood or cerebrospinal fluid sample. https://hl7.org/fhir/R4/specimen.html"""

    __tablename__ = "specimen"
    __table_args__ = (Index(None, "feed"), Index(None, "subject_id"))
    resource_type = "Specimen"

    data_element: Mapped[str] = element(
        "type.coding[0].code", "code", beside={"type.coding[0].system": systems.DICTIONARY}, nullable=False
    )
    """Data element of the dictionary: bm_specimen, blood_specimen, csf_specimen."""
    type = coding("type.coding[1]", text="type.text")
    subject = reference("subject", "Patient", nullable=False)
    collected = partial_date("collection.collectedDateTime")


class Observation(Resource, Base):
    """One measurement, assessment or finding. https://hl7.org/fhir/R4/observation.html"""

    __tablename__ = "observation"
    __table_args__ = (Index(None, "feed"), Index(None, "subject_id"), Index(None, "data_element"))
    resource_type = "Observation"

    status: Mapped[str] = element("status", "code", nullable=False)
    data_element: Mapped[str] = element("code.coding[0].code", "code", beside=LOCAL, nullable=False)
    """Data element of the dictionary."""
    code = coding("code.coding[1]")
    category: Mapped[str | None] = element(
        "category[0].coding[0].code",
        "code",
        beside={"category[0].coding[0].system": systems.OBSERVATION_CATEGORY},
    )
    subject = reference("subject", "Patient", nullable=False)
    effective = partial_date("effectiveDateTime")
    timepoint = coding(
        "extension(timepoint).valueCodeableConcept.coding[0]",
        system=systems.local_system("timepoint"),
        text="extension(timepoint).valueCodeableConcept.text",
    )
    course_number: Mapped[int | None] = element("extension(course-number).valueInteger", "integer")
    specimen = reference("specimen", "Specimen")
    method = coding("method.coding[0]", text="method.text")
    performer: Mapped[str | None] = element("performer[0].display")
    body_site = coding("bodySite.coding[0]", text="bodySite.text")
    value_quantity = quantity("valueQuantity")
    value_concept = coding("valueCodeableConcept.coding[0]", text="valueCodeableConcept.text")
    value_string: Mapped[str | None] = element("valueString")
    value_boolean: Mapped[bool | None] = element("valueBoolean", "boolean")
    value_integer: Mapped[int | None] = element("valueInteger", "integer")
    value_date = partial_date("valueDateTime", relative=False)
    data_absent_reason: Mapped[str | None] = element(
        "dataAbsentReason.coding[0].code",
        "code",
        beside={"dataAbsentReason.coding[0].system": systems.DATA_ABSENT_REASON},
        instead=Instead("value", "extension(stated-absent-reason).valueCode"),
    )
    data_absent_reason_delivered: Mapped[str | None] = element(
        "dataAbsentReason.text", instead=Instead("value", "extension(stated-absent-text).valueString")
    )
    interpretation = coding("interpretation[0].coding[0]", text="interpretation[0].text")


class ObservationComponent(Child, Base):
    """A qualifier of an observation: sensitivity, threshold, parent gate (Observation.component)."""

    __tablename__ = "observation_component"
    __table_args__ = (Index(None, "feed"), Index(None, "observation_id"))
    parent = Observation
    parent_path = "component"

    observation = reference("..", "Observation", nullable=False)
    data_element: Mapped[str] = element("code.coding[0].code", "code", beside=LOCAL, nullable=False)
    code = coding("code.coding[1]")
    value_quantity = quantity("valueQuantity")
    value_concept = coding("valueCodeableConcept.coding[0]", text="valueCodeableConcept.text")
    value_string: Mapped[str | None] = element("valueString")
    value_boolean: Mapped[bool | None] = element("valueBoolean", "boolean")
    value_integer: Mapped[int | None] = element("valueInteger", "integer")


class MedicationAdministration(Resource, Base):
    """One course, or one dose step, of a drug. https://hl7.org/fhir/R4/medicationadministration.html"""

    __tablename__ = "medication_administration"
    __table_args__ = (Index(None, "feed"), Index(None, "subject_id", "data_element"))
    resource_type = "MedicationAdministration"
    data_absent = ("effectivePeriod",)

    status: Mapped[str] = element("status", "code", nullable=False)
    data_element: Mapped[str] = element(
        "medicationCodeableConcept.coding[0].code",
        "code",
        beside={"medicationCodeableConcept.coding[0].system": systems.DICTIONARY},
        nullable=False,
    )
    """Data element of the dictionary: drug_blinatumomab and so on."""
    medication = coding("medicationCodeableConcept.coding[1]", text="medicationCodeableConcept.text")
    subject = reference("subject", "Patient", nullable=False)
    effective_start, effective_end = period("effectivePeriod")
    course_number: Mapped[int | None] = element("extension(course-number).valueInteger", "integer")
    setting = coding(
        "category.coding[0]", system=systems.local_system("treatment_setting"), text="category.text"
    )
    status_reason = coding(
        "statusReason[0].coding[0]", system=systems.local_system("stop_reason"), text="statusReason[0].text"
    )
    dose_rate = quantity(
        "dosage.rateQuantity", comparator="dosage.modifierExtension(rate-comparator).valueCode"
    )
    """A SimpleQuantity, which takes no comparator."""
    dose_rate_bsa = quantity("extension(dose-rate-per-body-surface).valueQuantity")
    """Beside the dosage: invariant mad-1 asks each dosage for a dose or a rate."""
    dose_reduction = quantity("extension(dose-reduction).valueQuantity")
    planned_days: Mapped[int | None] = element("extension(planned-days).valueInteger", "integer")
    delivered_days: Mapped[int | None] = element("extension(delivered-days).valueInteger", "integer")
    tki_concomitant = coding(
        "extension(concomitant-tki).valueCodeableConcept.coding[0]",
        system=systems.local_system("tki"),
        text="extension(concomitant-tki).valueCodeableConcept.text",
    )
    interruption_start = partial_date("extension(interruption).valuePeriod.start")
    interruption_end = partial_date("extension(interruption).valuePeriod.end")
    interruption_reason = coding(
        "extension(interruption-reason).valueCodeableConcept.coding[0]",
        system=systems.local_system("stop_reason"),
        text="extension(interruption-reason).valueCodeableConcept.text",
    )


class Procedure(Resource, Base):
    """A transplant, CAR-T infusion or other procedure. https://hl7.org/fhir/R4/procedure.html"""

    __tablename__ = "procedure"
    __table_args__ = (Index(None, "feed"), Index(None, "subject_id", "data_element"))
    resource_type = "Procedure"

    status: Mapped[str] = element("status", "code", nullable=False)
    data_element: Mapped[str] = element("code.coding[0].code", "code", beside=LOCAL, nullable=False)
    code = coding("code.coding[1]", text="code.text")
    subject = reference("subject", "Patient", nullable=False)
    performed = partial_date("performedDateTime")
    transplant_type = coding(
        "extension(transplant-type).valueCodeableConcept.coding[0]",
        system=systems.local_system("hsct_type"),
        text="extension(transplant-type).valueCodeableConcept.text",
    )
    remission_status = coding(
        "extension(remission-status).valueCodeableConcept.coding[0]",
        system=systems.local_system("hsct_remission_status"),
        text="extension(remission-status).valueCodeableConcept.text",
    )
    reason = coding(
        "reasonCode[0].coding[0]", system=systems.local_system("hsct_indication"), text="reasonCode[0].text"
    )
    prior: Mapped[bool | None] = element("extension(before-first-dose).valueBoolean", "boolean")
    """Whether the centre says that it was done before the first dose of blinatumomab."""


class AdverseEvent(Resource, Base):
    """A graded toxicity; severity takes no CTCAE grade. https://hl7.org/fhir/R4/adverseevent.html"""

    __tablename__ = "adverse_event"
    __table_args__ = (Index(None, "feed"), Index(None, "subject_id"))
    resource_type = "AdverseEvent"

    actuality: Mapped[str] = element("actuality", "code", nullable=False)
    data_element: Mapped[str] = element(
        "event.coding[0].code", "code", beside={"event.coding[0].system": systems.DICTIONARY}, nullable=False
    )
    term = coding("event.coding[1]", system=systems.local_system("ae_term"), text="event.text")
    meddra: Mapped[str | None] = element(
        "event.coding[2].code", "code", beside={"event.coding[2].system": systems.MEDDRA}
    )
    subject = reference("subject", "Patient", nullable=False)
    date = partial_date("date")
    end = partial_date("extension(event-period).valuePeriod.end")
    """A Period, since validators know no relative time right within an extension."""
    grade: Mapped[int | None] = element("extension(ctcae-grade).valueInteger", "integer")
    grade_system = coding(
        "extension(grade-system).valueCodeableConcept.coding[0]",
        system=systems.local_system("ae_grade_system"),
        text="extension(grade-system).valueCodeableConcept.text",
    )
    course_number: Mapped[int | None] = element("extension(course-number).valueInteger", "integer")
    relatedness = coding(
        "extension(relatedness).valueCodeableConcept.coding[0]",
        system=systems.local_system("ae_relatedness"),
        text="extension(relatedness).valueCodeableConcept.text",
    )
    outcome = coding("outcome.coding[0]", system=systems.ADVERSE_EVENT_OUTCOME, text="outcome.text")
    seriousness = coding(
        "seriousness.coding[0]", system=systems.ADVERSE_EVENT_SERIOUSNESS, text="seriousness.text"
    )


__all__ = [
    "AdverseEvent",
    "Condition",
    "MedicationAdministration",
    "Observation",
    "ObservationComponent",
    "Procedure",
    "Specimen",
]

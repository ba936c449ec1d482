"""Who and where: centres, studies, patients, and their part in a study."""

from __future__ import annotations

from sqlalchemy import Index
from sqlalchemy.orm import Mapped

from allpool.models import systems
from allpool.models.base import Base, Child, Resource
from allpool.models.element import Instead, coding, element, partial_date, period, reference


class Organization(Resource, Base):
    """A participating centre. https://hl7.org/fhir/R4/organization.html"""

    __tablename__ = "organization"
    resource_type = "Organization"

    identifier: Mapped[str] = element(
        "identifier[0].value", beside={"identifier[0].system": systems.CENTRE}, nullable=False
    )
    active: Mapped[bool | None] = element("active", "boolean")
    type: Mapped[str | None] = element(
        "type[0].coding[0].code", "code", beside={"type[0].coding[0].system": systems.ORGANIZATION_TYPE}
    )
    name: Mapped[str | None] = element("name")
    address_country: Mapped[str | None] = element("address[0].country")


class Patient(Resource, Base):
    """A person, known by a pseudonym only. https://hl7.org/fhir/R4/patient.html"""

    __tablename__ = "patient"
    __table_args__ = (Index(None, "feed"),)
    resource_type = "Patient"

    identifier: Mapped[str] = element(
        "identifier[0].value", beside={"identifier[0].system": systems.PSEUDONYM}, nullable=False
    )
    """HMAC-SHA-256 of centre and the centre's patient number, under the consortium's key."""
    linkage_token: Mapped[str | None] = element(
        "identifier[1].value", beside={"identifier[1].system": systems.LINKAGE_TOKEN}
    )
    gender: Mapped[str | None] = element("gender", "code")
    gender_delivered: Mapped[str | None] = element("_gender.extension(delivered-value).valueString")
    birth = partial_date("birthDate", type_="date", relative=False)
    deceased_boolean: Mapped[bool | None] = element(
        "deceasedBoolean", "boolean", instead=Instead("deceased", "extension(deceased).valueBoolean")
    )
    """Known dead or alive where no time of death is known."""
    deceased = partial_date("deceasedDateTime")
    managing_organization = reference("managingOrganization", "Organization")


class ResearchStudy(Resource, Base):
    """A study or cohort. https://hl7.org/fhir/R4/researchstudy.html"""

    __tablename__ = "research_study"
    resource_type = "ResearchStudy"

    identifier: Mapped[str] = element(
        "identifier[0].value", beside={"identifier[0].system": systems.STUDY}, nullable=False
    )
    registry_identifier: Mapped[str | None] = element("identifier[1].value")
    title: Mapped[str | None] = element("title")
    status: Mapped[str] = element("status", "code", nullable=False)
    phase: Mapped[str | None] = element(
        "phase.coding[0].code",
        "code",
        beside={"phase.coding[0].system": "http://terminology.hl7.org/CodeSystem/research-study-phase"},
    )
    design = coding("category[0].coding[0]", system=systems.local_system("study_design"))
    period_start, period_end = period("period")
    data_cutoff = partial_date("extension(data-cutoff).valueDateTime", relative=False)
    eligibility: Mapped[str | None] = element("description")
    protocol_version: Mapped[str | None] = element("extension(protocol-version).valueString")
    ae_ascertainment: Mapped[bool | None] = element("extension(ae-ascertainment).valueBoolean", "boolean")
    """Whether adverse events were actively collected: none recorded is zero only where they were."""
    ae_ascertainment_window: Mapped[str | None] = element("extension(ae-ascertainment-window).valueString")


class ResearchStudySite(Child, Base):
    """A centre that takes part in a study (R4 allows ResearchStudy.site to be a Location only)."""

    __tablename__ = "research_study_site"
    parent = ResearchStudy
    parent_path = "extension(study-site)"

    research_study = reference("..", "ResearchStudy", nullable=False)
    organization = reference("extension(organization).valueReference", "Organization", nullable=False)


class ResearchSubject(Resource, Base):
    """A patient's part in a study. https://hl7.org/fhir/R4/researchsubject.html"""

    __tablename__ = "research_subject"
    __table_args__ = (Index(None, "feed"), Index(None, "individual_id"))
    resource_type = "ResearchSubject"

    identifier: Mapped[str] = element(
        "identifier[0].value", beside={"identifier[0].system": systems.PSEUDONYM}, nullable=False
    )
    status: Mapped[str] = element("status", "code", nullable=False)
    period_start, period_end = period("period")
    """Enrolment and withdrawal."""
    study_reference = reference("study", "ResearchStudy", nullable=False)
    individual = reference("individual", "Patient", nullable=False)
    consent = reference("consent", "Consent")
    assigned_arm: Mapped[str | None] = element("assignedArm")
    actual_arm: Mapped[str | None] = element("actualArm")
    evaluable_response: Mapped[bool | None] = element("extension(evaluable-response).valueBoolean", "boolean")
    evaluable_reason: Mapped[str | None] = element("extension(evaluable-response-reason).valueString")
    withdrawal_reason: Mapped[str | None] = element("extension(withdrawal-reason).valueString")
    cohort_at_enrolment = coding(
        "extension(cohort-at-enrolment).valueCodeableConcept.coding[0]",
        system=systems.local_system("disease_status"),
        text="extension(cohort-at-enrolment).valueCodeableConcept.text",
    )


class Consent(Resource, Base):
    """What a patient has agreed to. https://hl7.org/fhir/R4/consent.html"""

    __tablename__ = "consent"
    __table_args__ = (Index(None, "feed"),)
    resource_type = "Consent"

    status: Mapped[str] = element("status", "code", nullable=False)
    scope: Mapped[str] = element(
        "scope.coding[0].code",
        "code",
        beside={"scope.coding[0].system": systems.CONSENT_SCOPE},
        nullable=False,
    )
    category: Mapped[str] = element(
        "category[0].coding[0].code",
        "code",
        beside={"category[0].coding[0].system": systems.CONSENT_CATEGORY},
        nullable=False,
    )
    policy_rule: Mapped[str] = element(
        "policyRule.coding[0].code",
        "code",
        beside={"policyRule.coding[0].system": systems.CONSENT_POLICY},
        nullable=False,
    )
    """Invariant ppc-1 asks for a policy or a policyRule."""
    consented = coding("provision.purpose[0]", system=systems.local_system("consent"))
    patient = reference("patient", "Patient", nullable=False)
    date_time = partial_date("dateTime")

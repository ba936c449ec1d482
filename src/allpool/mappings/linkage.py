"""Linkage of a source: which identifiers become tokens, and the field that takes these."""

from __future__ import annotations

from allpool.mappings.dictionary import Dictionary
from allpool.mappings.fields import compile_field
from allpool.mappings.plan import TOKENS, FieldPlan, LinkagePlan
from allpool.mappings.positions import Document, Location
from allpool.mappings.read import FhirRead
from allpool.mappings.records import RecordType
from allpool.mappings.schema import Binding, Record, Source
from allpool.mappings.terminology import Terminology

PATIENT = "patient"
FIELD = "linkage_token"


def with_tokens(document: Document, source: Source, at: Location) -> tuple[Record, ...]:
    """Return the records of a source, whose patient takes the tokens that `linkage` makes.

    Raises `MappingError` where there is no such record, where it has a token of its own already, and for
    FHIR, which is made pseudonymous before it is read as a table.
    """
    if source.linkage is None:
        return source.records
    here = (*at, "linkage")
    if isinstance(source.read, FhirRead):
        document.fail("FHIR files come without direct identifiers, and no tokens are made of them", here)
    if not any(record.record == PATIENT for record in source.records):
        document.fail("tokens are of a patient: this source has no record `patient`", here)
    if any(record.record == PATIENT and FIELD in record.fields for record in source.records):
        document.fail(f"the patient has a `{FIELD}` of the centre's own; leave one of the two out", here)
    made = {FIELD: Binding(column=(TOKENS,))}
    return tuple(
        record.model_copy(update={"fields": {**record.fields, **made}})
        if record.record == PATIENT
        else record
        for record in source.records
    )


def compile_linkage(
    document: Document,
    source: Source,
    kind: RecordType,
    dictionary: Dictionary,
    terminology: Terminology,
    *,
    language: str,
    at: Location,
) -> LinkagePlan | None:
    """Return what tokens are made from; None where the source makes none.

    `kind` is the type of patient records, by which sex and birth date are read. Raises `MappingError` with
    file and line.
    """
    given = source.linkage
    if given is None:
        return None

    def field(name: str, binding: Binding | None) -> FieldPlan | None:
        if binding is None:
            return None
        return compile_field(
            document,
            (*at, "linkage", name),
            name,
            binding,
            kind,
            dictionary,
            terminology,
            missing=source.missing,
            language=language,
            sheet=(),
        )

    names = [item.column for item in (given.family_name, given.given_name, given.full_name) if item]
    return LinkagePlan(
        name=tuple(names),
        birth=field("birth_date", given.birth_date),
        sex=field("sex", given.sex),
        national_id=given.national_id.column if given.national_id else (),
        country=given.national_id.country if given.national_id else None,
        hospital_number=given.hospital_number.column if given.hospital_number else (),
    )

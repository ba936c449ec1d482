"""The codes that FHIR R4 itself requires in a column, whatever a dictionary says."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

# hl7.fhir.r4.core 4.0.1: the elements with a binding of strength `required`, and the code systems that
# their value sets expand to (http://hl7.org/fhir/R4/terminologies.html#required).
_EVENT: Final = (
    "preparation", "in-progress", "not-done", "on-hold", "stopped", "completed", "entered-in-error",
    "unknown",
)  # fmt: skip
BINDINGS: Final[Mapping[tuple[str, str], tuple[str, ...]]] = MappingProxyType(
    {
        ("patient", "gender"): ("male", "female", "other", "unknown"),
        ("research_study", "status"): (
            "active", "administratively-completed", "approved", "closed-to-accrual",
            "closed-to-accrual-and-intervention", "completed", "disapproved", "in-review",
            "temporarily-closed-to-accrual", "temporarily-closed-to-accrual-and-intervention", "withdrawn",
        ),
        ("research_subject", "status"): (
            "candidate", "eligible", "follow-up", "ineligible", "not-registered", "off-study", "on-study",
            "on-study-intervention", "on-study-observation", "pending-on-study", "potential-candidate",
            "screening", "withdrawn",
        ),
        ("consent", "status"): ("draft", "proposed", "active", "rejected", "inactive", "entered-in-error"),
        ("condition", "clinical_status"): (
            "active", "recurrence", "relapse", "inactive", "remission", "resolved",
        ),
        ("condition", "verification_status"): (
            "unconfirmed", "provisional", "differential", "confirmed", "refuted", "entered-in-error",
        ),
        ("observation", "status"): (
            "registered", "preliminary", "final", "amended", "corrected", "cancelled", "entered-in-error",
            "unknown",
        ),
        ("medication_administration", "status"): (
            "in-progress", "not-done", "on-hold", "completed", "entered-in-error", "stopped", "unknown",
        ),
        ("procedure", "status"): _EVENT,
        ("adverse_event", "actuality"): ("actual", "potential"),
        ("adverse_event", "outcome"): (
            "resolved", "recovering", "ongoing", "resolvedWithSequelae", "fatal", "unknown",
        ),
    }
)  # fmt: skip
"""(table, column) -> the codes that R4 allows there."""

COMPARATORS: Final = ("<", "<=", ">=", ">")
"""http://hl7.org/fhir/quantity-comparator"""

"""What FHIR R4 says of its types: the members of each, and the type of each member.

Built from fhir.resources' R4B classes when first asked for (R4 has none; docs/fhir.md lists where the two
differ). What R4 has and R4B lacks stands here; both concern no patient's data.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, Final, get_args

# Resource types of R4 (http://hl7.org/fhir/R4/resourcelist.html) that R4B lacks; all are definitional.
ONLY_R4: Final = frozenset(
    {
        "EffectEvidenceSynthesis",
        "MedicinalProduct",
        "MedicinalProductAuthorization",
        "MedicinalProductContraindication",
        "MedicinalProductIndication",
        "MedicinalProductIngredient",
        "MedicinalProductInteraction",
        "MedicinalProductManufactured",
        "MedicinalProductPackaged",
        "MedicinalProductPharmaceutical",
        "MedicinalProductUndesirableEffect",
        "RiskEvidenceSynthesis",
        "SubstanceNucleicAcid",
        "SubstancePolymer",
        "SubstanceProtein",
        "SubstanceReferenceInformation",
        "SubstanceSourceMaterial",
        "SubstanceSpecification",
    }
)

# Resource types that came with R4B (http://hl7.org/fhir/R4B/diff.html); no R4 file has one.
ONLY_R4B: Final = frozenset(
    {
        "AdministrableProductDefinition",
        "Citation",
        "ClinicalUseDefinition",
        "EvidenceReport",
        "Ingredient",
        "ManufacturedItemDefinition",
        "MedicinalProductDefinition",
        "NutritionProduct",
        "PackagedProductDefinition",
        "RegulatedAuthorization",
        "SubscriptionStatus",
        "SubscriptionTopic",
        "SubstanceDefinition",
    }
)

# Evidence and EvidenceVariable were made anew in R4B (same page); their members are not looked at.
OPEN: Final = ONLY_R4 | {"Evidence", "EvidenceVariable"}

NUMBERS: Final = frozenset({"decimal", "integer", "positiveInt", "unsignedInt"})

SIBLING: Final = "FHIRPrimitiveExtension"
"""Type of `_birthDate`, which holds id and extensions of `birthDate`."""

RESOURCE: Final = "Resource"
"""Type of a member that holds a resource of any type."""

KEYS: Final[Mapping[str, str]] = {
    "extension": "url",
    "modifierExtension": "url",
    "coding": "system",
    "identifier": "system",
    "security": "system",
    "tag": "system",
    "component": "code",
}
"""Lists whose items are called by what they carry, not by their place: `coding[system=http://loinc.org]`."""


@dataclass(frozen=True)
class Member:
    """One member of a type as it stands in JSON."""

    type: str
    """FHIR's name of the type; of a backbone element, that of its class: `ObservationComponent`."""
    is_list: bool
    is_primitive: bool


@cache
def members(type_name: str) -> Mapping[str, Member]:
    """Return the members of a type by their JSON name, `_birthDate` and the like included.

    Raises KeyError for a type that R4B does not have.
    """
    return dict(_members(_class(type_name)))


def is_resource_type(name: str) -> bool:
    """Return whether R4 has a resource type of this name."""
    return name in ONLY_R4 or (name not in ONLY_R4B and _is_resource(name, "R4B"))


def other_version(name: str) -> str | None:
    """Return the version of FHIR that has a resource type which R4 has not, where one is known."""
    if name in ONLY_R4B:
        return "R4B"
    return next((version for version in ("R5", "STU3") if _is_resource(name, version)), None)


def version_of_member(type_name: str, member: str) -> str | None:
    """Return the other version of FHIR whose resource type has `member`, where one is known."""
    for version in ("R5", "STU3"):
        if _is_resource(type_name, version):
            fields = _class(type_name, version).model_fields.values()
            if any(field.alias == member for field in fields):
                return version
    return None


def path_fault(type_name: str, path: str) -> str | None:
    """Return what is wrong with a column path of a resource type (`code.coding[0].code`), None if nothing."""
    if type_name in OPEN:
        return None
    at = type_name
    *before, last = split_path(path)
    for index, (name, selector) in enumerate([*before, last]):
        if at == RESOURCE:  # within a contained resource, of any type
            return None
        found = members(at).get(name) if name != "resourceType" else Member("code", False, True)
        if found is None:
            return f"{at} has no element '{name}'"
        if bool(selector) != found.is_list:
            return f"'{name}' of {at} is {'a list: say which' if found.is_list else 'no list'}"
        if found.is_primitive != (index == len(before)):
            return f"'{name}' of {at} is {'a single value' if found.is_primitive else 'no single value'}"
        at = found.type
    return None


def split_path(path: str) -> list[tuple[str, str]]:
    """Return a path's steps as (name, selector): `a[url=http://b.c].d` is (a, [url=http://b.c]), (d, )."""
    return [(name, selector) for name, selector in _STEP.findall(path)]


_STEP: Final = re.compile(r"([^.\[]+)((?:\[[^\]]*\])*)(?:\.|$)")


@lru_cache(maxsize=2_000)
def _is_resource(name: str, version: str) -> bool:
    from fhir.resources import get_fhir_model_class as of_r5
    from fhir.resources.R4B import get_fhir_model_class as of_r4b
    from fhir.resources.STU3 import get_fhir_model_class as of_stu3

    of: Any = {"R4B": of_r4b, "STU3": of_stu3, "R5": of_r5}[version]
    if not name.isalpha() or name in (RESOURCE, "DomainResource"):
        return False
    try:
        found = of(name)
    except ValueError:
        return False
    return any(base.__name__ == RESOURCE for base in found.__mro__)


def _class(name: str, version: str = "R4B") -> Any:
    if version == "R4B":
        from fhir.resources.R4B import get_fhir_model_class
    elif version == "STU3":
        from fhir.resources.STU3 import get_fhir_model_class
    else:
        from fhir.resources import get_fhir_model_class
    try:
        return get_fhir_model_class(name)
    except ValueError:
        raise KeyError(name) from None


def _members(cls: Any) -> Iterator[tuple[str, Member]]:
    for field in cls.model_fields.values():
        if field.alias == "fhir_comments":  # of DSTU2's JSON
            continue
        kinds = list(_kinds(field.annotation))
        is_list = any(kind == "list" for kind in kinds)
        type_ = next(kind for kind in kinds if kind != "list")
        is_model = type_[0].isupper()
        yield field.alias, Member(type_, is_list, not is_model)


def _kinds(annotation: Any) -> Iterator[str]:
    """Yield `list` where the annotation says so, then the type's name: of a primitive in lower case."""
    if getattr(annotation, "__origin__", None) is list:
        yield "list"
    marks = getattr(annotation, "__metadata__", None)
    if marks:
        yield _primitive(type(marks[-1]).__name__)
    elif hasattr(annotation, "get_model_klass"):
        yield annotation.__name__.removesuffix("Type")
    elif annotation is bool:
        yield "boolean"
    elif annotation is str:
        yield "code"  # the fixed text of `resource_type`
    elif annotation is not type(None):
        for part in get_args(annotation):
            yield from _kinds(part)


def _primitive(name: str) -> str:
    return {"UuidVersion": "uuid"}.get(name, name[0].lower() + name[1:])

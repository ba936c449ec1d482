"""The metadata of an ODM file: its forms, item groups and items; a REDCap project's data dictionary in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from allpool.errors import SourceError
from allpool.etl.readers.redcap.dictionary import (
    OWN_CHOICES,
    DataDictionary,
    DictionaryField,
    choices,
    plain,
)
from allpool.etl.readers.xml import Document, parse

ODM: Final = Document("the ODM file", "unreadable_odm", "export it again as ODM-XML")

# How REDCap's project XML calls field types and validations that the data dictionary calls otherwise.
FIELD_TYPES: Final = {"textarea": "notes", "select": "dropdown"}
VALIDATIONS: Final = {"float": "number", "int": "integer"}
STATUS_HEADER: Final = "Form Status"


@dataclass
class Item:
    """One ItemDef."""

    oid: str
    attributes: dict[str, str]
    question: str = ""
    code_list: str | None = None


@dataclass
class Metadata:
    """What MetaDataVersion says, by OID, in the file's order."""

    forms: dict[str, dict[str, str]] = field(default_factory=dict)
    groups: dict[str, dict[str, str]] = field(default_factory=dict)
    items: dict[str, Item] = field(default_factory=dict)
    groups_of: dict[str, list[str]] = field(default_factory=dict)
    """FormOID -> ItemGroupOIDs."""
    items_of: dict[str, list[str]] = field(default_factory=dict)
    """ItemGroupOID -> ItemOIDs."""
    code_lists: dict[str, dict[str, str]] = field(default_factory=dict)
    box_choices: dict[str, str] = field(default_factory=dict)
    """CodeListOID -> REDCap's choices of the checkbox field that it is a box of."""
    missing_codes: str = ""

    def items_of_form(self, form: str) -> list[str]:
        """Return the items of a form in their order."""
        return [item for group in self.groups_of.get(form, ()) for item in self.items_of.get(group, ())]

    def label(self, oid: str) -> str | None:
        """Return what an item asks in words, without markup."""
        return (plain(self.items[oid].question) or None) if oid in self.items else None


class MetadataScan:
    """Takes the events of a parser and keeps what they say of metadata; data pass by."""

    def __init__(self) -> None:
        self.metadata = Metadata()
        self._form = self._group = self._code_list = self._code = ""
        self._item: Item | None = None
        self._heard: list[str] | None = None
        self._in_question = self._in_decode = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Take the start of an element."""
        self._start_structure(name, attributes)
        self._start_item(name, attributes)

    def _start_structure(self, name: str, attributes: dict[str, str]) -> None:
        oid, known = attributes.get("OID", ""), self.metadata
        match name:
            case "FormDef":
                self._form = oid
                known.forms[oid] = attributes
                known.groups_of.setdefault(oid, [])
            case "ItemGroupRef":
                known.groups_of.setdefault(self._form, []).append(attributes.get("ItemGroupOID", ""))
            case "ItemGroupDef":
                self._group = oid
                known.groups[oid] = attributes
                known.items_of.setdefault(oid, [])
            case "ItemRef":
                known.items_of.setdefault(self._group, []).append(attributes.get("ItemOID", ""))
            case "TranslatedText" | "MissingDataCodes":
                self._heard = []

    def _start_item(self, name: str, attributes: dict[str, str]) -> None:
        oid, known = attributes.get("OID", ""), self.metadata
        match name:
            case "ItemDef":
                self._item = Item(oid, attributes)
                known.items[oid] = self._item
            case "Question":
                self._in_question = True
            case "CodeListRef" if self._item is not None:
                self._item.code_list = attributes.get("CodeListOID")
            case "CodeList":
                self._code_list = oid
                known.code_lists[oid] = {}
                if "CheckboxChoices" in attributes:
                    known.box_choices[oid] = attributes["CheckboxChoices"]
            case "CodeListItem" | "EnumeratedItem":
                self._code = attributes.get("CodedValue", "")
                known.code_lists.setdefault(self._code_list, {})[self._code] = ""
            case "Decode":
                self._in_decode = True

    def text(self, text: str) -> None:
        """Take a piece of text."""
        if self._heard is not None:
            self._heard.append(text)

    def end(self, name: str) -> None:
        """Take the end of an element."""
        match name:
            case "TranslatedText" | "MissingDataCodes":
                heard, self._heard = "".join(self._heard or ()), None
                if name == "MissingDataCodes":
                    self.metadata.missing_codes = heard
                elif self._in_decode:
                    self.metadata.code_lists.setdefault(self._code_list, {})[self._code] = heard
                elif self._in_question and self._item is not None:
                    self._item.question = self._item.question or heard
            case "Question":
                self._in_question = False
            case "Decode":
                self._in_decode = False
            case "ItemDef":
                self._item = None


def project_dictionary(chunks: Iterator[bytes]) -> DataDictionary:
    """Return the data dictionary that a REDCap project's XML holds.

    Raises SourceError `unreadable_odm`, `unreadable_dictionary`.
    """
    scan = MetadataScan()
    parse(chunks, start=scan.start, end=scan.end, text=scan.text, document=ODM)
    found = dictionary_of(scan.metadata)
    if not found.fields or not all(found.instruments):
        raise SourceError(
            "it holds no fields of a REDCap project; give the project's XML (metadata), or its data "
            "dictionary as CSV",
            rule="unreadable_dictionary",
        )
    return found


def dictionary_of(found: Metadata) -> DataDictionary:
    """Return the data dictionary that REDCap's additions to ODM say; empty where a file has none of them."""
    fields: dict[str, DictionaryField] = {}
    for form, attributes in found.forms.items():
        instrument = attributes.get("FormName", "")
        for oid in found.items_of_form(form):
            item = found.items.get(oid)
            variable = item.attributes.get("Variable", "") if item else ""
            if item is None or not variable or variable in fields or _is_own(item, variable, instrument):
                continue
            fields[variable] = _field(item, variable, instrument, found)
    codes = dict(choices(found.missing_codes.replace("\n", "|")))
    return DataDictionary(tuple(fields.values()), codes)


def _is_own(item: Item, variable: str, instrument: str) -> bool:
    """Return whether an item is REDCap's own: the status or time of a form, an access group."""
    own = variable in (f"{instrument}_complete", f"{instrument}_timestamp")
    return (
        (own and item.attributes.get("SectionHeader") == STATUS_HEADER)
        or variable == f"{instrument}_timestamp"
        or variable.startswith("redcap_")
    )


def _field(item: Item, variable: str, instrument: str, found: Metadata) -> DictionaryField:
    kind = item.attributes.get("FieldType", "text")
    validation = item.attributes.get("TextValidationType", "")
    code_list = item.code_list or ""
    if kind == "checkbox":
        offered = dict(choices(found.box_choices.get(code_list, "")))
    elif kind in OWN_CHOICES:
        offered = dict(OWN_CHOICES[kind])
    else:
        offered = {code: plain(label) for code, label in found.code_lists.get(code_list, {}).items()}
    return DictionaryField(
        name=variable,
        instrument=instrument,
        kind=FIELD_TYPES.get(kind, kind),
        label=plain(item.question),
        choices=offered,
        validation=VALIDATIONS.get(validation, validation),
    )

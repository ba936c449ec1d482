"""What a REDCap project's own XML says of its records: read with ElementTree, apart from the readers."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from defusedxml import ElementTree

ODM = "{http://www.cdisc.org/ns/odm/v1.3}"
REDCAP = "{https://projectredcap.org}"

Key = tuple[str, str | None, str | None, str | None]
"""Record, event, repeating instrument, instance."""


@dataclass
class Project:
    """Values by row and column, and what the metadata say of the columns."""

    record_id: str
    values: dict[Key, dict[str, str]] = field(default_factory=dict)
    forms: dict[Key, set[str]] = field(default_factory=dict)
    """Row -> instruments that hold something there."""
    boxes: dict[str, list[str]] = field(default_factory=dict)
    """Checkbox field -> its columns."""
    items: list[str] = field(default_factory=list)

    def box_field(self, column: str) -> str | None:
        return next((name for name, columns in self.boxes.items() if column in columns), None)


def project_of(path: Path) -> Project:
    """Return what the file says; a repeating instrument's forms are rows of their own, as in an export."""
    root = ElementTree.parse(path).getroot()
    study = root.find(f"{ODM}Study")
    version = study.find(f"{ODM}MetaDataVersion")
    project = Project(record_id=version.get(f"{REDCAP}RecordIdField"))
    for item in version.iter(f"{ODM}ItemDef"):
        project.items.append(item.get("OID"))
        if item.get(f"{REDCAP}FieldType") == "checkbox":
            project.boxes.setdefault(item.get(f"{REDCAP}Variable"), []).append(item.get("OID"))
    instruments = {f.get("OID"): f.get(f"{REDCAP}FormName") for f in version.iter(f"{ODM}FormDef")}
    repeating = {
        (item.get(f"{REDCAP}UniqueEventName"), item.get(f"{REDCAP}RepeatInstrument"))
        for item in study.iter(f"{REDCAP}RepeatingInstrument")
    }
    for subject in root.iter(f"{ODM}SubjectData"):
        events = subject.findall(f"{ODM}StudyEventData") or [subject]
        for event in events:
            name = event.get(f"{REDCAP}UniqueEventName")
            for form in event.findall(f"{ODM}FormData"):
                instrument = instruments[form.get("FormOID")]
                is_repeating = any(
                    instrument == repeats and name in (None, where) for where, repeats in repeating
                )
                key = (
                    subject.get("SubjectKey"),
                    name,
                    instrument if is_repeating else None,
                    form.get("FormRepeatKey") if is_repeating else None,
                )
                row = project.values.setdefault(key, {})
                project.forms.setdefault(key, set()).add(instrument)
                for group in form:
                    for item in group:
                        row[item.get("ItemOID")] = item.get("Value") or item.get(f"{REDCAP}DocName") or ""
    return project

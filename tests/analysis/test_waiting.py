"""What waits in quarantine, where one cell fills more than one element."""

from __future__ import annotations

from sqlalchemy import Connection, create_engine, insert

from allpool.analysis.derivation.waiting import read_entries
from allpool.models import Base

ENTRY = {"scope": "cell", "rule": "impossible_date", "severity": "quarantine", "first_run": 1, "last_run": 1}
RULES = {
    "patient": ("patient", {"birth": ["born"], "deceased": ["died"]}),
    "cause": ("cause_of_death", {"value_concept": ["cause"], "effective": ["died"]}),
    "mrd": ("mrd", {"value_quantity": ["result"], "mrd_lod": ["limit"]}),
}


def waiting(*entries: tuple[str | None, str | None, str]) -> set[tuple[str | None, ...]]:
    """Return (element, record) of what waits; `entries` are (column, element, status)."""
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    tables = Base.metadata.tables
    with engine.begin() as connection:
        for name, (record, columns) in RULES.items():
            row = {"id": name, "feed": "f", "source": "s", "record": record, "columns": columns}
            connection.execute(
                insert(tables["mapping_rule"]).values(row | {"table_name": "t", "mapping": "m"})
            )
        for number, (column, element, status) in enumerate(entries):
            own = {"id": f"Q{number}", "feed": "f", "column": column, "element": element, "status": status}
            connection.execute(insert(tables["quarantine"]).values(ENTRY | own | {"patient_id": "p"}))
        return _found(connection)


def _found(connection: Connection) -> set[tuple[str | None, ...]]:
    return {row[1:] for row in read_entries(connection).select("patient_id", "element", "record").rows()}


def test_a_broken_date_of_death_waits_for_the_death_and_for_its_cause() -> None:
    """The entry names the cause only; the death must not be taken for unheard of."""
    found = waiting(("died", "cause_of_death", "open"))
    assert ("death_date", "patient") in found
    assert ("cause_of_death", "cause_of_death") in found
    assert not {element for element, _ in found} & {"birth_date", "mrd_value"}


def test_a_component_waits_by_its_own_name() -> None:
    assert {element for element, _ in waiting(("limit", "mrd_lod", "open"))} == {"mrd_lod"}


def test_what_is_mended_or_has_no_column() -> None:
    assert waiting(("died", "cause_of_death", "mended")) == set()
    assert waiting((None, "wbc", "open")) == {("wbc", None)}
    assert waiting(("no rule has it", "wbc", "open")) == {("wbc", None)}

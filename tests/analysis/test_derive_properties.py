"""The vectorised derivation against a plain reading of the definitions, patient by patient."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from allpool.analysis.definitions.catalogue import load_catalogue
from allpool.analysis.derivation.derive import derived_frames
from allpool.models.engine import connect
from tests.analysis.hand_built import HandBuilt

FIRST = date(2022, 1, 1)
DAY = st.one_of(st.none(), st.integers(min_value=-3, max_value=12))
"""Days from the first dose: few, so that ties and impossible orders are common."""
PATIENT = st.fixed_dictionaries(
    {"cr": DAY, "nr": DAY, "relapse": DAY, "death": DAY, "contact": DAY, "relative": st.booleans()}
)


def written(day: int | None, *, relative: bool) -> str | None:
    if day is None:
        return None
    return f"first-dose+{day}" if relative else (FIRST + timedelta(days=day)).isoformat()


FROM_REMISSION = ("rfs", "relapse", "nrm")
ENDPOINTS = ("os", "efs", *FROM_REMISSION)
WHOLE = load_catalogue()
CATALOGUE = replace(WHOLE, endpoints={name: WHOLE.endpoints[name] for name in (*ENDPOINTS, "cr")}, facts={})
"""Only the endpoints asked here, since a store is derived for every example."""


def expected(patient: dict[str, Any], endpoint: str) -> tuple[float, int] | None:
    """Read the common definitions of os, efs, rfs, relapse and nrm aloud, for one patient."""
    cr, nr, relapse, death, contact = (patient[name] for name in ("cr", "nr", "relapse", "death", "contact"))
    if endpoint == "efs" and nr is not None and cr is None:
        return 0.0, 0
    origin = cr if endpoint in FROM_REMISSION else 0
    if origin is None:
        return None
    events = [death] if endpoint == "os" else [relapse, death]
    times = [day - origin for day in events if day is not None]
    if any(time < 0 for time in times):
        return None
    if not times and endpoint == "efs" and cr is None and nr is None:
        return None
    if not times and (contact is None or contact < origin):
        return None
    end = min(times) if times else contact - origin
    if origin < 0 and end <= -origin:  # in remission before the first dose, and gone before it
        return None
    if not times:
        return float(end), 1
    of_relapse = relapse is not None and relapse - origin == end
    competes = (endpoint == "relapse" and not of_relapse) or (endpoint == "nrm" and of_relapse)
    return float(end), 2 if competes else 0


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(PATIENT, min_size=1, max_size=12))
def test_times_to_event_are_what_the_definitions_say(patients: list[dict[str, Any]]) -> None:
    built = HandBuilt()
    for number, patient in enumerate(patients):
        at = {
            name: written(patient[name], relative=patient["relative"])
            for name in patient
            if name != "relative"
        }
        answers = [f"{code} {at[code]}" for code in ("cr", "nr") if at[code]]
        built.patient(
            f"{number:02}",
            first_dose=FIRST.isoformat(),
            response="; ".join(answers),
            relapse=f"haematological {at['relapse']}" if at["relapse"] else None,
            death=at["death"],
            last_contact=at["contact"],
        )
    engine = built.into(connect("sqlite://"))
    with engine.connect() as connection:
        frame = derived_frames(connection, CATALOGUE)["adtte"]
    engine.dispose()
    found = {
        (row["usubjid"], row["paramcd"]): None if row["aval"] is None else (row["aval"], row["cnsr"])
        for row in frame.to_dicts()
        if row["definition"] == "common"
    }
    for number, patient in enumerate(patients):
        for endpoint in ENDPOINTS:
            assert found[f"S-{number:02}", endpoint] == expected(patient, endpoint), (patient, endpoint)
    assert all(row["evntdesc"] for row in frame.to_dicts()), "an answer or a reason for everybody"

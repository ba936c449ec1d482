"""Every definition of every endpoint is reached by a case that gives an answer, and stands on its page."""

from __future__ import annotations

from pathlib import Path

from allpool.analysis.definitions.catalogue import load_catalogue
from allpool.analysis.definitions.forms import TimeEndpoint
from allpool.analysis.definitions.page import endpoints_page
from tests.analysis import (
    test_derive_competing,
    test_derive_responses,
    test_derive_rules,
    test_derive_times,
)

DOCS = Path(__file__).resolve().parents[2] / "docs"
ELSEWHERE = {
    ("os", "study_entry"): "test_derive_times: relative times need no calendar",
    ("os", "diagnosis"): "test_derive_times: an anchor without a date",
    ("mrd", "study_001"): "test_derive_responses: MRD within two weeks after the first course",
    ("mrd", "study_004"): "test_derive_responses: the same patient as published",
}


def reached() -> set[tuple[str, str]]:
    """Endpoint and definition of each case that ends in an answer."""
    times = [case for _, *case in test_derive_times.CASES]
    found = {(endpoint, definition) for endpoint, _, definition, days, *_ in times if days is not None}
    for _, (endpoint, definition, _, days, *_) in test_derive_competing.CASES:
        found |= {(endpoint, definition)} if days is not None else set()
    for endpoint, definition, (answer, _) in test_derive_rules.CASES.asked.values():
        found |= {(endpoint, definition)} if answer else set()
    found |= {("cr", definition) for _, definition, answer, _ in test_derive_responses.CR if answer}
    return found


def test_every_definition_is_reached_by_a_case() -> None:
    known = {
        (endpoint.endpoint, name)
        for endpoint in load_catalogue().endpoints.values()
        for name in endpoint.definitions
    }
    assert set(ELSEWHERE) <= known
    assert not set(ELSEWHERE) & reached(), "reached by a table, too: no need to say where"
    assert sorted(known - reached() - set(ELSEWHERE)) == []


def test_every_endpoint_of_the_registry_is_there() -> None:
    endpoints = load_catalogue().endpoints
    times = {name for name, endpoint in endpoints.items() if isinstance(endpoint, TimeEndpoint)}
    assert {"os", "efs", "rfs", "dfs", "relapse", "nrm", "hsct", "mrd_loss", "recovery"} <= times
    responses = set(endpoints) - times
    assert {"cr", "crh", "cri", "crc", "orr", "mrd", "mrd_conversion", "mrd_reversion"} <= responses
    assert {"crs", "crs_g3", "icans", "neurotoxicity", "ae_any", "ae_g3", "infection", "liver"} <= responses


def test_transplant_has_the_origins_of_overall_survival() -> None:
    endpoints = load_catalogue().endpoints
    survival, transplant = endpoints["os"], endpoints["hsct"]
    assert isinstance(survival, TimeEndpoint)
    assert isinstance(transplant, TimeEndpoint)
    for name in ("common", "study_entry", "diagnosis", "response"):
        assert survival.definitions[name].origin == transplant.definitions[name].origin


def test_studies_ask_their_own_definitions_alone() -> None:
    for endpoint in load_catalogue().endpoints.values():
        for name, definition in endpoint.definitions.items():
            own = (name.split("_")[1],) if name.startswith("study_0") else ()
            assert tuple(definition.studies) == own, (endpoint.endpoint, name)


def test_the_page_in_docs_is_that_of_the_definitions() -> None:
    page = endpoints_page(load_catalogue())
    assert (DOCS / "endpoints.md").read_text(encoding="utf-8") == page, "the definitions changed: make docs"
    for endpoint in load_catalogue().endpoints.values():
        assert f"`{endpoint.endpoint}`, version {endpoint.version}" in page
        for definition in endpoint.definitions.values():
            assert definition.source.replace("|", "\\|") in page

"""The R4 core package, read once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fhir_definitions import R4Core

PACKAGE = "fhir/hl7.fhir.r4.core-4.0.1-rebuilt.tgz"


@pytest.fixture(scope="session")
def r4_core(shared: Path) -> R4Core:
    return R4Core(shared / PACKAGE)

"""Landing: every resource of a FHIR feed kept whole, less the direct identifiers of persons."""

from __future__ import annotations

from allpool.etl.landing.file import LandedFile
from allpool.etl.landing.landing import Landing, land

__all__ = ["LandedFile", "Landing", "land"]

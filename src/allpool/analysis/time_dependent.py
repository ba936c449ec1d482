"""Exposures that begin during follow-up (response, transplant) without immortal time."""

from __future__ import annotations

from allpool.analysis.estimators.counting_process import counting_process
from allpool.analysis.estimators.mantel_byar import mantel_byar
from allpool.analysis.estimators.simon_makuch import simon_makuch

__all__ = ["counting_process", "mantel_byar", "simon_makuch"]

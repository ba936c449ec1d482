"""Competing risks under the names the documentation promises; each estimator lives in a module of its own."""

from __future__ import annotations

from allpool.analysis.estimators.cumulative_incidence import CumulativeIncidence, cumulative_incidence
from allpool.analysis.estimators.fine_gray import FineGrayModel, fine_gray
from allpool.analysis.estimators.gray import GrayTest, gray

__all__ = [
    "CumulativeIncidence",
    "FineGrayModel",
    "GrayTest",
    "cumulative_incidence",
    "fine_gray",
    "gray",
]

"""Comparisons of groups that were not given by chance, under the names the documentation promises."""

from __future__ import annotations

from allpool.analysis.estimators.overlap_weights import OverlapWeighted, overlap_weighted

__all__ = ["OverlapWeighted", "overlap_weighted"]

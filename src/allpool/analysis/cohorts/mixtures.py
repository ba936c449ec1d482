"""Mixtures that no synthesis may make unseen: of denominators, and of what is counted."""

from __future__ import annotations

from collections.abc import Mapping

from allpool.errors import AnalysisError


def same_denominator(rules: Mapping[str, str], *, override: str | None = None) -> tuple[str, ...]:
    """Check that all studies count by one definition; return what is to be printed beside the result.

    `rules` gives each study's definition in words. Raises `AnalysisError` where they differ and no
    `override` (the reason to go on) is given.
    """
    return _one(
        rules,
        what="mixed denominators: the studies count under different definitions",
        instead="ask all under one definition (`definition: common`), which re-derives it from patients",
        override=override,
    )


def same_unit(units: Mapping[str, str], *, override: str | None = None) -> tuple[str, ...]:
    """Check that all studies count one thing (patients, or courses); as `same_denominator`."""
    return _one(
        units,
        what="mixed units of analysis: what is counted differs between the studies",
        instead="count each patient once (for example its first course), or leave the study out",
        override=override,
    )


def _one(said: Mapping[str, str], *, what: str, instead: str, override: str | None) -> tuple[str, ...]:
    if len(set(said.values())) < 2:
        return ()
    told = "; ".join(f"{study}: {text}" for study, text in sorted(said.items()))
    if override:
        return (f"{what} ({told}); pooled all the same: {override}",)
    raise AnalysisError(
        f"{what} ({told}); {instead}, or give `override` with the reason, which is printed beside the result"
    )

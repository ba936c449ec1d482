"""Recipes that compare: tables of counts, ranks of pairs and of groups, regression models."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from allpool.analysis.published.agreement import NOISE
from allpool.analysis.published.recipes import (
    AssociationRecipe,
    Covariate,
    CoxRecipe,
    LogisticRecipe,
    RankSumRecipe,
    WilcoxonRecipe,
)
from allpool.analysis.published.recomputed import SUBJECTS, Recomputed, Value, brought, unknown_note
from allpool.analysis.published.subjects import Asked
from allpool.analysis.published.times import groups_of, sample_of
from allpool.errors import AnalysisError


def association(recipe: AssociationRecipe, asked: Asked) -> Recomputed:
    """Return the test of an outcome between groups, on those whose outcome is known."""
    from allpool.analysis.estimators.contingency import chi_square
    from allpool.analysis.proportions import fisher

    table, parts, notes, lost = [], [], list(unknown_note(asked)), 0
    for name, group in recipe.groups.items():
        outcome = group.outcome or recipe.outcome
        if outcome is None:
            raise AssertionError("a recipe of an association has an outcome for each group")
        members = asked.of(group)
        met = members.met(outcome)
        lost += int(met.isna().sum())
        hits = int(met.fillna(False).sum())
        table.append([hits, int(met.notna().sum()) - hits])
        items = (*outcome.where, *outcome.any_of)
        label = pd.Series(name, index=range(members.n))
        parts.append(brought(members, event=met, group=label, items=items))
    p = fisher(table) if recipe.test == "fisher" else chi_square(table).p
    if lost:
        notes.append(f"{lost} of whom the outcome is not known are left out")
    counts = ", ".join(
        f"{name} {hits}/{hits + others}" for name, (hits, others) in zip(recipe.groups, table, strict=True)
    )
    test = "Fisher's exact test" if recipe.test == "fisher" else "Pearson's chi-square without correction"
    n = sum(map(sum, table))
    subjects = pd.concat([part.astype(object) for part in parts], ignore_index=True)
    if subjects["usubjid"].duplicated().any():
        raise AnalysisError("the groups share subjects; a test of independence needs them apart")
    return Recomputed({"p": float(p)}, subjects, f"{test}: {counts}", n, tuple(notes))


def wilcoxon(recipe: WilcoxonRecipe, asked: Asked) -> Recomputed:
    """Return the signed-rank test of the pairs of which both values are known."""
    from allpool.analysis.paired import wilcoxon as signed_rank

    before, after = asked.numbers(recipe.before), asked.numbers(recipe.after)
    both = before.notna() & after.notna()
    # values are given to a few decimals: binary noise in their differences must not break ties of ranks
    difference = (before - after)[both].to_numpy(dtype=float).round(NOISE)
    test = signed_rank(difference, np.zeros_like(difference), zero=recipe.zero, correction=recipe.correction)
    rows = brought(asked, aval=after - before, items=(recipe.after, recipe.before))
    lost = int((~both).sum())
    notes = unknown_note(asked)
    if lost:
        notes = (*notes, f"{lost} without both values are left out")
    return Recomputed({"p": float(test.p)}, rows, f"{test.method}: {test.n} pairs", test.n, notes)


def rank_sum(recipe: RankSumRecipe, asked: Asked) -> Recomputed:
    """Return the rank-sum test of a value between two groups, on those whose value is known."""
    from allpool.analysis.paired import mann_whitney

    numbers = asked.numbers(recipe.of)
    group = pd.Series(groups_of(recipe.groups, asked).to_numpy(), index=range(asked.n))
    values = [numbers[(group == name) & numbers.notna()].to_numpy(dtype=float) for name in recipe.groups]
    test = mann_whitney(*values, correction=recipe.correction)
    rows = brought(asked, aval=numbers, group=group, items=(recipe.of,))
    sizes = ", ".join(f"{name} {len(found)}" for name, found in zip(recipe.groups, values, strict=True))
    how = f"{test.method} of {recipe.of.name}: {sizes}"
    return Recomputed({"p": float(test.p)}, rows, how, test.n_x + test.n_y, unknown_note(asked))


def cox(recipe: CoxRecipe, asked: Asked) -> Recomputed:
    """Return one term of a Cox model, on those of whom every covariate is known."""
    from allpool.analysis.estimators.cox import cox as fit

    sample = sample_of(recipe, asked)
    design, lost = _design(recipe.covariates, asked)
    frame = sample.frame.merge(design, on="usubjid", how="inner")
    model = fit(frame, "aval", "event", list(recipe.covariates))
    row = model.table[model.table["term"] == recipe.term].iloc[0]
    figures = _term(row, "hazard_ratio")
    names = ", ".join(recipe.covariates)
    how = f"Cox model of {recipe.endpoint}/{recipe.definition} on {names} (Efron): {recipe.term}"
    rows = frame.assign(group_value=None)[list(SUBJECTS)].astype(object)
    notes = unknown_note(asked)
    if lost:
        notes = (*notes, f"{lost} of whom a covariate is not known are left out")
    if recipe.override:
        notes = (*notes, f"counted although known only after time zero: {recipe.override}")
    return Recomputed(figures, rows, how, len(frame), notes)


def logistic(recipe: LogisticRecipe, asked: Asked) -> Recomputed:
    """Return one term of a logistic model, on those of whom outcome and covariates are known."""
    from allpool.analysis.logistic import logistic as fit

    met = asked.met(recipe.outcome)
    design, _ = _design(recipe.covariates, asked)
    outcome = pd.DataFrame({"usubjid": asked.usubjid, "outcome": met})
    frame = outcome[met.notna()].merge(design, on="usubjid", how="inner")
    frame["outcome"] = frame["outcome"].astype(int)
    model = fit(frame, "outcome", list(recipe.covariates))
    row = model.table[model.table["term"] == recipe.term].iloc[0]
    figures = _term(row, "odds_ratio")
    how = f"logistic model on {', '.join(recipe.covariates)}: {recipe.term}"
    lost = asked.n - len(frame)
    notes = unknown_note(asked)
    if lost:
        notes = (*notes, f"{lost} of whom the outcome or a covariate is not known are left out")
    items = (*recipe.outcome.where, *recipe.outcome.any_of)
    rows = brought(asked, event=met, items=items)
    return Recomputed(figures, rows, how, len(frame), notes)


def _design(covariates: Mapping[str, Covariate], asked: Asked) -> tuple[pd.DataFrame, int]:
    """Return usubjid and a number per covariate of those of whom all are known, and how many are not."""
    frame = pd.DataFrame({"usubjid": asked.usubjid})
    for name, covariate in covariates.items():
        if covariate.of is not None:
            frame[name] = asked.numbers(covariate.of) / covariate.per
        elif covariate.chosen is not None:
            frame[name] = asked.met(covariate.chosen).map({True: 1.0, False: 0.0}).astype(float)
    known = frame.notna().all(axis=1)
    return frame[known].reset_index(drop=True), int((~known).sum())


def _term(row: pd.Series, ratio: str) -> dict[str, Value]:
    return {name: float(row[name]) for name in (ratio, "lower", "upper", "p")}

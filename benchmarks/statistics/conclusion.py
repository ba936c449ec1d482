"""What the numbers recommend for each question, beside what the package does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.statistics import package_defaults as package
from benchmarks.statistics.choice import (
    AT_WORST,
    LARGEST_SIZE,
    ON_AVERAGE,
    Choice,
    choose_interval,
    choose_test,
)
from benchmarks.statistics.markdown import number, paragraph, percent, table
from benchmarks.statistics.results import read
from benchmarks.statistics.sections import EFFECT, POOLED, PREDICTION, predictions

RULE = f"""
The rule: of the intervals that hold the truth in at least {100 * ON_AVERAGE:g} % on average over the
settings and in at least {100 * AT_WORST:g} % in the worst one, the narrowest is taken. Where none does
both, it is the one with the best worst setting among those that hold {100 * ON_AVERAGE:g} % on average
(or among all). Coverage is of the intervals given; how often a method gives none stands in the sections.
Of tests, among those that nowhere reject a true hypothesis in more than {100 * LARGEST_SIZE:g} % (5 %
and three Monte-Carlo standard errors), the one nearest to 5 % on average; where none is, the one with
the smallest worst size. The two thresholds of coverage were set before the first whole run; what to do
where nothing meets both, after it.
"""


@dataclass(frozen=True)
class Question:
    """One decision: who may be chosen, what was chosen, and the package's own default."""

    asks: str
    studies: str
    choice: Choice
    default: str

    @property
    def follows(self) -> bool:
        """Whether the package's default is what the rule takes."""
        return self.default == self.choice.chosen

    @property
    def holds(self) -> bool:
        """Whether the package's default covers as the rule asks, be it the narrowest or not."""
        row = self.choice.row(self.default)
        return bool(row["mean"] >= ON_AVERAGE and row["worst"] >= AT_WORST)

    def cells(self) -> list[str]:
        """Return the row of the table."""
        chosen = (
            self.choice.chosen if self.choice.qualified else f"{self.choice.chosen} (none covers as asked)"
        )
        said = "follows" if self.follows else "covers, but is wider" if self.holds else "covers too little"
        figures = [_figures(self.choice, name) for name in (self.choice.chosen, self.default)]
        return [self.asks, self.studies, chosen, figures[0], self.default, figures[1], said]


def questions(folder: Path) -> Iterator[Question]:
    """Yield every decision with the rule's choice."""
    single = choose_interval(read("single_proportion", folder), ["method"])
    yield Question("one proportion", "", single, package.single_proportion())
    pooled = read("pooled_proportions", folder)
    for studies, part in _by_studies(pooled):
        yield Question("pooled response", studies, choose_interval(part, POOLED), package.pooled_responses())
    for studies, part in predictions(folder).groupby("k"):
        default = f"{package.prediction()}, {package.pooled_responses()}"
        if default in set(part[list(PREDICTION)].agg(", ".join, axis=1)):  # hts needs three studies
            yield Question("a new study's response", str(studies), choose_interval(part, PREDICTION), default)
    effects = read("pooled_effects", folder)
    for measure, default in (
        ("survival", package.pooled_survival()),
        ("log hazard ratio", package.pooled_effects()),
    ):
        for studies, part in _by_studies(effects[effects["measure"] == measure]):
            yield Question(f"pooled {measure}", studies, choose_interval(part, EFFECT), default)
    for studies, part in _by_studies(read("one_stage", folder)):
        yield Question(
            "survival in one stage", studies, choose_interval(part, ["interval"]), package.one_stage()
        )
    curves = read("curves", folder)
    for quantity in ("survival at 12 months", "median"):
        found = choose_interval(curves[curves["quantity"] == quantity], ["interval"])
        yield Question(f"Kaplan-Meier, {quantity}", "", found, package.curve())


def _by_studies(frame: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield the settings of each number of studies, then all."""
    for k, part in frame.groupby("k"):
        yield str(k), part
    if frame["k"].nunique() > 1:
        yield f"{frame['k'].min()} to {frame['k'].max()}", frame


def tests(folder: Path) -> Iterator[tuple[str, Choice]]:
    """Yield the rule's choice among the tests of one hypothesis."""
    two_rates = read("rate_tests", folder)
    yield "two rates", choose_test(two_rates[two_rates["test"] != "trend"])
    over_time = read("time_tests", folder)
    competing = over_time["test"].isin(["Gray", "Fine-Gray, Wald"])
    yield "two survival curves", choose_test(over_time[~competing])
    yield "two cumulative incidences", choose_test(over_time[competing])
    ranks = read("rank_tests", folder)
    paired = ranks["test"].str.startswith("signed")
    yield "paired values", choose_test(ranks[paired])
    yield "values of two groups", choose_test(ranks[~paired])
    homogeneity = read("homogeneity", folder)
    yield "homogeneity of rates", choose_test(homogeneity[homogeneity["tau"] == 0])


def conclusion(folder: Path) -> list[str]:
    """Return the section."""
    found = list(questions(folder))
    tested = [
        [
            name,
            choice.chosen if choice.qualified else f"{choice.chosen} (none meets the rule)",
            percent(choice.row(choice.chosen)["mean"]),
            percent(choice.row(choice.chosen)["worst"]),
        ]
        for name, choice in tests(folder)
    ]
    return [
        "## Conclusion",
        "",
        paragraph(RULE),
        "",
        table(
            [
                "question",
                "studies",
                "by the rule",
                "mean / worst / width",
                "allpool's default",
                "its own",
                "the default",
            ],
            [question.cells() for question in found],
        ),
        "",
        *_words(found, folder),
        "",
        table(["hypothesis", "test by the rule", "size, mean", "largest"], tested),
    ]


def _words(found: list[Question], folder: Path) -> list[str]:
    """Say in sentences what the table says, with its numbers."""
    short: dict[str, list[str]] = {}
    for question in found:
        if not question.follows and not question.holds:
            short.setdefault(question.asks, []).append(question.studies)
    named = "; ".join(f"{asks} ({', '.join(k)})" if any(k) else asks for asks, k in short.items())
    said = f"Defaults that cover less than the rule asks: {named or 'none'}."
    pooled, effects = read("pooled_proportions", folder), read("pooled_effects", folder)
    ratios = effects[effects["measure"] == "log hazard ratio"]
    z, t = (_of(pooled, POOLED, f"glmm, ML, {test}") for test in ("z", "t"))
    knapp = _of(pooled, POOLED, "logit, REML, hksj")
    few = pooled[pooled["k"] == pooled["k"].min()]
    single = _of(read("single_proportion", folder), ["method"], package.single_proportion())
    by_t = choose_interval(pooled[pooled["interval"] == "t"], POOLED).candidates
    enough = by_t[(by_t["mean"] >= ON_AVERAGE) & (by_t["worst"] >= AT_WORST)].sort_values("width")
    scales = "; ".join(f"{row.candidate} {number(row.width)}" for row in enough.itertuples())
    return [
        paragraph(said),
        "",
        paragraph(
            f"""Pooling so few studies, the interval matters more than the scale. By the normal ("z") the
            binomial-normal model holds {percent(z["mean"])} % on average and {percent(z["worst"])} % in
            the worst setting, since the variance between studies cannot be told from so few; by t on k
            - 1 it holds {percent(t["mean"])} % and {percent(t["worst"])} %. The price is width: of
            {few["k"].min()} studies the interval is {number(_of(few, POOLED, "glmm, ML, t")["width"])}
            wide, which is to say that these alone tell next to nothing, and the common effect beside it
            answers another question. Hartung-Knapp (not truncated) is the narrowest that covers for log
            hazard ratios ({percent(_of(ratios, EFFECT, "REML, hksj")["worst"])} % at worst), but not
            for proportions ({percent(knapp["worst"])} % at worst): where studies agree by chance, as
            when all respond, it has no width. The binomial-normal model has no estimate where all
            respond, or none: in {percent(1 - z["least_given"])} % of replicates of the worst setting."""
        ),
        "",
        paragraph(
            f"""Scales that cover as asked by t, with their mean widths: {scales}. Differences among them
            are small beside those between z and t; the Freeman-Tukey scale has no inverse that fits
            studies of different size."""
        ),
        "",
        paragraph(
            f"""The bare functions keep metafor's defaults, so that numbers can be compared with R's:
            `pool_proportions` takes {package.pooled_proportions()}; `random_effects` takes
            {package.pooled_effects()}. The default for pooled responses and pooled survival is what a
            cohort's `pooled` and a plan's synthesis take where nothing is said. One proportion is given
            by Clopper and Pearson, wider than the rule's choice: exact by construction, it nowhere
            covers less than {percent(single["worst"])} % here."""
        ),
    ]


def _of(frame: pd.DataFrame, name: Sequence[str], candidate: str) -> pd.Series:
    return choose_interval(frame, name).row(candidate)


def _figures(choice: Choice, candidate: str) -> str:
    row = choice.row(candidate)
    width = number(row["width"]) if not np.isinf(row["width"]) else "open"
    return f"{percent(row['mean'])} / {percent(row['worst'])} / {width}"

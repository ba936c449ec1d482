"""What the numbers recommend for each question, beside what the package does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

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
settings and in at least {100 * AT_WORST:g} % in the worst one, the narrowest is taken; where none does
both, the one whose worst setting is best (the narrowest of those within a percent). Coverage is of the
intervals given: how often a method gives none stands in the sections. Of tests, among those that nowhere
reject a true hypothesis in more than {100 * LARGEST_SIZE:g} % (5 % and three Monte-Carlo standard
errors), the one nearest to 5 % on average; where none is, the one with the smallest worst.
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

    def cells(self) -> list[str]:
        """Return the row of the table."""
        chosen = (
            self.choice.chosen if self.choice.qualified else f"{self.choice.chosen} (none meets the rule)"
        )
        known = self.default in set(self.choice.candidates["candidate"])
        return [
            self.asks,
            self.studies,
            chosen,
            _figures(self.choice, self.choice.chosen),
            self.default,
            _figures(self.choice, self.default) if known else "",
            "yes" if self.follows else "no",
        ]


def questions(folder: Path) -> Iterator[Question]:
    """Yield every decision with the rule's choice."""
    single = choose_interval(read("single_proportion", folder), ["method"])
    yield Question("one proportion", "", single, package.single_proportion())
    pooled = read("pooled_proportions", folder)
    for k, part in pooled.groupby("k"):
        yield Question("pooled response", str(k), choose_interval(part, POOLED), package.pooled_responses())
    for k, part in predictions(folder).groupby("k"):
        default = f"{package.prediction()}, {package.pooled_responses()}"
        if default in set(part[list(PREDICTION)].agg(", ".join, axis=1)):  # hts needs three studies
            yield Question("a new study's response", str(k), choose_interval(part, PREDICTION), default)
    effects = read("pooled_effects", folder)
    for measure, default in (
        ("survival", package.pooled_survival()),
        ("log hazard ratio", package.pooled_effects()),
    ):
        for k, part in effects[effects["measure"] == measure].groupby("k"):
            yield Question(f"pooled {measure}", str(k), choose_interval(part, EFFECT), default)
    curves = read("curves", folder)
    for quantity in ("survival at 12 months", "median"):
        found = choose_interval(curves[curves["quantity"] == quantity], ["interval"])
        yield Question(f"Kaplan-Meier, {quantity}", "", found, package.curve())


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
                "follows",
            ],
            [question.cells() for question in found],
        ),
        "",
        *_words(found),
        "",
        table(["hypothesis", "test by the rule", "size, mean", "largest"], tested),
    ]


def _words(found: list[Question]) -> list[str]:
    bare = package.pooled_proportions(), package.pooled_effects()
    away = [f"{q.asks}{f' of {q.studies} studies' if q.studies else ''}" for q in found if not q.follows]
    said = (
        f"The default is not the rule's choice for: {'; '.join(away)}."
        if away
        else "Every default follows the rule."
    )
    return [
        paragraph(said),
        "",
        paragraph(
            f"""The bare functions keep metafor's defaults so that numbers can be compared with R's:
            `pool_proportions` {bare[0]}; `random_effects` {bare[1]}. "allpool's default" for pooled
            responses and survival is what a cohort's `pooled` and a plan's synthesis take where nothing
            is said."""
        ),
    ]


def _figures(choice: Choice, candidate: str) -> str:
    row = choice.row(candidate)
    width = number(row["width"]) if not np.isinf(row["width"]) else "open"
    return f"{percent(row['mean'])} / {percent(row['worst'])} / {width}"

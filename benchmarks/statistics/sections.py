"""The sections of the page, each from its table of results."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from benchmarks.statistics.choice import choose_test, summary
from benchmarks.statistics.markdown import number, paragraph, percent, table
from benchmarks.statistics.results import read

POOLED = ("transform", "method", "interval")
EFFECT = ("method", "interval")
PREDICTION = ("convention", *POOLED)
SHOWN_BY_TAU = (
    "logit, FE, z",
    "logit, REML, z",
    "logit, REML, t",
    "logit, REML, hksj",
    "glmm, ML, z",
    "glmm, ML, t",
)
INTERVAL_COLUMNS = ("coverage, mean", "worst setting", "width", "given, mean", "given, least")


def _rows(found: pd.DataFrame) -> list[list[str]]:
    return [
        [
            str(row.candidate),
            percent(row.mean),
            percent(row.worst),
            number(row.width),
            percent(row.given),
            percent(row.least_given),
        ]
        for row in found.itertuples()
    ]


def single_proportion(folder: Path) -> list[str]:
    """One proportion: exact coverage by size."""
    frame = read("single_proportion", folder)
    rows = []
    for n, part in frame.groupby("n"):
        for row in _rows(summary(part, ["method"])):
            worst = part[part["method"] == row[0]].sort_values("coverage").iloc[0]
            rows.append([str(n), *row[:4], f"{worst['p']:.2f}"])
    return [
        "## One proportion",
        "",
        paragraph(
            """Coverage is exact: all outcomes of n patients are enumerated at 49 rates from 0.50 to 0.98,
            without replicates. Width is the expected one."""
        ),
        "",
        "![Coverage of three intervals of one proportion by rate and size](figures/coverage-proportion.svg)",
        "",
        table(["n", "interval", "coverage, mean %", "worst rate %", "width", "at rate"], rows),
    ]


def pooled_proportions(folder: Path) -> list[str]:
    """Pooled proportions: every model by number of studies, and the main ones by heterogeneity."""
    frame = read("pooled_proportions", folder)
    parts = [
        "## Pooled proportions",
        "",
        paragraph(
            """Studies' rates have logits normal about logit(p), with standard deviation tau (0, 0.3, 0.6,
            1); sizes are 15 each, 45 each, or 10 to 60; p is 0.5, 0.7, 0.85, 0.95 or 0.98. The estimand
            is the rate of the median study, expit(mean logit) = p, which is what the logit models
            estimate. The last column holds the same interval against the mean of the studies' rates,
            which is nearer to a half when tau is above 0. Widths are medians over replicates, averaged
            over settings, at most 1."""
        ),
        "",
        "![Coverage of pooled proportions by heterogeneity](figures/coverage-pooled.svg)",
        "",
    ]
    for k, part in frame.groupby("k"):
        of_mean = summary(part, POOLED, coverage="coverage_of_mean").set_index("candidate")["mean"]
        rows = [[*row, percent(of_mean[row[0]])] for row in _rows(summary(part, POOLED))]
        parts += [
            f"### {k} studies",
            "",
            table(["transform, method, interval", *INTERVAL_COLUMNS, "coverage of the mean rate"], rows),
            "",
        ]
    return [*parts, *_by_tau(frame)]


def _by_tau(frame: pd.DataFrame) -> list[str]:
    named = frame.assign(candidate=frame[list(POOLED)].agg(", ".join, axis=1))
    taus = sorted(named["tau"].unique())
    rows = []
    for k, part in named.groupby("k"):
        for candidate in SHOWN_BY_TAU:
            means = part[part["candidate"] == candidate].groupby("tau")["coverage"].mean()
            rows.append([str(k), candidate, *(percent(means[tau]) for tau in taus)])
    return [
        "### By heterogeneity",
        "",
        "Mean coverage in percent over sizes and rates.",
        "",
        table(["studies", "transform, method, interval", *(f"tau {tau:g}" for tau in taus)], rows),
    ]


def prediction(folder: Path) -> list[str]:
    """Prediction intervals: the chance that a new study's true rate lies within."""
    rows = []
    for k, part in predictions(folder).groupby("k"):
        rows += [[str(k), *row[:4]] for row in _rows(summary(part, PREDICTION))]
    return [
        "## Prediction intervals",
        "",
        paragraph(
            """The chance that a new study's true rate lies within the interval, known from the model and
            not simulated. "hts" takes t on k - 2 degrees of freedom and exists from three studies on;
            "z" and "t" are the same to it. "metafor" takes the normal for "z" and t on k - 1 otherwise.
            Logit scale only."""
        ),
        "",
        table(["studies", "convention, transform, method, interval", *INTERVAL_COLUMNS[:3]], rows),
    ]


def predictions(folder: Path) -> pd.DataFrame:
    """Return the prediction intervals of the logit models, one row per convention and setting."""
    frame = read("pooled_proportions", folder)
    frame = frame[frame["method"].isin(["REML", "ML"]) & frame["transform"].isin(["logit", "glmm"])]
    parts = []
    for convention in ("hts", "metafor"):
        column = f"prediction_{convention}"
        part = frame[[*POOLED, "k", "given"]].assign(
            convention=convention, coverage=frame[column], width=frame[f"{column}_width"]
        )
        same = (convention == "hts") & (frame["interval"] == "t")
        parts.append(part[~same & part["coverage"].notna()])
    return pd.concat(parts)


def pooled_effects(folder: Path) -> list[str]:
    """Hazard ratios and survival pooled in two stages."""
    frame = read("pooled_effects", folder)
    parts = [
        "## Pooled hazard ratios and pooled survival",
        "",
        paragraph(
            """Two stages as in the package: log hazard ratios of two arms by Cox's model (true ratio of the
            median study 0.6; n per arm), and log(-log S) at twelve months with Greenwood's variance,
            where studies without deaths, without survivors or with fewer than five at risk are left out.
            Survival is exponential, 30 % censored, effects normal between studies with tau 0, 0.3 or
            0.6. Widths are on the log scale."""
        ),
    ]
    for measure, whole in frame.groupby("measure"):
        rows = [[str(k), *row] for k, part in whole.groupby("k") for row in _rows(summary(part, EFFECT))]
        left_out = whole["studies_left_out"].mean()
        parts += [
            "",
            f"### {measure[:1].upper()}{measure[1:]}",
            "",
            f"{percent(left_out)} % of studies had no estimate and were left out.",
            "",
            table(["studies", "method, interval", *INTERVAL_COLUMNS], rows),
        ]
    return parts


def curves(folder: Path) -> list[str]:
    """Kaplan-Meier: points, medians, means."""
    frame = read("curves", folder)
    rows = [
        [str(quantity), str(n), *row]
        for quantity, whole in frame.groupby("quantity", sort=False)
        for n, part in whole.groupby("n")
        for row in _rows(summary(part, ["interval"]))
    ]
    return [
        "## One Kaplan-Meier curve",
        "",
        paragraph(
            """Exponential survival of 30, 50, 70 or 90 % at twelve months, 20 or 40 % censored. At twelve
            months no interval is given where nobody is at risk; the log-log interval is none either
            where nobody has died yet, and no interval exists once all have. A median's interval may be
            open to the right; without a lower limit it counts as not given. The restricted mean, to
            twelve months, is not given where follow-up ends before."""
        ),
        "",
        "![Coverage of survival at twelve months by size](figures/coverage-survival.svg)",
        "",
        table(["quantity", "n", "interval", *INTERVAL_COLUMNS], rows),
    ]


def comparisons(folder: Path) -> list[str]:
    """Two groups over time: tests and effects."""
    effects = read("effects", folder)
    rows = [
        [str(n), *row]
        for n, part in effects.groupby("n", sort=False)
        for row in _rows(summary(part, ["effect"]))
    ]
    return [
        "## Two groups over time",
        "",
        paragraph(
            """Both groups have the same exponential survival (30 or 60 % at twelve months, 20 or 40 %
            censored), so every rejection at 5 % is an error. Of events 60 % are of the cause that Gray's
            test and the Fine-Gray model look at; the four strata cut across the groups. Sizes are those
            of the groups."""
        ),
        "",
        _sizes(read("time_tests", folder)),
        "",
        "### Intervals of the effect, which is 0",
        "",
        table(["groups", "effect", *INTERVAL_COLUMNS], rows),
    ]


def one_stage(folder: Path) -> list[str]:
    """Survival of several studies in one likelihood."""
    rows = [
        [str(k), *row]
        for k, part in read("one_stage", folder).groupby("k")
        for row in _rows(summary(part, ["interval"]))
    ]
    return [
        "## Survival of several studies in one stage",
        "",
        paragraph(
            """Exponential survival of 50 or 80 % at twelve months in the median study, which is the
            estimand; 30 % censored; log hazards normal between studies with standard deviation 0, 0.3 or
            0.6; 15 patients each, or 10 to 60. One hazard, normal study intercepts. Widths are of the
            share."""
        ),
        "",
        table(["studies", "interval", *INTERVAL_COLUMNS], rows),
    ]


def adjusted(folder: Path) -> list[str]:
    """Differences of two groups with a confounder taken into account."""
    rows = [
        [str(quantity), str(n), *row[1:]]
        for (quantity, n), part in read("adjusted", folder).groupby(["quantity", "n"], sort=False)
        for row in _rows(summary(part, ["quantity"]))
    ]
    return [
        "## Two groups with a confounder",
        "",
        paragraph(
            """Half of n patients have a trait that makes the second group more likely (65 against 35 %),
            and lowers the rate of response by 20 points (from 50, 70 or 85 %) or doubles the hazard
            (survival without it 30 or 60 % at twelve months, 30 % censored); the group does nothing. The
            overlap-weighted interval is not given where all or none of a group respond, the restricted
            mean's where follow-up ends before twelve months."""
        ),
        "",
        table(["difference", "n", *INTERVAL_COLUMNS], rows),
    ]


def rates(folder: Path) -> list[str]:
    """Tests of rates."""
    return [
        "## Tests of rates",
        "",
        paragraph(
            """Exact: all tables of the groups are enumerated at rates of 0.5, 0.7, 0.85, 0.95 and 0.98. A
            table in which all or none respond has no chi-square and no trend; it counts as no rejection."""
        ),
        "",
        _sizes(read("rate_tests", folder)),
    ]


def ranks(folder: Path) -> list[str]:
    """Wilcoxon's tests."""
    return [
        "## Rank tests",
        "",
        paragraph(
            """n pairs without a true difference, or two groups of n; values normal, with heavy tails (t on
            2 degrees of freedom), or rounded so that many are tied and many differences are zero."""
        ),
        "",
        _sizes(read("rank_tests", folder)),
    ]


def homogeneity(folder: Path) -> list[str]:
    """Tests of homogeneity: size without heterogeneity, power with it."""
    frame = read("homogeneity", folder)
    taus = sorted(frame["tau"].unique())
    rows = []
    for (k, test), part in frame.groupby(["k", "test"], sort=False):
        shares = part.groupby("tau")["size"].mean()
        worst = part[part["tau"] == 0]["size"].max()
        given = part["given"].mean()
        rows.append(
            [str(k), str(test), *(percent(shares[tau]) for tau in taus), percent(worst), percent(given)]
        )
    return [
        "## Tests of homogeneity",
        "",
        paragraph(
            """Share of rejections at 5 %: errors where tau is 0, power elsewhere. That a test does not
            reject says little about studies this few."""
        ),
        "",
        table(["studies", "test", *(f"tau {tau:g}" for tau in taus), "largest size", "given"], rows),
    ]


def _sizes(frame: pd.DataFrame) -> str:
    rows = []
    for n, part in frame.groupby("n", sort=False):
        found = choose_test(part).candidates.itertuples()
        rows += [[str(n), row.candidate, *map(percent, (row.mean, row.worst, row.given))] for row in found]
    return table(["n", "test", "size, mean", "largest", "given"], rows)

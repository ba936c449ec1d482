"""Candidates: pairs of patients who may be one person, and why."""

from __future__ import annotations

from typing import Final

import polars as pl

from allpool.etl.linkage.chance import prior, shares_by_chance
from allpool.etl.linkage.pairs import OWN, alike_in_tokens, tokens, worth_comparing
from allpool.etl.linkage.parameters import Parameters
from allpool.etl.linkage.scoring import scored
from allpool.etl.linkage.tokens import KINDS

METHODS: Final = ("token", "deterministic", "probabilistic")
"""From the strongest to the weakest."""


def find_candidates(persons: pl.DataFrame, parameters: Parameters) -> pl.DataFrame:
    """Return first, second, method, match_weight, match_probability and evidence (struct) of each candidate.

    `persons` has the columns of `persons.SCHEMA`. A pair is of two studies or centres, and stands once. It is
    a candidate by an equal token, else by the stated agreement of days, else by its probability. What is
    unknown of one is no agreement. The order of `persons` does not matter.
    """
    pairs = worth_comparing(persons, parameters)
    rows = scored(
        pairs,
        persons,
        parameters,
        chance=shares_by_chance(persons, parameters),
        prior=prior(persons, parameters),
    )
    rows = rows.join(_beside(persons, pairs, parameters), on=["first", "second"], how="left")
    named = ["token", *map(token_name, (*KINDS, OWN)), "centre_number", *parameters.comparisons]
    return (
        rows.with_columns(
            method=pl.when(pl.col("token") == "equal")
            .then(pl.lit("token"))
            .when(_agrees(parameters))
            .then(pl.lit("deterministic"))
            .when(pl.col("match_probability") >= parameters.candidate.probability)
            .then(pl.lit("probabilistic"))
        )
        .filter(pl.col("method").is_not_null())
        .select(
            *("first", "second", "method", "match_weight", "match_probability"),
            evidence=pl.struct(named),
        )
        .sort("first", "second")
    )


def _agrees(parameters: Parameters) -> pl.Expr:
    """Return what is true where a pair agrees as the deterministic rule says, and differs in none of it."""
    rule = parameters.deterministic
    equal = pl.all_horizontal([pl.col(name) == "equal" for name in rule.equal])
    born = pl.any_horizontal([pl.col(name) == "equal" for name in rule.one_of])
    days = pl.sum_horizontal([pl.col(name) == "equal" for name in rule.days]) >= rule.equal_days
    same = pl.all_horizontal([pl.col(name).is_in(["equal", "unknown"]) for name in rule.named])
    return equal & born & days & same


def token_name(kind: str) -> str:
    """Return the name of the evidence that tokens of a kind give."""
    return f"token_{kind}"


def _beside(persons: pl.DataFrame, pairs: pl.DataFrame, parameters: Parameters) -> pl.DataFrame:
    """Return what is told of each pair and weighs nothing: its tokens, and the centre's own numbers.

    A token of one kind differs only where both have one; the hospital's number only within one hospital.
    """
    alike = alike_in_tokens(persons, parameters)
    borne = tokens(persons).select("id", "kind").unique()
    own = persons.select("id", "centre", "number")
    both = pairs.join(own, left_on="first", right_on="id", how="left").join(
        own, left_on="second", right_on="id", how="left", suffix="_other"
    )
    one_centre = pl.col("centre").is_not_null() & (pl.col("centre") == pl.col("centre_other"))
    for kind in (*KINDS, OWN):
        bears = borne.filter(pl.col("kind") == kind)["id"].implode()
        equal = alike.filter(pl.col("kind") == kind).select("first", "second", equal=pl.lit(value=True))
        known = pl.col("first").is_in(bears) & pl.col("second").is_in(bears)
        told = known & one_centre if kind == "hospital_number" else known
        both = (
            both.join(equal, on=["first", "second"], how="left")
            .with_columns(_level(pl.col("equal").fill_null(value=False), told).alias(token_name(kind)))
            .drop("equal")
        )
    strong = [pl.col(token_name(kind)) for kind in (*KINDS, OWN) if kind not in parameters.weak_tokens]
    any_equal, any_differs = (
        pl.any_horizontal([column == level for column in strong]) for level in ("equal", "differs")
    )
    return both.select(
        "first",
        "second",
        *map(token_name, (*KINDS, OWN)),
        token=_level(any_equal, any_differs),
        centre_number=_level(one_centre & (pl.col("number") == pl.col("number_other")), one_centre),
    )


def _level(equal: pl.Expr, known: pl.Expr) -> pl.Expr:
    """Return equal, else differs where both are known, else unknown."""
    return (
        pl.when(equal).then(pl.lit("equal")).when(known).then(pl.lit("differs")).otherwise(pl.lit("unknown"))
    )

"""What cannot be meant is refused with a sentence, whatever its type; no estimator fails in another way."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from allpool.analysis.competing import cumulative_incidence, fine_gray, gray
from allpool.analysis.meta import pool_proportions, random_effects
from allpool.analysis.paired import wilcoxon
from allpool.analysis.proportions import binomial, fisher, proportion, trend
from allpool.analysis.survival import (
    cox,
    follow_up,
    kaplan_meier,
    landmark,
    logrank,
    restricted_mean_difference,
)
from allpool.errors import AnalysisError

TIME, EVENT = [5, 6, 6, 2.5, 4, 8], [1, 0, 1, 1, 0, 1]
CAUSE, GROUP = [1, 0, 2, 1, 0, 2], list("aabbab")
FRAME = pd.DataFrame({"time": TIME, "event": EVENT, "cause": CAUSE, "x": [1.0, 3, 2, 5, 4, 6]})
TWICE = pd.concat([FRAME, FRAME], axis=1)

NO_NUMBERS: dict[str, Any] = {
    "missing": [np.nan, *TIME[1:]],
    "None": [None, *TIME[1:]],
    "NA": pd.Series([pd.NA, 6, 6, 3, 4, 8], dtype="Int64"),
    "infinite": [np.inf, *TIME[1:]],
    "beyond floats": [10**400] * 6,
    "text": [str(t) for t in TIME],
    "bytes": [b"1"] * 6,
    "dates": pd.date_range("2020", periods=6),
    "durations": pd.to_timedelta(range(6), "D"),
    "complex": [1j] * 6,
    "objects": [object()] * 6,
    "ragged": [[1, 2], [3]],
    "table": FRAME,
    "single": 5,
    "word": "abc",
    "mapping": {"a": 1},
    "too few": [1, 1],
    "none": [],
}
OF_NUMBERS: dict[str, Callable[[Any], Any]] = {
    "kaplan_meier time": lambda v: kaplan_meier(v, EVENT),
    "kaplan_meier event": lambda v: kaplan_meier(TIME, v),
    "kaplan_meier entry": lambda v: kaplan_meier([100] * 6, EVENT, entry=v),
    "kaplan_meier weights": lambda v: kaplan_meier(TIME, EVENT, weights=v),
    "follow_up": lambda v: follow_up(v, EVENT, ties="prodlim"),
    "logrank": lambda v: logrank(v, EVENT, GROUP),
    "restricted_mean_difference": lambda v: restricted_mean_difference(v, EVENT, GROUP, 2),
    "cumulative_incidence time": lambda v: cumulative_incidence(v, CAUSE),
    "cumulative_incidence cause": lambda v: cumulative_incidence(TIME, v),
    "gray": lambda v: gray(v, CAUSE, GROUP),
    "random_effects": lambda v: random_effects(TIME, v),
    "pool_proportions": lambda v: pool_proportions(v, [100] * 6),
    "wilcoxon": lambda v: wilcoxon(v, TIME),
    "trend scores": lambda v: trend([1] * 6, [10] * 6, v),
}
NO_LABELS: dict[str, Any] = {
    "missing": [None, *GROUP[1:]],
    "missing category": pd.Categorical([None, *GROUP[1:]]),
    "single": 5,
    "word": "aabbab",
    "table": pd.DataFrame({"g": GROUP}),
    "matrix": np.ones((6, 1)),
    "lists": [[1]] * 6,
    "ragged": [[1], [1, 2], [1], [1], [1], [1]],
    "set": {1, 2, 3, 4, 5, 6},
    "too few": ["a", "b"],
}
OF_LABELS: dict[str, Callable[[Any], Any]] = {
    "logrank": lambda v: logrank(TIME, EVENT, v),
    "logrank strata": lambda v: logrank(TIME, EVENT, GROUP, strata=v),
    "gray": lambda v: gray(TIME, CAUSE, v),
    "gray strata": lambda v: gray(TIME, CAUSE, GROUP, strata=v),
    "cumulative_incidence": lambda v: cumulative_incidence(TIME, CAUSE, group=v),
}
NO_LEVEL = (0, 1, -1, 95, np.nan, None, "0.95", [0.9], [[1], [1, 2]])
WITH_LEVEL: dict[str, Callable[[Any], Any]] = {
    "kaplan_meier": lambda v: kaplan_meier(TIME, EVENT, level=v),
    "cox": lambda v: cox(FRAME, "time", "event", "x", level=v),
    "fine_gray": lambda v: fine_gray(FRAME, "time", "cause", "x", level=v),
    "cumulative_incidence": lambda v: cumulative_incidence(TIME, CAUSE, level=v),
    "proportion": lambda v: proportion(1, 2, level=v),
    "random_effects": lambda v: random_effects([1, 2], [1, 1], level=v),
    "glmm": lambda v: pool_proportions([1, 2], [3, 3], transform="glmm", level=v),
}
REFUSED: dict[str, Callable[[], Any]] = {
    "a share in text": lambda: kaplan_meier(TIME, EVENT).quantile("a"),
    "many shares": lambda: kaplan_meier(TIME, EVENT).quantile([0.2, 0.5]),
    "no tau": lambda: kaplan_meier(TIME, EVENT).restricted_mean(None),
    "tau in text": lambda: restricted_mean_difference(TIME, EVENT, GROUP, "a"),
    "reading at a word": lambda: kaplan_meier(TIME, EVENT).at("a"),
    "reading at dates": lambda: kaplan_meier(TIME, EVENT).at(pd.date_range("2020", periods=2)),
    "reading at text": lambda: cumulative_incidence(TIME, CAUSE).at(["1"]),
    "a word as proportion": lambda: binomial(1, 2, "a"),
    "a list of successes": lambda: proportion([1], 2),
    "a ragged table": lambda: fisher([[1, 2], [3]]),
    "no frame": lambda: cox({"time": TIME}, "time", "event", "x"),
    "no duration": lambda: cox(FRAME, None, "event", "x"),
    "no covariates": lambda: fine_gray(FRAME, "time", "cause", None),
    "columns twice": lambda: cox(TWICE, "time", "event", "x"),
    "columns twice of competing risks": lambda: fine_gray(TWICE, "time", "cause", "x"),
    "columns twice at a landmark": lambda: landmark(
        TWICE, at=3, time="time", event="event", exposure_time="x"
    ),
    "dates as covariate": lambda: cox(FRAME.assign(x=pd.date_range("2020", periods=6)), "time", "event", "x"),
    "a landmark in text": lambda: landmark(
        FRAME,
        at="a",
        time="time",
        event="event",
        exposure_time="x",
    ),
}
SAME = {
    "tuple": tuple(TIME),
    "index": pd.Index(TIME),
    "series of other labels": pd.Series(TIME, index=range(9, 15)),
    "nullable": pd.Series(TIME, dtype="Float64"),
    "arrow": pd.Series(TIME, dtype="double[pyarrow]"),
    "objects": np.array(TIME, dtype=object),
    "decimals": [Decimal(str(t)) for t in TIME],
    "single precision": np.array(TIME, dtype=np.float32),
}


@pytest.mark.parametrize("kind", NO_NUMBERS)
@pytest.mark.parametrize("name", OF_NUMBERS)
def test_what_holds_no_numbers(name: str, kind: str) -> None:
    with pytest.raises(AnalysisError, match=r"\w+ \w+"):
        OF_NUMBERS[name](NO_NUMBERS[kind])


@pytest.mark.parametrize("kind", NO_LABELS)
@pytest.mark.parametrize("name", OF_LABELS)
def test_what_holds_no_labels(name: str, kind: str) -> None:
    with pytest.raises(AnalysisError, match=r"\w+ \w+"):
        OF_LABELS[name](NO_LABELS[kind])


@pytest.mark.parametrize("level", NO_LEVEL, ids=str)
@pytest.mark.parametrize("name", WITH_LEVEL)
def test_what_is_no_coverage(name: str, level: Any) -> None:
    with pytest.raises(AnalysisError, match="level must"):
        WITH_LEVEL[name](level)


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_meant(name: str) -> None:
    with pytest.raises(AnalysisError, match=r"\w+ \w+"):
        REFUSED[name]()


@pytest.mark.parametrize("kind", SAME)
def test_the_container_of_numbers_does_not_matter(kind: str) -> None:
    expected = kaplan_meier(TIME, EVENT).to_frame()
    pd.testing.assert_frame_equal(kaplan_meier(SAME[kind], EVENT).to_frame(), expected)
    tested = logrank(SAME[kind], pd.Series(EVENT, dtype="boolean"), pd.Categorical(GROUP))
    assert tested.chi2 == logrank(TIME, EVENT, GROUP).chi2

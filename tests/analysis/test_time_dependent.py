"""Exposures during follow-up: R's figures on the Stanford heart transplants, awkward data, properties."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allpool.analysis.survival import cox, kaplan_meier, logrank
from allpool.analysis.time_dependent import counting_process, mantel_byar, simon_makuch
from allpool.errors import AnalysisError

# R's survival::jasa (Crowley and Hu 1977) without the one patient followed for no time; each as
# days followed : died : days to transplant, or - : had surgery before
STANFORD = (
    "49:1:-:0 5:1:-:0 15:1:0:0 38:1:35:0 17:1:-:0 2:1:-:0 674:1:50:0 39:1:-:0 84:1:-:0 57:1:11:0 "
    "152:1:25:0 7:1:-:0 80:1:16:0 1386:1:36:0 307:1:27:0 35:1:-:0 42:1:19:0 36:1:-:0 27:1:17:0 1031:1:7:0 "
    "50:1:11:0 732:1:2:0 218:1:82:0 1799:0:24:0 1400:0:-:0 262:1:-:0 71:1:70:0 34:1:-:0 851:1:15:0 "
    "15:1:-:0 76:1:16:0 1586:0:50:0 1571:0:22:0 11:1:-:0 99:1:45:0 65:1:18:0 4:1:4:0 52:1:1:0 1407:0:40:1 "
    "1321:0:57:1 2:1:-:0 1:1:-:1 39:1:-:1 44:1:0:0 995:1:1:1 71:1:20:0 8:1:-:0 1141:0:35:1 979:1:82:1 "
    "284:1:31:0 101:1:-:0 187:1:40:0 2:1:-:0 60:1:9:0 941:0:66:0 148:1:-:0 342:1:20:1 915:0:77:1 67:1:2:0 "
    "1:1:-:0 68:1:-:0 841:0:26:0 583:1:32:1 77:1:11:0 31:1:-:0 284:1:56:0 67:1:2:0 669:0:9:0 29:1:4:0 "
    "619:0:30:0 595:0:3:0 89:1:26:0 16:1:4:0 1:1:-:0 544:0:45:1 20:1:-:0 514:0:209:0 95:1:66:0 481:0:25:1 "
    "444:0:5:0 427:0:-:0 79:1:31:0 333:1:36:0 4:1:-:0 396:0:7:0 109:1:59:0 369:0:30:0 206:1:138:0 "
    "185:1:159:1 339:1:-:0 339:0:309:0 264:0:27:0 164:1:3:1 15:1:1:0 179:0:12:0 130:0:20:0 108:0:95:0 "
    "20:1:-:0 38:0:37:1 30:0:-:0 10:0:-:0 5:1:-:0 "
)


@pytest.fixture(scope="module")
def stanford() -> pd.DataFrame:
    rows = [[np.nan if cell == "-" else float(cell) for cell in row.split(":")] for row in STANFORD.split()]
    return pd.DataFrame(rows, columns=["days", "died", "transplant", "surgery"])


def test_mantel_byar_equals_the_score_test_of_r(stanford: pd.DataFrame) -> None:
    # R 4.2.2, survival 3.5-3: coxph(Surv(start, stop, event) ~ exposed, ties = "exact")$score on the
    # counting-process form (two patients exposed from day 0, one transplanted on the day of death)
    found = mantel_byar(stanford.days, stanford.died, stanford.transplant)
    assert found.chi2 == pytest.approx(0.0160633311164864, rel=1e-10)
    assert found.p == pytest.approx(0.899145237939601, rel=1e-10)
    assert found.observed.tolist() == [30, 44]
    assert found.expected == pytest.approx([30.4250158098633, 43.5749841901367], rel=1e-12)
    assert found.n.tolist() == [100, 68]
    assert found.groups == ("unexposed", "exposed")
    assert found.to_frame()["group"].tolist() == ["unexposed", "exposed"]
    # ... ~ exposed + strata(surgery)
    by_surgery = mantel_byar(stanford.days, stanford.died, stanford.transplant, strata=stanford.surgery)
    assert by_surgery.chi2 == pytest.approx(0.0358463796626666, rel=1e-10)


def test_the_plain_log_rank_test_would_have_favoured_transplant(stanford: pd.DataFrame) -> None:
    naive = logrank(stanford.days, stanford.died, stanford.transplant.notna())
    assert naive.p < 1e-5
    assert mantel_byar(stanford.days, stanford.died, stanford.transplant).p > 0.8


@pytest.mark.parametrize(
    ("landmark", "state", "rows"),
    [
        # R 4.2.2: summary(survfit(Surv(start, stop, event) ~ exposed, conf.type = "log-log"), times, extend)
        # time, at risk, survival, its error, lower, upper
        (
            *(0, "unexposed"),
            [
                (30, 46, 0.805241954181946, 0.0430027225887318, 0.7038523246175244, 0.874933934020941),
                (100, 10, 0.561623479950057, 0.0809509051391740, 0.3900758942023339, 0.702187931288615),
                (1000, 1, 0.235881861579024, 0.1217503465624120, 0.0544868218908587, 0.488208462979492),
            ],
        ),
        (
            *(0, "exposed"),
            [
                (30, 43, 0.808963585434174, 0.0787747188845032, 0.5935854322477898, 0.917437303219351),
                (365, 26, 0.353204741113824, 0.0633944041232423, 0.2324107920410883, 0.476059744448948),
                (1000, 8, 0.216813371852947, 0.0594498605478587, 0.1138678538771369, 0.341092146166649),
            ],
        ),
        # start moved up to day 60
        (
            *(60, "unexposed"),
            [(100, 10, 0.862745098039216, 0.0915169979263641, 0.5468154018557707, 0.964536101452974)],
        ),
        (
            *(60, "exposed"),
            [(365, 26, 0.513983006088439, 0.0707132642662901, 0.3686058553484399, 0.641560084516595)],
        ),
    ],
)
def test_simon_makuch_equals_r(
    stanford: pd.DataFrame, landmark: float, state: str, rows: list[tuple[float, ...]]
) -> None:
    curves = simon_makuch(stanford.days, stanford.died, stanford.transplant, landmark=landmark)
    assert list(curves) == ["unexposed", "exposed"]
    found = curves[state].at([row[0] for row in rows]).to_numpy()
    assert found == pytest.approx(np.array(rows), rel=1e-11)


def test_delayed_entry_is_cox_s_score_and_kaplan_meier_with_entry(stanford: pd.DataFrame) -> None:
    # whole follow-up times tie: set apart by less than a day so that the score test has no ties either
    apart = stanford.assign(
        days=stanford.days + np.arange(len(stanford)) / 1000, entry=20 * (stanford.days > 30)
    )
    rows = counting_process(apart, time="days", event="died", exposure_time="transplant")
    rows = rows.assign(start=rows[["start", "entry"]].max(axis=1)).query("start < stop")
    found = mantel_byar(apart.days, apart.died, apart.transplant, entry=apart.entry)
    assert found.chi2 == pytest.approx(cox(rows, "stop", "event", "exposed", entry="start").score.chi2)
    curves = simon_makuch(apart.days, apart.died, apart.transplant, entry=apart.entry)
    exposed = rows[rows.exposed == 1]
    plain = kaplan_meier(exposed.stop, exposed.event, entry=exposed.start)
    assert curves["exposed"].survival.tolist() == plain.survival.tolist()


def test_intervals_as_a_table() -> None:
    frame = pd.DataFrame(
        {
            "id": ["never", "midway", "from the start", "at the end", "after the end"],
            "time": [5, 8, 6, 4, 3],
            "event": [1, 1, 0, 1, 0],
            "transplant": [None, 2, 0, 4, 9],
        }
    )
    found = counting_process(frame, time="time", event="event", exposure_time="transplant")
    assert list(found) == ["id", "time", "transplant", "start", "stop", "event", "exposed"]
    assert found[["id", "start", "stop", "event", "exposed"]].to_numpy().tolist() == [
        ["never", 0, 5, 1, 0],
        ["midway", 0, 2, 0, 0],
        ["midway", 2, 8, 1, 1],
        ["from the start", 0, 6, 0, 1],
        ["at the end", 0, 4, 1, 0],
        ["after the end", 0, 3, 0, 0],
    ]
    assert found.index.tolist() == [0, 1, 1, 2, 3, 4]


def test_two_exposures_cut_in_their_order_and_together() -> None:
    frame = pd.DataFrame({"t": [9.0, 9, 9], "d": [1, 1, 0], "a": [5, 2, 3], "b": [2, np.nan, 3]})
    found = counting_process(frame, time="t", event="d", exposure_time={"gvhd": "a", "platelets": "b"})
    assert found[["start", "stop", "event", "gvhd", "platelets"]].to_numpy().tolist() == [
        [0, 2, 0, 0, 0],
        [2, 5, 0, 0, 1],
        [5, 9, 1, 1, 1],
        [0, 2, 0, 0, 0],
        [2, 9, 1, 1, 0],
        [0, 3, 0, 0, 0],
        [3, 9, 0, 1, 1],
    ]


def test_times_that_differ_by_rounding_are_one_time() -> None:
    frame = pd.DataFrame({"t": [0.3, 1.0], "d": [1, 1], "e": [0.1 + 0.2 - 1e-12, 1e-12]})
    found = counting_process(frame, time="t", event="d", exposure_time="e")
    assert found[["start", "stop", "exposed"]].to_numpy().tolist() == [[0, 0.3, 0], [0, 1, 1]]


def test_nullable_columns() -> None:
    frame = pd.DataFrame({"t": [5, 8], "d": [1, 0], "e": pd.array([None, 3], dtype="Int64")})
    assert len(counting_process(frame, time="t", event="d", exposure_time="e")) == 3
    assert mantel_byar([5, 8, 9], [1, 1, 1], [None, 3, None]).observed.tolist() == [2, 1]


FRAME = pd.DataFrame({"t": [5, 8], "d": [1, 0], "e": [np.nan, 3]})


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        (lambda: counting_process(FRAME, time="x", event="d", exposure_time="e"), "no column x"),
        (lambda: counting_process(FRAME, time="t", event="d", exposure_time={}), "at least one exposure"),
        (
            lambda: counting_process(FRAME.assign(start=1), time="t", event="d", exposure_time="e"),
            "already has a column start",
        ),
        (
            lambda: counting_process(FRAME.assign(t=[0, 8]), time="t", event="d", exposure_time="e"),
            "1 subjects have t 0",
        ),
        (
            lambda: counting_process(FRAME.assign(e=-1), time="t", event="d", exposure_time="e"),
            "e has 2 negative",
        ),
        (
            lambda: counting_process(FRAME.assign(d=2), time="t", event="d", exposure_time="e"),
            "d must be 1",
        ),
        (
            lambda: counting_process(FRAME[:0], time="t", event="d", exposure_time="e"),
            "the frame has no rows",
        ),
        (
            lambda: counting_process(FRAME.assign(e="soon"), time="t", event="d", exposure_time="e"),
            "e must be numbers",
        ),
        (lambda: mantel_byar([5, 8], [1, 1], [None, None]), "nobody is exposed before"),
        (lambda: mantel_byar([5, 8], [1, 1], [5, 9]), "nobody is exposed before"),
        (lambda: mantel_byar([5, 8], [1, 1], [0, 0]), "fewer than two groups are at risk"),
        (lambda: mantel_byar([5, 8], [0, 0], [1, None]), "no events"),
        (lambda: mantel_byar([5, 8], [1, 0], [1]), "differ in length"),
        (lambda: mantel_byar([5, 8], [1, 0], [1, None], strata=["a"]), "differ in length"),
        (lambda: mantel_byar([5, 8], [1, 0], [1, None], entry=[5, 0]), "entry must lie before time"),
        (lambda: mantel_byar([], [], []), "are empty"),
        (lambda: simon_makuch([5, 8], [1, 1], [None, None]), "nobody is exposed after"),
        (lambda: simon_makuch([5, 8], [1, 1], [0, 0]), "nobody is unexposed after"),
        (lambda: simon_makuch([5, 8], [1, 1], [1, None], landmark=6), "nobody is exposed after .* 6"),
        (lambda: simon_makuch([5, 8], [1, 1], [1, None], landmark=-1), "at least 0"),
        (lambda: simon_makuch([5, 8], [1, 1], [1, None], ci="arcsine"), "unknown ci"),
    ],
)
def test_errors_are_sentences(ask: object, sentence: str) -> None:
    with pytest.raises(AnalysisError, match=sentence):
        ask()  # type: ignore[operator]


SUBJECTS = st.lists(
    st.tuples(st.integers(1, 12), st.booleans(), st.none() | st.integers(0, 14)), min_size=1, max_size=25
)


@settings(deadline=None)
@given(SUBJECTS)
def test_intervals_account_for_all_follow_up(subjects: list[tuple[int, bool, int | None]]) -> None:
    frame = pd.DataFrame(
        {
            "who": range(len(subjects)),
            "time": [s[0] for s in subjects],
            "status": [int(s[1]) for s in subjects],
            "exposure": pd.Series([s[2] for s in subjects], dtype="float64"),
        }
    )
    found = counting_process(frame, time="time", event="status", exposure_time="exposure")
    assert (found.stop > found.start).all()
    lived = (found.stop - found.start).groupby(found.who).sum()
    assert lived.tolist() == frame.time.tolist()
    assert found.event.groupby(found.who).sum().tolist() == frame.status.tolist()
    assert (found.loc[found.exposed == 1, "start"] >= found.loc[found.exposed == 1, "exposure"]).all()
    assert (found.groupby("who").exposed.diff().dropna() == 1).all()


@settings(deadline=None)
@given(SUBJECTS)
def test_without_ties_the_test_is_cox_s_score_and_fixed_exposure_is_log_rank(
    subjects: list[tuple[int, bool, int | None]],
) -> None:
    time = np.array([s[0] for s in subjects]) + np.arange(len(subjects)) / 1000
    frame = pd.DataFrame(
        {
            "time": time,
            "status": [int(s[1]) for s in subjects],
            "exposure": pd.Series([s[2] for s in subjects], dtype="float64"),
        }
    )
    split = counting_process(frame, time="time", event="status", exposure_time="exposure")
    try:
        score = cox(split, "stop", "event", "exposed", entry="start").score
    except (AnalysisError, Warning):  # nothing to compare, or a monotone likelihood
        return
    found = mantel_byar(frame.time, frame.status, frame.exposure)
    assert found.chi2 == pytest.approx(score.chi2, rel=1e-8, abs=1e-10)
    assert found.observed.sum() == pytest.approx(found.expected.sum())


@settings(deadline=None)
@given(SUBJECTS)
def test_exposure_from_the_start_is_the_plain_estimate(
    subjects: list[tuple[int, bool, int | None]],
) -> None:
    time, event = np.array([s[0] for s in subjects]), np.array([s[1] for s in subjects])
    from_start = np.arange(len(subjects)) % 2 == 0
    exposure = np.where(from_start, 0, np.nan)
    if from_start.all():
        return
    curves = simon_makuch(time, event, exposure)
    plain = kaplan_meier(time[from_start], event[from_start])
    assert curves["exposed"].survival.tolist() == plain.survival.tolist()
    try:
        expected = logrank(time, event, from_start)
    except AnalysisError:
        return
    assert mantel_byar(time, event, exposure).chi2 == pytest.approx(expected.chi2)

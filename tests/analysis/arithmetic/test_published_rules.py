"""Every rule of printed figures has a paper that breaks it, and one like it that does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from allpool.analysis.published.arithmetic.findings import RULES
from allpool.analysis.published.arithmetic.report import Report

Paper = Callable[..., Report]


@dataclass(frozen=True)
class Case:
    """Records that break a rule, records that do not, and what the finding must say."""

    rule: str
    broken: str
    kept: str
    says: tuple[str, ...] = ()
    total: int = 100


KM = "statistic: km_probability, time: '12'"
ARMS = "population: 'A 14-day (22) vs 28-day (6)'"
EVALUABLE = "population: 28 evaluable"
N = "population: all, statistic: count"
PARTITION = f"""id: n_rr, {N}, value: 30
id: n_mrdpos, {N}, value: 21
id: n_mrdneg, {N}, value: 54"""
BEFORE = """id: before_rr, population: before the drug, statistic: count, value: 11
id: before_mrdpos, population: before the drug, statistic: count, value: 40"""
NO_SIZES = f"population: sizes not printed, {KM}"

CASES = (
    Case(
        "count-above-group",
        "id: cr, population: 12 treated, statistic: count, value: 13, numerator: 13, denominator: 12",
        "id: cr, population: 12 treated, statistic: count, value: 12, numerator: 12, denominator: 12",
        ("13 are counted in a group of 12",),
    ),
    Case(
        "group-above-study",
        "id: relapsed, population: relapsed, statistic: count, numerator: 30, denominator: 106",
        "id: relapsed, population: relapsed, statistic: count, numerator: 30, denominator: 105",
        ("of 106", "the study has 105 patients"),
        total=105,
    ),
    Case(
        "denominator-of-other-group",
        "id: male, population: 28 evaluable, statistic: proportion, numerator: 19, denominator: 29",
        "id: male, population: 28 evaluable, statistic: proportion, numerator: 19, denominator: 28",
        ("29", "28"),
    ),
    Case(
        "denominators-differ",
        """id: a, location: table 1, population: treated, statistic: count, numerator: 3, denominator: 28
id: b, location: table 1, population: treated, statistic: count, numerator: 4, denominator: 28
id: c, location: table 1, population: treated, statistic: count, numerator: 5, denominator: 29""",
        """id: a, location: table 1, population: treated, statistic: count, numerator: 3, denominator: 28
id: b, location: table 1, population: treated, statistic: count, numerator: 4, denominator: 28
id: c, location: table 2, population: treated, statistic: count, numerator: 5, denominator: 29""",
        ("2 figures", "28"),
    ),
    Case(
        "share-of-no-count",
        "id: cmr, population: responders (11), statistic: proportion, percent: 90.1",
        "id: cmr, population: responders (11), statistic: proportion, percent: 90.9",
        ("no count of 11", "10 is 90.91 %", "64 of 71"),
    ),
    Case(
        "share-of-other-count",
        """id: t, population: 28 evaluable, statistic: proportion, percent: 3, numerator: 1, denominator: 28
id: s, population: 29 treated, statistic: count, value: 2""",
        "id: t, population: 28 evaluable, statistic: proportion, percent: 4, numerator: 1, denominator: 28",
        ("1 of 28 is 3.57 %", "29 would give 3 %"),
    ),
    Case(
        "share-of-other-group",
        """id: one, population: induction Ph- (38), statistic: proportion, percent: 50.0
id: two, population: induction Ph- evaluable, statistic: proportion, percent: 86.5""",
        """id: one, population: induction Ph- (38), statistic: proportion, percent: 50.0
id: two, population: induction Ph- evaluable, statistic: proportion, percent: 86.8""",
        ("32 is 84.21 %", "33 is 86.84 %", "32 of 37"),
    ),
    Case(
        "shares-of-no-group",
        """id: a, population: the few, statistic: proportion, percent: 33.3
id: b, population: the few, statistic: proportion, percent: 14.3""",
        """id: a, population: the few, statistic: proportion, percent: 33.3
id: b, population: the few, statistic: proportion, percent: 16.7""",
        ("no denominator up to the study's 20",),
        total=20,
    ),
    Case(
        "split-of-no-group",
        """id: n_mrdpos, population: all (64), statistic: count, value: 25
id: n_combo, population: all (64), statistic: count, value: 19
id: n_mono, population: all (64), statistic: count, value: 45
id: neg_combo, population: 'MRD-positive, combination', statistic: proportion, percent: 74
id: neg_mono, population: 'MRD-positive, monotherapy', statistic: proportion, percent: 74
id: neg_p, population: both, statistic: group_p, value: 0.956""",
        """id: n_mrdpos, population: all (64), statistic: count, value: 25
id: n_combo, population: all (64), statistic: count, value: 19
id: n_mono, population: all (64), statistic: count, value: 45
id: neg_combo, population: 'MRD-positive, combination', statistic: proportion, percent: 71
id: neg_mono, population: 'MRD-positive, monotherapy', statistic: proportion, percent: 89""",
        ("add up to 25", "14/19 and 29/39 (chi-square)"),
        total=64,
    ),
    Case(
        "parts-above-whole",
        "id: sex, population: 19 treated, statistic: count, value: {male: 11, female: 9}",
        "id: sex, population: 19 treated, statistic: count, value: {male: 10, female: 9}",
        ("add up to 20, not to 19",),
    ),
    Case(
        "parts-below-whole",
        """id: cycles_1, population: 19 treated, statistic: count, value: 12
id: cycles_2, population: 19 treated, statistic: count, value: 4
id: cycles_6, population: 19 treated, statistic: count, value: 2""",
        """id: cycles_1, population: 19 treated, statistic: count, value: 12
id: cycles_2, population: 19 treated, statistic: count, value: 4
id: cycles_6, population: 19 treated, statistic: count, value: 3""",
        ("18, not to 19", "1 in a class that is not printed"),
    ),
    Case(
        "percentages-of-whole",
        """id: male, population: treated, statistic: proportion, percent: 68
id: female, population: treated, statistic: proportion, percent: 34""",
        """id: male, population: treated, statistic: proportion, percent: 68
id: female, population: treated, statistic: proportion, percent: 32""",
        ("nobody is in both", "at least 101.0 %"),
    ),
    Case(
        "grade-above-any",
        """id: ae_crs_all, population: 29 treated, statistic: ae_count, value: 3
id: ae_crs_g34, population: 29 treated, statistic: ae_count, value: 4""",
        """id: ae_crs_all, population: 29 treated, statistic: ae_count, value: 4
id: ae_crs_g34, population: 29 treated, statistic: ae_count, value: 4""",
        ("4 have it of some grades and only 3 of any",),
    ),
    Case(
        "two-sizes",
        f"""{PARTITION}
{BEFORE}
id: os_1y_rr, {NO_SIZES}, percent: 90
id: os_1y_mrdpos, {NO_SIZES}, percent: 95
id: os_p, population: groups, statistic: logrank_p, value: 0.5""",
        f"""{PARTITION}
id: os_1y_rr, {NO_SIZES}, percent: 90
id: os_1y_mrdpos, {NO_SIZES}, percent: 95
id: os_p, population: groups, statistic: logrank_p, value: 0.5""",
        ("2 ways", "os_1y_rr"),
        total=105,
    ),
    Case(
        "estimate-outside-interval",
        "id: hr, population: all, statistic: hazard_ratio, value: 0.7, ci: {lo: 0.9, hi: 1.4}",
        "id: hr, population: all, statistic: hazard_ratio, value: 1.1, ci: {lo: 0.9, hi: 1.4}",
        ("0.7 is not between 0.9 and 1.4",),
    ),
    Case(
        "interval-of-no-method",
        """id: cr, population: 15 overt, statistic: proportion, percent: 80.0, numerator: 12, denominator: 15,
  ci: {lo: 51.9, hi: 99.7, level: 95}""".replace("\n", ""),
        """id: cr, population: 15 overt, statistic: proportion, percent: 80.0, numerator: 12, denominator: 15,
  ci: {lo: 51.9, hi: 95.7, level: 95}""".replace("\n", ""),
        ("Clopper-Pearson 51.9-95.7", "Wilson"),
    ),
    Case(
        "curve-of-no-data",
        f"id: os_1y, population: short course (6), {KM}, percent: 94.44",
        f"id: os_1y, population: long course (22), {KM}, percent: 94.44",
        ("no numbers at risk among 6", "5/6 is 83.33", "smallest group that gives it has 18"),
    ),
    Case(
        "curve-of-other-groups",
        f"""{PARTITION}
{BEFORE}
id: efs_1y_rr, {NO_SIZES}, percent: 73.3, se: 8.1
id: efs_1y_mrdpos, {NO_SIZES}, percent: 86.7, se: 6.2""",
        f"""{PARTITION}
{BEFORE}
id: efs_1y_rr, {NO_SIZES}, percent: 73.3, se: 8.1
id: efs_1y_mrdpos, {NO_SIZES}, percent: 85.7, se: 7.6""",
        ("cannot come from the 21 of n_mrdpos", "cannot come from the 11 of before_rr", "22 of 30"),
        total=105,
    ),
    Case(
        "labels-swapped",
        f"""id: os_2y_14d, {ARMS}, {KM}, percent: 100
id: os_2y_28d, {ARMS}, {KM}, percent: 94.44
id: os_2y_p, {ARMS}, statistic: logrank_p, value: 0.56""",
        f"""id: os_2y_14d, {ARMS}, {KM}, percent: 94.44
id: os_2y_28d, {ARMS}, {KM}, percent: 100
id: os_2y_p, {ARMS}, statistic: logrank_p, value: 0.56""",
        ("94.44 % cannot come from 6", "94.44 % of A 14-day", "0.5637"),
    ),
    Case(
        "curve-rises",
        """id: os_1y, population: 40 treated, statistic: km_probability, time: '12', percent: 80
id: os_2y, population: 40 treated, statistic: km_probability, time: '24', percent: 85""",
        """id: os_1y, population: 40 treated, statistic: km_probability, time: '12', percent: 80
id: os_2y, population: 40 treated, statistic: km_probability, time: '24', percent: 80""",
        ("rises with time",),
    ),
    Case(
        "event-free-above-overall",
        f"""id: os_1y, population: 40 treated, {KM}, percent: 80
id: efs_1y, population: 40 treated, {KM}, percent: 85""",
        f"""id: os_1y, population: 40 treated, {KM}, percent: 80
id: efs_1y, population: 40 treated, {KM}, percent: 75""",
        ("85 % free of events, 80 % alive",),
    ),
    Case(
        "median-against-curve",
        f"""id: os_1y, population: 40 treated, {KM}, percent: 45
id: os_median, population: 40 treated, statistic: km_median, value: not reached""",
        f"""id: os_1y, population: 40 treated, {KM}, percent: 45
id: os_median, population: 40 treated, statistic: km_median, value: '11', unit: mo""",
        ("below 50 % at 12 months",),
    ),
    Case(
        "clocks-in-conflict",
        f"""id: events, {EVALUABLE}, statistic: count, value: 4, detail: {{relapse: 2, refractory: 2}}
id: relapse_times, population: 2 relapses, statistic: time_list, value: ['14', '25'], unit: mo
id: followup, population: alive, statistic: median_min, value: {{median: 37, min: 25}}, unit: mo
id: efs_2y, {EVALUABLE}, statistic: km_probability, time: '24', percent: 86
id: efs_median, {EVALUABLE}, statistic: km_median, value: '47', unit: mo""",
        f"""id: events, {EVALUABLE}, statistic: count, value: 6, detail: {{relapse: 2, refractory: 4}}
id: relapse_times, population: 2 relapses, statistic: time_list, value: ['14', '25'], unit: mo
id: followup, population: alive, statistic: median_min, value: {{median: 37, min: 25}}, unit: mo
id: efs_2y, {EVALUABLE}, statistic: km_probability, time: '24', percent: 86
id: efs_median, {EVALUABLE}, statistic: km_median, value: '47', unit: mo""",
        ("2 of the 4 events are later", "at least 92.9 %", "nobody is censored before 24 months"),
    ),
    Case(
        "clocks-in-conflict",
        """id: death_times, population: 3 deaths, statistic: time_list, value: ['3', '8', '20'], unit: mo
id: os_1y, population: 10 treated, statistic: km_probability, time: '12', percent: 90""",
        """id: death_times, population: 3 deaths, statistic: time_list, value: ['3', '8', '20'], unit: mo
id: os_1y, population: 10 treated, statistic: km_probability, time: '12', percent: 80""",
        ("2 of the 3 listed deaths", "at most 80.0 %"),
    ),
    Case(
        "beyond-follow-up",
        """id: followup, population: all, statistic: median_followup, value: 7.5, unit: mo
id: os_2y, population: 40 treated, statistic: km_probability, time: '24', percent: 80""",
        """id: followup, population: all, statistic: median_followup, value: 7.5, unit: mo
id: os_2y, population: 40 treated, statistic: km_probability, time: '24', percent: 80, se: 6.3""",
        ("fewer than half",),
    ),
    Case(
        "repeated-survival",
        f"""id: efs_1y_pos, population: phpos (22), {KM}, percent: 88.54
id: os_1y_neg, population: phneg (23), {KM}, percent: 88.54""",
        f"""id: efs_1y_pos, population: phpos (22), {KM}, percent: 85.71
id: os_1y_neg, population: phneg (23), {KM}, percent: 85.71""",
        ("the fewest are 96",),
    ),
    Case(
        "p-of-no-test",
        """id: cr_p, population: by transplant, statistic: group_p, value: 0.51,
  table: {none: [12, 1], prior: [0, 2]}""".replace("\n", ""),
        """id: cr_p, population: by transplant, statistic: group_p, value: 0.029,
  table: {none: [12, 1], prior: [0, 2]}""".replace("\n", ""),
        ("12/13 and 0/2", "Fisher 0.0286"),
    ),
    Case(
        "p-of-other-test",
        """id: cr_p, population: by transplant, statistic: fisher_p, value: 0.0024,
  table: {none: [12, 1], prior: [0, 2]}""".replace("\n", ""),
        """id: cr_p, population: by transplant, statistic: fisher_p, value: 0.0286,
  table: {none: [12, 1], prior: [0, 2]}""".replace("\n", ""),
        ("it is that of chi-square",),
    ),
    Case(
        "p-of-few-expected",
        """id: orr_a, population: arm A, statistic: proportion, percent: 83
id: orr_b, population: arm B, statistic: proportion, percent: 33
id: orr_p, population: both, statistic: group_p, value: 0.057""",
        """id: orr_a, population: A (12), statistic: proportion, percent: 83
id: orr_b, population: B (27), statistic: proportion, percent: 33
id: orr_p, population: both, statistic: group_p, value: '<0.01'""",
        ("5/6 and 3/9", "Fisher 0.1189"),
        total=40,
    ),
    Case(
        "p-needs-later-deaths",
        f"""id: os_1y_a, population: A (45), {KM}, percent: 97.8
id: os_1y_b, population: B (40), {KM}, percent: 100
id: os_1y_c, population: C (30), {KM}, percent: 93.3
id: os_p, population: all three, statistic: logrank_p, value: 0.029""",
        f"""id: os_1y_a, population: A (45), {KM}, percent: 97.8
id: os_1y_b, population: B (40), {KM}, percent: 100
id: os_1y_c, population: C (30), {KM}, percent: 93.3
id: os_p, population: all three, statistic: logrank_p, value: 0.22""",
        ("1 of 45, 0 of 40, 2 of 30", "in any order"),
        total=115,
    ),
    Case(
        "p-needs-later-deaths",
        f"""id: os_1y_a, population: A (20), {KM}, percent: 95.0, se: 4.9
id: os_1y_b, population: B (20), {KM}, percent: 100
id: os_p, population: both, statistic: logrank_p, value: 0.001""",
        f"""id: os_1y_a, population: A (20), {KM}, percent: 95.0, se: 4.9
id: os_1y_b, population: B (20), {KM}, percent: 100
id: os_p, population: both, statistic: logrank_p, value: 0.32""",
        ("the deaths up to the printed time give",),
    ),
    Case(
        "summary-out-of-order",
        "id: age, population: all, statistic: median_range, value: {median: 70, min: 19, max: 65}, unit: a",
        "id: age, population: all, statistic: median_range, value: {median: 41, min: 19, max: 65}, unit: a",
        ("median 70 is above max 65",),
    ),
    Case(
        "quartiles-too-wide",
        """id: age, population: 64 treated, statistic: median_range, printed_as: IQR, unit: a,
  value: {median: 46, lo: 17, hi: 74}""".replace("\n", ""),
        """id: age, population: 64 treated, statistic: median_range, unit: a,
  value: {median: 46, lo: 17, hi: 74}""".replace("\n", ""),
        ("a quarter of 64", "ages up to 102", "the range: 46 (17-74)"),
    ),
    Case(
        "state-of-its-own-group",
        "id: cr_mrdpos, population: CR with MRD before treatment (40), statistic: proportion, percent: 82.5",
        "id: cr_rr, population: R/R before treatment (40), statistic: proportion, percent: 82.5",
        ("all of this group are in CR",),
    ),
    Case(
        "ratio-of-other-shares",
        """id: a, population: A (20), statistic: proportion, percent: 20
id: b, population: B (20), statistic: proportion, percent: 40
id: less, population: both, statistic: relative_reduction, value: 40, of: [a, b]""",
        """id: a, population: A (20), statistic: proportion, percent: 20
id: b, population: B (20), statistic: proportion, percent: 40
id: less, population: both, statistic: relative_reduction, value: 50, of: [a, b]""",
        ("20 % and 40 %",),
    ),
    Case(
        "ratio-against-p",
        "id: hr, population: all, statistic: hazard_ratio, value: 1.3, ci: {lo: 1.1, hi: 1.6}, p: 0.21",
        "id: hr, population: all, statistic: hazard_ratio, value: 1.3, ci: {lo: 1.1, hi: 1.6}, p: 0.004",
        ("leaves out 1",),
    ),
)


def test_every_rule_has_a_case() -> None:
    assert {case.rule for case in CASES} == set(RULES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule)
def test_what_breaks_the_rule_is_found(paper: Paper, case: Case) -> None:
    report = paper(case.broken, total=case.total)
    found = [finding for finding in report.findings if finding.rule == case.rule]
    assert len(found) == 1, [finding.line() for finding in report.findings]
    said = f"{found[0].printed} {found[0].why} {found[0].possible}"
    for words in case.says:
        assert words in said
    assert found[0].severity == RULES[case.rule].severity


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule)
def test_what_keeps_the_rule_is_checked_and_not_found(paper: Paper, case: Case) -> None:
    report = paper(case.kept, total=case.total)
    assert [finding.line() for finding in report.findings if finding.rule == case.rule] == []
    assert [f.line() for f in report.findings if f.severity == "error"] == []
    assert report.checked

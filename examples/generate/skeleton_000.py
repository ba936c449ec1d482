"""Study 000 by construction: censoring and event times that give the numbers at risk which the
printed figures need."""

from __future__ import annotations

from examples.generate.draws import Draws

DAYS_PER_MONTH = 30.4375
Row = dict[str, object]
# months of follow-up; events as (kind, month of event, month of death or None, months of follow-up)
Event = tuple[str, float, float | None, float]


def skeleton(draws: Draws) -> list[Row]:
    """49 induction and 54 consolidation patients; times in days from the first dose."""
    rows = [
        *_induction_ph_positive(),
        *_induction_ph_negative(),
        *_consolidation_ph_positive(),
        *_consolidation_ph_negative(),
    ]
    for number, row in enumerate(rows, start=1):
        row["number"] = number
    for cohort, median in (("induction", 41), ("consolidation", 46)):
        members = [row for row in rows if row["cohort"] == cohort]
        for row, age in zip(members, _ages(len(members), median, draws), strict=True):
            row["age"] = age
    for ph, total, longest in ((1, 67, 8), (0, 68, 15)):
        members = [row for row in rows if row["cohort"] == "consolidation" and row["ph"] == ph]
        _share_cycles(members, total=total, longest=longest, draws=draws)
    for row in rows:
        if row["cohort"] == "induction":
            row["cycles"] = 2 if int(str(row["follow_up_days"])) > 150 and draws.chance(0.35) else 1
        row["immune"] = 0
    answered = [row for row in rows if row["cohort"] == "induction" and row["crc"] == 1]
    refused = [row for row in rows if row["cohort"] == "induction" and row["crc"] == 0]
    for row in [*draws.shuffled(answered)[:8], refused[0]]:
        row["immune"] = 1
    return rows


def _patient(
    cohort: str, ph: int, arm: int, follow_up: float, event: tuple[str, float, float | None] | None = None
) -> Row:
    kind, month, death = event or ("", None, None)
    return {
        "number": 0,
        "cohort": cohort,
        "ph": ph,
        "arm": arm,
        "crc": 1 if cohort == "induction" else "",
        "mrd_negative": 1,
        "hsct_days": "",
        "event": kind,
        "event_days": "" if month is None else _days(month),
        "death_days": "" if death is None else _days(death),
        "follow_up_days": _days(death if death is not None else follow_up),
    }


def _days(months: float) -> int:
    return round(months * DAYS_PER_MONTH)


def _induction_ph_positive() -> list[Row]:
    """7 on 14 days, 4 on 28 days; one event with 7 at risk (85.71 %)."""
    short = [2.4, 4.1, 9.6, 12.2, 18.3, 27.4]
    long = [3.2, 5.6, 14.8, 25.7]
    rows = [_patient("induction", 1, 14, follow) for follow in short]
    rows.append(_patient("induction", 1, 14, 15.1, ("haematological", 8.0, None)))
    rows += [_patient("induction", 1, 28, follow) for follow in long]
    rows[0]["mrd_negative"] = 0  # 10 of 11 reach complete molecular remission
    return rows


def _induction_ph_negative() -> list[Row]:
    """14 days: 5 refractory of 35, then events with 25, 15, 12, 10 and 2 at risk (31.68 %); 28
    days: 1 event of 3."""
    rows = [
        _patient("induction", 0, 14, follow, ("refractory", 0.0, None))
        for follow in (3.3, 5.2, 6.8, 9.4, 13.6)
    ]
    for row in rows:
        row["crc"], row["mrd_negative"] = 0, 0
    censored = [1.4, 1.8, 2.1, 2.5, 2.8]
    censored += [3.2, 3.6, 3.9, 4.3, 4.6, 4.9, 5.2, 5.5, 5.8]
    censored += [6.6, 7.5, 10.1, 11.6, 12.5, 13.7, 14.9, 16.2, 17.8, 19.1, 26.3]
    rows += [_patient("induction", 0, 14, follow) for follow in censored]
    rows[len(rows) - len(censored)]["crc"] = ""  # one patient not evaluable: 32 of 37
    relapses = [(3.0, 5.7), (6.1, 8.2), (9.0, 12.9), (11.0, 13.1), (20.0, 24.6)]
    rows += [
        _patient("induction", 0, 14, follow, ("haematological", month, None)) for month, follow in relapses
    ]
    rows.append(_patient("induction", 0, 28, 7.2, ("haematological", 4.0, None)))
    rows += [_patient("induction", 0, 28, follow) for follow in (12.4, 25.2)]
    evaluable = [row for row in rows if row["crc"] == 1]
    for row in (evaluable[2], evaluable[8], evaluable[-4], evaluable[-6]):
        row["mrd_negative"] = 0  # 28 of 32 negative
    return rows


def _consolidation_ph_positive() -> list[Row]:
    """14 days: death with 18 at risk (94.44 %), events with 18 and 16 at risk (88.54 %); 28 days:
    no event, 6 then 5 at risk."""
    free = [3.0, 4.0, 4.5, 5.5, 8.0]
    free += [11.3, 12.7, 14.2, 15.9, 17.4, 19.0, 20.8, 22.5, 24.9, 26.8, 28.7, 30.3, 32.6, 34.4, 36.8]
    rows = [_patient("consolidation", 1, 14, follow) for follow in free]
    rows.append(_patient("consolidation", 1, 14, 6.8, ("haematological", 6.0, 6.8)))
    rows.append(_patient("consolidation", 1, 14, 29.5, ("molecular", 10.0, None)))
    rows += [_patient("consolidation", 1, 28, follow) for follow in (9.0, 12.1, 18.6, 24.7, 29.9, 33.2)]
    rows[10]["hsct_days"] = _days(3.1)
    return rows


def _consolidation_ph_negative() -> list[Row]:
    """On 14 days deaths with 18 and 16 at risk (88.54 %), events with 20, 17, 16 and 15 (78.24 %);
    without transplant deaths with 13 and 11 (83.92 %), events with 16, 13 and 12 (79.33 %); 9
    transplanted, 1 event with 7 at risk, the third of the four (85.71 %, P 0.71)."""
    rows: list[Row] = []
    for follow, transplant in (
        (2.5, 1.6),
        (4.0, 2.2),
        (20.3, 2.8),
        (23.4, 3.3),
        (26.1, 2.4),
        (29.3, 3.9),
        (32.2, 2.9),
        (35.5, 3.5),
    ):
        rows.append(_patient("consolidation", 0, 14, follow))
        rows[-1]["hsct_days"] = _days(transplant)
    rows.append(_patient("consolidation", 0, 14, 28.3, ("molecular", 12.0, None)))
    rows[-1]["hsct_days"] = _days(3.0)
    rows.append(_patient("consolidation", 0, 14, 27.2, ("haematological", 8.0, None)))
    rows.append(_patient("consolidation", 0, 14, 15.0, ("haematological", 11.0, 15.0)))
    rows.append(_patient("consolidation", 0, 14, 18.0, ("haematological", 12.5, 18.0)))
    free = (3.0, 9.0, 10.0, 16.0, 19.4, 21.7, 24.3, 26.6, 30.1, 33.7, 37.9)
    rows += [_patient("consolidation", 0, 14, follow) for follow in free]
    rows += [_patient("consolidation", 0, 28, follow) for follow in (14.0, 22.9, 31.4)]
    return rows


def _ages(count: int, median: int, draws: Draws) -> list[int]:
    """Ages 18-72 whose median is exactly `median`."""
    half = (count - 1) // 2
    below = [draws.between(18, median) for _ in range(half)]
    above = [draws.between(median, 72) for _ in range(half)]
    return draws.shuffled([*below, *([median] * (count - 2 * half)), *above])


def _share_cycles(members: list[Row], *, total: int, longest: int, draws: Draws) -> None:
    """Cycles from 1 to `longest` with the given sum; nobody gets more than the follow-up allows."""
    free = [row for row in members if row["event"] == "" and row["hsct_days"] == ""]
    champion = max(free, key=lambda row: int(str(row["follow_up_days"])) if row["arm"] == 14 else 0)
    for row in members:
        row["cycles"] = 1
    champion["cycles"] = longest
    left = total - longest - (len(members) - 1)
    while left:
        row = draws.pick([row for row in members if row is not champion])
        room = (
            1
            if row["hsct_days"] != ""
            else min(6, int(str(row["event_days"] or row["follow_up_days"])) // 56)
        )
        if int(str(row["cycles"])) < room:
            row["cycles"] = int(str(row["cycles"])) + 1
            left -= 1

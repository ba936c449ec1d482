"""Search for the 64 adults of study 003: blasts, follow-up, immune pairs."""

from __future__ import annotations

import math

import numpy as np

from examples.generate import measures
from examples.generate.annealing import climb, gap, log_gap
from examples.generate.draws import Draws
from examples.generate.writing import Row, days


def search_003(draws: Draws) -> list[Row]:
    """64 adults: groups by construction; blasts, survival and immune pairs by search."""
    rows = _adults()
    _blasts_003(rows, draws)
    _follow_up_003(rows, draws)
    _immune_003(rows, draws)
    _odds_ratio_003(rows, draws)
    return rows


def _adults() -> list[Row]:
    """Rows in the order R/R combination 12, R/R alone 21, MRD-positive combination 7, alone 18,
    MRD-negative 6."""
    # high (> 60 % blasts) and low groups: (size, overall response, MRD-negative); 003 results, F003-04
    blocks = [
        ("rr", "combination", "high", 6, 5, 4),
        ("rr", "combination", "low", 6, 5, 3),
        ("rr", "alone", "high", 9, 3, 2),
        ("rr", "alone", "low", 12, 11, 11),
        ("mrdpos", "combination", "", 7, 7, 7),
        ("mrdpos", "alone", "", 18, 18, 16),
        ("mrdneg", "alone", "", 6, 6, 6),
    ]
    rows: list[Row] = []
    partial = 2
    for status, arm, burden, size, responders, negative in blocks:
        for place in range(size):
            response = "CR" if place < negative else "other" if place < responders else "NR"
            if response == "other":
                response, partial = ("PR", partial - 1) if partial and status == "rr" else ("CR", partial)
            rows.append(
                {
                    "number": len(rows) + 1,
                    "status": status,
                    "arm": arm,
                    "burden": burden,
                    "response": response,
                    "mrd_negative": int(place < negative),
                }
            )
    return rows


FIXED_BLASTS = {25, 86, 57, 63, 19, 42, 85}  # they hold the quartiles


def _blasts_003(rows: list[Row], draws: Draws) -> None:
    """R/R blasts: median 60 (25-86) of 12, 42 (19-85) of 21, P 0.57; odds ratio of CR 0.95 in the
    58 with disease."""
    relapsed = [row for row in rows if row["status"] == "rr"]
    arm, burden = ([str(row[name]) for row in relapsed] for name in ("arm", "burden"))
    outcome = _complete_remission(rows)
    for row in rows:
        row["blasts"] = draws.uniform(0.4, 4.5, 1) if row["status"] == "mrdpos" else draws.uniform(0, 3, 1)
    low_blasts = [float(str(row["blasts"])) for row in rows if row["status"] == "mrdpos"]

    def cost(state: list[int]) -> float:
        ratios, p = measures.logistic(outcome, [*state, *low_blasts])
        return (
            _blasts_cost(state, arm, burden) + gap(ratios[0], 0.95, 0.0045) + log_gap(p[0], 0.00001, 0.00145)
        )

    state, found = climb(
        _blasts_start(arm, burden, draws),
        cost=cost,
        move=lambda state: _blasts_move(state, arm, burden, draws),
        draws=draws,
        steps=20000,
        heat=0.8,
    )
    if found > 0:
        raise RuntimeError(f"study 003: no blasts found (cost {found:.3f})")
    for row, value in zip(relapsed, state, strict=True):
        row["blasts"] = value


def _odds_ratio_003(rows: list[Row], draws: Draws) -> None:
    """White cells before treatment, and blasts moved on from those found, so that with arm and white
    cells beside them the odds ratio of CR is 0.95 with P 0.001, and blasts alone matter."""
    for row in rows:
        row["wbc"] = draws.skewed(3.2, 0.45, low=0.4, high=20, digits=2)
    relapsed = [row for row in rows if row["status"] == "rr"]
    detectable = [row for row in rows if row["status"] != "mrdneg"]
    arm, burden = ([str(row[name]) for row in relapsed] for name in ("arm", "burden"))
    outcome = _complete_remission(rows)
    combination = [float(row["arm"] == "combination") for row in detectable]
    low_blasts = [float(str(row["blasts"])) for row in rows if row["status"] == "mrdpos"]
    State = tuple[list[int], list[float]]

    def move(state: State) -> State:
        blasts, white = state
        if draws.chance(0.5):
            return _blasts_move(blasts, arm, burden, draws), white
        white = list(white)
        first, second = draws.between(0, len(white) - 1), draws.between(0, len(white) - 1)
        white[first], white[second] = white[second], white[first]
        return blasts, white

    def cost(state: State) -> float:
        covariates = np.column_stack([[*state[0], *low_blasts], combination, state[1]])
        ratios, p = measures.logistic(outcome, covariates)
        return (
            _blasts_cost(state[0], arm, burden)
            + gap(ratios[0], 0.95, 0.0045)
            + log_gap(p[0], 0.00055, 0.00145)
            + log_gap(min(p[1:]), 0.06, 1)
        )

    start = [int(str(row["blasts"])) for row in relapsed], [float(str(row["wbc"])) for row in detectable]
    state, found = climb(start, cost=cost, move=move, draws=draws, steps=20000, heat=0.8)
    if found > 0:
        raise RuntimeError(f"study 003: no odds ratio found (cost {found:.3f})")
    for row, blasts in zip(relapsed, state[0], strict=True):
        row["blasts"] = blasts
    for row, white in zip(detectable, state[1], strict=True):
        row["wbc"] = white


def _complete_remission(rows: list[Row]) -> list[int]:
    return [int(row["response"] == "CR") for row in rows if row["status"] != "mrdneg"]


def _blasts_move(state: list[int], arm: list[str], burden: list[str], draws: Draws) -> list[int]:
    changed = list(state)
    first = draws.between(0, len(state) - 1)
    if draws.chance(0.5):
        same = [i for i in range(len(state)) if (arm[i], burden[i]) == (arm[first], burden[first])]
        second = draws.pick(same)
        changed[first], changed[second] = changed[second], changed[first]
    elif changed[first] not in FIXED_BLASTS:
        changed[first] = min(98, max(6, changed[first] + draws.between(-4, 4)))
    return changed


def _blasts_cost(state: list[int], arm: list[str], burden: list[str]) -> float:
    """How far quartiles, burden (more than 60 %) and the P between the arms are from those printed."""
    groups = [
        [v for v, name in zip(state, arm, strict=True) if name == own] for own in ("combination", "alone")
    ]
    total = 0.0
    for part, target in zip(groups, ((25, 60, 86), (19, 42, 85)), strict=True):
        total += sum(abs(a - b) for a, b in zip(measures.quartiles(part), target, strict=True))
    total += 10 * sum((v > 60) != (b == "high") for v, b in zip(state, burden, strict=True))
    return total + log_gap(measures.mann_whitney(*groups), 0.5655, 0.5745)


def _blasts_start(arm: list[str], burden: list[str], draws: Draws) -> list[int]:
    """Values with the printed quartiles, dealt to the places of their arm and burden."""
    values = {
        # sorted; quartiles by linear interpolation: 12 values at places 3.75, 6.5, 9.25; 21 at 6, 11, 16
        "combination": [12, 18, 25, 25, 40, 57, 63, 74, 86, 86, 91, 95],
        "alone": [8, 11, 14, 16, 17, 19, 24, 29, 34, 38, 42, 55, 66, 72, 78, 85, 87, 90, 92, 94, 96],
    }
    state = [0] * len(arm)
    for name, numbers in values.items():
        for part, chosen in (
            ("low", [v for v in numbers if v <= 60]),
            ("high", [v for v in numbers if v > 60]),
        ):
            places = [i for i in range(len(arm)) if arm[i] == name and burden[i] == part]
            for place, value in zip(places, draws.shuffled(chosen), strict=True):
                state[place] = value
    return state


def _follow_up_003(rows: list[Row], draws: Draws) -> None:
    """Follow-up 16 (11-25) months; 8 relapses, 19 deaths; survival 64 % and disease-free 55 % at
    two years."""
    count = len(rows)
    slots = [draws.uniform(2.5, 10.8, 1) for _ in range(15)] + [11.0, 11.0]
    slots += [draws.uniform(11.2, 15.8, 1) for _ in range(14)] + [16.0, 16.0]
    slots += [draws.uniform(16.2, 24.6, 1) for _ in range(14)] + [25.0, 25.0]
    slots += [draws.uniform(25.2, 33.0, 1) for _ in range(count - len(slots))]
    unanswered = [i for i, row in enumerate(rows) if row["mrd_negative"] == 0]
    answered = [i for i, row in enumerate(rows) if row["mrd_negative"] == 1]
    refractory = {i for i in unanswered if rows[i]["response"] == "NR"}
    # all 9 without response and 4 of the 6 with persisting MRD die; 8 relapse, 6 of them die: 19 deaths
    mrd_deaths = draws.shuffled([i for i in unanswered if i not in refractory])[:4]
    relapsing = draws.shuffled(answered)[:8]
    dying = refractory | set(mrd_deaths) | set(relapsing[:6])
    State = tuple[list[float], list[float]]

    def move(state: State) -> State:
        follow, relapse = list(state[0]), list(state[1])
        if draws.chance(0.3):
            relapse[draws.between(0, 7)] = draws.uniform(0.15, 0.97)
        else:
            first, second = draws.between(0, count - 1), draws.between(0, count - 1)
            follow[first], follow[second] = follow[second], follow[first]
        return follow, relapse

    def times(state: State) -> tuple[list[float], list[bool]]:
        time, event = list(state[0]), [i in dying for i in range(count)]
        for place, index in enumerate(relapsing):
            time[index] = max(2.0, round(state[0][index] * state[1][place], 1))
            event[index] = True
        return time, event

    def cost(state: State) -> float:
        overall = measures.survival_at(state[0], [i in dying for i in range(count)], 24)[0]
        free = measures.survival_at(*times(state), 24)[0]
        late_refractory = sum(max(0.0, state[0][i] - 14) for i in refractory) / 10
        return gap(overall, 0.64, 0.0045) + gap(free, 0.55, 0.0045) + late_refractory

    state, found = climb(
        (draws.shuffled(slots), [0.5] * 8), cost=cost, move=move, draws=draws, steps=15000, heat=1.0
    )
    if found > 0:
        raise RuntimeError(f"study 003: no follow-up found (cost {found:.3f})")
    time, _ = times(state)
    for index, row in enumerate(rows):
        row["follow_up_days"] = days(state[0][index])
        row["death"] = int(index in dying)
        row["relapse_days"] = days(time[index]) if index in relapsing else ""


IMMUNE_003 = {
    # measure: (combination median before, after, P window), (alone ...), window of the ratio P,
    # sign of the ratio
    "treg_cd4": ((8.0, 5.0, (0.0455, 0.0465)), None, None),
    "cd45ra_cd8": ((39.0, 31.0, (0.0745, 0.0755)), None, (0.0105, 0.0115, -1)),
    "cd45ro_cd8": ((50.0, 60.0, (0.0275, 0.0285)), None, (0.0285, 0.0295, 1)),
    "t_lymph": (None, (74.0, 78.0, (0.0375, 0.0385)), None),
    "nkt_lymph": (
        None,
        (20.0, 15.0, (0.0145, 0.0155)),
        (0.0705, 0.0715, 1),
    ),  # needs ties (shares that do not change): 11 against 10 without any give 0.067 or 0.072
}
IMMUNE_003_FREE = {
    "treg_cd4": (7.0, 7.0),
    "cd45ra_cd8": (38.0, 40.0),
    "cd45ro_cd8": (51.0, 49.0),
    "t_lymph": (72.0, 74.0),
    "nkt_lymph": (18.0, 19.0),
}


def _immune_003(rows: list[Row], draws: Draws) -> None:
    """11 patients of the combination and 10 treated with blinatumomab alone, one hospital; whole
    or half percents."""
    eligible = [
        i for i, row in enumerate(rows) if row["status"] != "mrdneg" and int(str(row["follow_up_days"])) > 60
    ]
    groups = [
        draws.shuffled([i for i in eligible if rows[i]["arm"] == name])[:size]
        for name, size in (("combination", 11), ("alone", 10))
    ]
    for name in IMMUNE_003:
        found = _immune_measure(name, draws)
        for row in rows:
            row[f"{name}_before"] = row[f"{name}_day28"] = ""
        for group, (before, after) in zip(groups, found, strict=True):
            for index, first, second in zip(group, before, after, strict=True):
                rows[index][f"{name}_before"], rows[index][f"{name}_day28"] = first, second


def _immune_measure(name: str, draws: Draws) -> list[tuple[list[float], list[float]]]:
    combination, alone, ratio = IMMUNE_003[name]
    targets = [combination, alone]
    ties = name == "nkt_lymph"
    middles = [t[:2] if t else IMMUNE_003_FREE[name] for t in targets]
    State = list[tuple[list[float], list[float]]]

    def value(middle: float) -> float:
        return round(min(95.0, max(1.0, middle * math.exp(draws.normal(0, 0.3)))) * 2) / 2

    start: State = [
        ([value(before) for _ in range(size)], [value(after) for _ in range(size)])
        for (before, after), size in zip(middles, (11, 10), strict=True)
    ]

    def move(state: State) -> State:
        changed = [(list(before), list(after)) for before, after in state]
        group, when = draws.between(0, 1), draws.between(0, 1)
        place = draws.between(0, len(changed[group][when]) - 1)
        if ties and draws.chance(0.2):
            changed[group][1][place] = changed[group][0][place]
            return changed
        step = draws.pick([-4, -2, -1, -0.5, 0.5, 1, 2, 4])
        changed[group][when][place] = min(95.0, max(1.0, changed[group][when][place] + step))
        return changed

    def cost(state: State) -> float:
        total = 0.0
        for (before, after), target, middle in zip(state, targets, middles, strict=True):
            tight = 0.0 if target else 3.0
            total += max(0.0, abs(float(np.median(before)) - middle[0]) - tight)
            total += max(0.0, abs(float(np.median(after)) - middle[1]) - tight)
            if target:
                total += log_gap(measures.signed_rank(before, after), *target[2])
        if ratio:
            ratios = [np.array(after) / np.array(before) for before, after in state]
            total += log_gap(measures.mann_whitney(*ratios), *ratio[:2])
            total += 3.0 * (np.sign(np.median(ratios[0]) - np.median(ratios[1])) != ratio[2])
        return total

    for _ in range(20):
        state, found = climb(start, cost=cost, move=move, draws=draws, steps=6000, heat=0.8)
        if found <= 0:
            return state
        start = state
    raise RuntimeError(f"study 003: no values found for {name} (cost {found:.3f})")

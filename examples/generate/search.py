"""Search for patient skeletons of studies 000, 002 and 003 that meet the published figures; writes `designs/`.

The designs are kept in the repository, so the generator does not search when it writes files.
`python -m examples.generate --redesign` runs this again; a seed decides every draw.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

from examples.generate import measures
from examples.generate.draws import Draws
from examples.generate.skeleton_000 import skeleton as skeleton_000

DAYS_PER_MONTH = 30.4375
Row = dict[str, object]
S = TypeVar("S")


def redesign(folder: Path, seed: int) -> None:
    """Write `design_000.csv`, `design_002.csv`, `design_003.csv` and the immune pairs beside them."""
    write_rows(folder / "design_000.csv", skeleton_000(Draws(seed, "design 000")))
    write_rows(folder / "design_002.csv", search_002(Draws(seed, "design 002")))
    write_rows(folder / "design_003.csv", search_003(Draws(seed, "design 003")))


def write_rows(path: Path, rows: list[Row]) -> None:
    with path.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def days(months: float) -> int:
    return round(months * DAYS_PER_MONTH)


def climb(
    state: S,
    *,
    cost: Callable[[S], float],
    move: Callable[[S], S],
    draws: Draws,
    steps: int,
    heat: float,
) -> tuple[S, float]:
    """Simulated annealing down to cost 0; returns the best state and its cost."""
    current, best = state, state
    current_cost = best_cost = cost(state)
    for step in range(steps):
        if best_cost <= 0:
            break
        candidate = move(current)
        candidate_cost = cost(candidate)
        temperature = heat * (1 - step / steps) + 1e-9
        if candidate_cost <= current_cost or draws.chance(
            math.exp((current_cost - candidate_cost) / temperature)
        ):
            current, current_cost = candidate, candidate_cost
            if current_cost < best_cost:
                best, best_cost = current, current_cost
    return best, best_cost


def gap(value: float, target: float, tolerance: float) -> float:
    """How far a value lies outside target +- tolerance, in units of the tolerance."""
    return max(0.0, abs(value - target) / tolerance - 1)


def log_gap(p: float, low: float, high: float) -> float:
    """How far a P value lies outside low..high on the log scale."""
    p = max(p, 1e-12)
    return max(0.0, math.log(low / p), math.log(p / high)) * 4


# --- study 002 -------------------------------------------------------------------------------------------------


def search_002(draws: Draws) -> list[Row]:
    """105 children: groups and responses by construction, late events, Cox covariates and immune pairs by search."""
    rows = [_child(number) for number in range(1, 106)]
    _follow_up_002(rows, draws)
    _covariates_002(rows, draws)
    _immune_002(rows, draws)
    return rows


def _child(number: int) -> Row:
    """1-8 R/R treated directly, 9-11 still R/R after debulking, 12-30 debulked, 31-51 CR-MRDpos, 52-105 delay."""
    enrolled = "rr" if number <= 30 else "mrdpos" if number <= 51 else "delay"
    before = "rr" if number <= 11 else "mrdpos" if number <= 51 else "mrdneg"
    failed = number in (1, 9) or number in (12, 13, 14, 15, 31, 32, 33) or number == 52
    courses = 2 if 52 <= number <= 71 else 1
    return {
        "number": number,
        "enrolled": enrolled,
        "before": before,
        "debulked": int(9 <= number <= 30),
        "good_response": int(not failed),
        "courses": courses,
    }


def _follow_up_002(rows: list[Row], draws: Draws) -> None:
    """Year one by construction (44/45, 26/30, 22/30 at risk), later events searched for the two log-rank P."""
    year_one = {1: 1.1, 9: 1.2, 2: 4.5, 3: 9.2, 12: 6.6, 13: 8.1, 14: 9.6, 15: 11.0, 52: 9.0}
    deaths_year_one = {1: 5.1, 2: 8.3, 52: 10.5}
    early_censored = {**dict.fromkeys(range(34, 44)), **dict.fromkeys(range(60, 69))}

    def start() -> dict[int, tuple[float, float | None, float | None]]:
        state: dict[int, tuple[float, float | None, float | None]] = {}
        for row in rows:
            number = int(str(row["number"]))
            if number in early_censored:
                state[number] = (draws.uniform(2.6, 6.2, 1), None, None)
            else:
                event, death = year_one.get(number), deaths_year_one.get(number)
                state[number] = (death or draws.uniform(12.8, 40, 1), event, death)
        for number in (4, 16, 17):
            state[number] = (state[number][0], None, None)
        return state

    enrolled = [str(row["enrolled"]) for row in rows]

    def late(
        state: dict[int, tuple[float, float | None, float | None]],
    ) -> dict[int, tuple[float, float | None, float | None]]:
        changed = dict(state)
        number = draws.between(1, 105)
        follow, event, death = changed[number]
        if number in early_censored or (death is not None and death < 12):
            return state
        if event is not None and event < 12:
            follow = draws.uniform(13, 40, 1)
            death = round(draws.uniform(12.6, follow), 1) if number <= 30 and draws.chance(0.3) else None
            changed[number] = (death or follow, event, death)
        else:
            follow = draws.uniform(12.8, 40, 1)
            event = draws.uniform(12.4, follow, 1) if draws.chance(0.15 if number <= 51 else 0.02) else None
            changed[number] = (follow, event, None)
        return changed

    def cost(state: dict[int, tuple[float, float | None, float | None]]) -> float:
        follow = [state[number][0] for number in range(1, 106)]
        event = [state[number][1] for number in range(1, 106)]
        death = [state[number][2] for number in range(1, 106)]
        efs_p = measures.logrank(
            [e if e is not None else f for e, f in zip(event, follow, strict=True)],
            [e is not None for e in event],
            enrolled,
        )
        os_p = measures.logrank(follow, [d is not None for d in death], enrolled)
        return log_gap(efs_p, 0.00052, 0.00148) + log_gap(os_p, 0.0286, 0.0294)

    state, found = climb(start(), cost=cost, move=late, draws=draws, steps=8000, heat=0.4)
    if found > 0:
        raise RuntimeError(f"study 002: no follow-up found that meets both log-rank P (cost {found:.3f})")
    for row in rows:
        follow, event, death = state[int(str(row["number"]))]
        row["follow_up_days"] = days(follow)
        row["event_days"] = "" if event is None else days(event)
        row["death_days"] = "" if death is None else days(death)


def _covariates_002(rows: list[Row], draws: Draws) -> None:
    """Poor cytogenetics 6/10 v 6/95, BCR::ABL1 3/10 v 1/95, CD19 loss 2/10 v 2/93; high MRD free; Cox P by search."""
    poor = [index for index, row in enumerate(rows) if row["good_response"] == 0]
    good = [index for index, row in enumerate(rows) if row["good_response"] == 1]
    mrd_positive = [index for index, row in enumerate(rows) if row["before"] != "mrdneg"]
    time = [int(str(row["event_days"] or row["follow_up_days"])) for row in rows]
    event = [row["event_days"] != "" for row in rows]
    Sets = tuple[frozenset[int], frozenset[int], frozenset[int]]

    def take(pool: list[int], count: int) -> list[int]:
        return draws.shuffled(pool)[:count]

    start: Sets = (
        frozenset(take(mrd_positive, 14)),
        frozenset(take(poor, 3) + take(good, 1)),
        frozenset(take(poor, 6) + take(good, 6)),
    )

    def move(state: Sets) -> Sets:
        which = draws.between(0, 2)
        members = set(state[which])
        out = draws.pick(sorted(members))
        pool = mrd_positive if which == 0 else poor if out in poor else good
        if which == 0 and draws.chance(0.2):
            members ^= {draws.pick(mrd_positive)}
        else:
            members.discard(out)
            members.add(draws.pick([index for index in pool if index not in members and index != out]))
        return (
            frozenset(members) if which == 0 else state[0],
            frozenset(members) if which == 1 else state[1],
            frozenset(members) if which == 2 else state[2],
        )

    def cost(state: Sets) -> float:
        design = np.array([[index in members for members in state] for index in range(len(rows))], float)
        try:
            beta, p = measures.cox(time, event, design)
        except np.linalg.LinAlgError:
            return 50.0
        signs = 5.0 * float((beta < 0).sum())
        return (
            signs
            + log_gap(p[0], 0.01355, 0.01445)
            + log_gap(p[1], 0.0646, 0.0654)
            + log_gap(p[2], 0.0246, 0.0254)
        )

    state, found = climb(start, cost=cost, move=move, draws=draws, steps=20000, heat=0.6)
    if found > 0:
        raise RuntimeError(f"study 002: no covariates found that meet the three Cox P (cost {found:.3f})")
    loss = set(take(poor, 2) + take(good, 2))
    unknown = set(take([index for index in good if index not in loss], 2))
    for index, row in enumerate(rows):
        row["high_mrd"], row["bcr_abl1"], row["poor_cytogenetics"] = (
            int(index in members) for members in state
        )
        row["cd19_loss"] = "" if index in unknown else int(index in loss)


IMMUNE_002 = {
    # measure: before (median, min, max), after (median, min, max), P window; Front Immunol 2025;16:1607138, abstract
    "cd3": ((0.96, 0.03, 3.79), (1.13, 0.26, 7.74), (0.01555, 0.01645)),
    "cd4": ((0.35, 0.01, 1.39), (0.47, 0.07, 2.94), (0.00455, 0.00545)),
    "cd8": ((0.41, 0.01, 2.39), (0.56, 0.07, 6.07), (0.00555, 0.00645)),
}


def _immune_002(rows: list[Row], draws: Draws) -> None:
    """61 paired samples; medians and ranges exact by construction, pairing searched for the three P."""
    pairs, half = 61, 30
    names = list(IMMUNE_002)

    def column(median: float, low: float, high: float) -> list[float]:
        below = sorted(draws.uniform(max(low, median * 0.25), median * 0.98, 2) for _ in range(half - 1))
        above = sorted(
            draws.skewed(median * 1.7, 0.35, low=median * 1.02, high=high * 0.8, digits=2)
            for _ in range(half - 1)
        )
        return [low, *below, median, *above, high]

    # patients in one latent order, so that CD4 + CD8 <= CD3 holds before and after
    Table = dict[str, list[list[float]]]
    start: Table = {name: [column(*IMMUNE_002[name][0]), column(*IMMUNE_002[name][1])] for name in names}
    # the CD4 maximum after treatment belongs to another child than the CD8 maximum: 2.94 + 6.07 > 7.74
    start["cd4"][1][-1], start["cd4"][1][-2] = start["cd4"][1][-2], start["cd4"][1][-1]
    for when in (0, 1):
        for place in range(pairs):
            helpers = round(start["cd4"][when][place] + start["cd8"][when][place], 2)
            start["cd3"][when][place] = max(start["cd3"][when][place], helpers)
    if not all(
        _quantiles_hold(start[name][when], IMMUNE_002[name][when]) for name in names for when in (0, 1)
    ):
        raise RuntimeError("study 002: the immune values do not fit together")
    order = draws.shuffled(range(pairs))
    for name in names:
        start[name][1] = [start[name][1][place] for place in order]

    def move(state: Table) -> Table:
        changed = {name: [list(state[name][0]), list(state[name][1])] for name in names}
        first, second = draws.between(0, pairs - 1), draws.between(0, pairs - 1)
        chosen = names if draws.chance(0.5) else [draws.pick(names)]
        for name in chosen:
            after = changed[name][1]
            after[first], after[second] = after[second], after[first]
        fits = all(_fits(changed, 1, place) for place in (first, second))
        return changed if fits else state

    def cost(state: Table) -> float:
        return sum(log_gap(measures.signed_rank(*state[name]), *IMMUNE_002[name][2]) for name in names)

    state, found = climb(start, cost=cost, move=move, draws=draws, steps=12000, heat=0.5)
    if found > 0:
        raise RuntimeError(f"study 002: no immune pairs found that meet the three P (cost {found:.3f})")
    chosen = sorted(draws.shuffled(range(len(rows)))[:pairs])
    for index, row in enumerate(rows):
        place = chosen.index(index) if index in chosen else None
        for name in names:
            for when, label in enumerate(("before", "after")):
                row[f"{name}_{label}"] = "" if place is None else state[name][when][place]


def _fits(table: dict[str, list[list[float]]], when: int, place: int) -> bool:
    return table["cd4"][when][place] + table["cd8"][when][place] <= table["cd3"][when][place] + 1e-9


def _quantiles_hold(values: list[float], target: tuple[float, float, float]) -> bool:
    ordered = sorted(values)
    return (ordered[len(ordered) // 2], ordered[0], ordered[-1]) == target


# --- study 003 -------------------------------------------------------------------------------------------------


def search_003(draws: Draws) -> list[Row]:
    """64 adults: groups by construction; blasts, survival and immune pairs by search."""
    rows = _adults()
    _blasts_003(rows, draws)
    _follow_up_003(rows, draws)
    _immune_003(rows, draws)
    return rows


def _adults() -> list[Row]:
    """Rows in the order R/R combination 12, R/R alone 21, MRD-positive combination 7, alone 18, MRD-negative 6."""
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


def _blasts_003(rows: list[Row], draws: Draws) -> None:
    """R/R blasts: median 60 (25-86) of 12, 42 (19-85) of 21, P 0.57; odds ratio of CR 0.95 in the 58 with disease."""
    relapsed = [index for index, row in enumerate(rows) if row["status"] == "rr"]
    arm = [str(rows[index]["arm"]) for index in relapsed]
    burden = [str(rows[index]["burden"]) for index in relapsed]
    outcome = [int(row["response"] == "CR") for row in rows if row["status"] != "mrdneg"]
    for row in rows:
        row["blasts"] = draws.uniform(0.4, 4.5, 1) if row["status"] == "mrdpos" else draws.uniform(0, 3, 1)
    low_blasts = [float(str(row["blasts"])) for row in rows if row["status"] == "mrdpos"]

    def start() -> list[int]:
        values = {
            # sorted; quartiles by linear interpolation: 12 values at places 3.75, 6.5, 9.25; 21 at 6, 11, 16
            "combination": [12, 18, 25, 25, 40, 57, 63, 74, 86, 86, 91, 95],
            "alone": [8, 11, 14, 16, 17, 19, 24, 29, 34, 38, 42, 55, 66, 72, 78, 85, 87, 90, 92, 94, 96],
        }
        state = [0] * len(relapsed)
        for name, numbers in values.items():
            for part, chosen in (
                ("low", [v for v in numbers if v <= 60]),
                ("high", [v for v in numbers if v > 60]),
            ):
                places = [i for i in range(len(relapsed)) if arm[i] == name and burden[i] == part]
                for place, value in zip(places, draws.shuffled(chosen), strict=True):
                    state[place] = value
        return state

    fixed = {25, 86, 57, 63, 19, 42, 85}

    def move(state: list[int]) -> list[int]:
        changed = list(state)
        first = draws.between(0, len(state) - 1)
        if draws.chance(0.5):
            same = [i for i in range(len(state)) if (arm[i], burden[i]) == (arm[first], burden[first])]
            second = draws.pick(same)
            changed[first], changed[second] = changed[second], changed[first]
        elif changed[first] not in fixed:
            changed[first] = min(98, max(6, changed[first] + draws.between(-4, 4)))
        return changed

    def cost(state: list[int]) -> float:
        total = 0.0
        for name, target in (("combination", (25, 60, 86)), ("alone", (19, 42, 85))):
            part = [state[i] for i in range(len(state)) if arm[i] == name]
            total += sum(abs(a - b) for a, b in zip(measures.quartiles(part), target, strict=True))
        total += 10 * sum((v > 60) != (b == "high") for v, b in zip(state, burden, strict=True))
        groups = [
            [state[i] for i in range(len(state)) if arm[i] == name] for name in ("combination", "alone")
        ]
        odds_ratio, p = measures.logistic(outcome, [*state, *low_blasts])
        return (
            total
            + log_gap(measures.mann_whitney(*groups), 0.5655, 0.5745)
            + gap(odds_ratio, 0.95, 0.0045)
            + log_gap(p, 0.00001, 0.00145)
        )

    state, found = climb(start(), cost=cost, move=move, draws=draws, steps=20000, heat=0.8)
    if found > 0:
        raise RuntimeError(f"study 003: no blasts found (cost {found:.3f})")
    for index, value in zip(relapsed, state, strict=True):
        rows[index]["blasts"] = value


def _follow_up_003(rows: list[Row], draws: Draws) -> None:
    """Follow-up 16 (11-25) months; 8 relapses, 19 deaths; survival 64 % and disease-free 55 % at two years."""
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
    # measure: (combination median before, after, P window), (alone ...), window of the ratio P, sign of the ratio
    "treg_cd4": ((8.0, 5.0, (0.0455, 0.0465)), None, None),
    "cd45ra_cd8": ((39.0, 31.0, (0.0745, 0.0755)), None, (0.0105, 0.0115, -1)),
    "cd45ro_cd8": ((50.0, 60.0, (0.0275, 0.0285)), None, (0.0285, 0.0295, 1)),
    "t_lymph": (None, (74.0, 78.0, (0.0375, 0.0385)), None),
    "nkt_lymph": (
        None,
        (20.0, 15.0, (0.0145, 0.0155)),
        (0.0664, 0.0729, 1),
    ),  # 11 against 10: the steps are 0.067 and 0.072
}
IMMUNE_003_FREE = {
    "treg_cd4": (7.0, 7.0),
    "cd45ra_cd8": (38.0, 40.0),
    "cd45ro_cd8": (51.0, 49.0),
    "t_lymph": (72.0, 74.0),
    "nkt_lymph": (18.0, 19.0),
}


def _immune_003(rows: list[Row], draws: Draws) -> None:
    """11 patients of the combination and 10 treated with blinatumomab alone, one hospital; whole or half percents."""
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

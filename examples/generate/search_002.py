"""Search for the 105 children of study 002: late events, Cox covariates, immune pairs."""

from __future__ import annotations

import numpy as np

from examples.generate import measures
from examples.generate.annealing import climb, log_gap
from examples.generate.draws import Draws
from examples.generate.writing import Row, days


def search_002(draws: Draws) -> list[Row]:
    """105 children: groups and responses by construction, late events, Cox covariates and immune
    pairs by search."""
    rows = [_child(number) for number in range(1, 106)]
    _follow_up_002(rows, draws)
    _covariates_002(rows, draws)
    _immune_002(rows, draws)
    return rows


def _child(number: int) -> Row:
    """1-8 R/R treated directly, 9-11 still R/R after debulking, 12-30 debulked, 31-51 CR-MRDpos,
    52-105 delay."""
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
    """Year one by construction (44/45, 26/30, 22/30 at risk), later events searched for the two
    log-rank P."""
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
    """Poor cytogenetics 6/10 v 6/95, BCR::ABL1 3/10 v 1/95, CD19 loss 2/10 v 2/93; high MRD free;
    Cox P by search."""
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


Table = dict[str, list[list[float]]]
IMMUNE_002 = {
    # measure: before (median, min, max), after (median, min, max), P window; Front Immunol
    # 2025;16:1607138, abstract
    "cd3": ((0.96, 0.03, 3.79), (1.13, 0.26, 7.74), (0.01555, 0.01645)),
    "cd4": ((0.35, 0.01, 1.39), (0.47, 0.07, 2.94), (0.00455, 0.00545)),
    "cd8": ((0.41, 0.01, 2.39), (0.56, 0.07, 6.07), (0.00555, 0.00645)),
}


def _immune_002(rows: list[Row], draws: Draws) -> None:
    """61 paired samples; medians and ranges exact by construction, pairing searched for the three P."""
    names, start = list(IMMUNE_002), _immune_start(draws)
    pairs = len(start["cd3"][0])
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


def _immune_start(draws: Draws) -> Table:
    """Patients in one latent order, so that CD4 + CD8 <= CD3 holds before and after."""
    pairs, half = 61, 30
    names = list(IMMUNE_002)

    def column(median: float, low: float, high: float) -> list[float]:
        below = sorted(draws.uniform(max(low, median * 0.25), median * 0.98, 2) for _ in range(half - 1))
        above = sorted(
            draws.skewed(median * 1.7, 0.35, low=median * 1.02, high=high * 0.8, digits=2)
            for _ in range(half - 1)
        )
        return [low, *below, median, *above, high]

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
    return start


def _fits(table: dict[str, list[list[float]]], when: int, place: int) -> bool:
    return table["cd4"][when][place] + table["cd8"][when][place] <= table["cd3"][when][place] + 1e-9


def _quantiles_hold(values: list[float], target: tuple[float, float, float]) -> bool:
    ordered = sorted(values)
    return (ordered[len(ordered) // 2], ordered[0], ordered[-1]) == target

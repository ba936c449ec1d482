"""The registry of endpoints as a Markdown page for `docs/`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from allpool.analysis.definitions.catalogue import Catalogue
from allpool.analysis.definitions.forms import (
    Endpoint,
    Moment,
    ResponseDefinition,
    TimeDefinition,
    TimeEndpoint,
    Window,
)
from allpool.analysis.definitions.rules import Criteria, Graded, Limit, Measured, Reported

OWN = "One named `study_00N` is that study's own, as far as it states one, and is asked of that study alone."
SIGNS = {"below": "<", "at_least": "≥", "above": ">"}


def endpoints_page(catalogue: Catalogue) -> str:
    """Return the page of all endpoints with their definitions, and of the moments that they name."""
    endpoints = catalogue.endpoints.values()
    count = sum(len(endpoint.definitions) for endpoint in endpoints)
    parts = [
        "# Endpoints",
        f"{len(catalogue.endpoints)} endpoints under {count} definitions. {OWN}",
        "This page is generated from `src/allpool/analysis/definitions`; change it there.",
        "How the words are meant is told in [analysis.md](analysis.md).",
    ]
    for kind, title in (
        ("time-to-event", "Times to an event"),
        ("response", "Responses and events of safety"),
    ):
        parts.append(f"## {title}")
        parts += [_endpoint(endpoint) for endpoint in endpoints if endpoint.kind == kind]
    parts.append("## Moments")
    parts.append("What definitions count from and to. Of several occurrences the first counts, unless said.")
    rows = [_moment(name, moment) for name, moment in catalogue.moments.items()]
    parts.append(_table(("Moment", "What", "Where it stands"), rows))
    return "\n\n".join(parts) + "\n"


def _endpoint(endpoint: Endpoint) -> str:
    head = f"### {endpoint.title}\n\n`{endpoint.endpoint}`, version {endpoint.version}"
    columns: tuple[str, ...] = ("Definition", "What", "Rule", "Window", "Evaluable", "Source")
    if isinstance(endpoint, TimeEndpoint):
        columns = ("Definition", "What", "Origin", "Events", "Competing", "Censoring", "Evaluable", "Source")
        rows = [_time(name, time) for name, time in endpoint.definitions.items()]
    else:
        rows = [_response(name, response) for name, response in endpoint.definitions.items()]
    return f"{head}\n\n{_table(columns, rows)}"


def _time(name: str, time: TimeDefinition) -> tuple[str, ...]:
    events = _moments(time.events)
    if time.failure is not None:
        by_day = f" by day {time.failure.by_day:g}" if time.failure.by_day is not None else ""
        failed = f"`{time.failure.moment}` without `{time.failure.unless}`{by_day}"
        events = f"{failed} (at the {time.failure.at}), {events}"
    evaluable = [f"`{moment}`" for moment in time.among]
    evaluable += [f"assessed (`{time.assessed}`)"] if time.assessed else []
    evaluable += [f"centre sends {_moments(time.collected)}"] if time.collected else []
    evaluable += [f"from `{time.entry}` on"] if time.entry else []
    evaluable += [] if time.precision == "day" else [f"dates to the {time.precision}"]
    return (
        f"`{name}`",
        _worded(time),
        f"`{time.origin}`",
        events,
        _moments(time.competing) or "none",
        _moments(time.censoring),
        "; ".join(evaluable) or "all",
        time.source,
    )


def _response(name: str, response: ResponseDefinition) -> tuple[str, ...]:
    evaluable = [f"`{moment}`" for moment in response.among]
    if response.graded is not None:
        evaluable.append("centre collects adverse events")
    elif response.not_assessed == "no":
        evaluable.append("not assessed is no")
    else:
        evaluable.append("assessed")
    return (
        f"`{name}`",
        _worded(response),
        _rule(response.rule),
        _window(response.window) if response.window else "any time",
        "; ".join(evaluable),
        response.source,
    )


def _worded(definition: TimeDefinition | ResponseDefinition) -> str:
    return f"{definition.label} ({definition.note})" if definition.note else definition.label


def _rule(rule: Reported | Measured | Graded | Criteria) -> str:
    if isinstance(rule, Reported):
        silent = f", silent {_codes(rule.silent)}" if rule.silent else ""
        unclear = f", open {_codes(rule.unclear)}" if rule.unclear else ""
        return f"`{rule.element}` {_codes(rule.codes)}{silent}{unclear}"
    if isinstance(rule, Measured):
        return _measured(rule)
    if isinstance(rule, Graded):
        what = [*rule.terms, *rule.elements]
        grade = f"grade {rule.at_least} or more" if rule.at_least > 1 else "any grade"
        by = f" by {_codes(rule.systems)}" if rule.systems else ""
        return f"{_codes(what) if rule.terms else 'any event'}, {grade}{by}"
    limits = [_limit(limit) for limit in (rule.marrow, *rule.counts)]
    short = f", short of {' and '.join(map(_limit, rule.short_of))}" if rule.short_of else ""
    return f"{' and '.join(limits)}{short}"


def _measured(rule: Measured) -> str:
    level = "undetectable" if rule.undetectable_only else f"< {rule.below:g}"
    parts = [f"`{rule.element}` {level if rule.answer == 'below' else f'≥ {rule.below:g}'}"]
    parts.append(f"sensitivity {rule.sensitivity:g} or better")
    parts += [f"by {_codes(rule.methods)}"] if rule.methods else []
    parts += [f"in {_codes(rule.specimens)}"] if rule.specimens else []
    if rule.before is not None:
        sign = "<" if rule.before.was == "below" else "≥"
        parts.append(f"before {sign} {rule.below:g} ({_window(rule.before.window)})")
    return ", ".join(parts)


def _limit(limit: Limit) -> str:
    found = [(sign, getattr(limit, word)) for word, sign in SIGNS.items()]
    return " ".join(f"`{limit.element}` {sign} {value:g}" for sign, value in found if value is not None)


def _window(window: Window) -> str:
    parts = [_codes(window.timepoints)] if window.timepoints else []
    if window.days is not None:
        parts.append(f"day {window.days[0]:g} to {window.days[1]:g} since `{window.since}`")
    if window.courses:
        parts.append(f"course {', '.join(map(str, window.courses))}")
    return "; else ".join(parts)


def _moment(name: str, moment: Moment) -> tuple[str, ...]:
    where = [f"`{moment.table}`"]
    where += [f"`{moment.element}`"] if moment.element else []
    where += [_codes(moment.codes)] if moment.codes else []
    where += [f"`{column}` {_codes(codes)}" for column, codes in moment.where.items()]
    where += [f"`{column}` not {_codes(codes)}" for column, codes in moment.besides.items()]
    where += [f"only `{moment.only}`"] if moment.only else []
    where += [f"not `{moment.unless}`"] if moment.unless else []
    where += [f"course {moment.course}"] if moment.course is not None else []
    where += [_measured(moment.measured)] if moment.measured else []
    where += [" and ".join(map(_limit, moment.counts))] if moment.counts else []
    where += [f"after `{moment.after}`"] if moment.after else []
    where += ["the last"] if moment.take == "last" else []
    return f"`{name}`", moment.title, ", ".join(where)


def _moments(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _codes(codes: Iterable[str]) -> str:
    return " / ".join(f"`{code}`" for code in codes)


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *([cell.replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)

"""The page of steps, written from their forms: `docs/steps.md`."""

from __future__ import annotations

from inspect import cleandoc, getdoc
from typing import Any, get_args

from pydantic_core import PydanticUndefined

from allpool.analysis.plans.plan import Plan
from allpool.analysis.plans.steps import Step
from allpool.analysis.plans.steps.base import EndpointStep, StepBase
from allpool.analysis.plans.steps.survival import TimeStep

HEAD = """# Steps of plans

Generated from the code (`make docs`); what a plan is stands in [analysis.md](analysis.md). A plan is a YAML
file of steps that run every night; each step names its `estimator`, and the words below.

A step that the data do not allow is refused: its only result is the statistic `refused`, whose note says why
and what to ask instead.
"""


def steps_page() -> str:
    """Return the page: what every step says, what steps about an endpoint say, and each estimator."""
    kinds = sorted(get_args(get_args(Step)[0]), key=_estimator)
    parts = [HEAD, "## Every plan\n", _table(Plan, base=None)]
    parts += ["## Every step\n", _table(StepBase, base=None)]
    parts += ["## Every step about an endpoint\n", _table(EndpointStep, base=StepBase)]
    for kind in kinds:
        base = EndpointStep if issubclass(kind, EndpointStep) else StepBase
        text = cleandoc(getdoc(kind) or "").replace("\n", " ")
        gives = cleandoc(getdoc(kind.answer) or "").split("\n")[0].replace("Return", "Gives", 1)
        parts.append(f"## {_estimator(kind)}\n\n{text} {_about(kind)}{gives}\n")
        parts.append(_table(kind, base=base))
    return "\n".join(part for part in parts if part).rstrip() + "\n"


def _estimator(kind: type[StepBase]) -> str:
    return str(get_args(kind.model_fields["estimator"].annotation)[0])


def _about(kind: type[StepBase]) -> str:
    if not issubclass(kind, EndpointStep):
        return ""
    if "at" in kind.model_fields and not issubclass(kind, TimeStep):
        return "About a response, or with `at` about a time to an event. "
    return "About a time to an event. " if issubclass(kind, TimeStep) else "About a response. "


def _table(model: type[Any], *, base: type[Any] | None) -> str:
    """Return the fields of a form that `base` does not have, as a table."""
    known = base.model_fields if base else {}
    rows = []
    for name, field in model.model_fields.items():
        same = name in known and known[name].is_required() == field.is_required()
        if same or name in ("estimator", "steps"):
            continue
        default = field.get_default(call_default_factory=True)
        shown = "required" if default is PydanticUndefined else _shown(default)
        text = (field.description or "").replace("\n", " ").replace("|", "\\|")
        rows.append(f"| `{name}` | {_type(field.annotation)} | {shown} | {text} |")
    if not rows:
        return ""
    return "\n".join(["| word | is | default | means |", "|---|---|---|---|", *rows, ""])


def _shown(default: Any) -> str:
    if default is None or default == () or default == {}:
        return "none"
    return f"`{default}`"


def _type(annotation: Any) -> str:
    """Return a type in the words of who writes YAML."""
    text = str(annotation)
    if "Literal" in text:
        options = [option for part in (annotation, *get_args(annotation)) for option in _options(part)]
        return " \\| ".join(dict.fromkeys(options))
    for sign, word in WORDS.items():
        if sign in text:
            return word
    return "text"


def _options(annotation: Any) -> list[str]:
    return [f"`{option}`" for option in get_args(annotation) if isinstance(option, str)]


WORDS = {
    "Condition": "conditions",
    "Exposure": "`event` or `response`",
    "Grouping": "a name, or a grouping",
    "Trap": "`trap` and `met`",
    "tuple[tuple": "pairs of names",
    "tuple[float": "numbers",
    "tuple[str": "names",
    "Mapping[str, float]": "name: number",
    "Mapping[str, str]": "study: text",
    "float": "number",
    "int": "number",
    "bool": "yes or no",
}

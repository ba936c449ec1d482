"""The night's last step: derive, run the plans, store their results, write the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import Engine

from allpool.analysis.definitions.catalogue import Catalogue, load_catalogue
from allpool.analysis.derivation.derive import derive
from allpool.analysis.disclosure import minimum_for
from allpool.analysis.pages.report import write_report
from allpool.analysis.pages.wording import interval, shown
from allpool.analysis.plans.outcomes import store_results
from allpool.analysis.plans.plan import Plan, load_plan
from allpool.analysis.plans.questions import Questioned, store_questions
from allpool.analysis.plans.released import released
from allpool.analysis.plans.result_files import write_results
from allpool.analysis.plans.run import StepResult, run_step
from allpool.analysis.plans.sensitivity import REPEATED
from allpool.analysis.published.forms import PublishedFile
from allpool.analysis.published.load import load_published
from allpool.analysis.published.recompute import recompute
from allpool.analysis.published.storing import plan_name, store_published
from allpool.analysis.store import check_release, read_derived, read_printed
from allpool.config import DisclosureSection
from allpool.errors import DefinitionError

MINIMUM = DisclosureSection().minimum
MAIN = (*REPEATED, "suspected_pairs", "refused")
"""Statistics that stand for their step in a short table."""


@dataclass(frozen=True)
class Headline:
    """One line of the table that closes the night; `value` and `interval` as a reader wants them."""

    plan: str
    step: str
    question: str
    group: str
    statistic: str
    at: str
    value: str
    interval: str
    n: int | None
    note: str
    synthetic: bool


def analyse(
    engine: Engine,
    *,
    plans: Sequence[Path],
    output: Path | None,
    published: Path | None = None,
    release: str | None = None,
    derived: bool = False,
    whole: bool = False,
    files: bool = False,
    disclosure_minimum: int = MINIMUM,
) -> list[Headline]:
    """Derive the analysis tables, run `plans`, store the results, and write the page into `output`.

    `published` is the folder of what papers print; those figures are recomputed and stored first, since a
    plan may take a study at its published level. With `derived` the tables are taken as they stand. Without
    `output` no page is written; with `files` the results stand beside it (`write_results`). Returns the steps
    marked as headlines, or with `whole` all of them. What is written and returned has no count of 1 to
    `disclosure_minimum` - 1 persons, unless all in the store are synthetic. Raises `DefinitionError` for a
    plan or a published figure that is not valid, before anything is changed.
    """
    catalogue = load_catalogue()
    loaded = load_plans(plans, catalogue)
    printed = load_published(published, catalogue) if published is not None else ()
    _refuse_shared_names(loaded, printed)
    if release is not None:
        with engine.connect() as connection:
            check_release(connection, release)
    if not derived:
        derive(engine, catalogue=catalogue)
    with engine.begin() as connection:
        tables = read_derived(connection)
        if published is not None:
            store_published(connection, recompute(printed, tables, catalogue), catalogue, release=release)
            tables = replace(tables, published=read_printed(connection))
        results = [run_step(plan, step, tables, catalogue) for plan in loaded for step in plan.steps]
        store_results(connection, results, catalogue, release=release)
        questions = store_questions(connection, results, release=release)
        minimum = minimum_for(connection, disclosure_minimum)
    leaving = [released(result, minimum=minimum) for result in results]
    if output is not None:
        write_page(
            engine,
            leaving,
            catalogue,
            output=output,
            release=release,
            minimum=minimum,
            questions=questions,
        )
        if files:
            write_results(leaving, catalogue, release=release, folder=output)
    return [line for result in leaving if whole or result.step.headline for line in headlines(result)]


def _refuse_shared_names(plans: Sequence[Plan], printed: Sequence[PublishedFile]) -> None:
    kept = {plan_name(file.study): file.study for file in printed}
    for plan in plans:
        if plan.plan in kept:
            raise DefinitionError(
                f"plan '{plan.plan}' bears the name that the published figures of study {kept[plan.plan]} "
                "are stored under; call it something else"
            )


def load_plans(paths: Sequence[Path], catalogue: Catalogue) -> list[Plan]:
    """Return the plans in `paths`. Raises `DefinitionError` for one that is not valid or named as another."""
    loaded = [load_plan(path, catalogue) for path in paths]
    names = [plan.plan for plan in loaded]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DefinitionError(
            f"plan '{twice[0]}' stands in two files; a plan's name is the key of its results"
        )
    return loaded


def write_page(
    engine: Engine,
    results: Sequence[StepResult],
    catalogue: Catalogue,
    *,
    output: Path,
    release: str | None,
    minimum: int = MINIMUM,
    questions: Mapping[tuple[str, str], Questioned] | None = None,
) -> Path:
    """Write the page of `results` and return it; of its own counts none of 1 to `minimum` - 1 persons.

    `questions` tells by plan and step how many of the subjects have open queries.
    """
    said = {
        (result.plan.plan, result.step.id): questions[result.plan.plan, result.step.id].said(
            result, minimum=minimum
        )
        for result in results
        if questions
    }
    with engine.connect() as connection:
        return write_report(
            connection,
            results,
            catalogue,
            output=output,
            release=release,
            minimum=minimum,
            questions=said,
        )


def _group(result: StepResult, group: str | None) -> str:
    """Return a group as a short table names it: a bare Y or N with what it is of."""
    if group in (None, "all"):
        return ""
    return f"{result.answer.group_by}: {group}" if group in ("Y", "N") else str(group)


def headlines(result: StepResult) -> list[Headline]:
    """Return the main statistics of one step as lines of a short table."""
    return [
        Headline(
            plan=result.plan.plan,
            step=result.step.id,
            question=result.step.question,
            group=_group(result, item.group),
            statistic=item.statistic,
            at="" if item.at is None else f"{item.at:g} {result.plan.unit}s",
            value=shown(item),
            interval=interval(item),
            n=item.n,
            note=item.note or "",
            synthetic=result.synthetic,
        )
        for item in result.statistics
        if item.statistic in MAIN
    ]

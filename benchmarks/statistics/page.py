"""The page docs/statistics.md, from the results alone."""

from __future__ import annotations

from pathlib import Path

from benchmarks.statistics import sections
from benchmarks.statistics.conclusion import conclusion
from benchmarks.statistics.markdown import paragraph
from benchmarks.statistics.results import read

NAME = "statistics.md"


def text(results: Path) -> str:
    """Return the page."""
    parts = [
        *_opening(results),
        *conclusion(results),
        *_each(results),
    ]
    return "\n".join(parts).rstrip() + "\n"


def render(results: Path, docs: Path) -> None:
    """Write the page and its figures."""
    from benchmarks.statistics.figures import draw

    docs.mkdir(parents=True, exist_ok=True)
    draw(results, docs / "figures")
    (docs / NAME).write_text(text(results), encoding="utf-8")


def _opening(results: Path) -> list[str]:
    replicates = int(read("time_tests", results)["replicates"].max())
    error = 100 * (0.05 * 0.95 / replicates) ** 0.5
    return [
        "# Intervals and tests in small studies",
        "",
        paragraph(
            f"""How often do 95 % intervals hold the truth, and how often do tests reject a true hypothesis
            at 5 %, in studies of 10 to 60 patients, two to five of them pooled? All data on this page
            are simulated. Where all outcomes can be enumerated the figure is exact; elsewhere each
            setting has {replicates:,} replicates with fixed seeds, so that a share of 95 or 5 % has a
            Monte-Carlo standard error of {error:.1f} points (a mean over settings has less; each
            figure's own is in the CSV files as `mcse`). A replicate in which a method gives no
            interval, or refuses, is counted: "given" is the share that has one. Settings, seeds and
            results are in `benchmarks/statistics`; `make bench-statistics` simulates what is not kept
            yet and writes this page, and `python -m benchmarks.statistics --page` writes it again from
            the results alone."""
        ),
        "",
        'All figures are percentages, but for widths. "Worst setting" is the lowest coverage of any setting.',
        "",
    ]


def _each(results: Path) -> list[str]:
    parts = []
    for section in (
        sections.single_proportion,
        sections.pooled_proportions,
        sections.prediction,
        sections.pooled_effects,
        sections.curves,
        sections.one_stage,
        sections.comparisons,
        sections.adjusted,
        sections.rates,
        sections.ranks,
        sections.homogeneity,
    ):
        parts += ["", *section(results)]
    return parts

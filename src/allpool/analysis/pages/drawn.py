"""Figures drawn once: what shows the same as the file that stands there is not drawn again."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from hashlib import sha256
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from allpool.analysis.pages.plots import write_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from allpool.analysis.plans.run import StepResult

DATA = ("usubjid", "group", "aval", "event", "cause", "entry")
"""Columns of an answer's subjects that a figure can show."""


def drawn(draw: Callable[[], Figure], path: Path, *, of: str) -> tuple[Path, Path]:
    """Return the SVG and PNG at `path` (without suffix), drawn anew unless they show `of` already.

    `of` is the digest of what the figure shows; it is kept beside the figure.
    """
    svg, png, mark = (path.with_suffix(suffix) for suffix in (".svg", ".png", ".sha256"))
    if svg.exists() and png.exists() and mark.exists() and mark.read_text(encoding="utf-8") == of:
        return svg, png
    svg, png = write_figure(draw(), path)
    mark.write_text(of, encoding="utf-8")
    return svg, png


def shown_by(result: StepResult) -> str:
    """Return the digest of all that the figure of a result shows: the step, its numbers, its subjects."""
    answer = result.answer
    columns = [name for name in DATA if name in answer.subjects]
    digest = sha256(_code().encode())
    for part in (
        result.plan.title,
        result.plan.unit,
        result.step.model_dump_json(),
        repr(answer.statistics),
        answer.subjects[columns].to_csv(index=False),
    ):
        digest.update(part.encode())
    return digest.hexdigest()


@cache
def _code() -> str:
    """Return the digest of the code that draws."""
    digest = sha256()
    room = Path(str(files("allpool.analysis.pages")))
    for path in sorted(room.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()

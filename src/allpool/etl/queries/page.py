"""The centre's queries as one HTML page that needs nothing else, grouped by file, to read and to print."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby

from allpool.etl.messages import Catalogue, MessageLanguage
from allpool.etl.pages import page_style, page_template
from allpool.etl.queries.wording import CHOICES, AskedLine
from allpool.version import __version__


def query_page(
    lines: Sequence[AskedLine],
    messages: Catalogue,
    language: MessageLanguage,
    *,
    centre: str,
    owners: Sequence[str],
    written_on: datetime,
    synthetic: bool,
) -> str:
    """Return the page; same queries, language and time, same text. It holds what the cells say."""
    ordered = sorted(lines, key=lambda line: (line.file, line.sheet, line.row or 0, line.column, line.id))
    places = groupby(ordered, key=lambda line: (line.file, line.sheet))
    return page_template("allpool.etl.queries", "queries.html", language).render(
        style=page_style(),
        places={place: list(group) for place, group in places},
        queries=len(lines),
        rows=sum(line.held_with for line in lines),
        oldest=max((line.days for line in lines), default=0),
        choices=[messages.label(f"choice_{choice}", language) for choice in CHOICES],
        centre=centre,
        owners=owners,
        written_on=messages.moment(written_on, language),
        synthetic=synthetic,
        code_version=__version__,
    )

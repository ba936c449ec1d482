"""The centre's file: its queries as a workbook or a page, which nobody but its owner can read."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, select

from allpool.errors import ConfigError, Place
from allpool.etl.messages import MessageLanguage, load_messages
from allpool.etl.queries.page import query_page
from allpool.etl.queries.wording import asked_lines
from allpool.etl.queries.workbook import query_workbook
from allpool.models import Patient

FORMS: Final = (".xlsx", ".html")
SYNTHETIC: Final = "HTEST"
"""v3-ActReason: test health data."""


def centre_file(
    queries: Sequence[Mapping[str, Any]],
    *,
    form: str,
    language: MessageLanguage,
    centre: str,
    synthetic: bool,
    written_on: datetime,
) -> bytes:
    """Return a centre's queries as a file of a form of `FORMS`."""
    messages = load_messages()
    lines = asked_lines(queries, messages, language)
    owners = sorted({query["owner"] for query in queries if query["owner"]})
    if form == ".html":
        page = query_page(
            lines,
            messages,
            language,
            centre=centre,
            owners=owners,
            written_on=written_on,
            synthetic=synthetic,
        )
        return page.encode()
    names = ["queries_private", "queries_intro", "queries_answer", "queries_comment"]
    notes = [messages.label(name, language) for name in (*(["query_synthetic"] if synthetic else []), *names)]
    colon = messages.label("colon", language)
    told = f"{messages.label('queries', language)}{colon}{centre} · {messages.moment(written_on, language)}"
    return query_workbook(lines, messages, language, notes=[told, *owners, *notes])


def is_synthetic(connection: Connection, feeds: Sequence[str]) -> bool:
    """Whether the feeds have published patients, and all of them are invented."""
    marks = connection.scalars(select(Patient.security).where(Patient.feed.in_(feeds)).distinct()).all()
    return list(marks) == [SYNTHETIC]


def write_private(file: Path, content: bytes) -> None:
    """Write a file that only its owner can read, also where it was there before."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(descriptor, "wb") as out:  # noqa: PTH123 # a path would be opened anew
            file.chmod(0o600)
            out.write(content)
    except OSError as error:
        raise ConfigError(
            f"cannot be written ({error.strerror}); name another file with --out", place=Place(file=str(file))
        ) from None

"""A small server that speaks the part of REDCap's API that the reader asks (synthetic: no REDCap)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs

TOKEN = "0123456789ABCDEF0123456789ABCDEF"
"""Of the shape of a token: 32 characters."""
API_NAMES = {
    "Variable / Field Name": "field_name",
    "Form Name": "form_name",
    "Field Type": "field_type",
    "Field Label": "field_label",
    "Choices, Calculations, OR Slider Labels": "select_choices_or_calculations",
    "Text Validation Type OR Show Slider Number": "text_validation_type_or_show_slider_number",
}
"""Header of a downloaded data dictionary -> name in the API's answer to `metadata`."""

Rows = Sequence[Mapping[str, Any]]


@dataclass
class Project:
    """What the server tells, and what it was asked."""

    metadata: Rows
    records: Rows
    info: Mapping[str, Any] = field(default_factory=dict)
    events: Rows | None = None
    """None: not longitudinal, which REDCap answers with status 400."""
    repeating: Rows | None = None
    answers: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    """Content asked for -> status and body told instead."""
    asked: list[dict[str, Any]] = field(default_factory=list)

    def answer(self, payload: dict[str, Any]) -> tuple[int, bytes]:
        """Return status and body, as REDCap's API help describes them."""
        self.asked.append(payload)
        content = payload["content"]
        if content in self.answers:
            return self.answers[content]
        if payload["token"] != TOKEN:
            return 403, json.dumps({"error": "You do not have permissions to use the API"}).encode()
        told = {
            "project": self.info,
            "metadata": self.metadata,
            "formEventMapping": self.events,
            "repeatingFormsEvents": self.repeating,
            "record": self._records(payload),
        }[content]
        if told is None:
            return 400, json.dumps({"error": "You cannot export that for classic projects"}).encode()
        return 200, json.dumps(told).encode()

    def _records(self, payload: dict[str, Any]) -> Rows:
        first = self.metadata[0]["field_name"]
        wanted = [value for key, value in payload.items() if key.startswith("records[")]
        names = [value for key, value in payload.items() if key.startswith("fields[")]
        rows = [row for row in self.records if not wanted or row[first] in wanted]
        if names == [first]:
            own = {first, "redcap_event_name", "redcap_repeat_instrument", "redcap_repeat_instance"}
            return [{name: value for name, value in row.items() if name in own} for row in rows]
        return rows


@contextmanager
def served(project: Project) -> Iterator[str]:
    """Serve a project on this machine alone, and give its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            payload = {name: values[0] for name, values in parse_qs(body).items()}
            status, told = project.answer(payload)
            self.send_response(status)
            if status in (301, 302, 307):
                self.send_header("Location", told.decode())
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/api/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()

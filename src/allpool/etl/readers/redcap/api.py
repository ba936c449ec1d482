"""The live API of REDCap through PyCap: metadata, events and records, in batches of record ids."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

from allpool.errors import SourceError
from allpool.etl.readers.redcap.columns import EVENT, INSTRUMENT
from allpool.etl.readers.redcap.dictionary import choices, data_dictionary
from allpool.etl.readers.redcap.export import redcap_cells
from allpool.etl.readers.redcap.records import record_cells
from allpool.etl.readers.secret import secret
from allpool.etl.readers.source import Problem, problem
from allpool.etl.readers.table import Cells
from allpool.mappings.read import RedcapRead

if TYPE_CHECKING:
    from redcap.project import Project
    from requests import Response

TIMEOUT: Final = (10.0, 300.0)
"""Seconds to connect, and between two bytes of an answer."""
NOT_FOR_THIS_PROJECT: Final = 400
"""What REDCap answers where a project is not longitudinal, or has nothing that repeats."""
Answer = TypeVar("Answer")


class _RefusedError(Exception):
    """The server answered with an error status."""

    def __init__(self, status: int) -> None:
        self.status = status
        super().__init__(status)


def read_redcap_api(read: RedcapRead, folder: Path) -> Cells:
    """Return all records that the token may see, raw, with data access groups and survey fields.

    Row numbers count the records as the project orders them. Nothing that the server says in an error is
    repeated: it may quote record ids.
    Raises SourceError: `missing_secret`, `unreachable`, `refused`, and what an export raises.
    """
    project = _project(read, folder)
    info = _ask(project.export_project_info)
    dictionary = data_dictionary(
        _ask(project.export_metadata),
        name="the project's metadata",
        missing_codes=dict(choices(_missing_codes(info).replace("\n", "|"))),
    )
    designated = _ask(project.export_instrument_event_mappings, none_where=NOT_FOR_THIS_PROJECT)
    repeating = _ask(project.export_repeating_instruments_events, none_where=NOT_FOR_THIS_PROJECT)
    objects = list(_records(project, dictionary.record_id, batch=read.batch))
    if not objects:
        raise SourceError("the project has no record that the token may see", rule="empty_file")
    cells = redcap_cells(record_cells(objects), dictionary, read)
    notices = _notices(objects, designated or [], repeating or [])
    return Cells(**{**vars(cells), "problems": (*cells.problems, *notices)})


def _project(read: RedcapRead, folder: Path) -> Project:
    from redcap.project import Project

    token = secret(env=read.token_env, file=None, folder=folder, what="API token of REDCap")
    try:
        # no redirects: the token is for this address alone
        return Project(
            str(read.url), token, timeout=TIMEOUT, allow_redirects=False, hooks={"response": _check_status}
        )
    except AssertionError:
        # PyCap's own message would quote the token
        raise SourceError(
            f"the environment variable {read.token_env} holds no API token of REDCap (32 characters); copy "
            "it from the project's API page",
            rule="refused",
        ) from None


def _check_status(response: Response, *_: Any, **__: Any) -> None:
    if response.status_code != 200:  # OK
        raise _RefusedError(response.status_code)


def _ask(call: Callable[..., Answer], *, none_where: int | None = None, **words: Any) -> Answer:
    """Return what the API answers; `none_where` is the status that means that there is nothing ([])."""
    from requests import ConnectionError as Unreachable
    from requests import RequestException, Timeout

    try:
        return call(format_type="json", **words)
    except _RefusedError as error:
        if error.status == none_where:
            return []  # type: ignore[return-value]
        _refuse(error.status)
    except (Unreachable, Timeout):
        raise SourceError(
            "the REDCap server cannot be reached; check url in the mapping, the network and the server, and "
            "run again",
            rule="unreachable",
        ) from None
    except (RequestException, ValueError):
        raise SourceError(
            "what answers at url is no REDCap API, or says an error; check url in the mapping and the rights "
            "of the token",
            rule="refused",
        ) from None


def _refuse(status: int) -> NoReturn:
    advice = {
        401: "the token is not known; ask the project's administrator for a new one",
        403: "the token may not export; ask for the right `API Export` and all instruments' full data",
    }.get(status, "check url in the mapping, and the server's own log")
    if 300 <= status < 400:  # HTTP: moved
        advice = "the API has moved; write its new address into url"
    if status >= 500:  # HTTP: the server's own fault
        raise SourceError(
            f"the REDCap server is out of order (status {status}); run again later", rule="unreachable"
        )
    raise SourceError(f"the REDCap server refuses (status {status}): {advice}", rule="refused")


def _missing_codes(info: Any) -> str:
    said = info[0] if isinstance(info, list) and info else info
    return str(said.get("missing_data_codes") or "") if isinstance(said, Mapping) else ""


def _records(project: Project, record_id: str, *, batch: int) -> Iterator[Mapping[str, Any]]:
    """Yield the records, asked for by their ids, so that no answer grows beyond measure."""
    listed = _listed(_ask(project.export_records, fields=[record_id]))
    ids = list(dict.fromkeys(str(item.get(record_id, "")) for item in listed))
    for start in range(0, len(ids), batch):
        yield from _listed(
            _ask(
                project.export_records,
                records=ids[start : start + batch],
                raw_or_label="raw",
                export_survey_fields=True,
                export_data_access_groups=True,
            )
        )


def _listed(answer: Any) -> Sequence[Mapping[str, Any]]:
    if not isinstance(answer, list) or not all(isinstance(item, Mapping) for item in answer):
        raise SourceError(
            "what answers at url is no REDCap API: expected a list of records; check url in the mapping",
            rule="refused",
        )
    return answer


def _notices(
    objects: Sequence[Mapping[str, Any]], designated: Sequence[Any], repeating: Sequence[Any]
) -> Iterator[Problem]:
    """Yield a notice where a row stands in an event, or repeats an instrument, that the project lacks."""
    events = {str(item.get("unique_event_name")) for item in designated}
    forms = {str(item.get("form_name")) for item in repeating}
    for column, known in ((EVENT, events), (INSTRUMENT, forms)):
        strange = next(
            (row for row, item in enumerate(objects, 1) if item.get(column) and item[column] not in known),
            None,
        )
        if known and strange is not None:
            yield problem(
                "unknown_event" if column == EVENT else "unknown_instrument",
                scope="file",
                row=strange,
                column=column,
                expected="an event and repeating instrument of the project as it is now; look at its set-up",
            )

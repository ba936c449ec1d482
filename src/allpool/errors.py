"""Every error a user can do something about, and the exit code each one ends in."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class ExitCode(IntEnum):
    """What a command's exit code says (the promise of the command line)."""

    OK = 0
    NEEDS_A_PERSON = 1
    WRONG_USE = 2
    OUT_OF_REACH = 3
    BROKEN_RULE = 4


@dataclass(frozen=True)
class Place:
    """Where in the sources something happened; never what the cell said.

    `line` and `row` count from 1 as a person sees them in an editor or spreadsheet.
    """

    centre: str | None = None
    file: str | None = None
    sheet: str | None = None
    row: int | None = None
    line: int | None = None
    column: str | None = None

    def __str__(self) -> str:
        parts = [
            f"{name} {value}"
            for name, value in (
                ("centre", self.centre),
                ("file", self.file),
                ("sheet", self.sheet),
                ("line", self.line),
                ("row", self.row),
                ("column", self.column),
            )
            if value is not None
        ]
        return ", ".join(parts)


class AllpoolError(Exception):
    """Base of all errors a user can act on; a traceback of anything else is a bug."""

    exit_code = ExitCode.WRONG_USE

    def __init__(self, message: str, *, place: Place | None = None) -> None:
        self.message = message
        self.place = place
        super().__init__(f"{place}: {message}" if place and str(place) else message)


class ConfigError(AllpoolError):
    """The consortium's configuration is missing, malformed or contradicts itself."""


class SecretError(ConfigError):
    """A secret that the work needs was not given."""


class MappingError(AllpoolError):
    """A mapping, code table or dictionary file is wrong; the place names file and line."""


class DefinitionError(AllpoolError):
    """A population, endpoint or plan file is wrong; the place names file and line."""


class SourceError(AllpoolError):
    """A source file cannot be read at all; it waits in quarantine, the night goes on."""

    exit_code = ExitCode.NEEDS_A_PERSON

    def __init__(self, message: str, *, rule: str, place: Place | None = None) -> None:
        self.rule = rule
        super().__init__(message, place=place)


class AnalysisError(AllpoolError):
    """The data or arguments do not allow the estimate asked for."""


class StoreError(AllpoolError):
    """The store or a server is out of reach, locked, or at another schema version."""

    exit_code = ExitCode.OUT_OF_REACH


class BrokenRuleError(AllpoolError):
    """A rule of the design did not hold; this is a bug of allpool, not of the data."""

    exit_code = ExitCode.BROKEN_RULE


def exit_code(error: BaseException) -> ExitCode:
    """Return the exit code that `error` ends a command with."""
    return error.exit_code if isinstance(error, AllpoolError) else ExitCode.BROKEN_RULE

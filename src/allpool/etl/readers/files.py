"""The files of a feed's folder: which match, their hash, their content read once and whole."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from allpool.errors import MappingError, SourceError

CHUNK = 4 * 2**20


def list_files(folder: Path, pattern: str) -> tuple[Path, ...]:
    """Return what in `folder` matches the glob `pattern`, sorted by path.

    Left out: Excel's lock files (`~$...`), which hold no data, and the folders that a bare `*` or `**` meets.
    A folder that a more telling pattern matches is listed, so that reading it says what is wrong.
    Raises SourceError (`missing_file`, `unreadable_file`) if the folder is not there or not open to us.
    """
    parts = PurePosixPath(pattern).parts
    if not parts or PurePosixPath(pattern).is_absolute() or ".." in parts:
        raise MappingError("file must be a pattern inside the feed's folder, such as mrd_*.csv")
    try:
        with os.scandir(folder):
            pass
    except FileNotFoundError:
        raise SourceError(
            "the feed's folder is missing; check folder in the config", rule="missing_file"
        ) from None
    except OSError as error:
        raise _unreadable(error) from None
    wants_folders = parts[-1] not in ("*", "**")
    found = (
        path
        for path in folder.glob(pattern)
        if not path.name.startswith("~$") and (wants_folders or not path.is_dir())
    )
    return tuple(sorted(found, key=lambda path: path.relative_to(folder).as_posix()))


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file's bytes as 64 hex digits."""
    digest = hashlib.sha256()
    with opened(path) as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


@dataclass
class Reading:
    """One pass over a file's bytes that hashes them on the way."""

    file: BinaryIO
    size: int = 0

    def __post_init__(self) -> None:
        self._digest = hashlib.sha256()

    def __iter__(self) -> Iterator[bytes]:
        while chunk := self.file.read(CHUNK):
            self._digest.update(chunk)
            self.size += len(chunk)
            yield chunk

    def is_called(self, *endings: str) -> bool:
        """Return whether the file's name ends so, in whatever case."""
        return self.file.name.lower().endswith(endings)

    def finish(self) -> str:
        """Read what is left, in bounded memory, and return the SHA-256 of the whole file."""
        for _ in self:
            pass
        return self._digest.hexdigest()


@contextmanager
def opened(path: Path, *, file_bytes: int | None = None) -> Iterator[BinaryIO]:
    """Open a regular file of at most `file_bytes`, and refuse it if it changed before it is closed.

    Raises SourceError: `unreadable_file`, `file_too_large`, `file_changed`.
    """
    try:
        before = path.stat()
        if not stat.S_ISREG(before.st_mode):
            kind = "a folder" if stat.S_ISDIR(before.st_mode) else "not a regular file"
            raise SourceError(f"this is {kind}; expected a file", rule="unreadable_file")
        if file_bytes is not None and before.st_size > file_bytes:
            raise SourceError(
                f"the file has {before.st_size:,} bytes; expected at most {file_bytes:,}; split the export",
                rule="file_too_large",
            )
        with path.open("rb") as file:
            yield file
            handle = os.fstat(file.fileno())
        if not (_state(before) == _state(handle) == _state(path.stat())):
            raise SourceError(
                "the file changed while it was read; let the delivery finish and run again",
                rule="file_changed",
            )
    except OSError as error:
        raise _unreadable(error) from None


def _state(found: os.stat_result) -> tuple[int, ...]:
    return (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _unreadable(error: OSError) -> SourceError:
    reason = error.strerror or type(error).__name__
    return SourceError(f"the file cannot be read ({reason}); check its permissions", rule="unreadable_file")

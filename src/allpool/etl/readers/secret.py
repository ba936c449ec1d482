"""What a service asks for before it answers: an address or a token, from the environment or a file."""

from __future__ import annotations

import os
from pathlib import Path

from allpool.errors import SourceError


def secret(*, env: str | None, file: str | None, folder: Path, what: str) -> str:
    """Return the secret in the environment variable `env`, or in `file` (relative to `folder`).

    `what` names it in errors ("URL of the database"); the secret itself is never told.
    Raises SourceError `missing_secret`.
    """
    found: str | None = None
    if env is not None:
        found, place = os.environ.get(env), f"set the environment variable {env}"
    else:
        place = f"write it into {file}, the file that the mapping names"
        try:
            found = (folder / (file or "")).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            found = None
    if not (found or "").strip():
        raise SourceError(f"the {what} is not given; {place}", rule="missing_secret")
    return (found or "").strip()

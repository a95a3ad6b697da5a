"""The secret of a run: who does not know it can neither join the run nor read what its processes say to each other.

It lives in the environment of the run's processes alone: never in a command line, plan, log or report.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from acgs_load.errors import UsageError

SECRET_VARIABLE = "ACGS_RUN_SECRET"
SECRET_FILE_VARIABLE = "ACGS_RUN_SECRET_FILE"
"""Names a file that holds it, as Docker and Kubernetes hand secrets over."""
LENGTH_MIN = 16
"""Characters: what can be guessed is no secret."""


def new_secret() -> str:
    """256 random bits, for a run whose processes are all started by its runner."""
    return secrets.token_hex(32)


def secret_from(environ: Mapping[str, str]) -> str | None:
    """The secret that the environment names, None where it names none. Raises UsageError, which never repeats it."""
    value = environ.get(SECRET_VARIABLE, "").strip() or _from_file(environ.get(SECRET_FILE_VARIABLE, ""))
    if not value:
        return None
    if len(value) < LENGTH_MIN:
        raise UsageError(f"{SECRET_VARIABLE}: {len(value)} characters are too few; at least {LENGTH_MIN} are needed")
    return value


def _from_file(path: str) -> str:
    if not path:
        return ""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{SECRET_FILE_VARIABLE} {path}: not readable ({type(error).__name__})") from error

"""Takes files of a run from another machine: those that a run writes, where a run writes them, and nothing else."""

from __future__ import annotations

import re
import shutil
import tarfile
from pathlib import Path
from typing import IO

from acgs_load.errors import GeneratorError

_NAME = r"[A-Za-z0-9_-][A-Za-z0-9._-]*"
WORKER_FILES = re.compile(rf"(logs|spools)/{_NAME}")
RUN_FILES = re.compile(rf"(\./)?({_NAME}/){{0,2}}{_NAME}")


def unpack(archive: IO[bytes], folder: Path, wanted: re.Pattern[str]) -> None:
    """Write the regular files of a gzipped tar archive whose whole name is ``wanted``.

    Raises GeneratorError where it is no archive, or ends too early.
    """
    try:
        with tarfile.open(fileobj=archive, mode="r|gz") as members:
            for member in members:
                file = members.extractfile(member) if member.isreg() and wanted.fullmatch(member.name) else None
                if file is None:
                    continue
                path = folder / member.name
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open("wb") as copy:
                    shutil.copyfileobj(file, copy)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise GeneratorError(f"what was collected is not readable ({error})") from error

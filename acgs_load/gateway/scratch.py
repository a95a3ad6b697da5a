"""A folder for a store that nobody named: gone when the gateway ends, swept up by the next one when it was killed."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = "acgs-gateway-"
_LOCK = "lock"


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A new folder of this process's own, locked as long as it, or a worker forked from it, lives."""
    sweep()
    unnamed = Path(tempfile.mkdtemp(prefix="acgs-new-"))
    lock = os.open(unnamed / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    folder = unnamed.rename(unnamed.with_name(unnamed.name.replace("acgs-new-", PREFIX)))  # only now a sweep sees it
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def sweep() -> None:
    """Removes the folders of gateways that were killed; those of living ones are locked, those of others not ours."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with suppress(OSError):  # locked, gone meanwhile, another user's, or none of ours at all
            lock = os.open(folder / _LOCK, os.O_RDWR)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)
            finally:
                os.close(lock)

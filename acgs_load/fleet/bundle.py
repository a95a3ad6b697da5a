"""What other machines are given to become load generators: code and requirements, never a secret."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
_READERS = ("acgs_load/analysis/", "acgs_load/gateway/")
"""Rooms that no worker enters."""
REQUIREMENTS = "acgs_load/fleet/requirements-worker.txt"
"""What a worker needs of other people, for pip."""
_BESIDE = ("locustfile.py", REQUIREMENTS)


@dataclass(frozen=True, slots=True)
class Bundle:
    """A tar archive and the hash of what is in it."""

    sha256: str
    """The same for the same files, whoever packs them and when."""
    content: bytes


@cache
def bundle() -> Bundle:
    """The bundle of this version."""
    names = sorted(path.relative_to(PROJECT).as_posix() for path in (PROJECT / "acgs_load").rglob("*.py"))
    names = [*_BESIDE, *(name for name in names if not name.startswith(_READERS))]
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name in names:
            entry = tarfile.TarInfo(name)
            data = (PROJECT / name).read_bytes()
            entry.size, entry.mode = len(data), 0o644
            archive.addfile(entry, io.BytesIO(data))
    plain = buffer.getvalue()
    return Bundle(hashlib.sha256(plain).hexdigest(), gzip.compress(plain, mtime=0))

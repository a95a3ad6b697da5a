"""What a worker keeps on its own disk while it reports: one JSON object a line, so that its end costs half a second.

A spool begins with a line that says of which run and worker it is; each further line is one numbered slip, the same
that the master is sent. Beside it stands a counter of the samples that the worker recorded: it lives in a page of
memory that the kernel keeps when the process is killed, so what was lost with a worker is known to the sample.
"""

from __future__ import annotations

import json
import mmap
import os
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from acgs_load.plan import Plan
from acgs_load.run_folder import RunFolder

SPOOL_VARIABLE = "ACGS_SPOOL_DIR"
"""Where a worker keeps its spool; by default in the run's folder, if there is such a folder on its machine."""
EVERY_S = 0.5
"""How often what was recorded is spooled: the most that is lost with a worker."""
_COUNT = struct.Struct("<Q")


class SpoolWriter:
    """One worker's spool of one run; appended to, never read."""

    def __init__(self, path: Path, head: Mapping[str, Any]) -> None:
        """Begin the spool. Raises OSError where the place cannot be written."""
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        # a line reaches the kernel whole or, if the process ends in the middle of it, torn: the reader leaves that out
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o644)
        with count_path(path).open("w+b") as file:
            file.write(bytes(_COUNT.size))
            file.flush()
            self._counter = mmap.mmap(file.fileno(), _COUNT.size)
        self.count = memoryview(self._counter).cast("Q")
        """Element 0 is the number of samples recorded so far."""
        self.append(head)

    def append(self, line: Mapping[str, Any]) -> None:
        """Add one line. Raises OSError, as for a full disk."""
        os.write(self._file, json.dumps(line, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")

    def close(self) -> None:
        """Nothing more comes."""
        os.close(self._file)
        self.count.release()
        self._counter.close()


@dataclass(frozen=True, slots=True)
class Spool:
    """A worker's spool as it was found."""

    path: Path
    head: Mapping[str, Any]
    """``plan_sha256`` ``index`` ``region`` ``host`` ``pid``."""
    samples: int | None
    """What the worker recorded, to the sample; None where the counter is missing."""

    @property
    def index(self) -> int:
        """The worker's number in the run."""
        return int(self.head["index"])

    def slips(self) -> Iterator[dict[str, Any]]:
        """Its slips in order; a last line that was cut short is left out."""
        with self.path.open("rb") as file:
            next(file, b"")
            for line in file:
                if line.endswith(b"\n"):
                    yield json.loads(line)


def spool_name(index: int, plan_sha256: str) -> str:
    """The file of a worker: several runs may share a place."""
    return f"worker-{index}-{plan_sha256[:8]}.jsonl"


def spool_place(environ: Mapping[str, str], plan: Plan) -> Path | None:
    """Where a worker keeps its spool: where it was told to, else in the run's folder if that can be seen from here."""
    if environ.get(SPOOL_VARIABLE):
        return Path(environ[SPOOL_VARIABLE])
    folder = RunFolder(Path(plan.folder))
    try:
        # another machine may have a folder of this name; only the run's own holds this very plan
        same = plan.folder and folder.plan.read_bytes() == plan.to_json().encode()
    except OSError:
        return None
    return folder.spools if same else None


def count_path(path: Path) -> Path:
    """The counter that stands beside a spool."""
    return path.with_suffix(".count")


def spools_of(place: Path, plan_sha256: str) -> list[Spool]:
    """The spools of one run in a folder, by worker; those of other runs, and what is no spool, are left alone."""
    found = []
    for path in sorted(place.glob("worker-*.jsonl")):
        with path.open("rb") as file:
            line = file.readline()
        try:
            head = json.loads(line)
            if head["plan_sha256"] == plan_sha256:
                found.append(Spool(path, {**head, "index": int(head["index"])}, _counted(path)))
        except (ValueError, KeyError, TypeError):
            continue  # not a line was finished, or not of this format: nothing in it is anybody's sample
    return sorted(found, key=lambda spool: spool.index)


def _counted(path: Path) -> int | None:
    try:
        return int(_COUNT.unpack(count_path(path).read_bytes())[0])
    except (OSError, struct.error):
        return None

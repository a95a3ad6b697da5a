"""One family of errors; each knows the exit code that the process ends with (measures, "Verdict and exit code")."""

from __future__ import annotations

import errno
from enum import IntEnum


class ExitCode(IntEnum):
    """Why a process ended."""

    PASSED = 0
    FAILED = 1
    USAGE = 2
    TARGET = 3
    INVALID = 4
    NOTHING_MEASURED = 5
    INTERRUPTED = 130


class LoadTestError(Exception):
    """Something the user can act on. The message says what failed, with what value, and what to do."""

    exit_code = ExitCode.FAILED

    @property
    def line(self) -> str:
        """The message as one line that a terminal shows and does not obey: it may repeat what somebody planted."""
        return "".join(letter if letter.isprintable() else " " for letter in str(self))


class UsageError(LoadTestError):
    """Wrong flag, setting or file; nothing was sent."""

    exit_code = ExitCode.USAGE


class TargetError(LoadTestError):
    """The target is unreachable, unhealthy or not the one expected; nothing was sent."""

    exit_code = ExitCode.TARGET


class GeneratorError(LoadTestError):
    """The load generator itself failed, so what was measured cannot be trusted."""

    exit_code = ExitCode.INVALID


class ResourceError(GeneratorError):
    """This machine has run out of something: room on a disk, memory."""


_STORAGE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO})


def resource_error(error: OSError | MemoryError) -> ResourceError | None:
    """What to tell where the disk or the memory is the cause; None for any other error."""
    if isinstance(error, MemoryError):
        return ResourceError(
            "out of memory; what was measured is kept: python performance_analyzer.py FOLDER where there is more"
        )
    if error.errno not in _STORAGE:
        return None
    place = f" ({error.filename})" if error.filename else ""
    reason = (error.strerror or "disk fault").lower()
    return ResourceError(f"{reason}{place}; make room, or name another --output; what was written before is kept")


class NothingMeasuredError(LoadTestError):
    """There is no sample to judge."""

    exit_code = ExitCode.NOTHING_MEASURED

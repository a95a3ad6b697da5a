"""What a figure was measured on; without it the figure means nothing."""

from __future__ import annotations

import os
import platform
import sysconfig
from importlib.metadata import version
from pathlib import Path
from typing import Any

_OURS = ("gevent", "httptools", "orjson", "locust")


def machine() -> dict[str, Any]:
    """Size of this machine, and the versions of what our generator stands on."""
    return {
        "cpus": os.cpu_count(),
        "cpu": _cpu_model(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "platform": platform.platform(),
        "python": platform.python_version(),
        "python_built_with_pgo": _pgo(),
        **{name: version(name) for name in _OURS},
    }


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _pgo() -> bool:
    """Whether the interpreter was built with profile-guided optimisation; one that was not is about 15 % slower."""
    flags = " ".join(str(sysconfig.get_config_var(name) or "") for name in ("PY_CFLAGS_NODIST", "PY_CORE_CFLAGS"))
    return "-fprofile-use" in flags

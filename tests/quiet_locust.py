"""Locust, imported without letting it patch the sockets and threads of the test process. Import this before it."""

from __future__ import annotations

import os

os.environ["LOCUST_SKIP_MONKEY_PATCH"] = "1"
import locust  # the variable has to be there first

del os.environ["LOCUST_SKIP_MONKEY_PATCH"]  # processes that tests start have to be patched

__all__ = ["locust"]

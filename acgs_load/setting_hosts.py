"""Reads lists of hosts as people write them. Gives them as permissions spell them, or raises ValueError."""

from __future__ import annotations

import ipaddress
import re
from typing import Any
from urllib.parse import urlsplit

from acgs_load.permission import plain_host


def hosts(value: Any) -> tuple[str, ...]:
    """Hosts as permissions spell them; no URLs, no ports, no patterns."""
    legal = "must be host names or addresses, without scheme, port and path"
    if not isinstance(value, list | tuple) or not all(isinstance(name, str) for name in value):
        raise ValueError(legal)  # pydantic tells ValueErrors
    for name in value:
        if "://" in name and (meant := urlsplit(name).hostname if name.isprintable() else None):
            raise ValueError(f"{name}: {legal}; did you mean {meant}?")
        if not _is_host(plain_host(name)):
            raise ValueError(f"{name}: {legal}")
    return tuple(dict.fromkeys(map(plain_host, value)))


def _is_host(name: str) -> bool:
    if ":" not in name:
        return re.fullmatch(r"[a-z0-9_]([a-z0-9_.-]{0,251}[a-z0-9_])?", name) is not None
    try:
        return bool(ipaddress.ip_address(name))
    except ValueError:
        return False

"""Who may be loaded: this machine always, anybody else where somebody has said so. Nobody floods a stranger by a typo.

The host counts as it is named, whatever it resolves to: a permission means the same on every machine that sends load.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from acgs_load.errors import UsageError

FLAG, KEY, VARIABLE = "--i-may-load", "ALLOWED_TARGETS", "ACGS_ALLOWED_TARGETS"
_SIZE_LIMIT_BYTES = 1_000_000


def host_of(url: str) -> str:
    """The host in a URL as permissions spell it: lower case, without port and brackets, IDNA for what is not ASCII."""
    return plain_host(urlsplit(url).hostname or "")


def plain_host(name: str) -> str:
    """A host name or address as permissions spell it. A name that IDNA cannot spell stays as it is."""
    name = name.strip().removeprefix("[").removesuffix("]").rstrip(".").lower()
    try:
        return name if name.isascii() else name.encode("idna").decode("ascii")
    except UnicodeError:
        return name


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by its very name: ``localhost``, 127.0.0.0/8, ``::1`` (RFC 6761, 6.3)."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def demand_permission(url: str, allowed: Collection[str]) -> None:
    """Nothing, where ``url`` may be loaded. Raises UsageError, which says what to add."""
    host = host_of(url)
    if not is_loopback(host) and host not in allowed:
        raise UsageError(
            f"target {url}: nobody has said that {host} may be loaded; if you may: {FLAG} {host} "
            f'(once, it is remembered), or {KEY}: ["{host}"] in the configuration file, or {VARIABLE}={host}'
        )


def memory_place(environ: Mapping[str, str]) -> Path:
    """The file of remembered permissions, a host a line, in the user's folder of settings (XDG base directories)."""
    base = environ.get("XDG_CONFIG_HOME", "")
    if not os.path.isabs(base):  # the specification has a relative one ignored
        base = os.path.join(environ.get("HOME") or os.path.expanduser("~"), ".config")
    return Path(base, "acgs-load", "allowed-targets")


def remembered(place: Path) -> frozenset[str]:
    """The hosts in the file; none where there is no file. Raises UsageError where it cannot be read."""
    try:
        with place.open("rb") as file:
            text = file.read(_SIZE_LIMIT_BYTES).decode("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return frozenset()
    except (OSError, ValueError) as error:
        raise UsageError(f"{place}: cannot be read ({error}); repair or remove it") from error
    return frozenset(plain_host(line) for line in text.splitlines() if line.strip() and not line.startswith("#"))


def remember(place: Path, host: str) -> None:
    """Add a host to the file. Raises OSError."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.open("a", encoding="utf-8") as file:
        file.write(f"{host}\n")

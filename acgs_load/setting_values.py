"""Reads single values as people write them: durations, targets, rates, routes, headers.

Every function gives the value or raises ValueError, whose text says what is wrong and what would be legal.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any
from urllib.parse import SplitResult, urlsplit

from acgs_load.contract import HASH_HEADER, OPERATIONS, TENANT_HEADER, TENANT_ID_PATTERN, USER_HEADER, Scenario
from acgs_load.settings import Rate, TargetPlace
from acgs_load.settings_table import SECRETS
from acgs_load.units import parse_duration

EMBEDDED_PORT = 8080
TENANTS_MAX = 10_000
DURATION_MAX_S = 30 * 86_400.0
RATE_MIN_RPS, RATE_MAX_RPS = 0.001, 1_000_000.0
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_SECRET_NAME = re.compile(r"authorization|cookie|token|secret|password|credential|(^|[-_])key$|apikey", re.IGNORECASE)
_OWN_HEADERS = {
    name.lower()
    for name in (
        *(HASH_HEADER, TENANT_HEADER, USER_HEADER),
        *("Host", "Content-Type", "Content-Length", "Transfer-Encoding", "Connection", "Expect", "Upgrade", "TE"),
    )
}
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_PREFIX = re.compile(r"(/[A-Za-z0-9._~-]+)*")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


def nearest(word: str, known: list[str]) -> str:
    """``; did you mean X?`` for the known word most like ``word``, or nothing where none is."""
    upper = {name.upper(): name for name in known}
    found = get_close_matches(word.upper(), list(upper), n=1, cutoff=0.6)
    return f"; did you mean {upper[found[0]]}?" if found else ""


def _demand(met: bool, legal: str) -> None:
    if not met:
        raise ValueError(legal)


def number(value: Any, least: float, most: float) -> float:
    """A finite number within bounds; neither text nor true and false."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise ValueError(f"must be a number from {least:,.10g} to {most:,.10g}")
    return float(value)


def duration_s(value: Any) -> float:
    """Seconds, from ``90s``, ``30m``, ``1h30m`` or a number of seconds."""
    legal = f"must be a duration such as 90s, 30m or 2h, from 1s to {DURATION_MAX_S / 86_400:g}d"
    _demand(isinstance(value, int | float | str) and not isinstance(value, bool), legal)
    try:
        seconds = parse_duration(value) if isinstance(value, str) else float(value)
    except (ValueError, OverflowError):
        raise ValueError(legal) from None
    if not 1 <= seconds <= DURATION_MAX_S:
        raise ValueError(legal)
    return seconds


def quorum(value: Any) -> float:
    """A share of the workers, from ``0.9``, ``"0.9"`` or ``"90%"``."""
    legal = "must be a share from 0 to 1, or a percentage such as 90%"
    try:
        if isinstance(value, str):
            text = value.strip()
            value = float(text.removesuffix("%")) / 100 if text.endswith("%") else float(text)
        return number(value, 0, 1)
    except ValueError:
        raise ValueError(legal) from None


def rate(value: Any) -> Rate:
    """An open load: ``200`` requests a second, or ``0:2000@5m``, a ramp that then holds."""
    legal = "must be requests per second above 0 such as 200, or a ramp such as 0:2000@5m"
    try:
        if not isinstance(value, str) or ":" not in value:
            level = number(float(value) if isinstance(value, str) else value, RATE_MIN_RPS, RATE_MAX_RPS)
            return Rate(level, level)
        levels, _, ramp = value.partition("@")
        begin, _, end = levels.partition(":")
        rate_from, rate_to = number(float(begin), 0, RATE_MAX_RPS), number(float(end), RATE_MIN_RPS, RATE_MAX_RPS)
        return Rate(rate_from, rate_to, duration_s(ramp))
    except ValueError:
        raise ValueError(legal) from None


def target(value: Any) -> TargetPlace:
    """``http(s)://host[:port][/prefix]`` without trailing slash, or ``embedded[:PORT]``.

    The text of the error never repeats the value: it might hold a password.
    """
    legal = "must be http://host[:port], https://host[:port], or embedded[:PORT]"
    _demand(isinstance(value, str), legal)
    if re.fullmatch(r"embedded(:\d{1,5})?", value):
        port = int(value.partition(":")[2] or EMBEDDED_PORT)
        if port > 65_535:
            raise ValueError("the port must be from 0 (any free one) to 65535")
        return TargetPlace(f"http://127.0.0.1:{port}", embedded=True)
    if "://" not in value and re.fullmatch(r"[A-Za-z0-9._-]+(:\d+)?/?", value):
        raise ValueError(f"{legal}; did you mean http://{value}?")
    parts = _parts(value, legal)
    if parts.username is not None or parts.password is not None:
        raise ValueError(f"must not carry credentials; put them into the environment ({', '.join(SECRETS)})")
    prefix = parts.path.rstrip("/")
    if parts.query or parts.fragment or "?" in value or "#" in value or not _PREFIX.fullmatch(prefix):
        raise ValueError(f"{legal}, with no query and no odd path; paths of operations go into ROUTES")
    return TargetPlace(f"{parts.scheme}://{parts.netloc}{prefix}", embedded=False)


def target_metrics(value: Any) -> str:
    """Where CPU and memory are read: as given, servers of Prometheus spelled ``prometheus+http://`` or ``+https://``.

    The text of the error never repeats the value: it might hold a password.
    """
    legal = "must be auto, none, prometheus://HOST:9090, a URL that ends in /metrics, docker:NAME,NAME or pid:NUMBER"
    _demand(isinstance(value, str), legal)
    if re.fullmatch(
        r"auto|none|pid:[1-9][0-9]{0,9}|docker:[A-Za-z0-9][A-Za-z0-9_.-]*(,[A-Za-z0-9][A-Za-z0-9_.-]*)*", value
    ):
        return str(value)
    scheme, _, rest = value.partition("://")
    kinds = {
        "prometheus": "http",
        "prometheus+http": "http",
        "prometheus+https": "https",
        "http": "http",
        "https": "https",
    }
    _demand(scheme in kinds, legal)
    parts = _parts(f"{kinds[scheme]}://{rest}", legal)
    _demand(parts.username is None and parts.password is None, "must not carry credentials")
    _demand(not parts.query and not parts.fragment, legal)
    place = f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
    page = scheme in ("http", "https") and place.endswith("/metrics")
    return place if page else f"prometheus+{place}"


def _parts(url: str, legal: str) -> SplitResult:
    """A plain http(s) URL of a host, taken apart. Raises ValueError with ``legal``."""
    try:
        parts = urlsplit(url)
        port_or_none, host = parts.port, parts.hostname or ""
    except ValueError:
        raise ValueError(legal) from None
    if parts.scheme not in {"http", "https"} or not host or port_or_none == 0 or not _is_plain(url):
        raise ValueError(legal)
    return parts


def _is_plain(text: str) -> bool:
    return text.isprintable() and " " not in text and "\\" not in text and "/.." not in text


def think_time_s(value: Any) -> tuple[float, float]:
    """Least and most seconds, from one number or duration, or from two."""
    legal = "must be seconds from 0 to 3600, or [least, most]"
    pair = value if isinstance(value, list | tuple) else [value, value]
    if len(pair) != 2:
        raise ValueError(legal)
    try:
        ends = [parse_duration(end) if isinstance(end, str) else end for end in pair]
        least, most = (number(end, 0, 3600) for end in ends)
    except ValueError:
        raise ValueError(legal) from None
    if least > most:
        raise ValueError(legal)
    return least, most


def mix(value: Any) -> dict[str, float]:
    """Weight by scenario, at least one above 0; scenarios that are not named weigh 0 and are left out."""
    scenarios = [str(scenario) for scenario in Scenario]
    _demand(isinstance(value, Mapping), f"must be an object of weights by scenario: {', '.join(scenarios)}")
    result: dict[str, float] = {}
    for name, weight in value.items():
        if name not in scenarios:
            raise ValueError(f"{name} is no scenario{nearest(str(name), scenarios) or ': ' + ', '.join(scenarios)}")
        try:
            result[name] = number(weight, 0, 1e6)
        except ValueError as error:
            raise ValueError(f"{name} {weight!r}: {error}") from None
    if not any(result.values()):
        raise ValueError("must give at least one scenario a weight above 0")
    return {name: result[name] for name in scenarios if result.get(name)}


def routes(value: Any) -> dict[str, str]:
    """``METHOD /path`` by operation. A path may use the placeholders of the operation's own path, and no others."""
    _demand(isinstance(value, Mapping), "must be an object: operation → METHOD /path")
    return {name: _route(name, route) for name, route in value.items()}


def _route(name: Any, route: Any) -> str:
    if name not in OPERATIONS:
        raise ValueError(f"{name} is no operation{nearest(str(name), list(OPERATIONS))}")
    operation = OPERATIONS[name]
    words = route.split(" ") if isinstance(route, str) else ["", ""]
    method, path = (operation.method, words[0]) if len(words) == 1 else (words[0], words[-1])
    if len(words) not in {1, 2} or method not in _METHODS or not path.startswith("/") or not path.isprintable():
        raise ValueError(f"{name} must be a path such as {operation.method} {operation.path}, not {route!r}")
    allowed = set(_PLACEHOLDER.findall(operation.path))
    wanted = set(_PLACEHOLDER.findall(path))
    if wanted - allowed or "{" in _PLACEHOLDER.sub("", path) or "}" in _PLACEHOLDER.sub("", path):
        legal = ", ".join(f"{{{word}}}" for word in sorted(allowed)) or "none"
        raise ValueError(f"{name} {route!r}: placeholders of this operation: {legal}")
    lost = sorted((allowed & {"policy_id", "event_id"}) - wanted)
    if lost:
        raise ValueError(f"{name} {route!r}: {{{lost[0]}}} is missing, so nobody could tell which one is meant")
    return f"{method} {path}"


def headers(value: Any) -> dict[str, str]:
    """Header lines by name. Neither secrets nor what the suite sends itself; errors never repeat a value."""
    _demand(isinstance(value, Mapping), "must be an object: header name → text")
    seen: set[str] = set()
    for name, text in value.items():
        if not isinstance(name, str) or not _HEADER_NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no header name")
        if _SECRET_NAME.search(name):
            raise ValueError(f"{name} looks like a secret; secrets come from the environment ({', '.join(SECRETS)})")
        if name.lower() in _OWN_HEADERS:
            raise ValueError(f"{name} is set by the suite itself; leave it out")
        if not isinstance(text, str) or not text.isascii() or not text.isprintable() or text != text.strip():
            raise ValueError(f"{name} must be printable ASCII text without spaces around it")
        if name.lower() in seen:
            raise ValueError(f"{name} stands there twice; keep one")
        seen.add(name.lower())
    return dict(value)


def tenants(value: Any) -> tuple[str, ...]:
    """Tenant ids as given, or ``tenant-01 …`` for a number of them."""
    legal = f"must be a list of different tenant ids (1 to 64 letters, digits, - or _), or 1 to {TENANTS_MAX:,}"
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= TENANTS_MAX:
        return tuple(f"tenant-{number:02}" for number in range(1, value + 1))
    if not isinstance(value, list) or not value or not all(isinstance(tenant, str) for tenant in value):
        raise ValueError(legal)
    if len(set(value)) < len(value) or not all(re.fullmatch(TENANT_ID_PATTERN, tenant) for tenant in value):
        raise ValueError(legal)
    return tuple(value)

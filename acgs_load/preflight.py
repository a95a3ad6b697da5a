"""Before the first request: is the target there, healthy, and the one expected? (contract, section 6)"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import requests
import urllib3
from requests.structures import CaseInsensitiveDict
from requests.utils import get_environ_proxies

from acgs_load.authorities import CA_FLAG, CA_VARIABLE, verification
from acgs_load.contract import CONFIG_PATH, HASH_HEADER, HEALTH_PATH
from acgs_load.errors import TargetError
from acgs_load.plan import Plan

PATIENCE_S = 45.0
"""Real gateways route nothing in their first 30 s."""
TRY_TIMEOUT_S = 5.0
PAUSE_S = 1.0


_CAUSES = {
    "refused": "connection refused",
    "RemoteDisconnected": "it closes the connection without an answer",
    "BadStatusLine": "what answers speaks no HTTP",
    "IncompleteRead": "its answer breaks off in the middle",
    "reset by peer": "it resets the connection",
    "Name or service not known": "nobody knows its name",
}
"""What the library's words mean, by a part of them."""


class Answer(Protocol):
    """What the checks read of an HTTP answer."""

    @property
    def status_code(self) -> int:
        """Status."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """By name, in any case."""
        ...

    @property
    def content(self) -> bytes:
        """The decoded body."""
        ...


Get = Callable[[str], Answer]
"""Fetches a path of the target; raises ``requests.RequestException`` when nothing complete came back."""


@dataclass(frozen=True, slots=True)
class Preflight:
    """What the target said of itself."""

    health: dict[str, Any]
    config: dict[str, Any] | None
    """None where the target publishes none."""
    warnings: tuple[str, ...] = field(default=())


class _NotYetError(Exception):
    """The target may still be starting."""


def fetcher(plan: Plan) -> Get:
    """GETs of the target with the hash and the user's headers, never redirected, each with a time limit.

    They take the way of the users' transport: the same proxies and the same trusted authorities. Raises UsageError
    where these cannot be read.
    """
    session = requests.Session()
    session.trust_env = False
    session.headers.update({**plan.headers, HASH_HEADER: plan.constitutional_hash, "Accept": "application/json"})
    session.verify = verification(plan.target, plan.tls_verify, plan.ca_file)
    if not plan.tls_verify:
        # said once, in our own words
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    if plan.transport == "plain":
        session.proxies.update(get_environ_proxies(plan.target))

    def get(path: str) -> requests.Response:
        answer = session.get(plan.target + path, timeout=TRY_TIMEOUT_S, allow_redirects=False, stream=True)
        try:
            _tidy(answer)
            answer.content  # noqa: B018  read here, so that what goes wrong is this function's to raise
        finally:
            answer.close()
        return answer

    return get


def _tidy(answer: requests.Response) -> None:
    """Take the blanks from around header values, which the library leaves there, and values that are said twice."""
    headers = answer.raw.headers
    for name in list(headers):
        values = [value.strip(" \t") for value in headers.getlist(name)]
        twice_means_twice = name.lower() == "content-encoding"
        headers[name] = ", ".join(values if twice_means_twice else dict.fromkeys(values))
    answer.headers = CaseInsensitiveDict(headers)


def preflight(
    plan: Plan,
    instance: str | None = None,
    *,
    get: Get | None = None,
    alive: Callable[[], str | None] = lambda: None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Preflight:
    """The target's own words, once it is healthy and right.

    Waits up to 45 s for a target that is starting. Raises TargetError at once for a wrong one (hash, or ``instance``
    where the runner started it), or when ``alive`` says why a started target has ended.
    """
    get = get or fetcher(plan)
    deadline_s = clock() + PATIENCE_S
    while True:
        if (reason := alive()) is not None:
            raise TargetError(reason)
        try:
            health = _health(plan, instance, get)
        except _NotYetError as not_yet:
            if clock() + PAUSE_S > deadline_s:
                raise TargetError(_advice(plan, str(not_yet))) from None
            sleep(PAUSE_S)
        else:
            config = _config(get)
            return Preflight(health, config, tuple(_warnings(plan, config)))


def _advice(plan: Plan, reason: str) -> str:
    behind = plan.transport == "fast" and get_environ_proxies(plan.target)
    proxy = " (the environment names a proxy for it, which only --transport plain uses)" if behind else ""
    return (
        f"target {plan.target}: {reason}, for {PATIENCE_S:.0f} s{proxy}. Start it or correct --target, and see what "
        f"answers: curl {plan.target}{HEALTH_PATH} — or try the bundled reference gateway: --target embedded"
    )


def _health(plan: Plan, instance: str | None, get: Get) -> dict[str, Any]:
    try:
        answer = get(HEALTH_PATH)
    except requests.exceptions.SSLError as error:
        raise TargetError(
            f"target {plan.target}: TLS refused ({_cause(error)}); name its authority ({CA_FLAG} FILE, {CA_VARIABLE})"
            ", or correct --target; --insecure goes on without knowing who answers"
        ) from error
    except requests.RequestException as error:
        raise _NotYetError(_cause(error)) from error
    status = answer.status_code
    if status >= 500 or status in (404, 429):
        raise _NotYetError(f"{HEALTH_PATH} answers {status}")
    if status != 200:
        raise TargetError(f"target {plan.target}: {HEALTH_PATH} answers {status}, not 200; is this an ACGS gateway?")
    body = _json_object(answer.content)
    if body is None:
        raise _NotYetError(f"{HEALTH_PATH} answers 200 without a JSON object")
    _demand_hash(plan, answer.headers.get(HASH_HEADER), body.get("constitutional_hash"))
    if instance is not None and body.get("instance") != instance:
        raise TargetError(
            f"target {plan.target}: a stranger answers on the port of the gateway that this run started "
            f"(instance {body.get('instance')!r}); free the port, or choose another: --target embedded:0"
        )
    if body.get("status") != "healthy":
        raise _NotYetError(f"{HEALTH_PATH} says status {body.get('status')!r}, not 'healthy'")
    return body


def _demand_hash(plan: Plan, in_header: object, in_body: object) -> None:
    for place, value in ((f"header {HASH_HEADER}", in_header), ("body field constitutional_hash", in_body)):
        if value != plan.constitutional_hash:
            said = "is absent" if value is None else f"is {str(value)[:80]!r}"
            raise TargetError(
                f"target {plan.target}: {place} {said}, expected {plan.constitutional_hash!r}; "
                "correct the target, or CONSTITUTIONAL_HASH"
            )


def _config(get: Get) -> dict[str, Any] | None:
    try:
        answer = get(CONFIG_PATH)
    except requests.RequestException:
        return None  # published or not is the target's choice; what it says is only used for warnings
    return _json_object(answer.content) if answer.status_code == 200 else None


def _warnings(plan: Plan, config: dict[str, Any] | None) -> list[str]:
    limits = (config or {}).get("rate_limiting")
    per_minute = limits.get("requests_per_minute") if isinstance(limits, dict) else None
    asked_rps = plan.rate or plan.target_rps or float(plan.users_max)
    if not isinstance(per_minute, int | float) or isinstance(per_minute, bool) or per_minute / 60 >= asked_rps:
        return []
    return [
        f"the target limits requests to {per_minute:g} a minute ({per_minute / 60:.1f} RPS), "
        f"below the {asked_rps:g} RPS of this run: expect throttling, or raise the limit for the test"
    ]


def _json_object(content: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(content)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _cause(error: BaseException) -> str:
    """The innermost reason in few words, without the addresses that requests wraps it in."""
    reason: Any = error
    while (inner := getattr(reason, "reason", None) or next(iter(getattr(reason, "args", ())), None)) is not None:
        if not isinstance(inner, BaseException):
            break
        reason = inner
    if isinstance(reason, requests.Timeout) or "timed out" in str(reason):
        return f"no answer within {TRY_TIMEOUT_S:.0f} s"
    if isinstance(reason, requests.exceptions.SSLError) or "CERTIFICATE" in str(reason):
        return str(reason)[:160]
    said = str(reason)
    for word, meaning in _CAUSES.items():
        if word in said:
            return meaning
    return said.rsplit("] ", 1)[-1].rstrip(")")[:120]

"""What the stranger keeps: tokens, tenants, policies, audit chains, keys, counters. Dicts and locks, nothing else."""

from __future__ import annotations

import base64
import hashlib
import math
import re
import resource
import secrets
import threading
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from stranger_logic import RefusedError, digest, invalid

BUCKETS: Final = (0.001, 0.004, 0.016, 0.064, 0.256, 1.024, 4.096, math.inf)
CURSOR: Final = re.compile(r"ab \+([0-9]{1,9})&=/%\?")


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def fresh_id() -> str:
    return secrets.token_hex(32)


class Session(NamedTuple):
    tenant_id: str
    user_id: str
    ends: float


class Edition(NamedTuple):
    """One version of a policy."""

    version: int
    content: dict[str, Any]
    sha256: str


class Policy:
    def __init__(self, tenant_id: str, content: dict[str, Any]) -> None:
        self.policy_id = fresh_id()
        self.tenant_id = tenant_id
        self.edition = Edition(1, content, digest(content).hex())
        self._lock = threading.Lock()

    def replace(self, read_version: int, content: dict[str, Any]) -> Edition:
        edition = Edition(read_version + 1, content, digest(content).hex())
        with self._lock:
            if self.edition.version != read_version:
                raise RefusedError(409, "version_conflict", f"gültig ist Fassung {self.edition.version} – neu lesen")
            self.edition = edition
        return edition


class Link(NamedTuple):
    """An entry of a chain, as it was sealed."""

    tenant_id: str
    entry: dict[str, Any]
    entry_hash: str
    signature: str
    key_id: str


class Keyring:
    """Two Ed25519 keys; entries are signed by turns."""

    def __init__(self) -> None:
        self._keys = {name: Ed25519PrivateKey.generate() for name in ("schlüssel/1", "k+2=")}

    def public(self) -> dict[str, str]:
        return {name: base64.b64encode(self._public(name).public_bytes_raw()).decode() for name in self._keys}

    def _public(self, name: str) -> Ed25519PublicKey:
        return self._keys[name].public_key()

    def sign(self, turn: int, message: bytes) -> tuple[str, str]:
        name = list(self._keys)[turn % len(self._keys)]
        return base64.b64encode(self._keys[name].sign(message)).decode(), name

    def genuine(self, key_id: str, signature: str, message: bytes) -> bool:
        if key_id not in self._keys:
            raise invalid(f"den Schlüssel „{key_id}“ gibt es hier nicht")
        try:
            raw = base64.b64decode(signature.encode("ascii"), validate=True)
            if base64.b64encode(raw).decode() != signature:
                return False
            self._public(key_id).verify(raw, message)
        except (ValueError, InvalidSignature):
            return False
        return True


class Tenant:
    """All that belongs to one tenant."""

    def __init__(self, tenant_id: str, genesis: str) -> None:
        self.tenant_id = tenant_id
        self.canary = f"canary-{tenant_id}-{secrets.token_hex(8)}"
        self.records = [{"tenant_id": tenant_id, "titel": f"Akte №{n}", "id": fresh_id()} for n in range(3)]
        self._genesis = genesis
        self._lock = threading.Lock()
        self._settings: dict[str, Any] = {}
        self._settings_version = 0
        self._policies: list[Policy] = []
        self._chain: list[Link] = []
        self._proved = 0

    def configure(self, setting: str, value: Any) -> int:
        with self._lock:
            self._settings[setting] = value
            self._settings_version += 1
            return self._settings_version

    def enlist(self, policy: Policy) -> None:
        with self._lock:
            self._policies.append(policy)

    def page(self, cursor: str, limit: int) -> tuple[list[Policy], str | None]:
        hit = CURSOR.fullmatch(cursor)
        if cursor and not hit:
            raise invalid("diesen Cursor hat niemand ausgegeben")
        with self._lock:
            upper = min(int(hit[1]), len(self._policies)) if hit else len(self._policies)
            lower = max(0, upper - limit)
            return self._policies[lower:upper][::-1], f"ab +{lower}&=/%?" if lower else None

    def append(self, fields: dict[str, Any], constitution: str, keys: Keyring) -> Link:
        with self._lock:
            sequence = len(self._chain) + 1
            entry = {
                "previous_hash": self._chain[-1].entry_hash if self._chain else self._genesis,
                "constitutional_hash": constitution,
                "sequence": sequence,
                **fields,
                "event_id": fresh_id(),
            }
            raw = digest(entry)
            signature, key_id = keys.sign(sequence, raw)
            link = Link(self.tenant_id, entry, raw.hex(), signature, key_id)
            self._chain.append(link)
            return link

    def window(self, last: int) -> tuple[bool, int, str, list[dict[str, Any]]]:
        """Whether the chain is whole, its length, its head and its last entries."""
        with self._lock:
            length = len(self._chain)
            first = max(0, length - last)
            good = self._whole(min(first, self._proved))
            if good:
                self._proved = length
            head = self._chain[-1].entry_hash if self._chain else self._genesis
            return good, length, head, [link.entry for link in self._chain[first:]]

    def _whole(self, start: int) -> bool:
        """Recompute from `start` on; everything before it was recomputed by an earlier call."""
        previous = self._chain[start - 1].entry_hash if start else self._genesis
        for place, link in enumerate(self._chain[start:], start + 1):
            if link.entry["sequence"] != place or link.entry["previous_hash"] != previous:
                return False
            previous = digest(link.entry).hex()
            if previous != link.entry_hash:
                return False
        return True


class Store:
    """Everything, found by name."""

    def __init__(self, constitution: str, lifetime: int) -> None:
        self.constitution = constitution
        self.lifetime = lifetime
        self.keys = Keyring()
        self.policies: dict[str, Policy] = {}
        self.events: dict[str, Link] = {}
        self._genesis = hashlib.sha256(f"genesis_block:{constitution}".encode()).hexdigest()
        self._lock = threading.Lock()
        self._tenants: dict[str, Tenant] = {}
        self._sessions: dict[str, Session] = {}

    def tenant(self, tenant_id: str) -> Tenant:
        with self._lock:
            if tenant_id not in self._tenants:
                self._tenants[tenant_id] = Tenant(tenant_id, self._genesis)
            return self._tenants[tenant_id]

    def admit(self, tenant_id: str, user_id: str) -> str:
        token = base64.b64encode(secrets.token_bytes(49)).decode()
        with self._lock:
            self._sessions[token] = Session(tenant_id, user_id, time.monotonic() + self.lifetime)
        return token

    def session(self, token: str) -> Session | None:
        with self._lock:
            found = self._sessions.get(token)
            if found is not None and found.ends <= time.monotonic():
                del self._sessions[token]
                return None
            return found

    def policy(self, tenant_id: str, policy_id: Any) -> Policy:
        found = self.policies.get(policy_id) if isinstance(policy_id, str) else None
        if found is None:
            raise RefusedError(404, "not_found", "eine solche Richtlinie gibt es nicht")
        if found.tenant_id != tenant_id:
            raise RefusedError(403, "tenant_access_denied", "die Richtlinie gehört anderen")
        return found

    def event(self, tenant_id: str, event_id: str) -> Link:
        found = self.events.get(event_id)
        if found is None:
            raise RefusedError(404, "not_found", "ein solches Ereignis gibt es nicht")
        if found.tenant_id != tenant_id:
            raise RefusedError(403, "tenant_access_denied", "das Ereignis gehört anderen")
        return found


class Meter:
    """Counts for /gateway/metrics."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[tuple[str, int]] = Counter()
        self._buckets: Counter[tuple[str, float]] = Counter()
        self._seconds: Counter[str] = Counter()

    def note(self, operation: str, status: int, seconds: float) -> None:
        with self._lock:
            self._requests[operation, status] += 1
            self._seconds[operation] += seconds  # type: ignore[assignment]
            self._buckets[operation, next(edge for edge in BUCKETS if seconds <= edge)] += 1

    def text(self) -> str:
        with self._lock:
            requests, buckets = dict(self._requests), Counter(self._buckets)
            seconds = dict(self._seconds)
        lines = ["# TYPE acgs_requests_total counter"]
        lines += [f'acgs_requests_total{{status="{s}",operation="{op}"}} {n}' for (op, s), n in requests.items()]
        lines.append("# TYPE acgs_request_duration_seconds histogram")
        name = "acgs_request_duration_seconds"
        for operation, total in seconds.items():
            below = 0
            for edge in BUCKETS:
                below += buckets[operation, edge]
                label = "+Inf" if edge == math.inf else f"{edge}"
                lines.append(f'{name}_bucket{{operation="{operation}",le="{label}"}} {below}')
            lines += [
                f'{name}_sum{{operation="{operation}"}} {total}',
                f'{name}_count{{operation="{operation}"}} {below}',
            ]
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        lines += ["# TYPE process_cpu_seconds_total counter", f"process_cpu_seconds_total {time.process_time()}"]
        lines.append("# TYPE process_resident_memory_bytes gauge")
        lines.append(f"process_resident_memory_bytes {pages * resource.getpagesize()}")
        return "\n".join(lines) + "\n"

"""What one response tells (Sample), and what a second of responses adds up to (Window).

Windows are the only thing that workers ship and the only thing that is judged. Merging is associative and commutative,
so workers, regions and restarts may arrive in any order.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

from acgs_load.contract import ANSWERED_OUTCOMES, LATENCY_EXCLUDED_OUTCOMES, Outcome, Violation
from acgs_load.histogram import Histogram

_HASH_VIOLATIONS = frozenset({Violation.HASH_WRONG, Violation.HASH_ABSENT})
_REGISTERED = frozenset(map(int, HTTPStatus))


def status_label(status: int) -> str:
    """``503``, or ``5xx`` for one that is not registered, so that no target can invent groups; ``0``: none came."""
    return str(status) if status in _REGISTERED or not status else f"{status // 100}xx"


def failure_label(status: int, kind: str) -> str:
    """What a window counts a failure under: ``503 http_error``, ``200 hash_wrong``, ``0 timeout``."""
    return f"{status_label(status)} {kind}"


class Sample(NamedTuple):
    """One request and what became of it. Times are seconds on one monotonic clock of the process."""

    operation: str
    scenario: str
    """Empty for ``auth_*``."""
    due_s: float
    """When the request should have gone out; equals ``sent_s`` in closed load."""
    sent_s: float
    done_s: float
    outcome: Outcome
    violations: tuple[Violation, ...] = ()
    """Each at most once, in the contract's order; the first is the sample's label."""
    status: int = 0
    """0 where no status line arrived."""
    score: float | None = None
    """``X-Constitutional-Score`` of a 2xx."""
    isolation_right: bool = False
    """A cross-tenant attempt was refused as demanded, and the user's latest own access was ok."""
    proof_unknown: bool = False
    sent_bytes: int = 0
    received_bytes: int = 0
    resent: bool = False
    signature_checked: bool = False
    """The signature in the answer was verified under a published key."""


class WindowKey(NamedTuple):
    """What a window speaks of. ``second`` is a whole epoch second of the generators' common clock."""

    second: int
    region: str
    scenario: str
    operation: str
    phase: str


class Window:
    """Counts and two histograms of the samples of one key, or of any merge of keys."""

    __slots__ = (
        "answers_2xx",
        "answers_404",
        "failures",
        "first_done_s",
        "hash_faulty",
        "isolation_right",
        "last_done_s",
        "outcomes",
        "proofs_unknown",
        "received_bytes",
        "resent",
        "response",
        "samples",
        "score_count",
        "score_sum",
        "sent_bytes",
        "service",
        "signatures_checked",
        "skipped",
        "violations",
    )

    def __init__(self) -> None:
        self.samples = 0
        self.outcomes: dict[str, int] = {}
        self.violations: dict[str, int] = {}
        self.failures: dict[str, int] = {}
        """By ``failure_label``: violations, and outcomes but the answered ones. Absent in runs of before."""
        self.service = Histogram()
        """From send to done."""
        self.response: Histogram | None = None
        """From due to done; None as long as every sample was sent when due (closed load)."""
        self.score_sum = 0.0
        self.score_count = 0
        self.hash_faulty = 0
        self.isolation_right = 0
        self.answers_2xx = 0
        self.answers_404 = 0
        self.proofs_unknown = 0
        self.signatures_checked = 0
        self.resent = 0
        self.skipped = 0
        self.sent_bytes = 0
        self.received_bytes = 0
        self.first_done_s = 0.0
        """Epoch seconds of the first and last answer; 0 where nothing was answered."""
        self.last_done_s = 0.0

    def add(self, sample: Sample, done_epoch_s: float) -> None:
        """Count one sample that was done at ``done_epoch_s``."""
        outcome = sample.outcome
        self.samples += 1
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1
        self.sent_bytes += sample.sent_bytes
        self.received_bytes += sample.received_bytes
        if sample.status:
            self._answered(done_epoch_s)
            self._judge(sample)
        if outcome not in LATENCY_EXCLUDED_OUTCOMES:
            self._time(sample)
        if sample.resent:
            self.resent += 1
        if outcome not in ANSWERED_OUTCOMES:
            self._fail(sample.status, outcome)

    def _fail(self, status: int, kind: str) -> None:
        label = failure_label(status, kind)
        self.failures[label] = self.failures.get(label, 0) + 1

    def _answered(self, done_epoch_s: float) -> None:
        if not self.last_done_s or done_epoch_s < self.first_done_s:
            self.first_done_s = done_epoch_s
        if done_epoch_s > self.last_done_s:
            self.last_done_s = done_epoch_s

    def _judge(self, sample: Sample) -> None:
        if 200 <= sample.status < 300:
            self.answers_2xx += 1
        elif sample.status == 404:
            self.answers_404 += 1
        if sample.violations:
            self.score_count += 1  # any violation scores 0, whatever the header claims
            for violation in sample.violations:
                self.violations[violation] = self.violations.get(violation, 0) + 1
                self._fail(sample.status, violation)
            if not _HASH_VIOLATIONS.isdisjoint(sample.violations):
                self.hash_faulty += 1
        elif sample.score is not None and 200 <= sample.status < 300:
            self.score_count += 1
            self.score_sum += sample.score
        self.isolation_right += sample.isolation_right
        self.proofs_unknown += sample.proof_unknown
        self.signatures_checked += sample.signature_checked

    def _time(self, sample: Sample) -> None:
        service_us = round((sample.done_s - sample.sent_s) * 1e6)
        if self.response is None and sample.due_s != sample.sent_s:
            self.response = self.service.copy()
        if self.response is not None:
            self.response.record(round((sample.done_s - sample.due_s) * 1e6))
        self.service.record(service_us)

    @property
    def latency(self) -> Histogram:
        """From due to done in open load, from send to done in closed load (where both are the same)."""
        return self.service if self.response is None else self.response

    @property
    def answered(self) -> int:
        """Requests with outcome ``ok`` or ``failed_check``."""
        return sum(self.outcomes.get(outcome, 0) for outcome in ANSWERED_OUTCOMES)

    def merge(self, other: Window) -> None:
        """Add everything that ``other`` counted."""
        # a master merges some ten thousand windows a second, and most of what they count is nothing
        for name in _SUMS:
            if more := getattr(other, name):
                setattr(self, name, getattr(self, name) + more)
        for name in COUNTED:
            if theirs := getattr(other, name):
                mine = getattr(self, name)
                for kind, count in theirs.items():
                    mine[kind] = mine.get(kind, 0) + count
        if self.response is not None or other.response is not None:
            self.response = self.latency.copy() if self.response is None else self.response
            self.response.merge(other.latency)
        self.service.merge(other.service)
        if other.last_done_s:
            self._answered(other.first_done_s)
            self._answered(other.last_done_s)

    def without_latency(self) -> Window:
        """The same counts with empty histograms, for sums that nobody asks for a latency."""
        twin = Window()
        for name in SCALARS:
            setattr(twin, name, getattr(self, name))
        for name in COUNTED:
            setattr(twin, name, dict(getattr(self, name)))
        return twin

    def only_latency(self) -> Window:
        """The histograms alone, which are this window's own: look at them, do not change them."""
        twin = Window()
        twin.service, twin.response = self.service, self.response
        return twin

    def to_wire(self) -> dict[str, Any]:
        """A JSON and msgpack object; what is zero or empty is left out."""
        wire: dict[str, Any] = {name: value for name in SCALARS if (value := getattr(self, name))}
        wire["outcomes"] = dict(self.outcomes)
        if self.violations:
            wire["violations"] = dict(self.violations)
        if self.failures:
            wire["failures"] = dict(self.failures)
        if self.service.total:
            wire["service"] = self.service.to_wire()
        if self.response is not None:
            wire["response"] = self.response.to_wire()
        return wire

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Window:
        """The window that ``to_wire`` spelled. Raises ValueError, TypeError or KeyError on anything else."""
        window = cls()
        for name in wire.keys() & _SCALAR_NAMES:
            setattr(window, name, wire[name])
        window.outcomes = _counts(wire["outcomes"])
        for name in wire.keys() & _FAULT_NAMES:
            setattr(window, name, _counts(wire[name]))
        if "service" in wire:
            window.service = Histogram.from_wire(wire["service"])
        if "response" in wire:
            window.response = Histogram.from_wire(wire["response"])
        return window


def _counts(wire: Mapping[str, Any]) -> dict[str, int]:
    return {str(kind): int(count) for kind, count in wire.items()}


_SUMS = (
    "samples",
    "score_sum",
    "score_count",
    "hash_faulty",
    "isolation_right",
    "answers_2xx",
    "answers_404",
    "proofs_unknown",
    "signatures_checked",
    "resent",
    "skipped",
    "sent_bytes",
    "received_bytes",
)
SCALARS = (*_SUMS, "first_done_s", "last_done_s")
"""Plain numbers of a window, by name."""
COUNTED = ("outcomes", "violations", "failures")
_SCALAR_NAMES, _FAULT_NAMES = frozenset(SCALARS), frozenset(COUNTED) - {"outcomes"}
"""What a window counts by kind."""

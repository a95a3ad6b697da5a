"""What any answer is checked for: the constitutional hash, the compliance headers, and the form of a finding.

A check is a pure function from what the user knew and what came back to findings. The checks of single operations live
in ``checks_constitutional``, ``checks_tenant``, ``checks_policy``, ``checks_formal`` and ``checks_integrity``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from acgs_load.contract import COMPLIANT_HEADER, HASH_HEADER, SCORE_HEADER, Violation
from acgs_load.traffic.checks.fields import Json

_HASH_HEADER = HASH_HEADER.lower()
_SCORE_HEADER = SCORE_HEADER.lower()
_COMPLIANT_HEADER = COMPLIANT_HEADER.lower()
_SCORE = re.compile(r"[0-9]+(\.[0-9]*)?([eE][-+]?[0-9]+)?|\.[0-9]+")
_ORDER = {violation: position for position, violation in enumerate(Violation)}


class Finding(NamedTuple):
    """One thing that is wrong with an answer, in words that a stranger understands."""

    violation: Violation
    text: str


Check = Callable[[Json, float | None], list[Finding]]
"""From the body of an expected answer and its score header (None if absent or illegal) to what is wrong with it."""


def violations_of(findings: Iterable[Finding]) -> tuple[Violation, ...]:
    """Each violation once, in the contract's order."""
    return tuple(sorted({finding.violation for finding in findings}, key=_ORDER.__getitem__))


def check_hash(expected_hash: str, headers: Mapping[str, str], body: Json | None) -> list[Finding]:
    """Whether header and body carry the expected hash; ``body`` is None where the answer is no JSON object."""
    header = headers.get(_HASH_HEADER)
    field = None if body is None else body.get("constitutional_hash", _ABSENT)
    if header == expected_hash == field:
        return []
    findings = []
    if header is None:
        findings.append(Finding(Violation.HASH_ABSENT, f"header {HASH_HEADER} is absent"))
    elif header != expected_hash:
        text = f"header {HASH_HEADER} is {shown(header)}, not {expected_hash}"
        findings.append(Finding(Violation.HASH_WRONG, text))
    if body is None or field is _ABSENT:
        findings.append(Finding(Violation.HASH_ABSENT, "constitutional_hash is absent from the body"))
    elif field != expected_hash:
        text = f"constitutional_hash in the body is {shown(field)}, not {expected_hash}"
        findings.append(Finding(Violation.HASH_WRONG, text))
    return findings


_ABSENT: Any = object()


def check_compliance_headers(headers: Mapping[str, str], score: float | None) -> list[Finding]:
    """Whether a 2xx says that it was handled compliantly and with what score (``header_score``)."""
    compliant = headers.get(_COMPLIANT_HEADER)
    if compliant == "true" and score is not None:
        return []
    findings = []
    if compliant != "true":
        spelled = "absent" if compliant is None else shown(compliant)
        findings.append(Finding(Violation.NOT_COMPLIANT, f"header {COMPLIANT_HEADER} is {spelled}, not true"))
    if score is None:
        value = headers.get(_SCORE_HEADER)
        spelled = "absent" if value is None else f"{shown(value)}, not a number from 0 to 1"
        findings.append(Finding(Violation.NOT_COMPLIANT, f"header {SCORE_HEADER} is {spelled}"))
    return findings


def header_score(headers: Mapping[str, str]) -> float | None:
    """``X-Constitutional-Score`` as a number from 0 to 1; None where it is absent or anything else."""
    value = headers.get(_SCORE_HEADER)
    return None if value is None else _score_value(value)


@lru_cache(maxsize=4096)
def _score_value(text: str) -> float | None:
    text = text.strip()
    if not _SCORE.fullmatch(text):
        return None
    score = float(text)
    return score if 0.0 <= score <= 1.0 else None


def same_hex(told: str, recomputed: str) -> bool:
    """Whether two spellings of a hash name the same bytes; the contract leaves open which case a target writes."""
    return told == recomputed or told.lower() == recomputed


def shown(value: Any) -> str:
    """``value`` short and on one line, for a finding's text."""
    if type(value) is str:
        return ascii(value[:80])
    try:
        return ascii(str(value)[:80])
    except RecursionError:
        return f"a deeply nested {type(value).__name__}"

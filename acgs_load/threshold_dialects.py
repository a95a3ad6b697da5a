"""Thresholds as k6 and Taurus write them, translated to ours.

k6 says what must hold, Taurus what must not: its comparisons turn round. Taurus' ``for 10s`` means each of ten seconds
in a row, its ``within 10s`` the ten seconds together (Blazemeter/taurus, site/dat/docs/PassFail.md).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from acgs_load.errors import UsageError
from acgs_load.units import parse_duration

_OP = r"(?P<op><=|>=|===|==|!=|<|>|=)"
_K6 = re.compile(
    r"(?:(?P<metric>[a-z_]+)(?:\{(?P<label>\w+):(?P<value>[^{}]+)\})?\s*:\s*)?"
    rf"(?P<what>p\(\s*(?P<percent>[\d.]+)\s*\)|avg|med|max|min|rate|count)\s*{_OP}\s*(?P<limit>[\d.]+(?:[eE][+-]?\d+)?)"
)
_TAURUS = re.compile(
    r"(?P<what>avg-rt|avg-lt|avg-ct|stdev-rt|p[\d.]+|hits|succ|success|fail|failures|rc[\w?*]+)(?:\s+of\s+(?P<value>[^<>=]+?))?"
    rf"\s*{_OP}\s*(?P<limit>[\d.]+)(?P<unit>%|[a-z][a-z\d]*)?(?:\s+(?P<logic>for|within|over)\s+(?P<span>\w+))?"
    r"(?:\s*,\s*(?P<action>stop|continue)?\s*(?:as\s+(?P<status>failed|non-failed))?)?"
)
_PERCENTILES = {"50": "p50", "75": "p75", "90": "p90", "95": "p95", "99": "p99", "99.9": "p99_9"}
_K6_MEASURES: Mapping[tuple[str, str], str] = {
    ("http_req_duration", "avg"): "latency_avg_ms",
    ("http_req_duration", "med"): "latency_p50_ms",
    ("http_req_duration", "max"): "latency_max_ms",
    ("http_req_failed", "rate"): "error_ratio",
    ("http_reqs", "rate"): "throughput_rps",
}
_LABELS = {"name": "operation", "operation": "operation", "scenario": "scenario", "region": "region"}
_OPPOSITE = {"<": ">=", "<=": ">", ">": "<=", ">=": "<"}


def translated(expression: str) -> str | None:
    """The same in our words; None where it is neither k6's nor Taurus'.

    Raises UsageError for what we do not measure, and where it is not plain that it says what fails, as Taurus does.
    """
    text = expression.strip()
    if found := _K6.fullmatch(text):
        return _of_k6(text, found)
    found = _TAURUS.fullmatch(text)
    if found and any(found[mark] for mark in ("value", "unit", "logic", "action", "status")):
        return _of_taurus(text, found)
    return None


def _of_k6(text: str, found: re.Match[str]) -> str:
    what, op, label = found["what"], {"==": "=", "===": "="}.get(found["op"], found["op"]), found["label"]
    usual = "http_req_failed" if what == "rate" and op in {"<", "<="} else "http_req_duration"
    metric = found["metric"] or usual
    if label is not None and label not in _LABELS:
        raise _refused(text, f"label {label} is not known here; known: {', '.join(_LABELS)}")
    if found["percent"] and metric == "http_req_duration":
        measure = _percentile(text, found["percent"])
    elif (metric, what) in _K6_MEASURES:
        measure = _K6_MEASURES[metric, what]
    else:
        raise _refused(text, f"{what} of {metric} is not measured; known: {_known()}")
    if op == "!=":
        raise _refused(text, "write <=, >=, <, > or =")
    labels = f'{{{_LABELS[label]}="{found["value"].strip()}"}}' if label else ""
    return f"{measure}{labels} {op} {found['limit']}"


def _known() -> str:
    return "http_req_duration: p(95), avg, med, max; http_req_failed: rate; http_reqs: rate"


def _of_taurus(text: str, found: re.Match[str]) -> str:
    if found["status"] == "non-failed":
        raise _refused(text, "a threshold here fails the run; leave out what does not")
    if found["op"] not in _OPPOSITE:
        raise _refused(text, "write <, <=, > or >=")
    measure, op, limit = _taurus_measure(text, found)
    if not found["status"] and op in ((">", ">=") if measure != "throughput_rps" else ("<", "<=")):
        raise _refused(text, f"Taurus says what fails, so this demands {measure} {op} {limit:g}; add: stop as failed")
    labels = f'{{operation="{found["value"].strip()}"}}' if found["value"] else ""
    over = _over(text, found["logic"], found["span"]) if found["logic"] else ""
    # without a timeframe Taurus looks at the whole test, which is over only at its end
    stop = " abort" if over and (found["action"] or "stop") == "stop" else ""
    return f"{measure}{labels} {op} {limit:.9g}{over}{stop}"


def _taurus_measure(text: str, found: re.Match[str]) -> tuple[str, str, float]:
    """Measure, comparison and limit of what must hold."""
    what, op, limit, unit = found["what"], _OPPOSITE[found["op"]], float(found["limit"]), found["unit"] or ""
    if what == "avg-rt" or re.fullmatch(r"p[\d.]+", what):
        measure = "latency_avg_ms" if what == "avg-rt" else _percentile(text, what[1:])
        return measure, op, _milliseconds(text, found["limit"] + (unit or "s"))
    if what == "hits" and not unit:
        return "throughput_rps", op, limit
    if what in {"fail", "failures", "succ", "success"}:
        if unit != "%":
            raise _refused(text, f"counts of {what} are not measured; write a share, such as {what}>5%")
        if what.startswith("fail"):
            return "error_ratio", op, limit / 100
        mirrored = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}[op]
        return "error_ratio", mirrored, round(1 - limit / 100, 9)
    raise _refused(text, f"{what} is not measured; known: avg-rt, p50 … p99.9, hits, succ and fail in per cent")


def _over(text: str, logic: str, span: str) -> str:
    seconds = _milliseconds(text, span) / 1e3
    if seconds < 1 or seconds != int(seconds):
        raise _refused(text, "a timeframe is whole seconds")
    return f" over 1s for {seconds:g}" if logic == "for" else f" over {seconds:g}s"


def _percentile(text: str, percent: str) -> str:
    name = _PERCENTILES.get(percent.removesuffix(".0"))
    if name is None:
        raise _refused(text, f"p{percent} is not measured; known: {', '.join(_PERCENTILES)}")
    return f"latency_{name}_ms"


def _milliseconds(text: str, span: str) -> float:
    try:
        return round(parse_duration(span) * 1e3, 6)
    except ValueError as error:
        raise _refused(text, str(error)) from None


def _refused(text: str, reason: str) -> UsageError:
    return UsageError(f"threshold {text!r}, column 1: {reason}")

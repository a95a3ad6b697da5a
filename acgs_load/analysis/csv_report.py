"""A report from Locust's CSV files: what they can tell; everything else is "not measured", and said so."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from acgs_load.analysis.drawing.panels import POINTS_MAX, Line, Panel
from acgs_load.analysis.groups import Group, Latency
from acgs_load.analysis.judging.judged import Judged
from acgs_load.analysis.judging.verdict import failure_text
from acgs_load.analysis.reading.locust_csv import Entry, LocustCsv
from acgs_load.analysis.reading.locust_history import seconds_between
from acgs_load.analysis.report import Facts, Report, Verdict
from acgs_load.analysis.troubles import EXAMPLES, Trouble
from acgs_load.contract import DEFAULT_MIX
from acgs_load.errors import ExitCode, NothingMeasuredError, UsageError
from acgs_load.measures import MEASURES, Measure
from acgs_load.plan import ThresholdText
from acgs_load.profile_acceptance import default_thresholds
from acgs_load.threshold_judge import judge
from acgs_load.thresholds import Threshold, merged, read
from acgs_load.timeline import Timeline

SOURCE = "locust csv"
ROUNDED = f"{SOURCE}, rounded by Locust: ± 5 %"
ROUNDING = 0.05
"""Locust keeps two digits of a response time: 2,049 ms is written 2,000."""
COLUMNS = {"p50": "50%", "p75": "75%", "p90": "90%", "p95": "95%", "p99": "99%", "p99_9": "99.9%"}
COMPLIANCE_MIN = 0.95
COVERED = 0.9
"""Old versions of Locust lost up to ten seconds of history at the end."""


def report_of_csv(files: LocustCsv, given: Sequence[ThresholdText] = ()) -> Report:
    """The report. Raises NothingMeasuredError where no request was counted, UsageError for an unreadable threshold."""
    total = files.total
    requests = total.requests if total else sum(entry.requests for entry in files.entries)
    if not requests:
        raise NothingMeasuredError(f"{files.prefix}: nothing measured, Locust counted no request; run again")
    measures = _measures(files)
    judged = [
        _judged(threshold, files, measures) for threshold in _thresholds(given, [entry.name for entry in files.entries])
    ]
    reasons = [failure_text(row) for row in judged if row.decides and row.state != "pass"]
    verdict = Verdict(
        "FAIL" if reasons else "PASS",
        ExitCode.FAILED if reasons else ExitCode.PASSED,
        interrupted=False,
        reasons=tuple(reasons),
        findings=tuple(judged),
    )
    return Report(
        facts=_facts(files),
        verdict=verdict,
        measures=measures,
        service=_latency(total),
        operations=tuple(_group(entry) for entry in files.entries),
        errors=tuple(_troubles(files)),
        panels=tuple(_panels(files)),
        warnings=tuple(_warnings(files, judged)),
        notes=(
            "from Locust's CSV files alone: answers were not checked, the load generators were not watched, and phases "
            "are not known; whatever those would tell is not measured",
            "Locust rounds response times to two digits (± 5 %), writes the CSV up to a second before the end, and "
            "counts failed and throttled requests in latency",
        ),
    )


def _thresholds(given: Sequence[ThresholdText], operations: Sequence[str]) -> list[Threshold]:
    """The defaults that need no plan, and what the user demands; only what a CSV can tell is owed by default."""
    told = {"latency_p95_ms", "latency_p99_ms", "latency_avg_ms", "error_ratio"}
    defaults = [
        replace(text, required=text.expression.split()[0] in told)
        for text in default_thresholds(DEFAULT_MIX, COMPLIANCE_MIN, [])
    ]
    return [read(text, operations) for text in merged(defaults, given, operations)]


def _measures(files: LocustCsv) -> dict[str, Measure]:
    nothing = {name: Measure(None, kind.unit, 0, SOURCE) for name, kind in MEASURES.items()}
    if files.total is None:
        requests = sum(entry.requests for entry in files.entries)
        failures = sum(entry.failures for entry in files.entries)
        return {**nothing, "error_ratio": Measure(failures / requests, "ratio", requests, SOURCE)}
    told = _of_entry(files.total)
    history = files.history
    told["throughput_peak_rps"] = Measure(history.peak_rps, "rps", history.seen, f"{SOURCE}, history")
    return {**nothing, **told}


def _of_entry(entry: Entry) -> dict[str, Measure]:
    latency = _latency(entry)
    values = {f"latency_{name}_ms": value for name, value in latency.percentiles_ms.items()}
    values |= {"latency_avg_ms": latency.avg_ms, "latency_max_ms": latency.max_ms}
    measures = {
        name: Measure(value, "ms", entry.requests, ROUNDED if name.startswith("latency_p") else SOURCE)
        for name, value in values.items()
    }
    answered = entry.requests - entry.failures
    measures["throughput_rps"] = Measure(entry.requests_rps - entry.failures_rps, "rps", answered, SOURCE)
    ratio = entry.failures / entry.requests if entry.requests else None
    measures["error_ratio"] = Measure(ratio, "ratio", entry.requests, SOURCE)
    return measures


def _latency(entry: Entry | None) -> Latency:
    if entry is None or not entry.requests:
        return Latency(dict.fromkeys(COLUMNS), None, None, 0)
    percentiles = {name: entry.percentiles_ms.get(column) for name, column in COLUMNS.items()}
    return Latency(percentiles, entry.avg_ms, entry.max_ms, entry.requests)


def _group(entry: Entry) -> Group:
    measures: Mapping[str, float | None] = {name: measure.value for name, measure in _of_entry(entry).items()}
    labelled = {name: None for name, kind in MEASURES.items() if kind.read is not None and kind.labelled}
    outcomes = {"ok": entry.requests - entry.failures, "failed": entry.failures}
    return Group(
        entry.name,
        "",
        entry.requests,
        0,
        0,
        {name: count for name, count in outcomes.items() if count},
        {},
        _latency(entry),
        _latency(entry),
        {**labelled, **measures},
    )


def _judged(threshold: Threshold, files: LocustCsv, measures: Mapping[str, Measure]) -> Judged:
    if threshold.relative:
        raise UsageError(f"threshold {threshold.expression!r}: a baseline needs a run folder, not Locust's CSV files")
    subject, known = threshold, measures
    if set(threshold.labels) == {"operation"} and threshold.during is None:
        entry = next((entry for entry in files.entries if entry.name == threshold.labels["operation"]), None)
        subject, known = replace(threshold, labels={}), _of_entry(entry) if entry else {}
    found = replace(judge(subject, Timeline(0.0, ()), known), threshold=threshold)
    rounded = found.value is not None and threshold.measure.startswith("latency_p")
    owed = threshold.required or found.state == "fail"
    return Judged.of(found, decides=owed, note="± 5 %, as Locust rounds it" if rounded else "")


def _facts(files: LocustCsv) -> Facts:
    history = list(seconds_between(files.history))
    begin, end = (history[0].second, history[-1].second) if history else (None, None)
    return Facts(
        name=files.prefix.name,
        test_type="Locust CSV files",
        target="",
        started_s=float(begin) if begin else None,
        duration_s=float(end - begin) if begin and end else None,
        seed=None,
        load="unknown",
        users_max=files.history.users_max,
        rate=None,
        ended_by="unknown",
    )


def _troubles(files: LocustCsv) -> list[Trouble]:
    by_name: dict[str, list[tuple[int, str]]] = {}
    for failure in files.failures:
        by_name.setdefault(failure.name, []).append((failure.occurrences, failure.error))
    rows = [
        Trouble(
            "failed",
            name,
            sum(count for count, _ in errors),
            None,
            tuple(error for _, error in sorted(errors, reverse=True)[:EXAMPLES]),
        )
        for name, errors in by_name.items()
    ]
    return sorted(rows, key=lambda row: -row.count)


def _panels(files: LocustCsv) -> list[Panel]:
    history = list(seconds_between(files.history))
    if not history:
        return []
    step = math.ceil(len(history) / POINTS_MAX)
    kept, width_s = history[::step], step * files.history.every
    times_s = tuple(float(moment.second - history[0].second) for moment in kept)
    end_s = max(1.0, float(history[-1].second - history[0].second))

    def panel(name: str, title: str, unit: str, lines: Iterable[Line], unit_right: str = "") -> Panel:
        return Panel(name, title, unit, times_s, width_s, tuple(lines), (), (), end_s, unit_right)

    answered = tuple(moment.requests_rps - moment.failures_rps for moment in kept)
    users = Line("users", tuple(float(moment.users) for moment in kept), 1, right=True)
    of = "last 10 s" if files.history.windowed else "since the start"
    quantiles = (("p50", "50%", 2), ("p95", "95%", 0), ("p99", "99%", 3))
    latencies = [
        Line(name, tuple(moment.percentiles_ms.get(column) or None for moment in kept), colour)
        for name, column, colour in quantiles
    ]
    failures = Line("failures", tuple(moment.failures_rps for moment in kept), 3)
    return [
        panel("throughput", "Throughput and users", "RPS", [Line("requests answered", answered, 0), users], "users"),
        panel("latency", f"Latency, {of}", "ms", latencies),
        panel("errors", "Failures", "a second", [failures]),
    ]


def _warnings(files: LocustCsv, judged: Iterable[Judged]) -> Iterable[str]:
    for row in judged:
        near = row.margin is not None and abs(row.margin) <= ROUNDING
        if near and row.measure.startswith("latency_p"):
            yield f"{row.expression}: the value is within Locust's rounding of the limit, so it may hold or not"
    if files.total is None:
        yield "no row 'Aggregated', so latency and throughput over all requests are not measured"
    yield from files.missing
    last = files.history.last
    if last and files.total and last.requests < files.total.requests * COVERED:
        yield f"the history ends after {last.requests:,} of {files.total.requests:,} requests, so the charts do too"
    if files.history.moments and not files.history.windowed:
        yield "latency over time is since the start (no --csv-full-history), so it cannot show when it rose"
    if files.exceptions:
        yield f"{files.exceptions:,} exceptions in the simulated users; see {files.prefix.name}_exceptions.csv"

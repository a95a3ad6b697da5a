"""A run kept as columns says what a timeline of its windows says, whatever was in them and in whatever order."""

from __future__ import annotations

import json
import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acgs_load.analysis.reading import archive
from acgs_load.analysis.reading.archive import Archive
from acgs_load.analysis.reading.columns import ColumnsBuilder
from acgs_load.analysis.reading.load import _window
from acgs_load.analysis.reading.window_lines import read_windows
from acgs_load.contract import Outcome, Violation
from acgs_load.errors import UsageError
from acgs_load.measures import MEASURES, TIMED, measure
from acgs_load.samples import Sample, Window, WindowKey
from acgs_load.timeline import Phase, Timeline

START = 1_000
PHASES = (Phase("ramp", 0, 5, False), Phase("hold", 5, 25, True))
LABELS = (
    {},
    {"operation": "policy_get"},
    {"region": "eu"},
    {"scenario": "integrity", "region": "us"},
    {"region": "no"},
)

samples = st.builds(
    Sample,
    operation=st.just("policy_get"),
    scenario=st.just("policy"),
    due_s=st.floats(0, 0.5),
    sent_s=st.just(0.5),
    done_s=st.floats(0.5, 9.0),
    outcome=st.sampled_from(list(Outcome)),
    violations=st.sampled_from([(), (Violation.LOST_WRITE,), (Violation.STALE_READ, Violation.HASH_WRONG)]),
    status=st.sampled_from([0, 200, 404, 500]),
    score=st.sampled_from([None, 1.0, 0.5]),
    isolation_right=st.booleans(),
    proof_unknown=st.booleans(),
    resent=st.booleans(),
    sent_bytes=st.integers(0, 900),
    received_bytes=st.integers(0, 900),
)
keys = st.builds(
    WindowKey,
    second=st.integers(START, START + 24),
    region=st.sampled_from(["eu", "us"]),
    scenario=st.just("policy"),
    operation=st.sampled_from(["policy_get", "audit_create", "auth_login", "cross_tenant_access_attempt"]),
    phase=st.just(""),
)


def window_of(second, rows, due):
    """A window of samples done within its second; closed load where not ``due``."""
    window = Window()
    for place, sample in enumerate(rows):
        window.add(sample if due else sample._replace(due_s=sample.sent_s), second + (place + 1) / (len(rows) + 1))
    return window


@st.composite
def runs(draw):
    """Windows as lines of a file, in any order, some of them of the same key."""
    due, lines = draw(st.booleans()), []
    for key in draw(st.lists(keys, min_size=1, max_size=25)):
        scenario = {"audit_create": "integrity", "auth_login": "", "policy_get": "policy"}.get(key.operation, "tenant")
        key = key._replace(scenario=scenario, phase="ramp" if key.second < START + 5 else "hold")
        window = window_of(key.second, draw(st.lists(samples, min_size=1, max_size=6)), due)
        lines.append(json.dumps({**key._asdict(), **window.to_wire()}))
    return lines


def both(lines):
    """The same windows as a timeline and as an archive."""
    timeline, builder = Timeline(float(START), PHASES), ColumnsBuilder()
    for line in lines:
        timeline.add(*_window(json.loads(line)))
    builder.add([json.loads(line) for line in lines])
    return timeline, Archive(float(START), PHASES, builder.columns())


def told(part):
    """Every measure of a slice."""
    return {name: measure(name, part) for name, kind in MEASURES.items() if kind.read is not None}


def same(one, other):
    """Equal, but for the last digits of a sum of scores."""
    assert one.keys() == other.keys()
    for name in one:
        assert one[name][1:] == other[name][1:], name
        values = one[name].value, other[name].value
        assert values == (None, None) or values[0] == pytest.approx(values[1], rel=1e-9, abs=1e-6), name


@settings(max_examples=25, deadline=None)
@given(runs())
def test_every_slice_is_the_timeline_s(lines):
    """Whole runs, phases, labels, seconds and windows, every measure of each."""
    timeline, columns = both(lines)
    assert columns.seconds == timeline.seconds
    for labels in LABELS:
        for phases in (None, frozenset({"hold"}), frozenset({"none"})):
            same(told(timeline.slice(labels, phases)), told(columns.slice(labels, phases)))
            span = (labels, phases, START + 3, START + 12)
            same(told(timeline.slice(*span)), told(columns.slice(*span)))
            for (at, part), (begin, other) in zip(
                timeline.series(3, labels, phases), columns.series(3, labels, phases), strict=True
            ):
                assert at == begin
                of_windows = {n: m for n, m in told(part).items() if n not in {"throughput_peak_rps", "silence_max_s"}}
                same(of_windows, {n: m for n, m in told(other).items() if n in of_windows})
            counts = [
                [{n: m for n, m in told(part).items() if n in of_windows and n not in TIMED} for _, part in rows]
                for rows in (timeline.series(3, labels, phases), columns.series(3, labels, phases, timed=False))
            ]
            for one, other in zip(*counts, strict=True):
                same(one, other)


@settings(max_examples=25, deadline=None)
@given(runs())
def test_counts_groups_and_windows_are_the_timeline_s(lines):
    """What troubles, charts and exports are made of."""
    timeline, columns = both(lines)
    for kinds in ("outcomes", "violations", "failures"):
        assert columns.counted(kinds) == timeline.counted(kinds)
    assert set(columns.parts()) == set(timeline.parts())

    def name(key):
        return None if key.operation == "auth_login" else key.region

    for width_s in (1, 4, 100):
        groups = [{(at, of): w.to_wire() for at, of, w in t.grouped(width_s, START, name)} for t in (timeline, columns)]
        assert groups[0].keys() == groups[1].keys()
        for key, wire in groups[0].items():
            assert plain(wire) == plain(groups[1][key])
        ways = [lambda _: "", name, lambda key: key.operation, lambda _: None]
        groups = [
            {(at, way, of): plain(w.to_wire()) for at, way, of, w in t.grouped_by(width_s, START, ways)}
            for t in (timeline, columns)
        ]
        assert groups[0] == groups[1]
        counts = [
            [(at, of, untimed(w)) for at, of, w in t.grouped(width_s, START, name, timed=False)]
            for t in (timeline, columns)
        ]
        assert sorted(counts[0]) == sorted(counts[1])
    total = Timeline(float(START), PHASES)
    for key, window in columns.items():
        total.add(key, window)
    same(told(total.slice()), told(timeline.slice()))


def untimed(window):
    """What is left of a window without latencies."""
    return window.samples, window.answered, sorted(window.outcomes.items()), sorted(window.violations.items())


def plain(wire):
    """A window's wire without what may differ: rounding of scores, and a response that says nothing else."""
    shown = {key: value for key, value in wire.items() if key != "score_sum"}
    if shown.get("response") in (shown.get("service"), [0, 0, 0]):
        shown.pop("response", None)
    return {**shown, "outcomes": dict(sorted(wire["outcomes"].items())), "score": round(wire.get("score_sum", 0), 6)}


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_the_order_of_lines_changes_nothing(data):
    """Workers, regions and restarts may arrive in any order."""
    lines = data.draw(runs())
    shuffled = data.draw(st.permutations(lines))
    (_, one), (_, other) = both(lines), both(shuffled)
    same(told(one.slice()), told(other.slice()))
    same(told(one.slice(None, one.hold_names)), told(other.slice(None, other.hold_names)))


@given(runs(), st.sampled_from([1, 3, 7, 10_000]))
@settings(max_examples=15, deadline=None)
def test_groups_made_in_parts_are_whole(lines, size):
    """However few groups are summed at once."""
    _, columns = both(lines)
    before = archive.GROUPS_AT_ONCE
    expected = [(at, of, w.to_wire()) for at, of, w in columns.grouped(2, START, lambda key: key.operation)]
    try:
        archive.GROUPS_AT_ONCE = size
        assert [(at, of, w.to_wire()) for at, of, w in columns.grouped(2, START, lambda key: key.operation)] == expected
    finally:
        archive.GROUPS_AT_ONCE = before


def test_a_finished_run_takes_nothing_more():
    """Adding and forgetting are refused."""
    _, columns = both([json.dumps({**WindowKey(START, "eu", "", "auth_login", "ramp")._asdict(), "outcomes": {}})])
    with pytest.raises(TypeError):
        columns.add(WindowKey(START, "eu", "", "auth_login", "ramp"), Window())
    with pytest.raises(TypeError):
        columns.forget_before(5)


def test_batches_do_not_matter(tmp_path, monkeypatch):
    """Lines read a few at a time are the same run; a torn last line is said; a wrong one is named by its number."""
    path = Path(tmp_path) / "windows.jsonl"
    window = window_of(START, [], due=False)
    rows = [
        json.dumps(
            {**WindowKey(START + at, "eu", "policy", "policy_get", "hold")._asdict(), **window.to_wire()}
            | {"samples": at}
        )
        for at in range(50)
    ]
    path.write_text("\n".join([*rows[:20], "", *rows[20:]]) + '\n{"second"')
    for size in (1, 400, 10**6):
        monkeypatch.setattr("acgs_load.analysis.reading.window_lines.BATCH_BYTES", size)
        columns, torn = read_windows(path, _window)
        assert (len(columns), torn, int(columns.scalars["samples"].sum())) == (50, True, sum(range(50)))
    path.write_text("\n".join([*rows[:20], "", "{}", *rows[20:]]) + "\n")
    with pytest.raises(UsageError, match="line 22"):
        read_windows(path, _window)


@given(runs(), st.sampled_from([1, 300, 10**6]), st.sampled_from(["", "\n", '{"second"', "\n\n \n"]))
@settings(max_examples=15, deadline=None)
def test_a_file_read_by_two_processes_is_the_same_run(lines, batch_bytes, end):
    """Wherever its middle is, and whatever it ends with: keys, kinds and every number."""
    with pytest.MonkeyPatch.context() as patch, TemporaryDirectory() as home:
        path = Path(home) / "windows.jsonl"
        path.write_text("\n".join(lines) + ("\n" + end if end else ""))
        patch.setattr("acgs_load.analysis.reading.window_lines.BATCH_BYTES", batch_bytes)
        alone, torn = read_windows(path, _window)
        for cores in ({0}, {0, 1}):
            patch.setattr("acgs_load.analysis.reading.window_lines.SHARED_BYTES", 1)
            patch.setattr(os, "sched_getaffinity", lambda _, cores=cores: cores)
            shared, torn_too = read_windows(path, _window)
            assert torn_too == torn
            assert set(shared.keys) == set(alone.keys)
            assert set(shared.kinds) == set(alone.kinds)
            same(*(told(Archive(float(START), PHASES, columns).slice()) for columns in (alone, shared)))


@pytest.mark.parametrize(("at", "line"), [(3, 4), (46, 47)])
def test_a_wrong_line_in_either_half_is_named_by_its_number(tmp_path, monkeypatch, at, line):
    """Also where the half is read elsewhere, without numbers."""
    path = Path(tmp_path) / "windows.jsonl"
    rows = [
        json.dumps({**WindowKey(START + at, "eu", "", "policy_get", "hold")._asdict(), "outcomes": {}, "samples": 1})
        for at in range(50)
    ]
    path.write_text("\n".join([*rows[:at], '{"second": "?"}', *rows[at:]]) + "\n")
    monkeypatch.setattr("acgs_load.analysis.reading.window_lines.SHARED_BYTES", 1)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    with pytest.raises(UsageError, match=f"line {line}:"):
        read_windows(path, _window)

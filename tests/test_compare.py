"""Two runs against each other: as often wrong as promised, as sharp as promised, and said in plain words."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from model_series import Course, simulated
from run_fixture import RunFixture, plan_of

from acgs_load.analysis.comparing.baseline import compared
from acgs_load.analysis.comparing.comparison import Word, changes
from acgs_load.analysis.comparing.regressions import read_share
from acgs_load.analysis.comparing.series import EVERYTHING
from acgs_load.analysis.door import run_analyzer
from acgs_load.analysis.judge import report_of
from acgs_load.analysis.reading.load import load_run
from acgs_load.analysis.render_junit import to_junit
from acgs_load.analysis.story import findings_text
from acgs_load.contract import Outcome
from acgs_load.errors import UsageError

DIFFERENT = {Word.REGRESSION, Word.IMPROVEMENT}
PAIRS = 100


@pytest.mark.slow
@pytest.mark.matrix
def test_the_same_thing_is_rarely_called_different():
    """Of 100 pairs of five minutes of the same target at most 5 have any figure called different."""
    called = sum(_called(Course(), Course(), seed) for seed in range(0, 2 * PAIRS, 2))
    assert called <= 5


@pytest.mark.slow
@pytest.mark.matrix
def test_a_tenth_more_latency_is_found():
    """Of 100 pairs of five minutes in which every latency is 10 % longer, 95 end as a regression beyond 5 %."""
    found = 0
    for seed in range(20_000, 20_000 + 2 * PAIRS, 2):
        rows = changes([simulated(Course(), seed), simulated(Course(slower=1.1), seed + 1)])
        found += any(row.beyond and row.measure.startswith("latency") for row in rows)
    assert found >= 95


def _called(before: Course, after: Course, seed: int) -> bool:
    return any(row.word in DIFFERENT for row in changes([simulated(before, seed), simulated(after, seed + 1)]))


def rows_of(before: Course, after: Course, seed: int = 1) -> dict:
    """Figures of everything together, by measure."""
    found = changes([simulated(before, seed), simulated(after, seed + 1)])
    return {row.measure: row for row in found if row.operation == EVERYTHING}


@pytest.mark.parametrize(
    ("course", "words"),
    [
        ({"slower": 1.3}, {"latency_avg_ms": Word.REGRESSION, "latency_p95_ms": Word.REGRESSION}),
        ({"slower": 0.7}, {"latency_avg_ms": Word.IMPROVEMENT, "latency_p50_ms": Word.IMPROVEMENT}),
        ({"rate_rps": 60}, {"throughput_rps": Word.REGRESSION}),
        ({"rate_rps": 100}, {"throughput_rps": Word.IMPROVEMENT}),
        ({"errors": 0.02}, {"error_ratio": Word.REGRESSION}),
        ({"seconds": 19}, {"latency_avg_ms": Word.UNKNOWN, "error_ratio": Word.UNKNOWN}),
        ({"seconds": 40, "swing": 0.3}, {"latency_p95_ms": Word.UNKNOWN}),
    ],
    ids=["slower", "faster", "less", "more", "errors", "short", "noisy"],
)
def test_what_changed_is_named(course, words):
    """Each figure by its own direction: more latency is worse, more throughput is better."""
    rows = rows_of(Course(), replace(Course(), **course))
    assert {name: rows[name].word for name in words} == words


def test_error_ratios_may_rise_by_a_tenth_of_a_point_and_their_share():
    """A run without errors allows for some; one in fifty allows for a twentieth of that more."""
    for errors in (0.0, 0.02):
        row = rows_of(Course(errors=errors), Course(errors=errors))["error_ratio"]
        assert row.allowed == pytest.approx(0.001 + 0.05 * row.baseline)
        assert row.baseline == pytest.approx(errors, abs=0.005)
        assert not row.beyond


def test_no_difference_is_only_said_where_a_regression_is_ruled_out():
    """With calm seconds the interval is narrow enough; with noisy ones the same ratio is too little data."""
    calm = rows_of(Course(swing=0.005, stalls=0, spread=0.2), Course(swing=0.005, stalls=0, spread=0.2))
    assert calm["latency_p50_ms"].word is Word.SAME
    assert calm["latency_p50_ms"].high < 0.05
    noisy = rows_of(Course(swing=0.2), Course(swing=0.2))
    assert noisy["latency_p50_ms"].word is Word.UNKNOWN
    assert noisy["latency_p50_ms"].high > 0.05


def test_comparing_twice_says_the_same():
    """Resampling is seeded."""
    pair = simulated(Course(seconds=60), 1), simulated(Course(seconds=60), 2)
    assert changes(pair) == changes(pair)


def test_the_interval_holds_the_true_ratio():
    """A tenth more: the intervals of the mean hold 10 % nearly always."""
    held = 0
    for seed in range(0, 40, 2):
        row = rows_of(Course(seconds=120), Course(seconds=120, slower=1.1), 900 + seed)["latency_avg_ms"]
        held += row.low <= 0.1 <= row.high
    assert held >= 19


def minute(path, latency_ms=10.0, changed=None, **changes_of):
    """A minute of hold at 10 requests a second of two operations; ``changed`` gives one of them another latency."""
    fixture = RunFixture(path, plan_of(thresholds=(), **changes_of)).watched()
    fixture.run["phases"][1]["to_s"], fixture.run["ended_s"] = 65.0, fixture.run["started_s"] + 65
    for second in range(65):
        for operation in ("policy_get", "audit_create"):
            base = changed if changed and operation == "policy_get" else latency_ms
            fixture.add(second, operation, [base * (1 + 0.02 * ((second * 7 + place) % 5)) for place in range(10)])
    return fixture


def test_one_slow_operation_is_named(tmp_path):
    """The operation that changed, with its figures; the other is left alone; the report's own numbers stand there."""
    before, after = minute(tmp_path / "a").write(), minute(tmp_path / "b", changed=13.0).write()
    comparison = report_of(load_run(after), baseline=str(before.path), max_regression=0.05).comparison
    found = {(row.operation, row.measure): row for row in comparison.changes}
    slow = found["policy_get", "latency_p95_ms"]
    assert (slow.word, slow.beyond) == (Word.REGRESSION, True)
    assert slow.change == pytest.approx(0.3, abs=0.01)
    assert slow.low < 0.3 < slow.high
    assert found["audit_create", "latency_p95_ms"].word is Word.SAME
    assert found["", "error_ratio"].value == 0
    assert comparison.word is Word.REGRESSION


def test_the_door(tmp_path, capsys):
    """Exit code 1 on a regression beyond what is allowed, 0 where it is allowed or absent; nothing is written."""
    before, after = minute(tmp_path / "a").write(), minute(tmp_path / "b", latency_ms=11.0).write()
    assert run_analyzer(["compare", str(before.path), str(after.path)]) == 1
    printed = capsys.readouterr().out
    assert "regression ✗" in printed
    assert "FAIL" in printed
    assert run_analyzer(["compare", str(before.path), str(after.path), "--max-regression", "25%"]) == 0
    assert run_analyzer(["compare", str(after.path), str(before.path)]) == 0
    assert "improvement" in capsys.readouterr().out
    assert run_analyzer(["compare", str(before.path), str(before.path)]) == 0
    assert not after.report("json").exists()


def test_the_sentence_tells_figures_that_stay_apart_from_those_that_fail(tmp_path):
    """What fails the run is among its reasons; that throughput stayed does not read as a regression."""
    before, after = minute(tmp_path / "a").write(), minute(tmp_path / "b", latency_ms=11.0).write()
    run = load_run(after)
    (said,) = findings_text(report_of(run, thresholds=(), baseline=str(before.path), max_regression=0.05))
    assert said.startswith("compared with the baseline: regression; beside what fails the run: throughput_rps")
    (said,) = findings_text(report_of(run, thresholds=(), baseline=str(before.path)))
    assert said.startswith("compared with the baseline: regression: latency_p50_ms")


def test_comparing_tells_the_bar_what_it_does(tmp_path, monkeypatch):
    """Two long runs take seconds: the bar hears of the reading of each, of the comparing and the writing."""
    heard: list[object] = []
    bar = type(
        "Heard",
        (),
        {
            "__enter__": lambda self: self,
            "__exit__": lambda *_: None,
            "stage": lambda _, name: heard.append(name),
            "told": lambda _, share: heard.append(share),
        },
    )
    monkeypatch.setattr("acgs_load.analysis.comparing.door.Bar", bar)
    before, after = minute(tmp_path / "a").write(), minute(tmp_path / "b").write()
    assert run_analyzer(["compare", str(before.path), str(after.path), "--output", str(tmp_path / "out")]) == 0
    assert heard == [f"reading {after.path}", 1.0, f"comparing with {before.path}", 1.0, "writing the report"]


def test_a_baseline_fails_the_run_like_the_comparison(tmp_path):
    """--baseline on the analyzer judges too; the reasons say what became slower; a baseline in the plan only tells."""
    before, after = minute(tmp_path / "a").write(), minute(tmp_path / "b", latency_ms=11.0).write()
    output = tmp_path / "out"
    argv = [str(after.path), "--baseline", str(before.path), "--output", str(output), "--json-only"]
    assert run_analyzer(argv) == 1
    value = json.loads((output / "report.json").read_text())
    assert value["verdict"] == "FAIL"
    assert any(reason.startswith("latency_p95_ms") for reason in value["reasons"])
    assert value["comparison"]["word"] == "regression"
    compared = report_of(load_run(after), baseline=str(before.path), max_regression=0.05)
    assert '<testcase classname="baseline"' in to_junit(compared)
    assert 'failures="1"' in to_junit(compared)
    assert report_of(load_run(after), baseline=str(before.path)).verdict.status == "PASS"


def test_unlike_runs_are_compared_with_that_said_first(tmp_path, capsys):
    """Target, type, users, machine and version; before any figure."""
    other = minute(tmp_path / "a", target="http://127.0.0.1:9", test_type="enterprise", users_max=10, mix={"policy": 1})
    other.run["machine"] = {"cpus": 16, "memory_bytes": 64 << 30, "platform": "Linux"}
    other.run["versions"]["suite"] = "0.0.9"
    before, after = other.write(), minute(tmp_path / "b").write()
    assert run_analyzer(["compare", str(before.path), str(after.path)]) == 0
    said = [line.split(":")[0] for line in capsys.readouterr().out.splitlines() if line.startswith("unlike")]
    assert said == ["unlike " + name for name in ("target", "test_type", "users_max", "mix", "cpus", "memory", "suite")]


def test_a_baseline_that_cannot_be_trusted(tmp_path, capsys):
    """Samples were lost in it: INVALID, exit code 4."""
    doubtful = minute(tmp_path / "a")
    doubtful.run["samples_lost"] = 5
    before, after = doubtful.write(), minute(tmp_path / "b").write()
    assert run_analyzer(["compare", str(before.path), str(after.path)]) == 4
    assert "baseline cannot be trusted" in capsys.readouterr().out


def test_operations_that_only_one_run_sent(tmp_path):
    """They are not compared; figures of everything together are."""
    before, after = minute(tmp_path / "a"), minute(tmp_path / "b")
    for second in range(65):
        after.add(second, "policy_create", [30.0], Outcome.OK)
    run, base = load_run(after.write()), load_run(before.write())
    assert {row.operation for row in compared(run, {}, base).changes} == {"", "policy_get", "audit_create"}


@pytest.mark.parametrize(("text", "share"), [("5%", 0.05), ("0.05", 0.05), ("12.5 %", 0.125), ("0", 0.0)])
def test_shares(text, share):
    """Per cent with the sign, a fraction without."""
    assert read_share(text, "--max-regression") == pytest.approx(share)


@pytest.mark.parametrize("text", ["5", "-1%", "many", "", "nan", "100%"])
def test_what_is_no_share(text):
    """Refused, with what would be right; a bare 5 could mean either."""
    with pytest.raises(UsageError, match=r"write 5% or 0\.05"):
        read_share(text, "--max-regression")


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["compare"], "BASE"),
        (["compare", "a", "b"], "b: no such folder"),
        (["compare", "a", "b", "--max-regression", "5"], "write 5% or 0.05"),
        (["x", "--max-regression", "5%"], "add --baseline"),
    ],
)
def test_mistakes_are_told_in_one_line(argv, said, capsys):
    """Exit code 2."""
    assert run_analyzer(argv) == 2
    printed = capsys.readouterr().err
    assert said in printed
    assert len(printed.strip().splitlines()) == 1

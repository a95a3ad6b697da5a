"""What the exporter says of a run."""

from __future__ import annotations

import pytest
from course_fixture import START_S, FakeClock, course_in, lines, plan_of, report_of, window_at

from acgs_load.contract import Outcome, Violation
from acgs_load.health import HealthRow
from acgs_load.samples import Sample
from acgs_load.traffic.engine.shapes import PlanShape
from acgs_load.traffic.master.exporter import Exporter
from acgs_load.traffic.master.lookout import Lookout


def exported(exporter, name):
    """Samples of this name, by their labels but for the run."""
    return {
        tuple(text for label, text in one.labels.items() if label != "run"): one.value
        for family in exporter.collect()
        for one in family.samples
        if one.name == f"acgs_load_{name}"
    }


def of_a_run(tmp_path, *windows, **flags):
    clock = FakeClock(START_S)
    course = course_in(tmp_path, plan_of(flags={"users": 10, "duration": "60s", **flags}), clock)
    exporter, member = Exporter(), course.crew.join("a")
    exporter.follow(course)
    assert exported(exporter, "workers") == {}, "nobody has said yet where he is"
    assert list(exported(exporter, "phase_info")) == [("starting", "false")]
    member.identity = {"region": "eu"}
    course.under_way = True
    course.take_report(member, report_of(*windows))
    clock.epoch_s = START_S + 30
    course.settle()
    return exporter, course


def lookout_of(course):
    """Whoever looks at this course, with the shape that it plays."""
    shape = PlanShape()
    shape.follow(course.plan, lambda: course.elapsed_s)
    return Lookout(course, shape)


def test_before_a_run_only_versions_are_told():
    """No number of a run that is not there."""
    assert {family.name for family in Exporter().collect()} == {
        "acgs_load_build_info",
        "acgs_load_exposition_seconds",
    }


def test_counts_are_those_of_the_windows(tmp_path):
    """By operation, scenario, region and kind; every kind is there from the first second, at zero."""
    late = window_at(3, 1)
    late[1].add(
        Sample(
            "policy_get",
            "policy",
            0.0,
            0.0,
            0.09,
            Outcome.FAILED_CHECK,
            (Violation.STALE_READ, Violation.SCORE_LOW),
            200,
        ),
        START_S + 3.5,
    )
    exporter, _ = of_a_run(tmp_path, window_at(1, 3), window_at(2, 1, outcome=Outcome.TIMEOUT), late)
    place = ("policy_get", "policy", "eu")
    outcomes = {labels[3]: count for labels, count in exported(exporter, "requests_total").items()}
    assert outcomes == {**dict.fromkeys(Outcome, 0), "ok": 4, "timeout": 1, "failed_check": 1}
    failures = {labels[3]: count for labels, count in exported(exporter, "failures_total").items()}
    assert failures == {"http_error": 0, "timeout": 1, "connection_error": 0, "bad_response": 0}
    violations = {labels[3]: count for labels, count in exported(exporter, "violations_total").items()}
    assert violations == {**dict.fromkeys(Violation, 0), "stale_read": 1, "score_low": 1}
    assert exported(exporter, "compliance_score_count") == {place: 1}
    assert exported(exporter, "latency_seconds_count") == {place: 6}
    assert exported(exporter, "latency_seconds_bucket")[(*place, "0.1")] == 6


def test_a_new_run_begins_at_zero(tmp_path):
    """Under its own name: nobody adds up two runs by mistake."""
    for name in "ab":
        (tmp_path / name).mkdir()
    exporter, _ = of_a_run(tmp_path / "a", window_at(1, 3))
    second = course_in(tmp_path / "b")
    exporter.follow(second)
    assert exported(exporter, "requests_total") == {}
    runs = {
        sample.labels["run"] for family in exporter.collect() for sample in family.samples if "run" in sample.labels
    }
    assert runs == {f"{tmp_path.name}/b"}


def test_thresholds_stand_as_the_lookout_sees_them(tmp_path):
    """State and margin of each, by its own words; what is not measured has no margin, and no ratio."""
    exporter, course = of_a_run(tmp_path, *(window_at(second, 10, phase="hold") for second in range(20)))
    assert exported(exporter, "threshold_state") == {}, "nobody looks yet"
    lookout = lookout_of(course)
    exporter.heed(lookout)
    for key, window in (window_at(second, 10, phase="hold") for second in range(20)):
        lookout._see(key, window)
    lookout.latest = lookout._snapshot()
    states = {labels[:2]: labels[2] for labels, one in exported(exporter, "threshold_state").items() if one}
    assert states["latency_p95_ms <= 2000", "latency_p95_ms"] == "pass"
    assert states["throughput_rps >= 10", "throughput_rps"] == "fail"  # some of the settled seconds were silent
    assert states["target_cpu <= 0.80", "target_cpu"] == "not_measured"
    margins = exported(exporter, "threshold_margin_ratio")
    assert margins["latency_p95_ms <= 2000", "latency_p95_ms"] == pytest.approx(0.975, abs=1e-3)
    assert ("target_cpu <= 0.80", "target_cpu") not in margins
    assert exported(exporter, "measure_ratio")[("error_ratio",)] == 0
    assert ("isolation_integrity",) not in exported(exporter, "measure_ratio"), "no attempt, no integrity"


def test_where_the_run_stands(tmp_path):
    """Which run, which phase, how many users and workers; over once everything is written."""
    exporter, course = of_a_run(tmp_path)
    course.count_users(7)
    assert list(exported(exporter, "phase_info")) == [("hold", "true")]
    assert exported(exporter, "users") == {(): 7}
    assert exported(exporter, "workers") == {("eu",): 1}
    course.crew.get("a").gone = True
    assert (exported(exporter, "workers"), exported(exporter, "workers_lost")) == ({("eu",): 0}, {("eu",): 1})
    course.end("plan")
    course.ended_s = course.clock.now_s()
    course.settle(everything=True)
    assert list(exported(exporter, "phase_info")) == [("ended", "false")]
    assert exported(exporter, "users_planned") == {(): 0}


def test_how_each_process_fares(tmp_path):
    """The latest row of every process, in seconds and shares; nothing before the first row."""
    exporter, course = of_a_run(tmp_path)
    assert exported(exporter, "generator_cpu_ratio") == {}
    rows = [(second, "worker-0", "eu", second / 10, 5_000, 60.0, 33, 10, 7, 0) for second in (1, 2)]
    course.take_report(course.crew.get("a"), {**report_of(), "health": rows})
    course.take_health([HealthRow(2, "master", "", 0.3, 1_000, 1.0, 20, 10, 0, 0)])
    assert exported(exporter, "generator_cpu_ratio") == {("worker-0", "eu"): 0.2, ("master", ""): 0.3}
    assert exported(exporter, "generator_loop_lag_seconds")["worker-0", "eu"] == 0.06
    assert exported(exporter, "generator_users")["worker-0", "eu"] == 10
    assert exported(exporter, "arrivals_waiting")["worker-0", "eu"] == 7
    assert lines(course.folder.generators)[1].startswith("1,worker-0,eu,0.1,5000,60.0,33,10,7,0")

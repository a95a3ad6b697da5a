"""Whatever a file, a flag or a variable says: a complete plan, or one line of refusal. Never a traceback."""

from __future__ import annotations

import json

from fuzzing import cases
from hypothesis import given
from hypothesis import strategies as st

from acgs_load.errors import UsageError
from acgs_load.plan import Plan
from acgs_load.profiles import plan_for
from acgs_load.settings import resolve
from acgs_load.settings_table import SETTINGS, TEST_TYPES

KEYS = [setting.key for setting in SETTINGS]
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(TEST_TYPES)
NAMES = st.sampled_from(
    ["host", "workers", "max_users", "region", "username", "tenant_id", "policy", "policy_get", "X-A"]
)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=6
)
SMALL = {
    "USERS": st.integers(1, 5_000),
    "TEST_DURATION": st.sampled_from([1, 9, "10s", "25s", "1m", "2h"]),
    "SPAWN_RATE": st.sampled_from([0.001, 0.1, 1, 10, 1000]),
    "RATE": st.sampled_from([0.001, 1, 50, "0:20@5s", "20:1@1m", 5000]),
    "WORKERS": st.integers(1, 20),
    "TARGET_RPS": st.sampled_from([0.001, 5, 1000]),
    "TEST_TYPE": st.sampled_from(TEST_TYPES),
    "MIX": st.sampled_from([{"policy": 1}, {"tenant": 0.5, "formal": 2}]),
    "THRESHOLDS": st.lists(
        st.sampled_from([
            "latency_p95_ms <= 5 over 3s for 2 abort",
            "error_ratio <= 0.1 during hold",
            "throughput_rps >= 5 over 10s",
            'latency_avg_ms{scenario="policy"} < 9',
        ]),
        max_size=2,
    ),
    "LOAD_TEST_NODES": st.lists(
        st.fixed_dictionaries({"host": st.just("a"), "workers": st.integers(1, 3), "max_users": st.integers(1, 900)}),
        min_size=1,
        max_size=3,
    ),
}  # fmt: skip
QUIET = cases(150)


def plan_or_refusal(flags: dict[str, object], environ: dict[str, str]) -> Plan | None:
    """The plan; None where a UsageError of one line was raised. Anything else escapes and fails the test."""
    refusal = "one line"
    try:
        return plan_for(resolve(flags, environ), "/x/y/z", 4)
    except UsageError as error:
        refusal = str(error)
    assert len(refusal.splitlines()) == 1
    return None


@QUIET
@given(content=st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=6), VALUES, max_size=4))
def test_any_json_object(content, tmp_path):
    """A file of any values under known and unknown keys."""
    path = tmp_path / "any.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    plan_or_refusal({"config_file": str(path)}, {})


@QUIET
@given(raw=st.binary(max_size=60) | st.text(alphabet="{}[]:,-&*!|>'\"\n aU1", max_size=40).map(str.encode))
def test_any_bytes(raw, tmp_path):
    """A file that is nearly JSON or YAML, or nothing of the kind."""
    for name in ("any.json", "any.yaml", "any"):
        (tmp_path / name).write_bytes(raw)
        plan_or_refusal({"config_file": str(tmp_path / name)}, {})


@QUIET
@given(
    flags=st.dictionaries(st.sampled_from([s.name for s in SETTINGS if s.flag]), st.text(max_size=10), max_size=3),
    environ=st.dictionaries(st.sampled_from([s.env for s in SETTINGS if s.env]), st.text(max_size=10), max_size=3),
)
def test_any_flag_and_variable(flags, environ):
    """Any text in any flag and variable."""
    plan_or_refusal(dict(flags), environ)


@QUIET
@given(content=st.fixed_dictionaries({}, optional=SMALL))
def test_any_legal_combination_is_a_sound_plan_or_refused(content, tmp_path):
    """What is planned adds up: exact length and users, stages that follow each other, equal after JSON."""
    path = tmp_path / "any.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    plan = plan_or_refusal({"config_file": str(path)}, {})
    if plan is None:
        return
    assert Plan.from_json(plan.to_json()) == plan
    assert len({stage.name for stage in plan.stages}) == len(plan.stages)
    assert all(stage.duration_s > 0 for stage in plan.stages)
    assert plan.hold_phases
    assert max(stage.users_to for stage in plan.stages) == plan.users_max <= sum(n.max_users for n in plan.nodes)
    if "USERS" in content:
        assert plan.users_max == content["USERS"]
    if "SPAWN_RATE" in content:
        assert plan.spawn_rate == content["SPAWN_RATE"]
    if "WORKERS" in content:
        assert plan.workers == content["WORKERS"]
    for moment in range(0, int(plan.duration_s) + 2, max(1, int(plan.duration_s / 50))):
        assert 0 <= plan.users_at(moment) <= plan.users_max

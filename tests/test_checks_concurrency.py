"""What other users, late writes and re-sent requests do at a truthful target is never called a violation."""

import itertools

import pytest
from fake_transport import HASH, FakeAnswer, Stage, unanswered

from acgs_load.contract import Outcome
from acgs_load.traffic.checks.policy import check_decision, check_read
from acgs_load.traffic.user.content import policy_content
from acgs_load.traffic.user.policies import OwnPolicy, content_of

CONTENTS = [content_of(policy_content(number * 977, "user")) for number in range(4)]


def policy_at(version=1, content=0):
    """A policy as acknowledged."""
    return OwnPolicy("p", version, CONTENTS[content])


def reading(version, content):
    """The body of a policy_get."""
    fields = CONTENTS[content].fields if isinstance(content, int) else content
    return {"policy_id": "p", "version": version, "policy": fields}


def found(policy, version, content):
    """The violations of reading that state."""
    return sorted(finding.violation for finding in check_read(policy, reading(version, content)))


def test_a_read_after_an_unanswered_update_may_show_either_state():
    """The old version or the new one; nothing else."""
    policy = policy_at()
    policy.doubt(CONTENTS[1])
    assert found(policy, 1, 0) == []
    assert found(policy, 2, 1) == []
    assert found(policy, 2, 0) == ["stale_read"]
    assert found(policy, 1, 1) == ["stale_read"]
    assert found(policy, 3, 1) == ["stale_read"]
    assert found(policy, 2, 2) == ["lost_write", "stale_read"]


def test_several_unanswered_updates_leave_each_of_them_possible():
    """All were sent on the same version, so at most one was applied."""
    policy = policy_at()
    policy.doubt(CONTENTS[1])
    policy.doubt(CONTENTS[2])
    assert [found(policy, 2, content) for content in (1, 2)] == [[], []]
    assert found(policy, 3, 2) == ["stale_read"]


def test_once_the_version_moves_on_a_late_update_can_no_longer_be_applied():
    """An acknowledged update settles what became of those before it."""
    policy = policy_at()
    policy.doubt(CONTENTS[1])
    policy.acknowledge(2, CONTENTS[2])
    assert found(policy, 2, 2) == []
    assert found(policy, 2, 1) == ["stale_read"] or "stale_read" in found(policy, 2, 1)
    assert found(policy, 3, 1) != []


def test_a_read_that_shows_the_old_state_does_not_settle_an_update_on_its_way():
    """The target may apply it after the read."""
    policy = policy_at()
    policy.doubt(CONTENTS[1])
    policy.acknowledge(1, CONTENTS[0])
    assert found(policy, 2, 1) == []


def test_after_a_409_the_version_must_lie_above():
    """Our own unanswered update explains it; its content is then the only one possible."""
    policy = policy_at(4)
    policy.doubt(CONTENTS[1])
    policy.refuse(4)
    assert found(policy, 5, 1) == []
    assert found(policy, 4, 0) == ["stale_read"]
    assert found(policy, 3, 0) == ["stale_read"]
    assert found(policy, 5, 2) == ["stale_read"]
    assert found(policy_refused(), 5, 3) == []


def policy_refused():
    """A 409 that nothing of ours explains."""
    policy = policy_at(4)
    policy.refuse(4)
    return policy


def test_a_decision_may_follow_any_content_that_may_be_in_force():
    """After an unanswered update both outcomes may be right; after an unexplained 409, any."""
    permit = content_of(
        {"rule": {"effect": "permit", "actions": ["*"]}, "conditions": [], "constraints": [], "metadata": {}}
    )
    deny = content_of(
        {"rule": {"effect": "deny", "actions": ["*"]}, "conditions": [], "constraints": [], "metadata": {}}
    )
    policy = OwnPolicy("p", 1, permit)
    body = {"is_valid": False, "outcome": "deny", "reasons": []}
    assert check_decision(policy.possible_contents(), {"action": "read"}, body)
    policy.doubt(deny)
    assert not check_decision(policy.possible_contents(), {"action": "read"}, body)
    policy.acknowledge(2, deny)
    assert not check_decision(policy.possible_contents(), {"action": "read"}, body)
    policy.acknowledge(3, permit)
    policy.refuse(3)
    assert not check_decision(policy.possible_contents(), {"action": "read"}, body)


def seen(stage):
    """Violations that were found."""
    return stage.recorder.violations()


def run_policies(stage, visit, times=12):
    """As many policy iterations."""
    for _ in range(times):
        visit.prepare()
        visit.run("policy")


@pytest.mark.parametrize("failure", [Outcome.TIMEOUT, Outcome.CONNECTION_ERROR, Outcome.BAD_RESPONSE])
@pytest.mark.parametrize("applied", [True, False, "in turn"])
def test_unanswered_policy_updates_raise_no_alarm(failure, applied):
    """Whether the target applied them or not, or now and then."""
    stage = Stage()
    visit = stage.visit()
    turns = itertools.count()

    def drop():
        is_applied = applied if applied != "in turn" else next(turns) % 2
        if is_applied:
            stage.plant("policy_update", lambda answer: setattr(answer, "failure", failure))
            return None
        return unanswered(failure)()

    stage.plant_before("policy_update", drop)
    run_policies(stage, visit, 24)
    assert seen(stage) == {}
    assert stage.recorder.outcomes("policy_update")[failure] >= 6


def test_an_update_answered_500_may_have_been_applied():
    """A 5xx says nothing about what was stored; a 4xx says that nothing was."""
    stage = Stage()
    visit = stage.visit()

    def broken(answer):
        answer.status, answer.body = 500, {"error": "internal_error"}

    stage.plant("policy_update", broken)
    run_policies(stage, visit, 24)
    assert seen(stage) == {}


def test_an_update_that_was_refused_must_not_have_been_applied():
    """A 422 is an answer: the policy stays as it was, and a target that stored it is caught."""
    stage = Stage()
    visit = stage.visit()

    def refused(answer):
        if answer.sent["body"]["version"] > 1:
            answer.status, answer.body = 422, {"error": "invalid_field"}

    stage.plant("policy_update", refused)
    run_policies(stage, visit, 24)
    assert ("policy_get", "stale_read") in seen(stage)


def test_a_resent_update_may_answer_409():
    """The first send was applied; the second found its version taken, which is ok, and the policy reads as updated."""
    stage = Stage()
    visit = stage.visit()

    def twice(answer):
        if answer.status == 200:
            error = {"error": "version_conflict", "message": "", "request_id": "", "timestamp": ""}
            answer.status, answer.body = 409, {**error, "constitutional_hash": HASH}
        answer.resent = True

    stage.plant("policy_update", twice)
    run_policies(stage, visit, 24)
    assert seen(stage) == {}
    assert stage.recorder.outcomes("policy_update") == {"ok": 8}


def test_a_409_without_reason_is_ok_but_the_old_version_is_then_stale():
    """The target refused an update on version v, so v cannot be what it holds."""
    stage = Stage()
    visit = stage.visit()

    def conflict():
        error = {"error": "version_conflict", "message": "", "request_id": "", "timestamp": ""}
        return FakeAnswer(409, {**error, "constitutional_hash": HASH}, None)

    stage.plant_before("policy_update", conflict)
    run_policies(stage, visit, 24)
    assert stage.recorder.outcomes("policy_update") == {"ok": 8}
    assert ("policy_get", "stale_read") in seen(stage)


def test_unanswered_creates_are_no_objects():
    """The user goes on with the policy that was acknowledged last, or skips where there is none."""
    stage = Stage()
    visit = stage.visit()
    stage.plant("policy_create", lambda answer: setattr(answer, "failure", Outcome.TIMEOUT))
    run_policies(stage, visit, 3)
    assert len(stage.recorder.skipped) == 3 + len([o for o, _ in stage.recorder.skipped if o != "policy_get"])
    assert ("policy_get", "policy") in stage.recorder.skipped
    stage.defects.clear()
    run_policies(stage, visit, 1)
    stage.plant("policy_create", lambda answer: setattr(answer, "failure", Outcome.TIMEOUT))
    before = len(stage.recorder.skipped)
    run_policies(stage, visit, 6)
    assert len(stage.recorder.skipped) == before
    assert seen(stage) == {}


def test_a_lost_policy_is_reported_once_and_then_left_alone():
    """The user goes on with what else it has."""
    stage = Stage()
    visit = stage.visit()
    while not stage.sent_as("policy_update"):
        run_policies(stage, visit, 1)
    stage.target.policies.clear()
    run_policies(stage, visit, 12)
    lost = [violation for violation in seen(stage).items() if violation[0][1] == "lost_write"]
    assert sum(count for _, count in lost) == 1


@pytest.mark.parametrize("delay", [1, 2, 4, 9])
def test_updates_that_are_applied_long_after_their_time_out_raise_no_alarm(delay):
    """They wait in some queue of the target, and come in between later requests or find their version taken."""
    stage = Stage()
    visit = stage.visit()
    handle, waiting, updates = stage.target.handle, [], itertools.count()

    def late(method, path, headers, body):
        begun = [row for row in waiting if row[0] <= len(stage.sent)]
        waiting[:] = [row for row in waiting if row[0] > len(stage.sent)]
        for _, request in begun:
            handle(*request)
        if method == "PUT" and next(updates) % 3 != 1:
            waiting.append((len(stage.sent) + delay, (method, path, headers, body)))
            return 0, {}
        return handle(method, path, headers, body)

    stage.target.handle = late
    stage.plant("policy_update", lambda a: setattr(a, "failure", None if a.status else Outcome.TIMEOUT))
    run_policies(stage, visit, 60)
    assert seen(stage) == {}
    assert stage.recorder.outcomes("policy_update")["timeout"] >= 3
    assert stage.recorder.outcomes("policy_update")["ok"] >= 3


def test_hashes_may_be_written_in_upper_case():
    """The contract says hex, not which; an entry's own text is hashed as the target wrote it."""
    stage = Stage(tenants=("a",))
    for operation in ("audit_create", "audit_verify", "chain_verify", "policy_create", "policy_update"):
        stage.plant(operation, shout)
    visits = [stage.visit() for _ in range(2)]
    for _ in range(6):
        for visit in visits:
            visit.run("integrity")
            visit.run("policy")
    assert stage.recorder.violations() == {}


def shout(answer):
    """Hashes outside the entries in upper case: those inside are part of what is hashed."""
    for name in ("entry_hash", "head_hash", "content_sha256"):
        if name in answer.body:
            answer.body[name] = answer.body[name].upper()

"""Many users of one tenant, late writes and re-sent requests: truthful chains, settings and lists raise no alarm."""

import itertools

from fake_transport import Stage, unanswered

from acgs_load.contract import Outcome
from acgs_load.traffic.checks.chain import ChainKnowledge
from acgs_load.traffic.checks.integrity import check_appended, check_window


def seen(stage):
    """Violations that were found."""
    return stage.recorder.violations()


def test_unanswered_config_updates_raise_no_alarm():
    """Versions rise, whether those without an answer were applied or not."""
    stage = Stage(tenants=("a", "b"))
    visits = [stage.visit() for _ in range(4)]
    turns = itertools.count()
    stage.plant(
        "tenant_config_update", lambda a: setattr(a, "failure", Outcome.TIMEOUT if next(turns) % 3 == 0 else None)
    )
    for _ in range(9):
        for visit in visits:
            visit.run("tenant")
    assert seen(stage) == {}


def test_many_users_append_to_one_chain():
    """Interleaved appends of one tenant, some without an answer, some re-sent and so applied twice."""
    stage = Stage(tenants=("a",))
    visits = [stage.visit() for _ in range(5)]
    turns = itertools.count()

    def trouble():
        turn = next(turns)
        if turn % 7 == 0:
            return unanswered(Outcome.CONNECTION_ERROR)()
        stage.plant("audit_create", lambda a: setattr(a, "failure", Outcome.TIMEOUT if turn % 5 == 0 else None))
        if turn % 3 == 0:  # the first send of a re-sent request
            chain = stage.target.chains.setdefault("a", [])
            if chain:
                event = {n: chain[-1][n] for n in ("event_type", "tenant_id", "user_id", "details", "timestamp")}
                stage.target.append("a", event)
        return None

    stage.plant_before("audit_create", trouble)
    for _ in range(12):
        for visit in visits:
            visit.run("integrity")
    assert seen(stage) == {}
    assert len(stage.target.chains["a"]) > 60


def test_answers_that_overtake_each_other_raise_no_alarm():
    """An append that was sent before another's acknowledgement may come back after it, with the lower sequence."""
    knowledge = ChainKnowledge()
    length_before = knowledge.length
    knowledge.learn(5, "five")
    body = {"sequence": 3, "previous_hash": "two", "entry_hash": "three"}
    assert check_appended("three", knowledge, length_before, "genesis", body) == []
    assert check_appended("three", knowledge, knowledge.length, "genesis", body)


def test_knowledge_of_a_chain_stays_bounded_and_keeps_the_latest():
    """Hours of appending do not fill the memory."""
    knowledge = ChainKnowledge()
    for sequence in range(1, 30_001):
        knowledge.learn(sequence, str(sequence))
    assert len(knowledge.hashes) <= 2048
    assert all(sequence in knowledge.hashes for sequence in range(30_000 - 15, 30_001))
    assert knowledge.length == 30_000
    knowledge.learn(30_000, "another")
    assert knowledge.hashes[30_000] == "30000"


def test_policies_created_meanwhile_do_not_disturb_lists():
    """Pages are walked by the cursor that the target gave, to the end and then from the start."""
    stage = Stage(tenants=("a",))
    visits = [stage.visit() for _ in range(3)]
    for _ in range(30):
        for visit in visits:
            visit.run("policy")
    cursors = {sent["path"].split("cursor=")[1] for sent in stage.sent_as("policy_list")}
    assert {"", "20", "40"} <= cursors
    assert seen(stage) == {}


def window(length, entries, head):
    """What is found wrong with a window of an unknown chain."""
    body = {"is_valid": True, "length": length, "head_hash": head, "entries": entries}
    return check_window("a", ChainKnowledge(), 0, "genesis", body)[0]


def test_an_empty_chain_is_sound_with_the_genesis_hash_as_its_head():
    """Its length is 0 and its window empty; no other length goes with an empty window."""
    assert window(0, [], "genesis") == []
    assert window(0, [], "another")
    assert window(-1, [], "genesis")
    assert window(1, [], "genesis")


def test_an_event_must_stand_above_every_length_acknowledged_before():
    """Not at it: that place is taken."""
    body = {"sequence": 3, "previous_hash": "two", "entry_hash": "three"}
    found = [bool(check_appended("three", ChainKnowledge(), length, "genesis", body)) for length in (2, 3, 4)]
    assert found == [False, True, True]


def test_the_first_event_of_a_chain_links_to_genesis():
    """A later one may link to anything that is not known yet."""
    first = {"sequence": 1, "previous_hash": "genesis", "entry_hash": "one"}
    assert check_appended("one", ChainKnowledge(), 0, "genesis", first) == []
    assert check_appended("one", ChainKnowledge(), 0, "genesis", {**first, "previous_hash": "x"})
    assert check_appended("one", ChainKnowledge(), 0, "genesis", {**first, "sequence": 2, "previous_hash": "x"}) == []


def test_two_acknowledged_events_with_one_sequence_are_found():
    """Even where the second was sent before the first was acknowledged."""
    knowledge = ChainKnowledge()
    knowledge.learn(4, "four")
    body = {"sequence": 4, "previous_hash": "three", "entry_hash": "another"}
    assert [finding.text for finding in check_appended("another", knowledge, 3, "genesis", body)] == [
        "two acknowledged events have sequence 4"
    ]

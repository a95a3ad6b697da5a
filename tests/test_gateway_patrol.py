"""Whole chains are verified in stretches; nothing old is altered unnoticed."""

import pytest

from acgs_load.gateway.chain import entry_bytes, entry_hash, genesis_hash
from acgs_load.gateway.patrol import STRETCH_ENTRIES, Patrol, Stored
from acgs_load.gateway.store import Store, prepare

HASH = "cdd01ef066bc6cf2"
LENGTH = 3 * STRETCH_ENTRIES + 7
FIELDS = {"event_type": "e", "tenant_id": "t", "user_id": "u", "details": {}, "timestamp": "x"}


@pytest.fixture
def store(tmp_path):
    prepare(tmp_path / "s.db", HASH, bytes(32))
    opened = Store(tmp_path / "s.db")
    previous_hash = genesis_hash(HASH)
    for sequence in range(1, LENGTH + 1):
        entry = entry_bytes(
            FIELDS, sequence=sequence, event_id=f"e{sequence}", previous_hash=previous_hash, constitutional_hash=HASH
        )
        previous_hash = entry_hash(entry)
        opened.connection.execute(
            "INSERT INTO entries VALUES ('t', ?, ?, ?, ?, '')", (sequence, f"e{sequence}", entry, previous_hash)
        )
    yield opened
    opened.close()


def holds(stored: Stored, previous_hash):
    """Whether an entry hashes as stored and names the one before."""
    return entry_hash(stored.entry) == stored.entry_hash and str(previous_hash).encode() in stored.entry


def walks(store, times):
    """What so many walks in a row say."""
    patrol = Patrol(store, genesis_hash(HASH), holds)
    return [patrol.walk("t", LENGTH) for _ in range(times)]


def test_a_sound_chain_is_sound_round_after_round(store):
    """Every stretch of every round holds; an empty chain does, too."""
    assert walks(store, 12) == [True] * 12
    assert Patrol(store, genesis_hash(HASH), holds).walk("empty", 0) is True


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE entries SET entry = replace(entry, '\"u\"', '\"v\"') WHERE sequence = 100",
        "UPDATE entries SET entry_hash = 'x' WHERE sequence = 100",
        "DELETE FROM entries WHERE sequence = 100",
    ],
)
def test_damage_is_found_on_the_way_and_not_forgotten(store, damage):
    """An altered entry, an altered hash, a missing entry, far behind the window that is shown."""
    store.connection.execute(damage)
    assert walks(store, 8) == [True] + [False] * 7


def test_damage_behind_the_walk_is_found_in_the_next_round(store):
    """What was sound when it was passed is looked at again."""
    patrol = Patrol(store, genesis_hash(HASH), holds)
    assert patrol.walk("t", LENGTH)
    store.connection.execute("UPDATE entries SET entry_hash = 'x' WHERE sequence = 2")
    assert [patrol.walk("t", LENGTH) for _ in range(5)] == [True, True, True, False, False]

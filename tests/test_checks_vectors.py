"""The checker's hashing, chain, signatures and rule language against the fixed vectors that also test the gateway."""

import json
from pathlib import Path

import orjson
import pytest

from acgs_load.traffic.checks.canonical import canonical_bytes, canonical_sha256
from acgs_load.traffic.checks.chain import entry_hash, genesis_hash
from acgs_load.traffic.checks.rules import decide
from acgs_load.traffic.checks.signatures import published_keys, signature_problem

VECTORS = json.loads((Path(__file__).parent / "vectors.json").read_text(encoding="utf-8"))


def named(section):
    """The rows of a section, each under its own name in the test report."""
    return [pytest.param(row, id=row["name"]) for row in VECTORS[section]]


@pytest.mark.parametrize("row", named("canonical"))
def test_canonical_json_and_its_hash(row):
    """An answer's text becomes exactly these canonical bytes and this hash."""
    value = orjson.loads(row["json"])
    assert canonical_bytes(value).decode() == row["canonical"]
    assert canonical_sha256(value) == row["sha256"]


@pytest.mark.parametrize("row", VECTORS["genesis"])
def test_genesis_hash(row):
    """An empty chain has the hash of its constitution's genesis block."""
    assert genesis_hash(row["constitutional_hash"]) == row["sha256"]


def test_chain_of_entries():
    """Every entry hashes as given, links to the one before, and its signature verifies; the last hash is the head."""
    vector = VECTORS["chain"]
    keys = published_keys(orjson.dumps({"signing_keys": {"key": vector["public_key"]}}))
    previous = genesis_hash(vector["constitutional_hash"])
    for row in vector["entries"]:
        assert row["entry"]["previous_hash"] == previous
        previous = entry_hash(row["entry"])
        assert previous == row["entry_hash"]
        assert signature_problem(keys, "key", row["signature"], previous) is None
    assert previous == vector["head_hash"]


@pytest.mark.parametrize("row", named("decisions"))
def test_decisions(row):
    """Rule, conditions and decision give exactly this outcome."""
    content = {"rule": row["rule"], "conditions": row["conditions"], "constraints": [], "metadata": {}}
    assert decide(content, row["decision"]) == row["outcome"]

"""The gateway's hashing, chain and rule language against fixed vectors that the checker is tested against, too."""

import base64
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from acgs_load.gateway import chain, rules
from acgs_load.gateway.canonical import ContentError, canonical_json, content_sha256, parse

VECTORS = json.loads((Path(__file__).parent / "vectors.json").read_text(encoding="utf-8"))


def named(section):
    """The rows of a section, each under its own name in the test report."""
    return [pytest.param(row, id=row["name"]) for row in VECTORS[section]]


@pytest.mark.parametrize("row", named("canonical"))
def test_canonical_json_and_its_hash(row):
    """Text becomes exactly these canonical bytes and this hash."""
    value = parse(row["json"])
    assert canonical_json(value).decode() == row["canonical"]
    assert content_sha256(value) == row["sha256"]


@pytest.mark.parametrize("row", named("refused"))
def test_content_without_canonical_form_is_refused(row):
    """Floats, NaN, great integers, duplicate keys and lone surrogates never reach a hash."""
    with pytest.raises(ValueError):  # noqa: PT011  the reader's error or the writer's: either refuses
        canonical_json(parse(row["json"]))


def test_a_refused_value_is_a_content_error():
    """What is JSON but cannot be hashed is told apart from what is no JSON."""
    with pytest.raises(ContentError):
        canonical_json(parse('{"a":1.5}'))


@pytest.mark.parametrize("row", VECTORS["genesis"])
def test_genesis_hash(row):
    """An empty chain has the hash of its constitution's genesis block."""
    assert chain.genesis_hash(row["constitutional_hash"]) == row["sha256"]


def test_chain_of_entries():
    """Every entry hashes as given and links to the one before."""
    vector = VECTORS["chain"]
    previous = chain.genesis_hash(vector["constitutional_hash"])
    for row in vector["entries"]:
        entry = row["entry"]
        made = chain.entry_bytes(
            entry,
            sequence=entry["sequence"],
            event_id=entry["event_id"],
            previous_hash=previous,
            constitutional_hash=vector["constitutional_hash"],
        )
        assert json.loads(made) == entry
        previous = chain.entry_hash(made)
        assert previous == row["entry_hash"]
    assert previous == vector["head_hash"]


def test_signatures_are_over_the_raw_hash():
    """An entry's signature is Ed25519 over the 32 bytes of its hash."""
    vector = VECTORS["chain"]
    private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(vector["private_key_hex"]))
    public = Ed25519PublicKey.from_public_bytes(base64.b64decode(vector["public_key"]))
    for row in vector["entries"]:
        digest = bytes.fromhex(row["entry_hash"])
        assert base64.b64encode(private.sign(digest)).decode() == row["signature"]
        public.verify(base64.b64decode(row["signature"]), digest)


@pytest.mark.parametrize("row", named("decisions"))
def test_rule_decides(row):
    """Rule, conditions and decision give this outcome."""
    assert rules.judge(row["rule"], row["conditions"], row["decision"]).outcome == row["outcome"]


@pytest.mark.parametrize("row", named("outside_language"))
def test_rule_outside_the_language_is_refused(row):
    """A rule that the language does not know is refused, whatever the decision."""
    with pytest.raises(rules.RuleError):
        rules.judge(row["rule"], row["conditions"], {"action": "read", "subject": "ann", "context": {}})

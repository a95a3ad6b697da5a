"""A foreign canary is found wherever it hides in a decoded body, and nothing else is taken for one."""

import json
from collections import Counter

import pytest
from fake_transport import Stage
from hypothesis import given
from hypothesis import strategies as st

from acgs_load.traffic.checks.canaries import canary_tenant, foreign_canary, may_hold_canary
from acgs_load.traffic.checks.canonical import canonical_bytes, sha256_or_reason

HEX = "0123456789abcdef"
OWN = f"canary-own-{HEX}"
FOREIGN = f"canary-other-{HEX}"


def found(value, own=(OWN,)):
    """What is found in the JSON spelling of ``value``."""
    raw = json.dumps(value).encode()
    return foreign_canary(raw, "own", own)


@pytest.mark.parametrize(
    "value",
    [
        FOREIGN,
        [FOREIGN],
        {"a": {"b": [1, {"c": FOREIGN}]}},
        {FOREIGN: None},
        {"a": {FOREIGN: 1}},
        f"no access to {FOREIGN}, sorry",
        f"{OWN} {FOREIGN}",
        f"ä{FOREIGN}ä",
        f"canary-own-{HEX[::-1]}",
        f"canary-own-other-{HEX}",
        f'"{FOREIGN}"',
    ],
)
def test_a_foreign_canary_is_found(value):
    """In values, keys and texts, at any depth; another canary of the own tenant's name counts, too."""
    assert found(value)


@pytest.mark.parametrize(
    "value",
    [
        OWN,
        "canary-other",
        "canary-",
        f"canary--{HEX}",
        f"canary-other-{HEX[:-1]}",
        f"{FOREIGN}0",
        f"{FOREIGN}-x",
        f"x{FOREIGN}",
        f"_{FOREIGN}",
        f"canary-other-{HEX.upper()}",
        f"canary-{'x' * 65}-{HEX}",
        f"canary-öther-{HEX}",
        ["canary-other-", HEX],
        {"tenant_id": "other"},
    ],
)
def test_what_is_no_whole_foreign_canary_is_not_found(value):
    """Parts, longer words, and the user's own one."""
    assert found(value) is None


def test_while_no_own_canary_is_known_one_with_the_own_name_passes():
    """It may be the own one; any other tenant's cannot."""
    assert found(OWN, ()) is None
    assert found(FOREIGN, ()) == FOREIGN


def test_text_that_is_no_json_is_searched_as_it_is():
    """Error pages give data away as well."""
    assert foreign_canary(f"<p>{FOREIGN}</p>".encode(), "own", (OWN,)) == FOREIGN
    assert foreign_canary(b"\xff" + FOREIGN.encode(), "own", (OWN,)) == FOREIGN


@pytest.mark.parametrize("spelled", [FOREIGN, FOREIGN.replace("n", "\\u006e"), FOREIGN.replace("-", "\\u002D", 1)])
@pytest.mark.parametrize(
    "body", ['{"n":NaN,"c":"@"}', '{"c":"@","c":"\\u00e9"}', '{"c":"\\n@","more', '\ufeff{"c":"@"}']
)
def test_what_a_parser_never_shows_is_searched_too(body, spelled):
    """Bodies that are no JSON, or cut off, and the first of two values under one key; whatever escapes they are in."""
    raw = body.replace("@", spelled).encode()
    assert may_hold_canary(raw)
    assert foreign_canary(raw, "own", (OWN,)) == FOREIGN


@pytest.mark.parametrize("raw", [b"{}", b'{"a":"\\u00fc\\n"}', b'{"a":"\\u5be9"}', b'{"a":"canary "}'])
def test_most_bodies_need_no_search(raw):
    """Neither the word nor an escape that may stand for one of its letters."""
    assert not may_hold_canary(raw)


def test_escapes_hide_nothing():
    """They are taken out before the search."""
    raw = b'{"a":"c\\u0061nary-other-' + HEX.encode() + b'"}'
    assert foreign_canary(raw, "own", (OWN,)) == FOREIGN
    dash = b'{"a":"canary\\u002dother-' + HEX.encode() + b'"}'
    assert foreign_canary(dash, "own", (OWN,)) == FOREIGN


@pytest.mark.parametrize(
    ("text", "tenant"),
    [(OWN, "own"), (f"canary-a-b_C-{HEX}", "a-b_C"), (f" {OWN}", None), (f"{OWN}\n", None), ("", None)],
)
def test_the_tenant_of_a_canary(text, tenant):
    """Only of a text that is one canary and nothing else."""
    assert canary_tenant(text) == tenant


def test_depth_is_no_hiding_place():
    """As deep as the parser goes."""
    value = FOREIGN
    for _ in range(900):
        value = [value]
    assert found(value)


TREES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@given(TREES)
def test_canonical_json_is_what_the_standard_library_spells_when_told_to(value):
    """Two ways to the same bytes, for every value that may be hashed."""
    try:
        expected = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    except UnicodeEncodeError:  # keys may hold lone surrogates
        with pytest.raises(ValueError, match="canonical"):
            canonical_bytes(value)
        return
    assert canonical_bytes(value) == expected


def test_values_nested_beyond_the_quick_spelling_are_hashed_all_the_same():
    """Up to what can be walked; beyond, the reason stands in place of a hash and equals none."""
    value, deepest = {"a": 1}, {"a": 1}
    for _ in range(400):
        value = {"a": value}
    assert canonical_bytes(value) == b'{"a":' * 401 + b"1" + b"}" * 401
    for _ in range(5000):
        deepest = [deepest]
    assert sha256_or_reason(deepest).startswith("no canonical JSON")
    assert Counter(sha256_or_reason(value))["g"] == 0


def test_a_foreign_canary_in_a_header_is_found():
    """Anywhere means headers, too; the own one may stand there."""
    stage = Stage(tenants=("tenant-001",))
    own = stage.target.canary("tenant-001")
    stage.plant("policy_list", lambda answer: answer.headers.update({"x-trace": f"a;{own}"}))
    stage.plant("tenant_config_update", lambda answer: answer.headers.update({"x-trace": f"a;{FOREIGN};b"}))
    visit = stage.visit()
    for scenario in ("tenant", "policy", "policy", "policy"):
        visit.run(scenario)
    assert stage.recorder.violations() == {("tenant_config_update", "isolation_breach"): 1}


def test_a_canary_is_one_for_all_users_of_a_tenant():
    """A target that gives each user another one does not keep it constant per tenant."""
    stage = Stage(tenants=("tenant-001",))
    first, second = stage.visit(), stage.visit()
    first.run("tenant")
    other = f"canary-tenant-001-{HEX[::-1]}"
    stage.plant("tenant_data_access", lambda answer: answer.body.update(canary=other, records=[]))
    second.run("tenant")
    assert stage.recorder.violations() == {("tenant_data_access", "lost_write"): 1}

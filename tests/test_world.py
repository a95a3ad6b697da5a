"""What the users of a worker share: numbers, names, tenants, keys, and who may be aimed at."""

import pytest
from fake_transport import FakeAnswer, Stage, plan_of

from acgs_load.errors import UsageError
from acgs_load.plan import Account
from acgs_load.traffic.user.accounts import DEFAULT_TENANTS, extra_identity, identity_of, secrets_from, user_number
from acgs_load.traffic.user.draws import Draws
from acgs_load.traffic.user.headers import common_lines
from acgs_load.traffic.user.routes import routes_of
from acgs_load.traffic.user.timestamps import timestamp_text
from acgs_load.traffic.user.world import SharedWorld


def test_no_two_workers_give_a_number_away_twice():
    """Numbers start at 1 and interleave; a lone worker may be told index −1."""
    numbers = [user_number(worker, 4, visit) for worker in range(4) for visit in range(50)]
    assert sorted(numbers) == list(range(1, 201))
    assert user_number(-1, 0, 0) == 1


def test_names_and_tenants_follow_from_seed_and_number():
    """Twenty tenants by default, all of them used; another seed spreads users otherwise."""
    plan = plan_of()
    identities = [identity_of(plan, number) for number in range(1, 301)]
    assert identities == [identity_of(plan, number) for number in range(1, 301)]
    assert identities[0].username == "load-user-000001"
    assert {identity.tenant_id for identity in identities} == set(DEFAULT_TENANTS)
    assert DEFAULT_TENANTS[0] == "tenant-001"
    assert DEFAULT_TENANTS[-1] == "tenant-020"
    others = [identity_of(plan_of(seed=8), number) for number in range(1, 301)]
    assert [i.tenant_id for i in others] != [i.tenant_id for i in identities]


def test_accounts_are_used_in_turn():
    """As the configuration lists them."""
    accounts = (Account("ann", "a"), Account("bob", "b"))
    plan = plan_of(accounts=accounts, tenants=("unused",))
    found = [identity_of(plan, number)[1:] for number in range(1, 5)]
    assert found == [("ann", "a"), ("bob", "b"), ("ann", "a"), ("bob", "b")]


@pytest.mark.parametrize(
    ("plan", "own", "username", "tenant_id"),
    [
        (plan_of(tenants=("own",)), "own", "load-user-000000", "own-other"),
        (plan_of(tenants=("own", "b")), "own", "load-user-000000", "b"),
        (plan_of(tenants=("x" * 64,)), "x" * 64, "load-user-000000", "x" * 58 + "-other"),
        (plan_of(accounts=(Account("ann", "own"), Account("bob", "b"))), "own", "bob", "b"),
        (plan_of(accounts=(Account("ann", "own"),)), "own", "ann", "own-other"),
    ],
)
def test_the_extra_user_belongs_to_another_tenant(plan, own, username, tenant_id):
    """Of the run where there is one, else one made up beside the own."""
    assert extra_identity(plan, own) == (0, username, tenant_id)


def test_a_run_with_one_tenant_logs_one_more_user_in_once():
    """Counted under auth_login; its tenant is what all attempts aim at."""
    stage = Stage(tenants=("own",))
    visits = [stage.visit() for _ in range(3)]
    for _ in range(3):
        for visit in visits:
            visit.run("tenant")
    extra = [sent["body"] for sent in stage.sent_as("auth_login") if sent["body"]["tenant_id"] == "own-other"]
    assert len(extra) == 1
    assert {sent["path"] for sent in stage.sent_as("cross_tenant_access_attempt")} == {"/api/tenant/own-other/data"}
    assert stage.recorder.outcomes("cross_tenant_access_attempt") == {"ok": 9}
    assert sum(stage.recorder.outcomes("auth_login").values()) == 4
    assert stage.world.logged_in == 3


def is_extra(stage):
    """Whether the request on its way is the extra user's login."""
    return stage.sent[-1]["body"]["tenant_id"] == "own-other"


def test_an_extra_user_that_is_refused_is_not_tried_again():
    """The attempts are skipped; asking on would only count errors."""
    stage = Stage(tenants=("own",))
    stage.plant_before("auth_login", lambda: FakeAnswer(401, {}, None) if is_extra(stage) else None)
    visit = stage.visit()
    for _ in range(3):
        visit.run("tenant")
        stage.now_s += 5
    assert stage.recorder.outcomes("auth_login") == {"ok": 1, "http_error": 1}
    assert stage.recorder.skipped == [("cross_tenant_access_attempt", "tenant")] * 3


def test_an_extra_user_that_fails_is_tried_again_after_a_second():
    """An overloaded target may take it later."""
    stage = Stage(tenants=("own",))
    stage.plant_before("auth_login", lambda: FakeAnswer(503, {}, None) if is_extra(stage) else None)
    visit = stage.visit()
    visit.run("tenant")
    visit.run("tenant")
    assert stage.recorder.outcomes("auth_login") == {"ok": 1, "http_error": 1}
    stage.before.clear()
    stage.now_s += 1
    visit.run("tenant")
    assert stage.recorder.outcomes("cross_tenant_access_attempt") == {"ok": 1}


def test_attempts_aim_at_tenants_whose_users_have_logged_in():
    """Never at the own one."""
    stage = Stage(tenants=("a", "b", "c", "d"))
    visits = [stage.visit() for _ in range(12)]
    reached = {sent["body"]["tenant_id"] for sent in stage.sent_as("auth_login")}
    for _ in range(6):
        for visit in visits:
            visit.run("tenant")
    aims = {sent["path"].split("/")[3] for sent in stage.sent_as("cross_tenant_access_attempt")}
    assert aims == reached
    assert stage.recorder.outcomes("cross_tenant_access_attempt") == {"ok": 72}


def test_keys_are_fetched_once_and_counted_nowhere():
    """One plain GET for the whole worker, before anything else."""
    stage = Stage()
    for _ in range(3):
        stage.visit()
    assert [sent["path"] for sent in stage.sent if sent["operation"] == "config"] == ["/gateway/config"]
    assert set(stage.world.published.keys) == {"key-1"}
    assert {s.operation for s in stage.recorder.samples} == {"auth_login"}


def test_without_published_keys_signatures_are_not_measured():
    """Absent keys are no violation."""
    stage = Stage()
    stage.target.publishes_keys = False
    stage.plant("audit_create", lambda answer: answer.body.update(signature="no signature at all"))
    visit = stage.visit()
    visit.run("integrity")
    assert stage.world.published.keys is None
    assert stage.recorder.outcomes("audit_create") == {"ok": 1}


def test_keys_that_could_not_be_fetched_are_asked_for_again():
    """A target that is not up yet, or throttles, is asked later, but not at every iteration."""
    stage = Stage()
    stage.plant_before("config", lambda: FakeAnswer(503, {}, None))
    visit = stage.visit()
    visit.prepare()
    assert len(stage.sent_as("config")) == 1
    stage.before.clear()
    stage.now_s += 11
    visit.prepare()
    visit.prepare()
    assert len(stage.sent_as("config")) == 2
    assert stage.world.published.keys is not None


def test_a_key_that_is_new_is_looked_up_before_a_signature_is_called_wrong():
    """A target may publish another key during a run, even just after it was asked."""
    stage = Stage()
    visit = stage.visit()
    stage.world.published.keys = {"old": bytes(32)}
    visit.run("integrity")
    assert stage.recorder.outcomes("audit_create") == {"ok": 1}
    assert set(stage.world.published.keys) == {"old", "key-1"}


def test_keys_that_are_published_late_are_used():
    """A target may make a tenant's key when the tenant comes."""
    stage = Stage()
    stage.target.publishes_keys = False
    stage.plant("audit_create", lambda answer: answer.body.update(signature="no signature at all"))
    visit = stage.visit()
    visit.run("integrity")
    stage.target.publishes_keys = True
    stage.now_s += 11
    visit.prepare()
    visit.run("integrity")
    assert stage.recorder.outcomes("audit_create") == {"ok": 1, "failed_check": 1}


def test_a_look_up_that_fails_proves_nothing():
    """As long as the target does not say what it publishes, a new key is not called unpublished."""
    stage = Stage()
    visit = stage.visit()
    stage.world.published.keys = {"old": bytes(32)}
    stage.plant_before("config", lambda: FakeAnswer(503, {}, None))
    visit.run("integrity")
    assert stage.recorder.outcomes("audit_create") == {"ok": 1}
    stage.before.clear()
    visit.run("integrity")
    assert stage.recorder.violations() == {}


def test_keys_that_nobody_publishes_are_not_looked_up_without_end():
    """Each is a violation, but a target that invents them is not asked at every signature."""
    stage = Stage()
    visit = stage.visit()
    asked = len(stage.sent_as("config"))
    stage.plant("audit_create", lambda answer: answer.body.update(key_id=f"new-{len(stage.sent)}"))
    for _ in range(100):
        visit.run("integrity")
    assert stage.recorder.violations()["audit_create", "signature_wrong"] == 100
    assert len(stage.sent_as("config")) - asked <= 40


def test_a_published_key_that_is_none_verifies_nothing():
    """Rubbish under signing_keys does not switch the check off."""
    stage = Stage()
    stage.plant("config", lambda answer: answer.body.update(signing_keys={"key-1": "AAAA"}))
    stage.visit().run("integrity")
    assert stage.recorder.violations() == {("audit_create", "signature_wrong"): 1}


@pytest.mark.parametrize(
    ("routes", "words"),
    [
        ({"no_such": "/x"}, "no operation 'no_such'"),
        ({"policy_get": "x"}, "write /path"),
        ({"policy_get": "get /x"}, "write /path"),
        ({"policy_get": "/a b"}, "write /path"),
        ({"policy_get": "/{id}"}, "unknown {id}"),
    ],
)
def test_a_wrong_route_is_a_usage_error(routes, words):
    """It names what is wrong before anything is sent."""
    with pytest.raises(UsageError, match=words):
        SharedWorld(plan_of(routes=routes), 0, 1)


def test_routes_may_be_overridden():
    """With or without a method; what the target gave is quoted."""
    routes = routes_of({"policy_get": "/v2/{own}/p?id={policy_id}", "constitutional_verify": "POST /check"})
    assert routes["constitutional_verify"] == ("POST", "/check")
    route = routes["policy_get"]
    assert route.method == "GET"
    assert route.filled("ten-1", "{policy_id}", "a/b&ä{own}") == "/v2/ten-1/p?id=a%2Fb%26%C3%A4%7Bown%7D"
    assert routes["policy_list"].filled("t", "{cursor}", "") == "/api/policy/list?limit=20&cursor="


def test_the_users_headers_go_with_every_request():
    """Login included."""
    stage = Stage(headers={"X-Explainable": "true"})
    stage.visit().run("tenant")
    assert all(sent["headers"]["X-Explainable"] == "true" for sent in stage.sent)


@pytest.mark.parametrize("headers", [{"A B": "x"}, {"A": "x\r\nB: y"}, {"": "x"}, {"A": "ä"}, {"A": ""}])
def test_a_header_that_cannot_be_sent_is_a_usage_error(headers):
    """Its value may be a secret and stays out of the message."""
    with pytest.raises(UsageError, match="no header") as caught:
        common_lines("h", headers)
    assert "y" not in str(caught.value).split("'")[1]


def test_a_token_that_cannot_be_sent_is_a_usage_error():
    """And does not show up in the message."""
    with pytest.raises(UsageError) as caught:
        secrets_from({"ACGS_TOKEN": "s3cret value"})
    assert "s3cret" not in str(caught.value)


def test_counters_start_at_seeded_offsets():
    """The same for the same user, different between users, one up with each turn."""
    first, again = Draws(7, 1), Draws(7, 1)
    begin = first.turn("policy")
    assert [first.turn("policy") for _ in range(3)] == [begin + 1, begin + 2, begin + 3]
    assert again.turn("policy") == begin
    for period in (2, 3):
        assert {Draws(7, number).turn("policy") % period for number in range(30)} == set(range(period))
    assert first.number("x", 1) != first.number("x", 2) != Draws(8, 1).number("x", 2)


@pytest.mark.parametrize(
    ("epoch_s", "text"),
    [
        (0.0, "1970-01-01T00:00:00.000Z"),
        (1_770_000_000.0425, "2026-02-02T02:40:00.042Z"),
        (0.9999, "1970-01-01T00:00:00.999Z"),
    ],
)
def test_timestamps_are_rfc_3339_with_milliseconds(epoch_s, text):
    """In UTC, cut to the millisecond."""
    assert timestamp_text(epoch_s) == text

"""Logging in and staying so: once per user, refreshed at 80 %, tried again after a second without end."""

import orjson
import pytest
from fake_transport import FakeAnswer, Stage, unanswered

from acgs_load.contract import Outcome


def logins(stage):
    """How often a login was sent."""
    return len(stage.sent_as("auth_login"))


def refusals(count, answer):
    """A defect before the target: the first ``count`` requests get ``answer()``."""
    left = [count]

    def refuse():
        if not left[0]:
            return None
        left[0] -= 1
        return answer()

    return refuse


def error(status):
    """An answer of the contract's error shape."""
    return lambda: FakeAnswer(status, {"error": "x", "constitutional_hash": "cdd01ef066bc6cf2"}, None)


def test_a_user_logs_in_once_and_sends_what_the_login_gave():
    """Token and user id of the login are in the headers of every request after it; the login itself carries neither."""
    stage = Stage()
    visit = stage.visit()
    for _ in range(3):
        visit.prepare()
        visit.run("constitutional")
    assert logins(stage) == 1
    login = stage.sent_as("auth_login")[0]
    assert login["headers"] == {"X-Constitutional-Hash": "cdd01ef066bc6cf2", "Accept": "application/json"}
    assert set(login["body"]) == {"username", "password", "tenant_id", "constitutional_hash"}
    own = stage.sent_as("constitutional_verify")[0]["headers"]
    assert own["Authorization"] == "Bearer token-0"
    assert own["X-User-ID"] == f"id-of-{login['body']['username']}"
    assert own["X-Tenant-ID"] == login["body"]["tenant_id"]
    assert own["X-Constitutional-Hash"] == "cdd01ef066bc6cf2"


@pytest.mark.parametrize(
    "answer",
    [
        error(401),
        error(429),
        error(500),
        unanswered(Outcome.TIMEOUT),
        unanswered(Outcome.CONNECTION_ERROR),
        lambda: FakeAnswer(200, {"access_token": ""}, None),
        lambda: FakeAnswer(200, {}, None),
    ],
)
def test_a_failed_login_is_tried_again_every_second(answer):
    """Each try is counted under auth_login, and nothing else is sent meanwhile."""
    stage = Stage()
    stage.plant_before("auth_login", refusals(4, answer))
    stage.visit()
    assert stage.slept == [1.0] * 4
    assert sum(stage.recorder.outcomes("auth_login").values()) == 5
    assert [s.scenario for s in stage.recorder.samples] == [""] * 5
    assert stage.world.logged_in == 1


@pytest.mark.parametrize("token", ["", "two words", "line\nbreak", "schlüssel"])
def test_a_token_that_no_header_can_carry_is_no_login(token):
    """It would break the request; the user tries again."""
    stage = Stage()
    left = [2]

    def spoil(answer):
        if left[0]:
            left[0] -= 1
            answer.body["access_token"] = token

    stage.plant("auth_login", spoil)
    stage.visit()
    assert stage.slept == [1.0, 1.0]


def test_a_user_id_that_no_header_can_carry_is_replaced_by_the_name():
    """The target need not compare it."""
    stage = Stage()
    stage.plant("auth_login", lambda answer: answer.body.update(user_id="a\r\nX-Evil: 1"))
    visit = stage.visit()
    visit.run("tenant")
    assert stage.sent[-1]["headers"]["X-User-ID"] == "load-user-000001"


def test_a_token_called_token_is_used():
    """Some deployments name it so."""
    stage = Stage()

    def rename(answer):
        answer.body["token"] = answer.body.pop("access_token")

    stage.plant("auth_login", rename)
    visit = stage.visit()
    visit.run("tenant")
    assert stage.sent[-1]["headers"]["Authorization"] == "Bearer token-0"


def test_the_token_is_refreshed_at_the_first_boundary_after_80_percent():
    """Not before, not in the middle of an iteration; the fresh token is used from then on."""
    stage = Stage()
    stage.target.expires_in = 100
    visit = stage.visit()
    stage.now_s += 79
    visit.prepare()
    assert stage.sent_as("auth_refresh") == []
    stage.now_s += 2
    visit.run("tenant")
    assert stage.sent_as("auth_refresh") == []
    visit.prepare()
    refresh = stage.sent_as("auth_refresh")
    assert [sent["body"] for sent in refresh] == [{}]
    assert refresh[0]["headers"]["Authorization"] == "Bearer token-0"
    visit.prepare()
    visit.run("tenant")
    assert len(stage.sent_as("auth_refresh")) == 1
    assert stage.sent[-1]["headers"]["Authorization"] != "Bearer token-0"
    assert logins(stage) <= 2


def test_a_failed_refresh_leaves_the_old_token_until_it_runs_out():
    """The next boundary tries again; once the token has run out the user logs in."""
    stage = Stage()
    stage.target.expires_in = 100
    visit = stage.visit()
    stage.plant_before("auth_refresh", error(500))
    stage.now_s += 85
    visit.prepare()
    visit.prepare()
    assert (len(stage.sent_as("auth_refresh")), logins(stage), stage.slept) == (2, 1, [])
    stage.now_s += 16
    visit.prepare()
    assert logins(stage) == 2


def test_a_refused_refresh_means_logging_in():
    """A 401 says that the old token is not good any more."""
    stage = Stage()
    stage.target.expires_in = 100
    visit = stage.visit()
    stage.plant_before("auth_refresh", error(401))
    stage.now_s += 85
    visit.prepare()
    assert logins(stage) == 2
    assert stage.world.logged_in == 1


def test_after_a_401_the_user_logs_in_and_the_request_is_not_sent_again():
    """The 401 is an http_error; the rest of the iteration goes out under the new token."""
    stage = Stage()
    visit = stage.visit()
    stage.target.tokens.clear()
    visit.run("constitutional")
    assert stage.recorder.outcomes("constitutional_verify") == {"http_error": 1}
    assert stage.recorder.outcomes("constitutional_score") == {"ok": 1}
    assert stage.recorder.outcomes("constitutional_formal_request") == {"ok": 1}
    assert logins(stage) == 2


def test_a_token_that_runs_out_while_waiting_for_an_arrival_is_replaced_first():
    """In open load a user may wait longer than its token lives."""
    stage = Stage()
    stage.target.expires_in = 100
    visit = stage.visit()
    stage.now_s += 101
    visit.run("constitutional")
    assert logins(stage) == 2
    assert [s.outcome for s in stage.recorder.samples if s.scenario] == ["ok"] * 3


def test_a_user_without_token_takes_no_arrival():
    """An arrival belongs to a user who can use it."""
    stage = Stage()
    visit = stage.visit()
    stage.plant("constitutional_formal_request", lambda answer: setattr(answer, "status", 401))
    visit.run("constitutional")
    asked = []
    stage.arrivals.next_due_s = lambda: asked.append(logins(stage))
    visit.run("constitutional")
    assert asked[0] == 2


def test_the_live_counters_follow_logins_and_leaving():
    """Users that are open, and those of them that hold a token."""
    stage = Stage()
    first, second = stage.visit(), stage.visit()
    assert (stage.world.users, stage.world.logged_in) == (2, 2)
    stage.target.tokens.clear()
    stage.plant_before("auth_login", lambda: pytest.fail("stop") if stage.world.logged_in != 1 else None)
    first.run("constitutional")
    assert (stage.world.users, stage.world.logged_in) == (2, 2)
    first.close()
    first.close()
    assert (stage.world.users, stage.world.logged_in) == (1, 1)
    second.close()
    assert (stage.world.users, stage.world.logged_in) == (0, 0)


def test_a_given_token_replaces_logging_in(monkeypatch):
    """No auth operation is sent, everybody is in one tenant, and a 401 cannot be healed."""
    monkeypatch.setenv("ACGS_TOKEN", "given")
    stage = Stage(tenants=("a", "b"))
    stage.target.tokens["given"] = "a"
    visits = [stage.visit() for _ in range(3)]
    for visit in visits:
        visit.prepare()
        visit.run("tenant")
    assert {sent["operation"] for sent in stage.sent} & {"auth_login", "auth_refresh"} == set()
    assert {sent["headers"]["Authorization"] for sent in stage.sent if sent["operation"] != "config"} == {
        "Bearer given"
    }
    assert stage.recorder.outcomes("tenant_data_access") == {"ok": 3}
    assert stage.recorder.outcomes("cross_tenant_access_attempt") == {"ok": 3}
    assert stage.world.logged_in == 3
    stage.target.tokens.clear()
    visits[0].prepare()
    visits[0].run("constitutional")
    assert stage.recorder.outcomes("constitutional_score") == {"http_error": 1}


def test_the_password_comes_from_the_environment(monkeypatch):
    """Nothing else in a request holds it."""
    monkeypatch.setenv("ACGS_PASSWORD", "opensesame")
    stage = Stage()
    stage.visit().run("tenant")
    assert stage.sent_as("auth_login")[0]["body"]["password"] == "opensesame"
    others = [sent for sent in stage.sent if sent["operation"] != "auth_login"]
    assert b"opensesame" not in orjson.dumps(others)
    assert "opensesame" not in repr(stage.world.terms)

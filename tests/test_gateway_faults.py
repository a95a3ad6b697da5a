"""Each planted defect shows, and leaves the rest truthful."""

import http.client
import time

import pytest
from test_gateway_support import Client, Gateway, gateways_by_faults

from acgs_load.errors import UsageError
from acgs_load.gateway.faults import FAULTS, describe_faults, parse_faults

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def gateways():
    with gateways_by_faults() as start:
        yield start


def test_every_fault_has_a_line_and_a_default_that_parses():
    """The table is complete: the names that were promised, each described and planted without a value."""
    promised = """deny-all hash-wrong-header hash-absent-header hash-wrong-body hash-absent-body tenant-leak spoof-leak
        canary-in-403 lost-audit chain-tampered proof-wrong counterexample-bogus signature-accepted stale-read
        decision-wrong score-low errors slow-tail stall throttle capacity drop json-broken health-late"""
    assert set(FAULTS) == set(promised.split())
    assert set(parse_faults(list(FAULTS))) == set(FAULTS)
    assert len(describe_faults().splitlines()) == len(FAULTS)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("drop", (0.05,)),
        ("drop=1", (1.0,)),
        ("drop=0.5", (0.5,)),
        ("slow-tail=0.1:2.5", (0.1, 2.5)),
        ("stall=1:30", (1.0, 30.0)),
        ("throttle=250", (250.0,)),
        ("health-late=1e1", (10.0,)),
    ],
)
def test_values(text, values):
    """As written, or the default."""
    assert parse_faults([text]) == {text.partition("=")[0]: values}


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("stale-reed", "did you mean stale-read?"),
        ("Drop", "did you mean drop?"),
        ("errrors=0.5", "did you mean errors?"),
        ("zzz", "--help"),
        ("", "--help"),
        ("drop=", "did you mean drop=0.05?"),
        ("drop=x", "RATIO"),
        ("drop=0", "RATIO"),
        ("drop=1.1", "RATIO"),
        ("drop=-1", "RATIO"),
        ("drop=nan", "RATIO"),
        ("drop=0.1:2", "RATIO"),
        ("throttle=0", "RPS"),
        ("throttle=inf", "RPS"),
        ("slow-tail=0.1", "RATIO:SECONDS"),
        ("stall=10:2", "SECONDS:PERIOD"),
        ("stall=10:10", "SECONDS:PERIOD"),
    ],
)
def test_wrong_names_and_values(text, hint):
    """One line that says what would be right, exit code 2."""
    with pytest.raises(UsageError) as refusal:
        parse_faults([text])
    assert hint in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert refusal.value.exit_code == 2


def test_deny_all(gateways):
    """Every operation is 403 but login and refresh."""
    client = gateways("deny-all").client()
    assert client.call("POST", "/api/auth/refresh", {}).status == 200
    assert client.call("GET", "/gateway/config", headers={}).status == 200
    for path in ("/api/tenant/tenant-a/data", "/api/tenant/tenant-b/data", "/api/constitutional/verify"):
        answer = client.call("GET", path)
        assert (answer.status, answer.body["error"]) == (403, "tenant_access_denied")


def test_errors(gateways):
    """500 with the contract's error."""
    gateway = gateways("errors=1")
    answer = Client(gateway.port).call("GET", "/api/constitutional/verify")
    assert (answer.status, answer.body["error"]) == (500, "internal_error")
    assert Client(gateway.port).call("GET", "/gateway/health", headers={}).status == 200


def test_drop(gateways):
    """The connection ends without an answer, and is counted with status 0."""
    gateway = gateways("drop=1")
    client = Client(gateway.port)
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        client.call("GET", "/api/constitutional/verify")
    text = Client(gateway.port).call("GET", "/gateway/metrics", headers={}).text
    assert 'acgs_requests_total{operation="constitutional_verify",status="0"} 1' in text


def test_a_dropped_connection_is_nothing_to_log():
    """It is meant: the log stays empty."""
    with Gateway("--solvers", "1", "--fault", "drop=1") as dropping:
        with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
            Client(dropping.port).call("GET", "/api/constitutional/verify")
        assert dropping.stop()[1] == ""


def test_health_late(gateways):
    """503 with Retry-After, then healthy; metrics answer meanwhile."""
    client = Client(gateways("drop=1", "health-late=4").port)
    answer = client.call("GET", "/gateway/health", headers={})
    assert (answer.status, answer.headers["retry-after"], answer.body["error"]) == (503, "1", "overloaded")
    while answer.status == 503:
        time.sleep(0.1)
        answer = client.call("GET", "/gateway/health", headers={})
    assert (answer.status, answer.body["status"]) == (200, "healthy")


def test_defects_that_begin_later():
    """Truthful until so long after the first login, however long the gateway has been there before it."""
    with Gateway("--solvers", "1", "--fault", "errors=1", "--fault-after", "1") as late:
        time.sleep(1.1)
        client = late.client()
        began_s = time.monotonic()
        assert client.call("GET", "/api/constitutional/verify").status == 200
        while client.call("GET", "/api/constitutional/verify").status == 200:
            assert time.monotonic() - began_s < 5
        assert time.monotonic() - began_s > 0.8


def test_json_broken(gateways):
    """A whole HTTP answer whose JSON is not."""
    client = Client(gateways("json-broken=1").port)
    answer = client.call("GET", "/api/constitutional/verify")
    assert answer.text.startswith('{"')
    assert answer.body is None
    assert client.call("GET", "/gateway/health", headers={}).body["status"] == "healthy"


def test_throttle(gateways):
    """429 with Retry-After beyond the rate, which the configuration tells."""
    gateway = gateways("throttle=5")
    client = gateway.client()
    answers = [client.call("GET", "/api/constitutional/verify") for _ in range(30)]
    refused = [answer for answer in answers if answer.status == 429]
    assert {answer.status for answer in answers} == {200, 429}
    assert (refused[0].headers["retry-after"], refused[0].body["error"]) == ("1", "rate_limit_exceeded")
    limits = client.call("GET", "/gateway/config", headers={}).body["rate_limiting"]
    assert limits == {"requests_per_minute": 300, "burst_limit": 5}


def elapsed_s(client, times=1):
    """How long so many requests take one after the other."""
    started = time.monotonic()
    for _ in range(times):
        assert client.call("GET", "/api/constitutional/verify").status == 200
    return time.monotonic() - started


def test_capacity_and_slow_tail(gateways):
    """Ten requests at 20 a second and 0.1 s more each cannot be quicker than the sum."""
    client = gateways("capacity=20", "slow-tail=1:0.1").client()
    assert elapsed_s(client, 10) > 1.4


def test_stall(gateways):
    """Within one period every answer freezes once, health too."""
    client = Client(gateways("stall=0.6:1.2").port)
    longest_s = 0.0
    for _ in range(14):
        started = time.monotonic()
        assert client.call("GET", "/gateway/health", headers={}).status == 200
        longest_s = max(longest_s, time.monotonic() - started)
        time.sleep(0.1)
    assert longest_s > 0.35

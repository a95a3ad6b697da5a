"""A stranger, an ill target and a wrong hash are told apart before anything is sent."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass, field

import pytest
import requests
from broken_peers import OK, Peer, hears_and_closes, says, says_and_closes
from test_plan import plan
from test_transport import head

from acgs_load.errors import TargetError
from acgs_load.preflight import preflight

HASH = "cdd01ef066bc6cf2"
CONFIG = {"rate_limiting": {"requests_per_minute": None, "burst_limit": None}}


@dataclass
class Answer:
    status_code: int = 200
    body: object = None
    headers: dict = field(default_factory=lambda: {"X-Constitutional-Hash": HASH})

    @property
    def content(self):
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


def healthy(**changes):
    return {"status": "healthy", "constitutional_hash": HASH, "version": "1", "timestamp": "t", **changes}


class Target:
    """Answers from a script, then keeps giving the last answer; time passes only when slept."""

    def __init__(self, *script, config=None):
        self.script = list(script)
        self.config = Answer(body=CONFIG) if config is None else config
        self.now_s = 0.0
        self.tries = 0

    def get(self, path):
        if path == "/gateway/config":
            answer = self.config
        else:
            self.tries += 1
            answer = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def sleep(self, seconds):
        self.now_s += seconds

    def check(self, instance=None, alive=lambda: None, **changes):
        clock = lambda: self.now_s  # noqa: E731
        return preflight(plan(**changes), instance, get=self.get, alive=alive, clock=clock, sleep=self.sleep)


REFUSED = requests.ConnectionError("[Errno 111] Connection refused")


def test_a_healthy_target_passes_at_once():
    """Health and configuration come back as they were said."""
    target = Target(Answer(body=healthy()))
    assert target.check().health["status"] == "healthy"
    assert target.tries == 1


@pytest.mark.parametrize(
    "first",
    [
        REFUSED,
        requests.Timeout("timed out"),
        Answer(500, {}),
        Answer(503, {}),
        Answer(404, {}),
        Answer(429, {}),
        Answer(200, b"<html>"),
        Answer(200, b'{"status": "hea'),
        Answer(200, b"[]"),
        Answer(200, healthy(status="starting")),
    ],
    ids=str,
)
def test_what_may_be_a_target_that_starts_is_asked_again(first):
    """Refused, slow, 5xx, 404, 429, torn and unhealthy answers are retried once a second."""
    target = Target(first, Answer(body=healthy()))
    target.check()
    assert (target.tries, target.now_s) == (2, 1.0)


@pytest.mark.parametrize("forever", [REFUSED, Answer(404, {}), Answer(200, b"<html>")], ids=str)
def test_patience_ends_after_45_seconds_with_advice(forever):
    """The message names the target, the reason and what to try."""
    target = Target(forever)
    with pytest.raises(TargetError, match=r"http://127\.0\.0\.1:8080.*--target embedded") as caught:
        target.check()
    assert 44 <= target.now_s <= 45
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("('Connection aborted.', RemoteDisconnected('Remote end closed connection without response'))", "closes the"),
        ("('Connection aborted.', BadStatusLine('SSH-2.0-OpenSSH_9.9\\r\\n'))", "what answers speaks no HTTP"),
        ("('Connection broken: IncompleteRead(5 bytes read, 495 more expected)', …)", "breaks off in the middle"),
        ("HTTPConnection: Failed to resolve 'x' ([Errno -2] Name or service not known)", "nobody knows its name"),
    ],
)
def test_what_keeps_a_target_from_answering_is_said_in_plain_words(said, told):
    """Not in those of the library, with its brackets and classes."""
    with pytest.raises(TargetError, match=told) as caught:
        Target(requests.ConnectionError(said)).check()
    assert not {"(", ")", "'"} & set(caught.value.line.partition("8080: ")[2].partition(", for")[0])


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(401, {}), "answers 401"),
        (Answer(400, {}), "answers 400"),
        (Answer(302, {}), "answers 302"),
        (Answer(200, healthy(constitutional_hash="beef")), "body field constitutional_hash is 'beef'"),
        (Answer(200, {"status": "healthy"}), "body field constitutional_hash is absent"),
        (Answer(200, healthy(), {}), "header X-Constitutional-Hash is absent"),
        (Answer(200, healthy(), {"X-Constitutional-Hash": "beef"}), "header X-Constitutional-Hash is 'beef'"),
    ],
)
def test_a_wrong_target_is_refused_at_once(answer, words):
    """Another status, a wrong or an absent hash is never waited for."""
    target = Target(answer)
    with pytest.raises(TargetError, match=words):
        target.check()
    assert target.tries == 1


@pytest.mark.parametrize("said", [{}, {"instance": "other"}])
def test_a_stranger_on_the_port_is_never_tested(said):
    """A target that the run started must echo its token."""
    with pytest.raises(TargetError, match="stranger"):
        Target(Answer(body=healthy(**said))).check(instance="mine")


def test_the_started_target_is_known_by_its_token():
    """The right token passes."""
    assert Target(Answer(body=healthy(instance="mine"))).check(instance="mine").health["instance"] == "mine"


def test_a_started_target_that_died_is_not_waited_for():
    """Its own last words are the message."""
    with pytest.raises(TargetError, match="ended"):
        Target(REFUSED).check(alive=lambda: "the embedded gateway ended (status 1)")


@pytest.mark.parametrize(
    ("per_minute", "rate", "warned"),
    [(60, None, True), (60_000, 1000.0, False), (59_999, 1000.0, True), (None, 1000.0, False), (True, 10.0, False)],
)
def test_a_rate_limit_below_the_asked_rate_is_a_warning(per_minute, rate, warned):
    """60 a minute cannot carry a load test; no limit and a sufficient one say nothing."""
    config = Answer(body={"rate_limiting": {"requests_per_minute": per_minute}})
    answers = Target(Answer(body=healthy()), config=config).check(rate=rate)
    assert bool(answers.warnings) == warned


@pytest.mark.parametrize(
    "config", [REFUSED, Answer(404, {}), Answer(200, b"no json"), Answer(200, b'{"rate_limiting": 5}')]
)
def test_a_target_without_configuration_is_no_less_a_target(config):
    """What /gateway/config says is read when it is there, and never fails the run."""
    assert Target(Answer(body=healthy()), config=config).check().warnings == ()


@pytest.mark.parametrize(
    "lines",
    [
        (f"X-Constitutional-Hash: {HASH} \t ",),
        (f"X-Constitutional-Hash: {HASH}", f"x-constitutional-hash: {HASH} "),
        (f"x-constitutional-hash:{HASH}", "Content-Encoding: GZIP "),
    ],
)
def test_blanks_and_repetitions_are_no_part_of_a_header(lines):
    """A lawful spelling of the right answer is the right answer, over a real connection, too."""
    body = json.dumps(healthy()).encode()
    if "GZIP" in lines[-1]:
        body = gzip.compress(body)
    with Peer(says(head(*lines, f"Content-Length: {len(body)}") + body)) as peer:
        assert preflight(plan(target=peer.url), sleep=lambda _: None).health["status"] == "healthy"


def test_a_wrong_hash_beside_the_right_one_is_refused():
    """Two different words are not one right word."""
    lines = ("X-Constitutional-Hash: another", f"X-Constitutional-Hash: {HASH}")
    body = json.dumps(healthy()).encode()
    with Peer(says(head(*lines, f"Content-Length: {len(body)}") + body)) as peer, pytest.raises(TargetError):
        preflight(plan(target=peer.url))


def test_an_answer_that_ends_in_its_middle_is_asked_for_again():
    """As any that is not complete."""
    body = json.dumps(healthy()).encode()
    cut = head(f"X-Constitutional-Hash: {HASH}", f"Content-Length: {len(body) + 9}") + body
    pauses = []
    with Peer(says_and_closes(cut)) as peer, pytest.raises(TargetError, match="for 45 s"):
        preflight(plan(target=peer.url), sleep=pauses.append, clock=iter(range(0, 1000, 20)).__next__)
    assert len(pauses) >= 1


RIGHT = json.dumps(healthy()).encode()
RIGHT = head(f"X-Constitutional-Hash: {HASH}", f"Content-Length: {len(RIGHT)}") + RIGHT


@pytest.fixture
def proxied(monkeypatch):
    """Makes a URL the proxy that the environment names for http."""
    for name in ("no_proxy", "NO_PROXY", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return lambda url: monkeypatch.setenv("http_proxy", url)


def test_the_way_of_the_plain_transport_leads_through_the_proxy(proxied):
    """A target whose name only the proxy knows."""
    with Peer(says(RIGHT)) as proxy:
        proxied(proxy.url)
        assert preflight(plan(target="http://acgs.test", transport="plain")).health["status"] == "healthy"


def test_the_way_of_the_fast_transport_does_not(proxied):
    """What only a proxy reaches would be no target for it; when nothing answers, the message says so."""
    with Peer(says(RIGHT)) as target, Peer(says(OK)) as proxy:
        proxied(proxy.url)
        assert preflight(plan(target=target.url)).health["status"] == "healthy"
    assert proxy.requests == []
    with Peer(hears_and_closes) as target, pytest.raises(TargetError, match="which only --transport plain uses"):
        preflight(plan(target=target.url), sleep=lambda _: None, clock=iter(range(0, 1000, 20)).__next__)

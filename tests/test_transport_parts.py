"""What the transports are made of: targets, deadlines, answers."""

from __future__ import annotations

import errno
import gzip
import itertools
import math
import time
from types import SimpleNamespace

import gevent
import pytest
from gevent import monkey
from hypothesis import given
from hypothesis import strategies as st
from test_transport import head

from acgs_load.errors import UsageError
from acgs_load.traffic.transport import answer as answer_module
from acgs_load.traffic.transport import deadlines
from acgs_load.traffic.transport.answer import Answer
from acgs_load.traffic.transport.connection import Connection
from acgs_load.traffic.transport.content_coding import decoded
from acgs_load.traffic.transport.deadlines import TICK_S, DeadlineWheel
from acgs_load.traffic.transport.faults import BODY_TOO_BIG, UNANSWERED
from acgs_load.traffic.transport.inbox import Inbox
from acgs_load.traffic.transport.outbox import Outbox
from acgs_load.traffic.transport.target import Target


@pytest.mark.parametrize(
    ("url", "secure", "host", "port", "line"),
    [
        ("http://acgs.test", False, "acgs.test", 80, b"GET /x HTTP/1.1\r\nHost: acgs.test\r\n"),
        ("https://acgs.test:443/", True, "acgs.test", 443, b"GET /x HTTP/1.1\r\nHost: acgs.test\r\n"),
        ("http://ACGS.test:8080/a/b/", False, "acgs.test", 8080, b"GET /a/b/x HTTP/1.1\r\nHost: acgs.test:8080\r\n"),
        ("http://[::1]:1", False, "::1", 1, b"GET /x HTTP/1.1\r\nHost: [::1]:1\r\n"),
        ("https://bücher.test", True, "xn--bcher-kva.test", 443, b"GET /x HTTP/1.1\r\nHost: xn--bcher-kva.test\r\n"),
    ],
)
def test_a_target_is_taken_apart_and_its_requests_name_it(url, secure, host, port, line):
    """Default ports stay out of Host, prefixes come before paths."""
    target = Target.parse(url)
    assert (target.secure, target.host, target.port) == (secure, host, port)
    assert target.render("GET", "/x", b"A: b\r\n", None) == line + b"A: b\r\n\r\n"


@pytest.mark.parametrize(
    "url",
    ["", "acgs.test", "ftp://acgs.test", "http://", "http://a:99999", "http://u:p@a", "http://a?b", "http://a#b",
     "http://[::1", f"http://{'a' * 64}.test"],
)  # fmt: skip
def test_what_is_no_target_is_a_usage_error(url):
    """One line that shows the value."""
    with pytest.raises(UsageError, match="target"):
        Target.parse(url)


class Clock:
    """A loop with one timer and a clock that stands still until told."""

    def __init__(self, monkeypatch):
        self.now_s = 100.0
        self.turn = None
        monkeypatch.setattr(deadlines, "time", SimpleNamespace(perf_counter=lambda: self.now_s))

    def timer(self, *_, **__):
        return self

    def start(self, callback):
        self.turn = callback

    def stop(self):
        self.turn = None

    def pass_time(self, duration_s, step_s=TICK_S):
        for _ in range(round(duration_s / step_s)):
            self.now_s += step_s
            if self.turn is not None:
                self.turn()


class Waiting:
    """Something with a deadline that notes when it expired."""

    def __init__(self, clock, wheel):
        self.clock, self.wheel = clock, wheel
        self.deadline_s = self.enrolled_s = math.inf
        self.expired_s = []

    def wait(self, timeout_s):
        self.deadline_s = self.clock.now_s + timeout_s
        if self.deadline_s < self.enrolled_s:
            self.wheel.enrol(self)
        return self

    def expire(self):
        self.expired_s.append(self.clock.now_s)
        self.deadline_s = math.inf


@pytest.fixture
def clock(monkeypatch):
    return Clock(monkeypatch)


@pytest.mark.parametrize("timeout_s", [0.0, 0.001, TICK_S, 0.1, 0.3333, 30.0])
@pytest.mark.parametrize("step_s", [TICK_S, 0.9])
def test_an_expiry_is_never_early_and_at_most_a_turn_late(timeout_s, step_s, clock):
    """Also where the loop was busy for long between turns."""
    one = Waiting(clock, DeadlineWheel(clock)).wait(timeout_s)
    clock.pass_time(timeout_s + 2 * step_s, step_s)
    assert len(one.expired_s) == 1
    assert 100.0 + timeout_s <= one.expired_s[0] <= 100.0 + timeout_s + TICK_S + step_s


def test_answers_in_time_never_expire_and_need_no_new_slot(clock):
    """A thousand requests of one connection stand in the wheel once; an idle wheel stops its timer."""
    wheel = DeadlineWheel(clock)
    one = Waiting(clock, wheel)
    for _ in range(1000):
        one.wait(1.0)
        clock.pass_time(TICK_S)
        one.deadline_s = math.inf
        assert sum(map(len, wheel._slots.values())) <= 1
    clock.pass_time(2.0)
    assert (one.expired_s, clock.turn) == ([], None)
    one.wait(0.1)
    clock.pass_time(0.2)
    assert len(one.expired_s) == 1


def test_an_earlier_deadline_counts(clock):
    """And the slot of the later one no longer does."""
    one = Waiting(clock, DeadlineWheel(clock)).wait(10.0).wait(0.1)
    clock.pass_time(0.2)
    assert len(one.expired_s) == 1
    clock.pass_time(20.0)
    assert len(one.expired_s) == 1


def test_a_deadline_that_has_passed_already_expires_at_once(clock):
    """A connection that took all the time leaves none for the request."""
    one = Waiting(clock, DeadlineWheel(clock)).wait(-5.0)
    clock.pass_time(2 * TICK_S)
    assert len(one.expired_s) == 1


def test_an_old_slot_does_not_enrol_anew(clock):
    """Otherwise connections would stand in the wheel more often with every earlier deadline."""
    wheel = DeadlineWheel(clock)
    one = Waiting(clock, wheel).wait(1.0).wait(0.5)
    clock.pass_time(0.6)
    one.wait(5.0)
    clock.pass_time(1.0)
    assert sum(map(len, wheel._slots.values())) == 1


class Broken:
    """A socket that takes nothing any more but still has something to read."""

    def __init__(self, sock):
        self.recv, self.fileno, self.close = sock.recv, sock.fileno, sock.close

    def send(self, _):
        raise BrokenPipeError(errno.EPIPE, "broken pipe")


def test_an_answer_that_came_before_the_pipe_broke_counts():
    """A gateway that says 413 and hangs up has answered; one that says nothing has not."""
    hub = gevent.get_hub()
    for said, status in ((head("Content-Length: 0", status="413 Too Large"), 413), (b"", 0)):
        near, far = monkey.get_original("socket", "socketpair")()
        near.setblocking(False)
        far.sendall(said)
        far.close()
        connection = Connection(Broken(near), None, hub, DeadlineWheel(hub.loop), Inbox(hub.loop), Outbox(hub.loop))
        connection.talk(b"POST", False, time.perf_counter() + 5)
        assert (connection.answer.status, connection.fault) == (status, None if status else UNANSWERED)
        assert not connection.open


def test_a_bomb_stops_at_the_limit():
    """Not because it is broken, but because it is too much."""
    assert decoded({"content-encoding": "gzip"}, gzip.compress(bytes(65 * 1024 * 1024), 9)) is BODY_TOO_BIG


STREAM = (
    head(status="100 Continue")
    + head("X-Empty:", "X-A: b", "X-A: c", "Transfer-Encoding: chunked")
    + b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX-Late: d\r\n\r\n"
)


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_an_answer_does_not_depend_on_how_it_is_cut(cuts):
    """Any split of the bytes gives the same status, headers and body; trailers are left out."""
    answer = Answer()
    edges = [0, *sorted(cuts), len(STREAM)]
    for begin, end in itertools.pairwise(edges):
        assert answer.take(STREAM[begin:end]) is None
        assert answer.whole == (end == len(STREAM))
    assert (answer.status, answer.body, answer.keep_alive, answer.surplus) == (200, b"abcde", True, False)
    assert answer.headers == {"x-empty": "", "x-a": "b, c", "transfer-encoding": "chunked"}


@given(st.binary(max_size=200), st.booleans())
def test_no_bytes_make_an_answer_raise(noise, after_head):
    """Whatever a peer says is an answer, half an answer, or a fault."""
    answer = Answer()
    fault = answer.take((head("Transfer-Encoding: chunked") if after_head else b"HTTP/1.") + noise)
    assert fault is None or (fault.outcome == "bad_response" and not answer.whole)
    assert isinstance(answer.end(), bool)


def test_a_body_over_the_limit_is_a_fault(monkeypatch):
    """Endless bodies end as ``bad_response``, not in the memory of the generator."""
    monkeypatch.setattr(answer_module, "BODY_LIMIT_BYTES", 1000)
    monkeypatch.setattr(answer_module, "HEADERS_LIMIT_BYTES", 1000)
    answer = Answer()
    assert answer.take(head()) is None
    faults = [answer.take(b"x" * 100) for _ in range(30)]
    assert faults[0] is None
    assert faults[-1] is BODY_TOO_BIG

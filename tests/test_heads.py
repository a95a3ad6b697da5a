"""What is remembered of answers is what the parser said, and nothing else."""

import pytest

from acgs_load.traffic.transport import answer as answer_module
from acgs_load.traffic.transport.answer import Answer
from acgs_load.traffic.transport.heads import HEADS_MAX, REST_ANSWERS, HeadMemory


@pytest.fixture
def heads(monkeypatch):
    """A memory of its own for the answers of one test."""
    memory = HeadMemory()
    monkeypatch.setattr(answer_module, "_HEADS", memory)
    return memory


def message(body=b"{}", *lines, status="200 OK"):
    """A whole response."""
    head = "".join(f"{line}\r\n" for line in (f"HTTP/1.1 {status}", *lines))
    return head.encode() + f"Content-Length: {len(body)}\r\n\r\n".encode() + body


def read(data, head_only=False):
    """A fresh answer fed with ``data`` at once."""
    answer = Answer()
    answer.expect(head_only)
    fault = answer.take(data)
    return answer, fault


def seen(answer):
    """All that a user of an answer looks at."""
    return answer.whole, answer.status, dict(answer.headers), answer.body, answer.keep_alive, answer.surplus


@pytest.mark.parametrize(
    "data",
    [
        message(),
        message(b"", "X-A: b"),
        message(b"a\r\n\r\nb"),
        message(b"{}", "X-A: 1", "x-a: 2", status="503 Overloaded"),
        message(b"{}", "Connection: close"),
        message(b"\x1f\x8b..", "Content-Encoding: gzip"),
        b"HTTP/1.1 100 Continue\r\n\r\n" + message(),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 200 OK\nContent-Length: 4\n\n\r\n\r\n",
        message() + b"HTTP/1.1 200 OK\r\n\r\n",
    ],
)
def test_the_second_time_is_like_the_first(heads, data):
    """Whether an answer was parsed or remembered cannot be told from it."""
    first, second, third = (read(data) for _ in range(3))
    assert seen(first[0]) == seen(second[0]) == seen(third[0])
    assert first[1] == second[1] == third[1]


def test_a_repeated_head_is_not_parsed_again(heads):
    """Other bodies of the same length belong to the same head."""
    read(message(b"[1]"))
    assert heads.recall(message(b"[2]")) == (200, {"content-length": "3"}, b"[2]")


@pytest.mark.parametrize("data", [message(b"[1]")[:-1], message(b"[1]") + b"x", message(b"[12]"), b"", b"HTTP/1.1"])
def test_what_is_not_exactly_one_answer_is_left_to_the_parser(heads, data):
    """Too short, too long, another head, nothing."""
    read(message(b"[1]"))
    assert heads.recall(data) is None


def test_a_head_without_a_length_is_not_learnt(heads):
    """The five bytes that end a chunked body must not pass for a body of five bytes."""
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert read(chunked + b"5\r\nabcde\r\n0\r\n\r\n")[0].body == b"abcde"
    assert read(chunked + b"0\r\n\r\n")[0].body == b""


def test_bytes_after_a_remembered_answer_are_surplus(heads):
    """As they are after a parsed one."""
    read(message())
    answer, _ = read(message())
    answer.take(message())
    assert (answer.surplus, answer.body) == (True, b"{}")


def test_the_answer_to_a_head_request_is_neither_learnt_nor_recalled(heads):
    """Its Content-Length speaks of a body that never comes."""
    read(message(b"", "X-A: b"))
    assert not read(message(b"", "X-A: b"), head_only=True)[0].keep_alive
    read(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", head_only=True)
    assert heads.recall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}") is None


def test_heads_that_never_come_again_are_given_up_for_a_while(heads):
    """A target that numbers its answers costs a search and a look-up for a few hundred of them, then nothing."""
    for number in range(HEADS_MAX + 1):
        read(message(b"{}", f"X-Request-ID: {number}"))
    known = message(b"{}", f"X-Request-ID: {HEADS_MAX}")
    rested = 0
    while heads.recall(known) is None:
        rested += 1
    assert rested == REST_ANSWERS

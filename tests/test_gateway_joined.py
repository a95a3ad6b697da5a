"""Head and body of an answer leave together, and a head without a body leaves, too."""

from unittest.mock import MagicMock

from acgs_load.gateway.joined import JoinedWrites


class Turn:
    """An event loop that keeps what is to be called at its next turn."""

    def __init__(self):
        self.calls = []

    def call_soon(self, call):
        self.calls.append(call)


def joined():
    """A joining transport, the mock below it, and its loop."""
    below, loop = MagicMock(), Turn()
    return JoinedWrites(below, loop), below, loop


def test_head_and_body_are_one_write():
    """Nothing is sent in between, and nothing twice."""
    transport, below, loop = joined()
    transport.write(b"HTTP/1.1 200 OK\r\n\r\n")
    below.write.assert_not_called()
    transport.write(b"body")
    below.write.assert_called_once_with(b"HTTP/1.1 200 OK\r\n\r\nbody")
    for call in loop.calls:
        call()
    below.write.assert_called_once()


def test_a_head_without_a_body_is_sent_at_the_next_turn_or_before_the_end():
    """HEAD has no body; a connection that closes sends all it has, one that is aborted nothing."""
    for end, expected in (
        (lambda transport, loop: loop.calls[0](), 1),
        (lambda transport, loop: transport.close(), 1),
        (lambda transport, loop: transport.abort(), 0),
    ):
        transport, below, loop = joined()
        transport.write(b"HTTP/1.1 404 Not Found\r\n\r\n")
        end(transport, loop)
        assert below.write.call_count == expected


def test_an_interim_answer_is_sent_at_once():
    """A client that waits for 100 sends nothing more until it comes."""
    transport, below, _ = joined()
    transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    below.write.assert_called_once()

"""Whatever bytes a peer sends: the answer they spell, or a clean ``bad_response``. No other answer, no crash."""

from __future__ import annotations

import re
import time

from fuzzing import cases
from http_readings import Reading, by_h11, by_http_client, cut, ours
from http_responses import Lawful, lawful, nearly_lawful
from hypothesis import example, given
from hypothesis import strategies as st

from acgs_load.traffic.transport.answer import Answer

CUTS = st.lists(st.integers(0, 400), max_size=8)
_EMPTY = re.compile(rb"(HTTP/1\.[01] 1\d\d[^\r\n]*\r\n(?:[^\r\n]+\r\n)*\r\n)[\r\n]+")
"""Line ends before a status line say nothing; we pass over them, the references do not."""
LONGEST_S = 2.0
"""For a few hundred bytes; they take some microseconds."""


@cases(300)
@given(lawful(), CUTS)
def test_every_lawful_response_is_read_as_it_was_meant(response: Lawful, cuts):
    """However it is cut: status, headers and body by construction."""
    assert ours(cut(response.wire, cuts)) == Reading(response.status, response.headers, response.body)


@cases(500)
@given(nearly_lawful)
def test_damaged_responses_are_read_as_the_references_read_them_or_refused(data):
    """What we take for an answer, h11 or else http.client reads in the same way; where h11 reads, only h11 counts."""
    begun_s = time.perf_counter()
    mine = ours([data])
    assert time.perf_counter() - begun_s < LONGEST_S
    if mine is None:
        return
    data = _EMPTY.sub(rb"\1", data.lstrip(b"\r\n"))
    theirs = by_h11(data) or by_http_client(data)
    # http.client takes any interim answer but 100 for the last; who reads none is no reference
    assert mine == theirs or (theirs is not None and theirs.status < 200)


@cases(500)
@given(nearly_lawful | st.binary(max_size=120), CUTS)
@example(b"\r\n\r\n\r\nHTTP/1.1 200 OK\r\nX-A: b\r\nContent-Length: 0\r\n\r\n", [2])
def test_any_cut_gives_the_same_answer(data, cuts):
    """Byte by byte, at random, or whole."""
    whole = ours([data])
    assert ours(cut(data, cuts)) == whole
    assert ours([data[i : i + 1] for i in range(len(data))]) == whole


@cases(300)
@given(lawful().filter(lambda response: response.ends_itself), nearly_lawful | st.binary(min_size=1), CUTS)
def test_what_follows_an_answer_does_not_change_it(response, more, cuts):
    """The bytes of a next response, or garbage: the answer stands, and the connection is known to be spoilt."""
    answer = Answer()
    assert answer.take(response.wire + more) is None
    assert (answer.whole, answer.status, answer.body) == (True, response.status, response.body)
    assert answer.surplus or not answer.keep_alive or not more.strip(b"\r\n")
    assert ours(cut(response.wire + more, cuts)) == Reading(response.status, response.headers, response.body)

"""Hypothesis strategies: lawful HTTP responses whose meaning is known by construction, and what is nearly one."""

from __future__ import annotations

from typing import NamedTuple

from accidents import spoilt_bytes
from hypothesis import strategies as st

from acgs_load.traffic.transport.answer import add_header

TOKEN = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCXYZ"
OWN = {"content-length", "transfer-encoding", "connection", "content-encoding", "upgrade", "proxy-connection"}
"""Headers that mean something to a parser; they are put in on purpose only."""


class Lawful(NamedTuple):
    """A response as RFC 9112 spells it, and what it means."""

    wire: bytes
    status: int
    headers: tuple[tuple[str, str], ...]
    """Sorted, lower case, joined; without those that frame the body."""
    body: bytes
    ends_itself: bool
    """By length or chunks; otherwise by the end of the stream."""


names = st.text(TOKEN, min_size=1, max_size=12).filter(lambda name: name.lower() not in OWN) | st.sampled_from(
    ["X-Constitutional-Hash", "x-constitutional-hash", "Set-Cookie", "Date", "X-A", "x-a"]
)
values = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=20)
blanks = st.text(" \t", max_size=3)
bodies = st.binary(max_size=60) | st.sampled_from([b"{}", b"", b'{"a": [1]}', b"HTTP/1.1 200 OK\r\n\r\n", b"0\r\n\r\n"])
statuses = st.integers(200, 599).filter(lambda status: status not in (204, 304))
reasons = st.sampled_from([b" OK", b" ", b"", b" Not at all", b" \xe4\xf6"])


@st.composite
def _header_lines(draw: st.DrawFn) -> tuple[bytes, dict[str, str]]:
    wire, meant = b"", {}
    for name, value in draw(st.lists(st.tuples(names, values), max_size=5)):
        line = f"{name}:{draw(blanks)}{value}{draw(blanks)}"
        wire += line.encode("latin-1") + b"\r\n"
        add_header(meant, name.lower(), value)
    return wire, meant


@st.composite
def _chunked(draw: st.DrawFn, body: bytes) -> bytes:
    wire, rest = b"", body
    while rest:
        size = draw(st.integers(1, len(rest)))
        extension = draw(st.sampled_from([b"", b";a=b", b";a", b';a="b c"']))
        wire += b"%x%b\r\n%b\r\n" % (size, extension, rest[:size])
        rest = rest[size:]
    trailer = draw(st.sampled_from([b"", b"X-Late: yes\r\n", b"X-A: b\r\nX-Constitutional-Hash: no\r\n"]))
    return wire + b"0\r\n" + trailer + b"\r\n"


@st.composite
def lawful(draw: st.DrawFn) -> Lawful:
    """A response with its body framed in one of the ways that the RFC knows, interim answers before it or none."""
    lines, meant = draw(_header_lines())
    status, body = draw(statuses), draw(bodies)
    version = draw(st.sampled_from([b"1.1", b"1.1", b"1.0"]))
    framing = draw(st.sampled_from(["length", "close"] + (["chunked"] * 2 if version == b"1.1" else [])))
    interim = draw(
        st.sampled_from([b"", b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Hints\r\nLink: x\r\n\r\n"])
    )
    own, content = b"", body
    if framing == "length":
        own = b"Content-Length: %d\r\n" % len(body)
    elif framing == "chunked":
        own, content = b"Transfer-Encoding: chunked\r\n", draw(_chunked(body))
    head = b"HTTP/%b %d%b\r\n" % (version, status, draw(reasons))
    both = lines + own if draw(st.booleans()) else own + lines
    wire = (interim if version == b"1.1" else b"") + head + both + b"\r\n" + content
    return Lawful(wire, status, tuple(sorted(meant.items())), body, framing != "close")


_BREAKERS = [
    b"\r\n", b"\n", b"\r", b" ", b"\t", b":", b",", b";", b"\x00", b"\x7f", b"\xff", b"0", b"1", b"9", b"a", b"f",
    b"-", b"+", b"HTTP/1.1 ", b"HTTP/1.0 200 OK\r\n", b"Content-Length: 2\r\n", b"Content-Length: 999\r\n",
    b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: gzip, chunked\r\n", b"Transfer-Encoding: identity\r\n",
    b"Connection: close\r\n", b"Upgrade: h2c\r\n", b" folded\r\n", b"\r\n\r\n", b"0\r\n\r\n", b"ffffffffffffffff\r\n",
]  # fmt: skip


nearly_lawful = lawful().flatmap(lambda response: spoilt_bytes(response.wire, _BREAKERS, most=4))
"""A lawful response after a few accidents."""

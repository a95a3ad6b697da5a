"""Hypothesis strategies: what can happen to a file on its way from who wrote it to who reads it."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st

NASTY: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 0.5, -0.0, 1e308, -1e308, 10**30, -(10**30), 2**63, 1e-320, float("nan"), float("inf"),
    "", " ", "0", "-1", "nan", "1e999", "x" * 300, "\x00", "\x1b[2J", "\u202e", "a\nb", "../../x", "=cmd|' /C calc'!A0",
    "<script>alert(1)</script>", "\ud800", [], {}, [[]], [None], {"": None}, [1, 2, 3, 4, 5], [[1, 2]], {"name": {}},
)  # fmt: skip
"""Values that are of another type, out of bounds, or written to harm."""
_PUT_IN = (
    b"\x00", b"\xff", b"\xef\xbb\xbf", b"\n", b"\r\n", b"\r", b",", b'"', b"'", b"{", b"}", b"[", b"]", b":", b"-",
    b"9" * 40, b"1e999", b"NaN", b"null", b"true", b"=1+1", b"\x1b[31m", b"\xe2\x80\xae", b" ", b"\t", b";", b"N/A",
)  # fmt: skip


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every place of a JSON value that something else may be put, as (container, key)."""
    found: list[tuple[Any, Any]] = []
    waiting = [value]
    while waiting:
        container = waiting.pop()
        for key, inner in list(container.items() if isinstance(container, dict) else enumerate(container)):
            found.append((container, key))
            if isinstance(inner, dict | list):
                waiting.append(inner)
    return found


@st.composite
def spoilt_value(draw: st.DrawFn, value: Any) -> Any:
    """A copy of a JSON value with one to three places lost, doubled or replaced."""
    value = copy.deepcopy(value)
    for _ in range(draw(st.integers(1, 3))):
        found = places(value)
        if not found:
            return value
        container, key = draw(st.sampled_from(found))
        accident = draw(st.sampled_from(["replace", "replace", "replace", "delete", "move", "wrap"]))
        if accident == "delete":
            del container[key]
        elif accident == "wrap":
            container[key] = [container[key]]
        elif accident == "move":
            other, place = draw(st.sampled_from(found))
            container[key] = copy.deepcopy(other[place])
        else:
            container[key] = copy.deepcopy(draw(st.sampled_from(NASTY)))
    return value


@st.composite
def spoilt_bytes(draw: st.DrawFn, data: bytes, foreign: Sequence[bytes] = _PUT_IN, most: int = 3) -> bytes:
    """The bytes after one to ``most`` accidents: lost, doubled, changed, ``foreign`` ones put in, cut off."""
    spoilt = bytearray(data)
    for _ in range(draw(st.integers(1, most))):
        place = draw(st.integers(0, len(spoilt)))
        accident = draw(st.sampled_from(["insert", "insert", "delete", "double", "flip", "end", "begin"]))
        if accident == "insert":
            spoilt[place:place] = draw(st.sampled_from(foreign))
        elif accident == "delete":
            del spoilt[place : place + draw(st.integers(1, 60))]
        elif accident == "double":
            spoilt[place:place] = spoilt[place : place + draw(st.integers(1, 200))]
        elif accident == "flip" and place < len(spoilt):
            spoilt[place] ^= 1 << draw(st.integers(0, 7))
        elif accident == "end":
            del spoilt[place:]
        elif accident == "begin":
            del spoilt[:place]
    return bytes(spoilt)


@st.composite
def spoilt_json(draw: st.DrawFn, data: bytes) -> bytes:
    """A JSON document with wrong values in it, or wrong bytes."""
    try:
        value = json.loads(data)
    except ValueError:  # spoilt already
        return draw(spoilt_bytes(data))
    if draw(st.integers(0, 3)) == 0:
        return draw(spoilt_bytes(data))
    return json.dumps(draw(spoilt_value(value))).encode()


@st.composite
def spoilt_lines(draw: st.DrawFn, data: bytes) -> bytes:
    """JSON lines with one or two of them spoilt, swapped or lost."""
    lines = data.splitlines(keepends=True)
    for _ in range(draw(st.integers(1, 2))):
        place = draw(st.integers(0, len(lines) - 1))
        accident = draw(st.sampled_from(["spoil", "spoil", "spoil", "swap", "lose"]))
        if accident == "spoil":
            sound = data.splitlines()[place]  # what was spoilt before may be no JSON any more
            lines[place] = draw(spoilt_json(sound.strip())) + b"\n"
        elif accident == "swap":
            lines[place], lines[-1] = lines[-1], lines[place]
        elif len(lines) > 1:
            del lines[place]
    return b"".join(lines)


@st.composite
def spoilt_table(draw: st.DrawFn, data: bytes) -> bytes:
    """A CSV file with cells replaced, or wrong bytes."""
    if draw(st.integers(0, 2)) == 0:
        return draw(spoilt_bytes(data))
    lines = data.decode().splitlines()
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(lines) - 1))
        cells = lines[place].split(",")
        cells[draw(st.integers(0, len(cells) - 1))] = str(draw(st.sampled_from(NASTY)))
        lines[place] = ",".join(cells)
    return "\n".join((*lines, "")).encode("utf-8", "surrogatepass")

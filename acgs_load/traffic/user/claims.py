"""Small claims whose truth is known by construction: what the suite asks the target's solver to prove.

Each family builds premises and a claim from bounded random numbers; its comment says why the verdict must be so.
Every constant is bounded on both sides wherever a model is due, so that no solver answers with numbers beyond JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from random import Random
from typing import NamedTuple


class Claim(NamedTuple):
    """Premises over declared constants, and a term that follows from them or does not."""

    declarations: Mapping[str, str]
    premises: tuple[str, ...]
    claim: str
    holds: bool
    """The claim follows: premises ∧ ¬claim is unsatisfiable."""
    consistent: bool = True
    """The premises are satisfiable."""


def make_claims(random: Random, count: int) -> list[Claim]:
    """``count`` claims, the families and both verdicts in turn."""
    return [_FAMILIES[i % len(_FAMILIES)](random, (i // len(_FAMILIES)) % 2 == 0) for i in range(count)]


def integer(value: int) -> str:
    """An Int literal; SMT-LIB spells negative ones as an application."""
    return str(value) if value >= 0 else f"(- {-value})"


def real(numerator: int, denominator: int = 1) -> str:
    """A Real literal."""
    magnitude = f"{abs(numerator)}.0" if denominator == 1 else f"(/ {abs(numerator)}.0 {denominator}.0)"
    return magnitude if numerator >= 0 else f"(- {magnitude})"


def _integer_sum(random: Random, holds: bool) -> Claim:
    # x ≥ a and y ≥ b give x + y ≥ a + b, and no more: x = a, y = b is within the bounds.
    a, b, width = random.randint(-50, 50), random.randint(-50, 50), random.randint(1, 40)
    bound = a + b if holds else a + b + random.randint(1, width)
    premises = (
        f"(and (>= x {integer(a)}) (<= x {integer(a + width)}))",
        f"(>= y {integer(b)})",
        f"(<= y {integer(b + width)})",
    )
    return Claim({"x": "Int", "y": "Int"}, premises, f"(>= (+ x y) {integer(bound)})", holds)


def _real_share(random: Random, holds: bool) -> Claim:
    # 0 ≤ r ≤ p/q gives k·r ≤ k·p/q; r = p/q itself breaks any smaller bound.
    p, q, k = random.randint(1, 30), random.choice((3, 7, 11, 13)), random.randint(2, 6)
    bound = real(k * p, q) if holds else real(k * p - 1, q)
    premises = (f"(>= r {real(0)})", f"(<= r {real(p, q)})")
    return Claim({"r": "Real"}, premises, f"(<= (* {real(k)} r) {bound})", holds)


def _implications(random: Random, holds: bool) -> Claim:
    # The chain carries truth from its first link to the last; without the first fact all may be false.
    names = [f"p{i}" for i in range(random.randint(3, 7))]
    links = tuple(f"(=> {left} {right})" for left, right in pairwise(names))
    premises = (names[0], *links) if holds else links
    return Claim(dict.fromkeys(names, "Bool"), premises, names[-1], holds)


def _transitivity(random: Random, holds: bool) -> Claim:
    # n rising integers lie at least n − 1 apart, and neighbours i, i + 1 … lie exactly that far apart.
    count, low = random.randint(3, 6), random.randint(-20, 20)
    names = [f"v{i}" for i in range(count)]
    distance = count - 1 if holds else count
    premises = (
        f"(< {' '.join(names)})",
        f"(>= {names[0]} {integer(low)})",
        f"(<= {names[-1]} {integer(low + 4 * count)})",
    )
    claim = f"(>= (- {names[-1]} {names[0]}) {integer(distance)})"
    return Claim(dict.fromkeys(names, "Int"), premises, claim, holds)


def _parity(random: Random, holds: bool) -> Claim:
    # 2x + 4y is even: it never equals an odd number, and reaches an even one at y = 0, x = half of it.
    half = random.randint(-40, 40)
    total = 2 * half + 1 if holds else 2 * half
    premises = (f"(<= {integer(-100)} x 100)", f"(<= {integer(-100)} y 100)")
    claim = f"(not (= (+ (* 2 x) (* 4 y)) {integer(total)}))"
    return Claim({"x": "Int", "y": "Int"}, premises, claim, holds)


def _gap(random: Random, holds: bool) -> Claim:
    # Nothing lies strictly between neighbouring integers, so anything follows; between reals there is a middle.
    a = random.randint(-60, 60)
    sort, low, high = ("Int", integer(a), integer(a + 1)) if holds else ("Real", real(a), real(a + 1))
    return Claim({"x": sort}, (f"(> x {low})", f"(< x {high})"), "false", holds, consistent=not holds)


def _guard(random: Random, holds: bool) -> Claim:
    # With the guard given, the bound behind it holds; with only "guard or emergency" the guard may be false.
    limit, width = random.randint(1, 90), random.randint(2, 20)
    guard = "approved" if holds else "(or approved emergency)"
    premises = (
        guard,
        f"(=> approved (<= risk {integer(limit)}))",
        f"(and (>= risk 0) (<= risk {integer(limit + width)}))",
    )
    return Claim({"approved": "Bool", "emergency": "Bool", "risk": "Int"}, premises, f"(<= risk {limit})", holds)


def _choice(random: Random, holds: bool) -> Claim:
    # The fee is one of two amounts, so it is at most the larger; a bound between the two is broken by the larger.
    small, step = random.randint(1, 50), random.randint(2, 30)
    bound = small + step if holds else small + step - 1
    premises = (f"(= fee (ite urgent {real(small + step)} {real(small)}))",)
    return Claim({"urgent": "Bool", "fee": "Real"}, premises, f"(<= fee {real(bound)})", holds)


def _pigeonhole(random: Random, holds: bool) -> Claim:
    # Three different seats do not fit into two places, so anything follows; into three or more they do.
    low = random.randint(0, 30)
    high = low + 1 if holds else low + random.randint(2, 5)
    names = ("a", "b", "c")
    premises = (
        "(distinct a b c)",
        *(f"(and (>= {name} {integer(low)}) (<= {name} {integer(high)}))" for name in names),
    )
    return Claim(dict.fromkeys(names, "Int"), premises, "false", holds, consistent=not holds)


def _exclusive(random: Random, holds: bool) -> Claim:
    # xor of two roles with one of them given settles the other; without the fact either may be held.
    first, second = random.sample(("author", "auditor", "council", "steward"), 2)
    premises = (f"(xor {first} {second})", first) if holds else (f"(xor {first} {second})", f"(or {first} {second})")
    return Claim({first: "Bool", second: "Bool"}, premises, f"(not {second})", holds)


def _ground(random: Random, holds: bool) -> Claim:
    # Plain arithmetic without any constant: an empty model is the right one.
    a, b = random.randint(2, 400), random.randint(2, 400)
    return Claim({}, ("true",), f"(= (+ {a} {b}) {a + b if holds else a + b + 1})", holds)


def _weighted_mean(random: Random, holds: bool) -> Claim:
    # A mean of scores that are all at least p/q is at least p/q; scores equal to it break any larger bound.
    p, q = random.randint(1, 18), 19
    names = [f"score_{i}" for i in range(random.randint(2, 4))]
    bound = real(p, q) if holds else real(2 * p + 1, 2 * q)
    premises = tuple(f"(and (>= {name} {real(p, q)}) (<= {name} {real(1)}))" for name in names)
    claim = f"(>= (+ {' '.join(names)}) (* {real(len(names))} {bound}))"
    return Claim(dict.fromkeys(names, "Real"), premises, claim, holds)


_FAMILIES: tuple[Callable[[Random, bool], Claim], ...] = (
    _integer_sum,
    _real_share,
    _implications,
    _transitivity,
    _parity,
    _gap,
    _guard,
    _choice,
    _pigeonhole,
    _exclusive,
    _ground,
    _weighted_mean,
)

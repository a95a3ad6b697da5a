"""Student's t distribution: how many standard errors an interval takes when the error itself was estimated.

The tail is the regularised incomplete beta function, I(ν ÷ (ν + t²); ν ÷ 2, ½) (Abramowitz and Stegun, 26.7.1), and
that a continued fraction (NIST Digital Library of Mathematical Functions, 8.17.22).
"""

from __future__ import annotations

import math

_TINY = 1e-300
_TERMS_MAX = 500
_ENOUGH = 1e-14
_T_MAX = 1e6


def two_sided_p(t: float, freedom: float) -> float:
    """The chance that chance alone lies ``t`` or more from 0, either way; ``freedom`` degrees of freedom, above 0."""
    return _incomplete_beta(freedom / (freedom + t * t), freedom / 2, 0.5)


def critical_t(p: float, freedom: float) -> float:
    """The t beyond which, either way, lies the share ``p`` (0–1, both excluded)."""
    low, high = 0.0, 1.0
    while two_sided_p(high, freedom) > p and high < _T_MAX:
        low, high = high, high * 2
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if two_sided_p(middle, freedom) > p else (low, middle)
    return high


def _incomplete_beta(x: float, a: float, b: float) -> float:
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x),
    )
    if x < (a + 1) / (a + b + 2):
        return front * _fraction(x, a, b) / a
    return 1 - front * _fraction(1 - x, b, a) / b


def _fraction(x: float, a: float, b: float) -> float:
    """The continued fraction, from its front (Lentz's method)."""
    value, c, d = 1.0, 1.0, 1 / _solid(1 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, _TERMS_MAX):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for numerator in (even, odd):
            d = 1 / _solid(1 + numerator * d)
            c = _solid(1 + numerator / c)
            value *= c * d
        if abs(c * d - 1) < _ENOUGH:
            break
    return value


def _solid(value: float) -> float:
    return value if abs(value) > _TINY else _TINY

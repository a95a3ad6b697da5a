"""The capacity of a real gateway with a planted limit, found by a real search."""

from __future__ import annotations

import pytest
import quiet_locust  # noqa: F401  # before anything that imports Locust
from running import gateway, run

from acgs_load.traffic.master.rate_search import _told

PLANTED_RPS = 100


@pytest.mark.matrix
def test_capacity_of_the_gateway_is_found_within_a_tenth(tmp_path):
    """The answer and the knee are within 10 % of what was planted, and said in a sentence."""
    with gateway("--fault", f"capacity={PLANTED_RPS}") as url:
        flags = ("--test-type", "capacity", "--target", url, "--users", "200", "--rate", "40", "--duration", "90s")
        ended = run(tmp_path, *flags, timeout_s=200)
    point = ended.report["breaking_point"]
    assert point["capacity_rps"] == pytest.approx(PLANTED_RPS, rel=0.1)
    assert point["broke"]["rate"] > point["capacity_rps"]
    assert point["knee"]["highest_rps"] == pytest.approx(PLANTED_RPS, rel=0.1)
    assert f"holds {point['capacity_rps']:g} RPS at p95" in " ".join(ended.output.split())


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [(11_946.3, "ms", "11,946 ms"), (5.5, "rps", "5.5 RPS"), (0.0243, "ratio", "2.43 %"), (None, "ms", "not measured")],
)
def test_the_record_of_a_search_tells_values_with_their_units(value, unit, text):
    """Never as a power of ten."""
    assert _told(value, unit) == text

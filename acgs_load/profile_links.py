"""How far simulated regions are from the target."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from acgs_load.errors import UsageError
from acgs_load.plan import Link, Node

DEFAULT_RTT_MS: Mapping[str, float] = {
    "us-east-1": 1.0,
    "us-west-2": 87.0,
    "eu-west-1": 81.0,
    "ap-southeast-1": 217.0,
}
"""Round trips to a target in us-east-1: means of pings between the regions of AWS as tabled in "AWS Regions"
(acomputerscientistlearnsaws.blogspot.com, April 2017); within a region, between zones 0.25 to 3.4 ms (xkyle.com)."""


def links_of(nodes: Sequence[Node], given: Mapping[str, Link]) -> tuple[Link, ...]:
    """A link for every region of ``nodes``. Raises UsageError for a region whose distance nobody knows."""
    regions = list(dict.fromkeys(node.region for node in nodes))
    unknown = [region for region in regions if region not in given and region not in DEFAULT_RTT_MS]
    if unknown:
        known = ", ".join(DEFAULT_RTT_MS)
        raise UsageError(
            f"--simulate-regions: nothing says how far {unknown[0]} is (known: {known}); "
            f'add REGION_LINKS {{"{unknown[0]}": {{"rtt_ms": 50}}}} to the configuration file'
        )
    strange = [region for region in given if region not in regions]
    if strange:
        raise UsageError(f"REGION_LINKS: no node is in {strange[0]}; regions of this run: {', '.join(regions)}")
    return tuple(given.get(region) or Link(region, DEFAULT_RTT_MS[region]) for region in regions)

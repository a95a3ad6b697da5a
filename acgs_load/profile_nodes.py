"""Which machines generate the load, with how many workers and users each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from acgs_load.errors import UsageError
from acgs_load.plan import Node

REGIONS = ("us-east-1", "us-west-2", "eu-west-1", "ap-southeast-1")
DISTRIBUTED = tuple(Node("localhost", 4, 1_000, region) for region in REGIONS)
"""What ``distributed`` runs on unless LOAD_TEST_NODES names machines: four regions, all played by this one."""


def one_node(workers: int, users: int) -> tuple[Node, ...]:
    """This machine alone."""
    return (Node("localhost", workers, users, "local"),)


def with_workers(nodes: Sequence[Node], workers: int) -> tuple[Node, ...]:
    """The same nodes with ``workers`` in all, shared in proportion to what they had, at least one each.

    Raises UsageError if there are fewer workers than nodes.
    """
    if workers < len(nodes):
        raise UsageError(f"{workers} workers for {len(nodes)} nodes; each node needs at least one")
    extra = shares(workers - len(nodes), [node.workers for node in nodes])
    return tuple(replace(node, workers=1 + more) for node, more in zip(nodes, extra, strict=True))


def capacity(nodes: Sequence[Node]) -> int:
    """Users that the nodes can carry together."""
    return sum(node.max_users for node in nodes)


def users_by_node(nodes: Sequence[Node], users: int) -> list[int]:
    """How many of ``users`` each node carries, in proportion to its ``max_users``, to the last user."""
    return shares(users, [node.max_users for node in nodes])


def shares(total: int, weights: Sequence[int]) -> list[int]:
    """``total`` split in proportion to ``weights`` by the largest remainder (Hamilton); the sum is exact."""
    whole = sum(weights)
    exact = [divmod(total * weight, whole) for weight in weights]
    result = [quotient for quotient, _ in exact]
    by_remainder = sorted(range(len(weights)), key=lambda index: -exact[index][1])
    for index in by_remainder[: total - sum(result)]:
        result[index] += 1
    return result

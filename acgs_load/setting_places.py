"""Reads what places are told: how far regions are, how a cluster is asked. Gives the value or raises ValueError."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from acgs_load.plan import Kubernetes, Link
from acgs_load.setting_values import nearest, number

RTT_MAX_MS, LOSS_MAX = 10_000.0, 0.5
_QUANTITY = r"[0-9]+(\.[0-9]+)?(m|[kMGT]i?)?"
KUBERNETES: Mapping[str, tuple[str, str]] = {
    "image": (r"[A-Za-z0-9][A-Za-z0-9._:/@-]{0,254}", "an image such as registry.example.com/acgs-loadtest:1"),
    "namespace": (r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", "a namespace"),
    "context": (r"[^\s-]\S{0,252}", "a context of kubectl"),
    "cpu": (_QUANTITY, "a quantity such as 1 or 500m"),
    "memory": (_QUANTITY, "a quantity such as 1Gi"),
    "storage": (_QUANTITY, "a quantity such as 5Gi"),
    "storage_class": (r"[a-z0-9][a-z0-9.-]{0,252}", "a storage class"),
    "region_label": (r"([a-z0-9][a-z0-9.-]{0,252}/)?[A-Za-z0-9][A-Za-z0-9._-]{0,62}|", "a label of nodes, or empty"),
    "pull_secret": (r"[a-z0-9][a-z0-9.-]{0,252}", "the name of a Secret"),
}
"""Legal text and its description, by field."""


def kubernetes(value: Any) -> Kubernetes:
    """How a run looks in a cluster; what is not said stays at its default."""
    names = [field.name for field in fields(Kubernetes)]
    if not isinstance(value, Mapping):
        raise ValueError(f"must be an object of {', '.join(names)}")  # noqa: TRY004  pydantic tells ValueErrors
    for name, text in value.items():
        if name not in KUBERNETES:
            raise ValueError(f"{name} is no field{nearest(str(name), names) or ': ' + ', '.join(names)}")
        pattern, legal = KUBERNETES[name]
        if not isinstance(text, str) or not re.fullmatch(pattern, text):
            raise ValueError(f"{name} {json.dumps(text)}: must be {legal}")
    return Kubernetes(**value)


def region_links(value: Any) -> dict[str, Link]:
    """The link of each simulated region."""
    legal = 'must be an object by region, such as {"eu-west-1": {"rtt_ms": 80, "loss_ratio": 0.001}}'
    if not isinstance(value, Mapping):
        raise ValueError(legal)  # noqa: TRY004  pydantic tells ValueErrors
    result: dict[str, Link] = {}
    for region, row in value.items():
        if not isinstance(row, Mapping) or "rtt_ms" not in row or set(row) - {"rtt_ms", "loss_ratio"}:
            raise ValueError(legal)
        try:
            rtt_ms, loss_ratio = number(row["rtt_ms"], 0, RTT_MAX_MS), number(row.get("loss_ratio", 0.0), 0, LOSS_MAX)
        except ValueError as error:
            raise ValueError(f"{region} {json.dumps(dict(row))}: {error}") from None
        result[region] = Link(region, rtt_ms, loss_ratio)
    return result

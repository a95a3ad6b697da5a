"""The kinds of value that settings take, as pydantic types: one definition for checking and for the JSON Schema.

Strict throughout: true is no number, 1 is no switch, "5" in a file is no number.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, StrictBool, StrictInt, StrictStr, WithJsonSchema

from acgs_load import setting_places as places
from acgs_load import setting_values as values
from acgs_load.contract import OPERATIONS, TENANT_ID_PATTERN, Scenario
from acgs_load.setting_hosts import hosts
from acgs_load.settings_table import PLACES, TEST_TYPES

_HOST = r"^[A-Za-z0-9_\[][A-Za-z0-9_.:@\[\]-]{0,252}$"
_WORKERS_MAX, _USERS_MAX = 4_096, 1_000_000
_TENANT = rf"^{TENANT_ID_PATTERN}$"
# the descriptions of a row's fields end an error about them: they say what is legal
_ROW = ConfigDict(extra="forbid", strict=True, frozen=True)


class NodeRow(BaseModel):
    """A machine that generates load."""

    model_config = _ROW
    host: Annotated[str, Field(pattern=_HOST, description="must be a host name or address")]
    workers: Annotated[int, Field(ge=1, le=_WORKERS_MAX, description="must be a whole number from 1 to 4,096")]
    max_users: Annotated[int, Field(ge=1, le=_USERS_MAX, description="must be a whole number from 1 to 1,000,000")]
    region: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
            description="must be letters, digits, dots, dashes or underscores, 64 at most",
        ),
    ] = "local"
    user: Annotated[
        str | None, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._@\\-]{0,63}$", description="must be a user name for ssh")
    ] = None
    port: Annotated[
        int | None, Field(ge=1, le=65_535, description="must be ssh's port, a whole number from 1 to 65,535")
    ] = None
    identity_file: Annotated[
        str | None, Field(pattern=r"^[^\s-]\S*$", description="must be the path of a key for ssh, without blanks")
    ] = None
    python: Annotated[
        str | None, Field(pattern=r"^[^\s-]\S*$", description="must be the path of a Python interpreter there")
    ] = None


class AccountRow(BaseModel):
    """Who logs in to a tenant."""

    model_config = _ROW
    username: Annotated[str, Field(min_length=1, max_length=256, description="must be a text of 1 to 256 characters")]
    tenant_id: Annotated[
        str, Field(pattern=_TENANT, description="must be 1 to 64 letters, digits, dashes or underscores")
    ]


class Kind(NamedTuple):
    """What pydantic checks, and how a person is told. An empty ``legal``: the check's own text says it."""

    annotation: Any
    legal: str = ""


def _read(function: Any, schema: dict[str, Any]) -> Any:
    return Annotated[Any, PlainValidator(function), WithJsonSchema(schema)]


def _whole(least: int, most: int) -> Kind:
    return Kind(Annotated[StrictInt, Field(ge=least, le=most)], f"must be a whole number from {least:,} to {most:,}")


def _text(pattern: str, legal: str) -> Kind:
    return Kind(Annotated[StrictStr, Field(pattern=pattern)], legal)


def _number(least: float, most: float) -> Kind:
    schema = {"type": "number", "minimum": least, "maximum": most}
    return Kind(_read(lambda value: values.number(value, least, most), schema))


def _one_of(*words: str) -> Kind:
    return Kind(Literal[words], f"must be one of {', '.join(words)}")


_TIME_TEXT = {"type": "string", "pattern": r"^\s*[0-9]"}
_SECONDS = {"type": "number", "minimum": 0, "maximum": 3600}
_THINK_TIME = {
    "anyOf": [
        _SECONDS,
        _TIME_TEXT,
        {"type": "array", "items": {"anyOf": [_SECONDS, _TIME_TEXT]}, "minItems": 2, "maxItems": 2},
    ]
}
_TENANT_IDS = {"type": "array", "items": {"type": "string", "pattern": _TENANT}, "minItems": 1, "uniqueItems": True}


def _object(keys: list[str], item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": dict.fromkeys(keys, item), "additionalProperties": False}


_LINK = _object(["rtt_ms", "loss_ratio"], {"type": "number", "minimum": 0})


KINDS: dict[str, Kind] = {
    "name": _text(
        r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$",
        "must be letters, digits, dots, dashes and underscores, 100 at most, a letter or digit first",
    ),
    "test_type": _one_of(*TEST_TYPES),
    "place": _one_of(*PLACES),
    "arrivals": _one_of("constant", "poisson"),
    "transport": _one_of("fast", "plain"),
    "users": _whole(1, _USERS_MAX),
    "workers": _whole(1, _WORKERS_MAX),
    "port": _whole(1, 65_535),
    "exporter_port": _whole(0, 65_535),
    "seed": _whole(0, 2**53),
    "positive": _number(0.001, 1e6),
    "ratio": _number(0, 1),
    "quorum": Kind(
        _read(
            values.quorum,
            {
                "anyOf": [
                    {"type": "number", "minimum": 0, "maximum": 1},
                    {"type": "string", "pattern": r"^[0-9.]+ *%?$"},
                ]
            },
        )
    ),
    "switch": Kind(StrictBool, "must be true or false"),
    "text": _text(r"\S", "must not be empty"),
    "host": _text(_HOST, "must be a host name or address"),
    "hash": _text(r"^[!-~]{1,128}$", "must be 1 to 128 printable ASCII characters without spaces"),
    "duration": Kind(
        _read(values.duration_s, {"anyOf": [{"type": "number", "minimum": 1}, _TIME_TEXT]}),
    ),
    "rate": Kind(
        _read(
            values.rate,
            {
                "anyOf": [
                    {"type": "number", "exclusiveMinimum": 0},
                    {"type": "string", "pattern": r"^[0-9.]+(:[0-9.]+@.+)?$"},
                ]
            },
        )
    ),
    "target": Kind(
        _read(values.target, {"type": "string", "pattern": r"^(https?://[^@?#\s]+|embedded(:[0-9]{1,5})?)$"}),
    ),
    "target_metrics": Kind(
        _read(
            values.target_metrics,
            {
                "type": "string",
                "pattern": r"^(auto|none|pid:[0-9]+|docker:.+|(prometheus(\+https?)?|https?)://[^@#\s]+)$",
            },
        ),
    ),
    "think_time": Kind(_read(values.think_time_s, _THINK_TIME)),
    "mix": Kind(_read(values.mix, _object([str(s) for s in Scenario], {"type": "number", "minimum": 0}))),
    "routes": Kind(
        _read(
            values.routes,
            _object(list(OPERATIONS), {"type": "string", "pattern": r"^((GET|POST|PUT|PATCH|DELETE) )?/\S*$"}),
        ),
    ),
    "headers": Kind(_read(values.headers, {"type": "object", "additionalProperties": {"type": "string"}})),
    "tenants": Kind(
        _read(
            values.tenants, {"anyOf": [{"type": "integer", "minimum": 1, "maximum": values.TENANTS_MAX}, _TENANT_IDS]}
        ),
    ),
    "accounts": Kind(list[AccountRow], "must be a list of objects: username, tenant_id"),
    "nodes": Kind(
        Annotated[list[NodeRow], Field(min_length=1)],
        "must be a list of at least one object: host, workers, max_users, region",
    ),
    "links": Kind(
        _read(
            places.region_links,
            {"type": "object", "additionalProperties": {"type": "object", "required": ["rtt_ms"], **_LINK}},
        )
    ),
    "hosts": Kind(_read(hosts, {"type": "array", "items": {"type": "string", "pattern": _HOST}})),
    "kubernetes": Kind(_read(places.kubernetes, _object(list(places.KUBERNETES), {"type": "string"}))),
    "thresholds": Kind(list[StrictStr], "must be a list of texts such as 'latency_p95_ms <= 500'"),
}
"""By the name that the table of settings uses."""

"""One request as the operations see it: checked fields, query and path argument; wrong ones are refused by name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl

from acgs_load.gateway.answers import Refusal, bad_json, invalid_field
from acgs_load.gateway.canonical import DuplicateKeys, parse

if TYPE_CHECKING:
    from acgs_load.gateway.routes import Route

_WHOLE_NUMBER = re.compile(r"[+-]?[0-9]{1,18}", re.ASCII)
_LONG_NUMBER = re.compile(r"[+-]?[0-9]+", re.ASCII)


class Claims(NamedTuple):
    """Who a token speaks for, and until when (seconds since the epoch)."""

    user_id: str
    tenant_id: str
    session_id: str
    expires_at: float


class Request:
    """A request on its way through the checks; ``operation`` is the name it is counted under."""

    __slots__ = ("argument", "body", "claims", "fields", "headers", "operation", "path", "query", "route")

    def __init__(self, route: Route, argument: str, path: str, headers: dict[bytes, bytes], query: bytes) -> None:
        self.route = route
        self.path = path
        self.argument = argument
        """What stands in the path's braces: a tenant or a policy id; else empty."""
        self.headers = headers
        self.query = query
        self.body = b""
        self.operation = route.operation
        self.claims: Claims = NOBODY
        self.fields: dict[str, Any] = {}

    def header(self, name: bytes) -> str | None:
        """A header's value as text, None when absent."""
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")

    def field(self, name: str) -> Any:
        """A body field of any type. Raises Refusal (422) when it is absent."""
        try:
            return self.fields[name]
        except KeyError:
            raise invalid_field(f"{name} is missing") from None

    def text(self, name: str) -> str:
        """A body field that is text. Raises Refusal (422)."""
        value = self.field(name)
        if not isinstance(value, str):
            raise invalid_field(f"{name} is no text")
        return value

    def integer(self, name: str, least: int, most: int) -> int:
        """A body field that is an integer from ``least`` to ``most``. Raises Refusal (422)."""
        value = self.field(name)
        if type(value) is not int or not least <= value <= most:
            raise invalid_field(f"{name} is no integer from {least} to {most}")
        return value

    def object(self, name: str) -> dict[str, Any]:
        """A body field that is an object. Raises Refusal (422)."""
        value = self.field(name)
        if not isinstance(value, dict):
            raise invalid_field(f"{name} is no object")
        return value

    def query_text(self, name: str) -> str | None:
        """A query parameter, the last one wins; None when absent."""
        if not self.query:
            return None
        pairs = parse_qsl(self.query.decode("latin-1"), keep_blank_values=True)
        return dict(pairs).get(name)

    def query_count(self, name: str, default: int, most: int) -> int:
        """A whole number in the query, clamped to 1–``most``. Raises Refusal (422) when it is none."""
        text = self.query_text(name)
        if text is None:
            return default
        if _WHOLE_NUMBER.fullmatch(text):
            return max(1, min(most, int(text)))
        if _LONG_NUMBER.fullmatch(text):
            return 1 if text.startswith("-") else most
        raise invalid_field(f"{name} is no whole number")


NOBODY = Claims("", "", "", 0.0)


def read_json(body: bytes, *, hashed: bool) -> Any:
    """The JSON value of a body; never raises: what cannot be read comes back as the Refusal to raise in its turn.

    Bodies of hashed content that are no JSON are an invalid field (422), others bad JSON (400).
    """
    try:
        return parse(body.decode("utf-8"))
    except ValueError as error:  # UnicodeDecodeError and JSONDecodeError, too
        reason = f"the body is no JSON ({type(error).__name__})"
        return invalid_field(reason) if hashed else bad_json(reason)


def hashed_fields(fields: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """The fields that are hashed, as sent. Raises Refusal (422) when one is absent or came twice."""
    for name in names:
        if name not in fields:
            raise invalid_field(f"{name} is missing")
        if isinstance(fields, DuplicateKeys) and name in fields.repeated:
            raise invalid_field(f"{name} comes twice")
    return {name: fields[name] for name in names}


__all__ = ["NOBODY", "Claims", "Refusal", "Request", "hashed_fields", "read_json"]

"""Where each operation goes on the target: the contract's table under the user's ``ROUTES``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import quote

from acgs_load.contract import OPERATIONS
from acgs_load.errors import UsageError

_ROUTE = re.compile(r"(?:([A-Z]+) )?(/[\x21-\x7e]*)")
_UNRESERVED = re.compile(r"[A-Za-z0-9_.~-]*")
"""What quoting leaves alone (RFC 3986, section 2.3)."""
_PLACEHOLDERS = frozenset({"own", "other", "policy_id", "event_id", "cursor"})


class Route(NamedTuple):
    """Method and path template of one operation."""

    method: str
    path: str

    def filled(self, own: str, placeholder: str = "", value: str = "") -> str:
        """The path for one request; ``placeholder`` (``{policy_id}`` …) is the one beside ``{own}``, if any."""
        path = self.path
        if "{" not in path:
            return path
        if placeholder:
            path = path.replace(placeholder, value if _UNRESERVED.fullmatch(value) else quote(value, safe=""))
        return path.replace("{own}", own)


def routes_of(overrides: Mapping[str, str]) -> dict[str, Route]:
    """Every operation's route. Raises UsageError for an operation, a path or a placeholder that does not exist."""
    routes = {name: Route(operation.method, operation.path) for name, operation in OPERATIONS.items()}
    for name, text in overrides.items():
        if name not in routes:
            raise UsageError(f"ROUTES: no operation {name!r}; there are {', '.join(routes)}")
        match = _ROUTE.fullmatch(text)
        if match is None:
            raise UsageError(f"ROUTES: {name} = {text!r}; write /path or METHOD /path")
        unknown = set(re.findall(r"\{(.*?)\}", match[2])) - _PLACEHOLDERS
        if unknown:
            legal = ", ".join(sorted(_PLACEHOLDERS))
            raise UsageError(f"ROUTES: {name} has unknown {{{unknown.pop()}}}; there are {legal}")
        routes[name] = Route(match[1] or routes[name].method, match[2])
    return routes

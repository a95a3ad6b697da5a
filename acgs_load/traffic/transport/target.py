"""Where requests go and how they are spelled: everything that never changes is rendered once."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

from acgs_load.errors import UsageError

_PORTS = {"http": 80, "https": 443}
_PATH_SAFE = "/?&=%:@!$'()*+,;~-._[]"


@dataclass(frozen=True, slots=True)
class Target:
    """A base URL taken apart. ``host`` is without brackets, ``prefix`` without a trailing slash."""

    secure: bool
    host: str
    port: int
    prefix: str
    _host_line: str = field(repr=False)

    @classmethod
    def parse(cls, url: str) -> Target:
        """The target at ``url``. Raises UsageError unless it is ``http(s)://host[:port][/prefix]``."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
            ascii_host = host if ":" in host else host.encode("idna").decode("ascii")
        except ValueError as error:
            raise UsageError(f"target {url!r}: {error}") from error
        if parts.scheme not in _PORTS or not host or parts.query or parts.fragment or parts.username is not None:
            raise UsageError(f"target {url!r}: write http://host[:port][/prefix] or https://…, nothing else")
        authority = f"[{ascii_host}]" if ":" in ascii_host else ascii_host
        if port is not None and port != _PORTS[parts.scheme]:
            authority += f":{port}"
        return cls(
            secure=parts.scheme == "https",
            host=ascii_host,
            port=_PORTS[parts.scheme] if port is None else port,
            prefix=quotable(parts.path.rstrip("/")),
            _host_line=f" HTTP/1.1\r\nHost: {authority}\r\n",
        )

    def render(self, method: str, path: str, headers: bytes, body: bytes | None) -> bytes:
        """The whole request as it goes over the wire."""
        head = f"{method} {self.prefix}{quotable(path)}{self._host_line}".encode("ascii")
        if body is None:
            return b"%b%b\r\n" % (head, headers)
        return b"%b%bContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (head, headers, len(body), body)


def quotable(path: str) -> str:
    """``path`` itself, or with percent-escapes where a part of it (an id that the peer chose) would break the line."""
    if path.isascii() and path.isprintable() and " " not in path:
        return path
    return quote(path, safe=_PATH_SAFE)

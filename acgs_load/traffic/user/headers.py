"""A user's request headers, rendered once per login."""

from __future__ import annotations

import re
from collections.abc import Mapping

from acgs_load.contract import HASH_HEADER, TENANT_HEADER, USER_HEADER
from acgs_load.errors import UsageError

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


def common_lines(constitutional_hash: str, extra: Mapping[str, str]) -> bytes:
    """The lines that every request of a run carries; the user's own headers last.

    Raises UsageError for a header that cannot be sent; its value stays out of the message.
    """
    for name, value in extra.items():
        if not _NAME.fullmatch(name) or not is_header_value(value):
            raise UsageError(f"HEADERS: {name!r} is no header that can be sent; write one line of plain ASCII text")
    lines = {HASH_HEADER: constitutional_hash, "Accept": "application/json"}
    return b"".join(_line(name, value) for name, value in (*lines.items(), *extra.items()))


def identity_lines(user_id: str, token: str) -> bytes:
    """The lines that say who asks."""
    return _line(USER_HEADER, user_id) + _line("Authorization", f"Bearer {token}")


def tenant_line(tenant_id: str) -> bytes:
    """The line that says for which tenant; the only one that a spoofed request changes."""
    return _line(TENANT_HEADER, tenant_id)


def is_header_value(text: str) -> bool:
    """Whether ``text`` can stand in a header line as it is."""
    return bool(text) and text.isascii() and text.isprintable() and text == text.strip()


def _line(name: str, value: str) -> bytes:
    return f"{name}: {value}\r\n".encode()

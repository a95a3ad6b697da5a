"""What is said where nobody checked who answers. Apart from the authorities, so that the reader needs none of them."""

from __future__ import annotations

INSECURE = "the target's TLS certificate was not verified (--insecure): whoever answered was taken for the target"


def is_unverified(url: str, verify: bool) -> bool:
    """Whether nobody checks who answers at ``url`` although it could be checked."""
    return url.startswith("https:") and not verify

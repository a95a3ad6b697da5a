"""Whose signatures on a target's certificate count: one answer for preflight, users and probes."""

from __future__ import annotations

import os
import ssl

from acgs_load.errors import UsageError

CA_FLAG, CA_VARIABLE = "--ca-file", "SSL_CERT_FILE"


def ca_place(named: str | None = None) -> str:
    """The file or directory of trusted authorities: ``named``, else ``SSL_CERT_FILE``, the system's, certifi's.

    Raises UsageError if what was named is no file.
    """
    for source, path in ((CA_FLAG, named), (CA_VARIABLE, os.environ.get(CA_VARIABLE))):
        if path:
            if not os.path.isfile(path):
                raise UsageError(f"{source}: no file {path!r} here; name a PEM file of trusted authorities")
            return path
    paths = ssl.get_default_verify_paths()
    return paths.cafile or paths.capath or _certifi()


def trusting(place: str) -> ssl.SSLContext:
    """Client settings that trust the authorities in a file or directory. Raises UsageError where there are none."""
    try:
        if os.path.isdir(place):
            return ssl.create_default_context(capath=place)
        return ssl.create_default_context(cafile=place)
    except (ssl.SSLError, OSError) as error:
        raise UsageError(f"{place}: holds no certificates ({error}); name a PEM file of authorities") from error


def _certifi() -> str:
    import certifi

    return certifi.where()


def verification(url: str, verify: bool, named: str | None) -> bool | str:
    """What ``requests`` is to verify ``url`` with: nothing, or a file or directory. Raises UsageError."""
    return ca_place(named) if verify and url.startswith("https:") else verify

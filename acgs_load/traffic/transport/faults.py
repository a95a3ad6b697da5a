"""Why an exchange failed, in words that are few enough to be counted: no addresses, ids or sizes in them."""

from __future__ import annotations

import os
import ssl
from typing import NamedTuple

from acgs_load.contract import Outcome

_HOSTNAME_MISMATCH_CODES = frozenset({62, 64})
"""X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH (OpenSSL): their texts contain names."""


class Fault(NamedTuple):
    """A failed exchange: its outcome and a few words."""

    outcome: Outcome
    detail: str


def connection_fault(error: OSError) -> Fault:
    """``connection_error`` in the system's own words (``connection refused``, ``tls: wrong version number``)."""
    return Fault(Outcome.CONNECTION_ERROR, error_words(error))


def error_words(error: OSError) -> str:
    """The words for an error number or a TLS reason, in lower case."""
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code in _HOSTNAME_MISMATCH_CODES:
            return "certificate: name mismatch"
        return f"certificate: {error.verify_message}".lower()
    if isinstance(error, ssl.SSLError):
        return f"tls: {error.reason or 'protocol error'}".replace("_", " ").lower()
    return os.strerror(error.errno).lower() if error.errno else "connection failed"


UNRESOLVED = Fault(Outcome.CONNECTION_ERROR, "name not resolved")
UNANSWERED = Fault(Outcome.CONNECTION_ERROR, "closed before the answer")
CLOSED_HERE = Fault(Outcome.CONNECTION_ERROR, "closed by its own user")
CLOSED_IN_HANDSHAKE = Fault(Outcome.CONNECTION_ERROR, "closed in the tls handshake")
UNCONNECTED = Fault(Outcome.TIMEOUT, "no connection in time")
UNSENT = Fault(Outcome.TIMEOUT, "request not taken in time")
SILENT = Fault(Outcome.TIMEOUT, "no answer in time")
SLOW = Fault(Outcome.TIMEOUT, "answer not complete in time")
HEADERS_TOO_BIG = Fault(Outcome.BAD_RESPONSE, "headers over 1 MiB")
BODY_TOO_BIG = Fault(Outcome.BAD_RESPONSE, "body over 64 MiB")

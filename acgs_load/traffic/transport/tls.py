"""TLS as a translation between two kinds of bytes; moving them is the connection's business."""

from __future__ import annotations

import ssl

from acgs_load.authorities import ca_place, trusting

_RECORD_BYTES = 64 * 1024


def client_context(verify: bool, ca_file: str | None = None) -> ssl.SSLContext:
    """Settings for all connections of a process. Raises UsageError if the authorities cannot be read."""
    if not verify:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    else:
        context = trusting(ca_place(ca_file))
    # A renegotiation would wait for bytes that nobody sends while an answer is awaited.
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(["http/1.1"])
    return context


class TlsLayer:
    """One TLS session. What it owes beside requests (tickets' answers, key updates) rides on the next ``seal``."""

    __slots__ = ("_incoming", "_outgoing", "_session", "ended")

    def __init__(self, context: ssl.SSLContext, host: str) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._session = context.wrap_bio(self._incoming, self._outgoing, server_hostname=host)
        self.ended = False
        """The peer has said that nothing more comes."""

    def shake(self, raw: bytes) -> bool:
        """Go on with the handshake; true when it is done. Raises ssl.SSLError. Send ``owed`` in any case."""
        self._incoming.write(raw)
        try:
            self._session.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    def owed(self) -> bytes:
        """Bytes for the peer."""
        return self._outgoing.read()

    def seal(self, plain: bytes) -> bytes:
        """Bytes for the peer that carry ``plain``. Raises ssl.SSLError."""
        self._session.write(plain)
        return self._outgoing.read()

    def unseal(self, raw: bytes) -> bytes:
        """Everything that can be read after ``raw`` has come (empty: the peer closed). Raises ssl.SSLError."""
        if raw:
            self._incoming.write(raw)
        else:
            self.ended = True
            return b""
        pieces: list[bytes] = []
        try:
            while piece := self._session.read(_RECORD_BYTES):
                pieces.append(piece)
            self.ended = True
        except ssl.SSLWantReadError:
            pass  # All that has come is read.
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

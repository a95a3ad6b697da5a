"""A socket server that does what a script says, however wrong, so that a client can be shown every kind of peer.

It runs in real threads on real sockets even where Locust has patched the process: a peer lives on the other side.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from gevent import monkey

_socket_class = monkey.get_original("socket", "socket")
_start_thread = monkey.get_original("_thread", "start_new_thread")
real_sleep = monkey.get_original("time", "sleep")

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
_CLIENT_WAITS_S = 20


class Request(NamedTuple):
    """What the peer understood of one request."""

    head: bytes
    body: bytes

    @property
    def path(self) -> str:
        return self.head.split(b" ", 2)[1].decode()


class Line:
    """The peer's end of one connection."""

    def __init__(self, sock: Any, heard: list[Request]) -> None:
        self._socket = sock
        self._heard = heard
        self._buffer = bytearray()

    def hear(self) -> Request:
        """The next whole request. Raises OSError when the client has gone."""
        while b"\r\n\r\n" not in self._buffer:
            self._more()
        head = bytes(self._buffer[: self._buffer.index(b"\r\n\r\n")])
        del self._buffer[: len(head) + 4]
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        size_bytes = int(fields.get(b"content-length", 0))
        while len(self._buffer) < size_bytes:
            self._more()
        self._heard.append(Request(head, bytes(self._buffer[:size_bytes])))
        del self._buffer[:size_bytes]
        return self._heard[-1]

    def say(self, *pieces: bytes, pause_s: float = 0.0) -> None:
        """Send the pieces, each on its own, with a pause after each."""
        for piece in pieces:
            self._socket.sendall(piece)
            real_sleep(pause_s)

    def hold(self) -> None:
        """Say nothing more until the client closes."""
        while self._socket.recv(65536):
            pass

    def half_close(self) -> None:
        """End what this side says; the other may go on."""
        self._socket.shutdown(socket.SHUT_WR)

    def end_tls(self, last: bytes) -> None:
        """Say the last, and with it that nothing more comes (close_notify); the connection stays open."""
        self._socket.end(last)

    def reset(self) -> None:
        """Close with a reset instead of an end."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def sleep(self, pause_s: float) -> None:
        """Do nothing for a while."""
        real_sleep(pause_s)

    def _more(self) -> None:
        piece = self._socket.recv(65536)
        if not piece:
            raise ConnectionError("the client has gone")
        self._buffer += piece


Script = Callable[[Line], None]


class _TlsSocket:
    """The peer's side of TLS over a real socket; ssl's own would be gevent's in a patched process."""

    def __init__(self, sock: Any, context: ssl.SSLContext) -> None:
        self._socket = sock
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._session = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self.close, self.setsockopt = sock.close, sock.setsockopt
        self._do(self._session.do_handshake)

    def recv(self, size: int) -> bytes:
        return bytes(self._do(lambda: self._session.read(size)))

    def sendall(self, data: bytes) -> None:
        self._do(lambda: self._session.write(data))

    def end(self, last: bytes) -> None:
        self._session.write(last)
        with contextlib.suppress(ssl.SSLWantReadError):  # our part is said; the client's is not waited for
            self._session.unwrap()
        self._socket.sendall(self._outgoing.read())

    def _do(self, step: Callable[[], Any]) -> Any:
        while True:
            try:
                return step()
            except ssl.SSLWantReadError:
                pass  # and read, below
            finally:
                self._socket.sendall(self._outgoing.read())
            piece = self._socket.recv(65536)
            if piece:
                self._incoming.write(piece)
            else:
                self._incoming.write_eof()


class Peer:
    """Plays one script per connection, in order, the last one for all that follow; then closes the connection."""

    def __init__(
        self, *scripts: Script, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None, receive_bytes: int = 0
    ) -> None:
        self.requests: list[Request] = []
        self.connections = 0
        self._scripts = scripts
        self._tls = tls
        self._open: list[Any] = []
        self._listener = _socket_class(socket.AF_INET6 if ":" in host else socket.AF_INET)
        if receive_bytes:
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self._listener.bind((host, 0))
        self._listener.listen(512)
        self.port = self._listener.getsockname()[1]
        authority = f"[{host}]" if ":" in host else host
        self.url = f"{'https' if tls else 'http'}://{authority}:{self.port}"

    def __enter__(self) -> Peer:
        _start_thread(self._accept, ())
        return self

    def __exit__(self, *_: object) -> None:
        self.refuse()
        for sock in self._open:
            _end(sock)

    def refuse(self) -> None:
        """Take no more connections."""
        _end(self._listener)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # the listener is closed: the test is over
            while True:
                # socket.accept would make a socket of the patched class.
                sock = _socket_class(fileno=self._listener._accept()[0])
                script = self._scripts[min(self.connections, len(self._scripts) - 1)]
                self.connections += 1
                self._open.append(sock)
                _start_thread(self._play, (sock, script))

    def _play(self, sock: Any, script: Script) -> None:
        with contextlib.suppress(OSError):  # the client has gone: what it makes of that is for the test to see
            sock.settimeout(_CLIENT_WAITS_S)
            if self._tls is not None:
                sock = _TlsSocket(sock, self._tls)
            script(Line(sock, self.requests))
            sock.close()


def _end(sock: Any) -> None:
    # Closing alone does not wake a thread that waits on the socket.
    with contextlib.suppress(OSError):  # closed by its script or its client already
        sock.shutdown(socket.SHUT_RDWR)
    sock.close()


def says(*pieces: bytes, pause_s: float = 0.0) -> Script:
    """Hears a request, says the pieces, then waits for the client to close."""

    def script(line: Line) -> None:
        line.hear()
        line.say(*pieces, pause_s=pause_s)
        line.hold()

    return script


def says_and_closes(*pieces: bytes) -> Script:
    """Hears a request, says the pieces and closes."""

    def script(line: Line) -> None:
        line.hear()
        line.say(*pieces)

    return script


def says_and_resets(*pieces: bytes) -> Script:
    """Hears a request, says the pieces, lets them arrive and resets the connection."""

    def script(line: Line) -> None:
        line.hear()
        line.say(*pieces, pause_s=0.05)
        line.reset()

    return script


def answers(line: Line) -> None:
    """Answers every request with its path and body, for ever."""
    while True:
        heard = line.hear()
        text = heard.path.encode() + b" " + heard.body
        line.say(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(text), text))


def answers_once_then(ending: Script) -> Script:
    """Answers one request and then does as ``ending`` says, on the same connection."""

    def script(line: Line) -> None:
        line.hear()
        line.say(OK)
        ending(line)

    return script


def hears_and_closes(line: Line) -> None:
    """Takes a request and closes without a byte."""
    line.hear()


def hears_and_resets(line: Line) -> None:
    """Takes a request and resets without a byte."""
    line.hear()
    line.reset()


def server_context(certificate_file: str) -> ssl.SSLContext:
    """TLS settings of a peer; the file holds certificate and key."""
    context: ssl.SSLContext = monkey.get_original("ssl", "SSLContext")(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate_file)
    return context


@contextlib.contextmanager
def full_listener() -> Iterator[str]:
    """A listener that lets nobody in: its queue is full."""
    with _socket_class() as listener, contextlib.ExitStack() as crowd:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            sock = crowd.enter_context(_socket_class())
            sock.setblocking(False)
            sock.connect_ex(listener.getsockname())
        real_sleep(0.05)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"

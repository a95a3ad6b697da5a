"""TLS in front of a target that speaks plain HTTP: bytes in, bytes out, in threads."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

_PIECE_BYTES = 64 * 1024


@contextlib.contextmanager
def tls_front(url: str, context: ssl.SSLContext) -> Iterator[str]:
    """The https URL of a front to ``url``, open as long as the context is."""
    parts = urlsplit(url)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        place = (str(parts.hostname), int(parts.port or 80))
        threading.Thread(target=_accept, args=(listener, context, place), daemon=True).start()
        try:
            yield f"https://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, context: ssl.SSLContext, place: tuple[str, int]) -> None:
    with contextlib.suppress(OSError):  # the listener is closed: the test is over
        while True:
            near, _ = listener.accept()
            threading.Thread(target=_serve, args=(near, context, place), daemon=True).start()


def _serve(near: socket.socket, context: ssl.SSLContext, place: tuple[str, int]) -> None:
    with contextlib.suppress(OSError), contextlib.ExitStack() as stack:  # either side has gone, or refuses
        shaken = stack.enter_context(context.wrap_socket(near, server_side=True))
        far = stack.enter_context(socket.create_connection(place))
        back = threading.Thread(target=_pour, args=(far, shaken), daemon=True)
        back.start()
        _pour(shaken, far)
        back.join()


def _pour(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):  # the other direction has closed it
        while piece := source.recv(_PIECE_BYTES):
            sink.sendall(piece)
        sink.shutdown(socket.SHUT_WR)

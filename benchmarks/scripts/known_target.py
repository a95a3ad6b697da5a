"""A target whose own log is the truth: when each request arrived, and when its answer left.

It serves plain GETs without a body, on as many connections as there are. Prints its port; writes the log when ended.
"""

from __future__ import annotations

import argparse
import asyncio
import selectors
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from acgs_load.contract import COMPLIANT_HEADER, HASH_HEADER, SCORE_HEADER
from benchmarks.exchange_facts import HASH, answer_body
from benchmarks.known_latencies import QUIET, Stalls, answer_s, service_times_s


def _answer() -> bytes:
    body = answer_body()
    head = [
        "HTTP/1.1 200 OK",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        f"{HASH_HEADER}: {HASH}",
        f"{SCORE_HEADER}: 0.97",
        f"{COMPLIANT_HEADER}: true",
    ]
    return ("\r\n".join(head) + "\r\n\r\n" + body).encode()


class Log:
    """Requests in the order of their arrival, and the times they are given."""

    def __init__(self, stalls: Stalls) -> None:
        self.stalls = stalls
        self.service_s = service_times_s()
        self.rows: list[list[float | str]] = []

    def write(self, path: Path) -> None:
        """One line a request: arrived, answered (0 if never), and what it was tagged with."""
        lines = (f"{arrived!r},{answered!r},{tag}\n" for arrived, answered, tag in self.rows)
        path.write_text("".join(lines), encoding="utf-8")


class Connection(asyncio.Protocol):
    """One client."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._answer = _answer()
        self._read = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Note when a request is whole, and answer it when its time has come."""
        arrived_s = time.perf_counter()
        self._read += data
        while b"\r\n\r\n" in self._read:
            head, _, self._read = self._read.partition(b"\r\n\r\n")
            tag = head.split(b" ", 2)[1].partition(b"?")[2].decode("ascii", "replace")
            row: list[float | str] = [arrived_s, 0.0, tag]
            service_s = self._log.service_s[len(self._log.rows) % len(self._log.service_s)]
            self._log.rows.append(row)
            # asyncio's clock is monotonic(), which is perf_counter() on Linux
            due_s = answer_s(arrived_s, service_s, self._log.stalls)
            asyncio.get_running_loop().call_at(due_s, self._leave, row)

    def _leave(self, row: list[float | str]) -> None:
        if not self._transport.is_closing():
            row[1] = time.perf_counter()
            self._transport.write(self._answer)


async def serve(log: Log) -> None:
    """Serve until the process is asked to end."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    server = await loop.create_server(lambda: Connection(log), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await ended.wait()


def main(argv: Sequence[str]) -> int:
    """Run; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("log", type=Path)
    parser.add_argument("--stalls-from", type=float, help="perf_counter that the stalls are counted from")
    asked = parser.parse_args(argv)
    log = Log(QUIET if asked.stalls_from is None else Stalls(asked.stalls_from))
    # select() waits to the microsecond, epoll in Python 3.11 to the millisecond
    loop = asyncio.SelectorEventLoop(selectors.SelectSelector())
    loop.run_until_complete(serve(log))
    log.write(asked.log)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

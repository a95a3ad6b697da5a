"""A target that says everything it is told, in headers, codes and messages: a client must leave out what is secret.

python tests/echo_target.py --port 0
"""

from __future__ import annotations

import argparse
import json
import os
import signal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

HASH = "cdd01ef066bc6cf2"
ISSUED = "issued_token_7b1e0f6d"
"""What everybody gets who logs in; it could pass for the code of an error."""


class Echo(BaseHTTPRequestHandler):
    """Healthy, lets everybody in, and fails everything else by repeating it."""

    protocol_version = "HTTP/1.1"
    known: ClassVar[set[str]] = set()

    def do_GET(self) -> None:
        """Health, or an echo."""
        if self.path.startswith("/gateway/health"):
            self._say(200, {"status": "healthy", "version": "1", "timestamp": "t"})
        elif self.path.startswith("/gateway/"):
            self._say(404, {})
        else:
            self._echo("")

    def do_POST(self) -> None:
        """A login, or an echo."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        if self.path.endswith("/login"):
            told = json.loads(body)
            if told["username"] not in self.known:  # the first try fails, and says why in the words of the user
                self.known.add(told["username"])
                self._say(500, {"error": told["password"], "message": body})
                return
            who = {"user_id": told["username"], "tenant_id": told["tenant_id"]}
            self._say(200, {"access_token": ISSUED, "token_type": "bearer", "expires_in": 3600, **who, "said": body})
        else:
            self._echo(body)

    do_PUT = do_POST  # noqa: N815  # the library looks for it

    def _echo(self, body: str) -> None:
        told = f"{self.headers.get('Authorization', '')} {body}"
        word = told.split()[1] if len(told.split()) > 1 else "x"
        # one in a few is a success, so that its fields are quoted as wrong ones
        status = 200 if len(self.path) % 2 else 500
        self._say(status, {"error": word, "message": told, "policy_id": word, "tenant_id": word, "is_valid": told})

    def _say(self, status: int, fields: dict[str, object]) -> None:
        raw = json.dumps({"constitutional_hash": HASH, "request_id": "r", "timestamp": "t", **fields}).encode()
        self.send_response(status, str(fields.get("error", "OK"))[:40])
        self.send_header("X-Constitutional-Hash", HASH)
        self.send_header("X-Constitutional-Score", str(fields.get("error", "1"))[:60])
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, *_: object) -> None:
        """Nothing to standard error."""


def main() -> None:
    """Serve until ended."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    server = ThreadingHTTPServer(("127.0.0.1", parser.parse_args().port), Echo)
    server.daemon_threads = True
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    print(f"ready http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()

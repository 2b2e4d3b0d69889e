"""A proxy of EMR that loses the responses to one call."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit


@contextmanager
def lost_responses(call: str, status: int | None) -> Iterator[tuple[str, list[bytes]]]:
    """Yield the URL of a proxy of EMR and the bodies of the requests of `call` that it passed on.

    It passes on every request. The response to `call` is replaced by `status`, or not sent when that is None.
    """
    passed_on: list[bytes] = []
    target = urlsplit(os.environ["AWS_ENDPOINT_URL_EMR"]).netloc

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            upstream = HTTPConnection(target, timeout=30)
            upstream.request("POST", "/", body, dict(self.headers))
            answer = upstream.getresponse().read()
            upstream.close()
            if self.headers["X-Amz-Target"].endswith(call):
                passed_on.append(body)
                if status is None:
                    self.connection.close()
                    return
                self.send_error(status)
                return
            self.send_response(200)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            """Write nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", passed_on
    finally:
        server.shutdown()
        server.server_close()

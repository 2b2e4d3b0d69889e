"""An HTTP server that answers every request with the XML body of one error of S3."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from xml.sax.saxutils import escape

import pytest

from verger_spark.io import s3_store

SSE_C = (
    "The object was stored using a form of Server Side Encryption. The correct parameters must be provided to retrieve "
    "the object."
)
NOT_AUTHORIZED = (
    "User: arn:aws:sts::111122223333:assumed-role/nodes/i-1 is not authorized to perform: {} on resource: "
    '"arn:aws:s3:::orchard/images/Kiwi/1.jpg" because no identity-based policy allows the {} action'
)


@dataclass(frozen=True)
class ErrorAnswer:
    """An error of S3 as it sends it: the HTTP status, and code and message of the body."""

    status: int
    code: str
    message: str = "The message of S3."
    more: str = ""

    @property
    def body(self) -> bytes:
        """The XML document, with the key as S3 repeats it."""
        return (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f"<Error><Code>{self.code}</Code><Message>{escape(self.message)}</Message>{self.more}"
            "<Key>images/Kiwi/&lt;Code&gt;1.jpg</Key><RequestId>4442587FB7D0A2F9</RequestId><HostId>w/0=</HostId></Error>"
        ).encode()


@contextlib.contextmanager
def answering(monkeypatch: pytest.MonkeyPatch, status: int, body: bytes, **headers: str) -> Iterator[list[str]]:
    """Answer every request with an error. The environment variables and retries for obstore are set until the end.

    Yields the requests: method and path.
    """
    requests: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            requests.append(f"{self.command} {self.path}")
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = answer  # noqa: N815 (names of http.server)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    monkeypatch.setattr(s3_store, "RETRIES", {"max_retries": 0})
    for name, value in {
        "AWS_ENDPOINT_URL_S3": f"http://127.0.0.1:{server.server_port}",
        "AWS_REGION": "eu-west-3",
        "AWS_ACCESS_KEY_ID": "id",
        "AWS_SECRET_ACCESS_KEY": "secret",
    }.items():
        monkeypatch.setenv(name, value)
    try:
        yield requests
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

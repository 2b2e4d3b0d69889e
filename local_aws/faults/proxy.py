"""An HTTP proxy in front of S3 or EMR. It passes calls on unchanged, except those that a rule selects.

    with FaultProxy("http://127.0.0.1:18333") as proxy:
        proxy.inject(truncated(at=100), operation="GetObject", key="runs/*/progress.json", times=1)
        ...                                                     # clients use proxy.url
        assert [call.operation for call in proxy.calls] == ["GetObject", "GetObject"]

The signatures of both services cover the Host header, so it is passed on unchanged. Requests and answers are held in
memory. This module needs the standard library only, because tests of several environments import it.
"""

from __future__ import annotations

import http.client
import json
import socket
import struct
import threading
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

from local_aws.faults.calls import Call, call_of
from local_aws.faults.faults import Fault, Rule

LOOPBACK = "127.0.0.1"
MOST_CALLS = 100_000
"""Calls that are kept."""
UPSTREAM_S = 300.0
"""Time limit of the server's answer."""
NOT_PASSED_ON = {"expect", "transfer-encoding", "connection", "content-length"}
"""Headers of one connection, and the length, which is computed. http.server itself answers `Expect: 100-continue`."""
NO_LINGER = struct.pack("ii", 1, 0)
"""The value of SO_LINGER with which a close sends a reset."""
NO_CONTENT = 204
NO_FAULT = Fault()


class FaultProxy:
    """A proxy on loopback while the `with` block runs.

    Parameters
    ----------
    endpoint : str
        URL of the server: `http://HOST:PORT`.

    Attributes
    ----------
    url : str
        Where clients reach the server through the proxy.
    calls : deque of Call
        The last calls, also those with a fault, oldest first.
    """

    def __init__(self, endpoint: str) -> None:
        self.server = urlsplit(endpoint).netloc
        self.calls: deque[Call] = deque(maxlen=MOST_CALLS)
        self.ended = threading.Event()
        self._rules: list[Rule] = []
        self._http = _Server((LOOPBACK, 0), self)
        self.url = f"http://{LOOPBACK}:{self._http.server_port}"

    def __enter__(self) -> FaultProxy:
        threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.ended.set()
        self._http.shutdown()
        self._http.server_close()

    def inject(self, fault: Fault, **selection: Any) -> Rule:
        """Add a rule; `selection` has the attributes of `Rule`. Of several matching rules the first one counts."""
        rule = Rule(fault, **selection)
        self._rules.append(rule)
        return rule

    def clear(self) -> None:
        """Remove all rules."""
        self._rules = []

    def count(self, operation: str) -> int:
        """Return how many calls of an operation have arrived."""
        return sum(call.operation == operation for call in self.calls)

    def fault_of(self, call: Call) -> Fault:
        """Record a call and return what happens to it."""
        self.calls.append(call)
        return next((rule.fault for rule in self._rules if rule.takes(call)), NO_FAULT)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512

    def __init__(self, address: tuple[str, int], proxy: FaultProxy) -> None:
        super().__init__(address, _Handler)
        self.proxy = proxy

    def shutdown_request(self, request: Any) -> None:
        """Close a connection. The close of the base class sends a FIN first, also before a reset."""
        if struct.unpack("ii", request.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, len(NO_LINGER)))[0]:
            request.close()
        else:
            super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log nothing: clients end connections when they do not wait any longer."""


class _Answer:
    def __init__(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.status, self.headers, self.body = status, headers, body


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def _handle(self) -> None:
        proxy = self.server.proxy
        content = self._content()
        call = call_of(self.command, self.path, dict(self.headers), content)
        fault = proxy.fault_of(call)
        answer = self._ask(content) if fault.passed_on else None
        proxy.ended.wait(fault.delay_s)
        if fault.status is not None:
            answer = _error(call, fault)
        if answer is None or not fault.answered:
            self._end(fault)
        else:
            self._send(answer, fault)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _handle  # noqa: N815 (names of the base class)

    def _content(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        content = b""
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            content += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():  # trailers
            pass
        return content

    def _ask(self, content: bytes) -> _Answer | None:
        """Return the server's answer; None when the server ends the connection or does not run."""
        upstream = http.client.HTTPConnection(self.server.proxy.server, timeout=UPSTREAM_S)
        try:
            upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            passed = [
                item for item in self.headers.items() if item[0].lower() not in {*NOT_PASSED_ON, "content-length"}
            ]
            length = [("Content-Length", str(len(content)))] if content or self.command in ("PUT", "POST") else []
            for name, value in [*passed, *length]:
                upstream.putheader(name, value)
            upstream.endheaders(content)
            answer = upstream.getresponse()
            return _Answer(answer.status, answer.getheaders(), answer.read())
        except (OSError, http.client.HTTPException):
            return None
        finally:
            upstream.close()

    def _send(self, answer: _Answer, fault: Fault) -> None:
        self.send_response_only(answer.status)
        length = str(len(answer.body))
        for name, value in answer.headers:
            if name.lower() == "content-length" and self.command == "HEAD":
                length = value
            elif name.lower() not in NOT_PASSED_ON:
                self.send_header(name, value)
        if answer.status != NO_CONTENT:
            self.send_header("Content-Length", length)
        self.end_headers()
        if self.command == "HEAD":
            return
        if fault.cut_at is None or fault.cut_at >= len(answer.body):
            self.wfile.write(answer.body)
            return
        self.wfile.write(answer.body[: fault.cut_at])
        self.wfile.flush()
        if not fault.stall_s:
            self._end(fault)
            return
        self.server.proxy.ended.wait(fault.stall_s)
        self.wfile.write(answer.body[fault.cut_at :])

    def _end(self, fault: Fault) -> None:
        """End the connection."""
        self.close_connection = True
        if fault.reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
        """Log no line for each request."""


def _error(call: Call, fault: Fault) -> _Answer:
    """Return the error of a fault as the service writes it."""
    if call.service == "emr":
        body = json.dumps({"__type": fault.code, "Message": fault.message})
        kind = "application/x-amz-json-1.1"
    else:
        body = (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f"<Error><Code>{escape(fault.code)}</Code><Message>{escape(fault.message)}</Message></Error>"
        )
        kind = "application/xml"
    return _Answer(fault.status or 500, [("Content-Type", kind)], body.encode())

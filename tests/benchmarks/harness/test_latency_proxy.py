"""The proxy that delays responses, in front of a server that responds immediately."""

from __future__ import annotations

import http.client
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest

from benchmarks.harness.latency_proxy import proxied

DELAY_S = 0.2
LARGE = bytes(range(256)) * 20_000  # 5 MB


class Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        host = self.headers["Host"].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(host)))
        if self.path == "/last":
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(host)

    def do_PUT(self) -> None:
        """Answer with the body of the request, in chunks if it came in chunks."""
        chunked = self.headers.get("Transfer-Encoding") == "chunked"
        body = self._chunks() if chunked else self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked") if chunked else self.send_header(
            "Content-Length", f"{len(body)}"
        )
        self.end_headers()
        if chunked:
            for start in range(0, len(body), 1_000_000):
                part = body[start : start + 1_000_000]
                self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part))
            self.wfile.write(b"0\r\n\r\n")
        else:
            self.wfile.write(body)

    def _chunks(self) -> bytes:
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
        pass


@pytest.fixture(scope="module")
def upstream() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def address(upstream: str) -> Iterator[str]:
    with proxied(upstream, 1000 * DELAY_S) as endpoint:
        yield urlsplit(endpoint).netloc


def get(connection: http.client.HTTPConnection, path: str = "/") -> tuple[bytes, float]:
    """Return the body, and the seconds until it was complete."""
    started = time.monotonic()
    connection.request("GET", path)
    return connection.getresponse().read(), time.monotonic() - started


def test_each_response_of_a_kept_connection_is_delayed(address: str) -> None:
    connection = http.client.HTTPConnection(address, timeout=30)
    answers = []
    for _ in range(4):
        answers.append(get(connection))
        own = connection.sock.getsockname()
    assert all(seconds >= DELAY_S for _, seconds in answers)
    assert connection.sock.getsockname() == own
    connection.close()


def test_the_host_header_is_unchanged(address: str) -> None:
    connection = http.client.HTTPConnection(address, timeout=30)
    assert get(connection)[0] == address.encode()
    connection.close()


def test_the_delays_of_parallel_requests_overlap(address: str) -> None:
    connections = [http.client.HTTPConnection(address, timeout=30) for _ in range(16)]
    started = time.monotonic()
    with ThreadPoolExecutor(16) as pool:
        seconds = [seconds for _, seconds in pool.map(get, connections)]
    assert min(seconds) >= DELAY_S
    assert sum(seconds) > 2 * (time.monotonic() - started), "one after another, the sum is the whole time"
    for connection in connections:
        connection.close()


def test_a_large_body_is_unchanged_in_both_directions(address: str) -> None:
    connection = http.client.HTTPConnection(address, timeout=30)
    connection.request("PUT", "/", LARGE)
    assert connection.getresponse().read() == LARGE
    assert get(connection)[0] == address.encode()
    connection.close()


def test_chunks_are_unchanged_in_both_directions(address: str) -> None:
    connection = http.client.HTTPConnection(address, timeout=30)
    parts = (LARGE[start : start + 700_000] for start in range(0, len(LARGE), 700_000))
    connection.request("PUT", "/", parts, encode_chunked=True)
    assert connection.getresponse().read() == LARGE
    connection.close()


def test_a_client_may_expect_100_continue(address: str) -> None:
    host, port = address.split(":")
    with socket.create_connection((host, int(port)), timeout=30) as client:
        started = time.monotonic()
        client.sendall(b"PUT / HTTP/1.1\r\nHost: here\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
        assert client.recv(1000).startswith(b"HTTP/1.1 100")
        continued = time.monotonic() - started
        client.sendall(b"body")
        answer = client.recv(1000)
        assert answer.startswith(b"HTTP/1.1 200")
        assert continued >= DELAY_S
        assert time.monotonic() - started >= 2 * DELAY_S


def test_the_client_gets_the_response_of_a_server_that_closes_the_connection(address: str) -> None:
    host, port = address.split(":")
    with socket.create_connection((host, int(port)), timeout=30) as client:
        started = time.monotonic()
        client.sendall(b"GET /last HTTP/1.1\r\nHost: here\r\n\r\n")
        answer = b""
        while part := client.recv(1000):
            answer += part
    assert answer.endswith(b"here")
    assert time.monotonic() - started >= DELAY_S


def test_without_a_delay_responses_are_immediate(upstream: str) -> None:
    with proxied(upstream, 0) as endpoint:
        connection = http.client.HTTPConnection(urlsplit(endpoint).netloc, timeout=30)
        get(connection)
        assert min(get(connection)[1] for _ in range(3)) < DELAY_S
        connection.close()


def test_without_a_server_the_connection_is_closed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with (
        proxied(f"http://127.0.0.1:{port}", 0) as endpoint,
        pytest.raises((ConnectionError, http.client.HTTPException)),
    ):
        get(http.client.HTTPConnection(urlsplit(endpoint).netloc, timeout=30))

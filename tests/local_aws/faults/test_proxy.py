"""The proxy in front of a small server: which calls it sees, and what each fault does to the client."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest

from local_aws.faults.calls import call_of
from local_aws.faults.faults import late, lost, refused, reset, stalled, truncated, unanswered
from local_aws.faults.proxy import FaultProxy

BODY = b"0123456789" * 100


class Counting(BaseHTTPRequestHandler):
    """Answers every request with BODY and counts it."""

    protocol_version = "HTTP/1.1"
    received: list[tuple[str, str, bytes]]

    def do_GET(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.received.append((self.command, self.headers["Host"], content))
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(BODY)

    do_HEAD = do_PUT = do_POST = do_GET  # noqa: N815 (names of the base class)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the base class
        pass


@pytest.fixture
def received() -> list[tuple[str, str, bytes]]:
    return []


@pytest.fixture
def proxy(received: list[tuple[str, str, bytes]]) -> Iterator[FaultProxy]:
    handler = type("Handler", (Counting,), {"received": received})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        with FaultProxy(f"http://127.0.0.1:{server.server_port}") as running:
            yield running
        server.shutdown()


def request(proxy: FaultProxy, method: str = "GET", path: str = "/b/k", body: bytes | None = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(urlsplit(proxy.url).netloc, timeout=30)
    try:
        connection.request(method, path, body)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_without_a_rule_requests_and_answers_are_unchanged(
    proxy: FaultProxy, received: list[tuple[str, str, bytes]]
) -> None:
    assert request(proxy, "PUT", body=BODY) == (200, BODY)
    assert request(proxy, "HEAD") == (200, b"")
    host = urlsplit(proxy.url).netloc
    assert received == [("PUT", host, BODY), ("HEAD", host, b"")]
    assert [call.operation for call in proxy.calls] == ["PutObject", "HeadObject"]


def test_a_late_answer(proxy: FaultProxy) -> None:
    proxy.inject(late(0.3), times=1)
    started = time.monotonic()
    assert request(proxy) == (200, BODY)
    assert time.monotonic() - started >= 0.3


def test_an_error_instead_of_the_answer(proxy: FaultProxy, received: list[tuple[str, str, bytes]]) -> None:
    proxy.inject(refused(503, "SlowDown"), operation="GetObject", times=1)
    status, body = request(proxy)
    assert status == 503
    assert b"<Code>SlowDown</Code>" in body
    assert received == []
    proxy.inject(refused(500, "InternalError", after=True), times=1)
    assert request(proxy)[0] == 500
    assert len(received) == 1


@pytest.mark.parametrize("fault", [truncated(at=10), reset(at=10)])
def test_an_answer_that_is_cut_off(fault: object, proxy: FaultProxy) -> None:
    proxy.inject(fault, times=1)  # type: ignore[arg-type]
    with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
        request(proxy)
    assert request(proxy) == (200, BODY)


def test_an_answer_that_stops_for_some_time(proxy: FaultProxy) -> None:
    proxy.inject(stalled(at=10, seconds=0.3))
    started = time.monotonic()
    assert request(proxy) == (200, BODY)
    assert time.monotonic() - started >= 0.3


@pytest.mark.parametrize(("fault", "calls"), [(lost(), 1), (reset(), 1), (unanswered(0.1), 0)])
def test_no_answer(fault: object, calls: int, proxy: FaultProxy, received: list[tuple[str, str, bytes]]) -> None:
    proxy.inject(fault, times=1)  # type: ignore[arg-type]
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        request(proxy)
    assert len(received) == calls


def test_a_server_that_does_not_run_gives_no_answer() -> None:
    with FaultProxy("http://127.0.0.1:1") as proxy, pytest.raises(http.client.RemoteDisconnected):
        request(proxy)


def test_a_rule_selects_calls_by_operation_key_number_and_share(proxy: FaultProxy) -> None:
    fault = refused(503, "SlowDown")
    third = proxy.inject(fault, operation="GetObject", key="runs/*", skip=2, times=1)
    assert [request(proxy, path="/b/runs/one/plan.json")[0] for _ in range(4)] == [200, 200, 503, 200]
    assert request(proxy, path="/b/images/one.jpg")[0] == 200
    assert third.hits == 1
    proxy.clear()
    tenth = proxy.inject(fault, share=0.3, seed=7)
    states = [request(proxy)[0] for _ in range(40)]
    assert states.count(503) == tenth.hits
    assert 4 <= tenth.hits <= 20


@pytest.mark.parametrize(
    ("method", "url", "operation", "key"),
    [
        ("GET", "/b?list-type=2&prefix=runs%2F&delimiter=/", "ListObjectsV2", "runs/"),
        ("GET", "/b/images/Pomme%20%C3%A9/1.jpg", "GetObject", "images/Pomme é/1.jpg"),
        ("GET", "/b?versioning", "GetBucketVersioning", ""),
        ("PUT", "/b/k?partNumber=2&uploadId=x", "UploadPart", "k"),
        ("POST", "/b/k?uploads", "CreateMultipartUpload", "k"),
        ("POST", "/b/k?uploadId=x", "CompleteMultipartUpload", "k"),
        ("POST", "/b?delete", "DeleteObjects", ""),
        ("DELETE", "/b/k", "DeleteObject", "k"),
        ("HEAD", "/b", "HeadBucket", ""),
    ],
)
def test_calls_of_s3_have_the_names_of_awss_documents(method: str, url: str, operation: str, key: str) -> None:
    call = call_of(method, url, {}, b"")
    assert (call.service, call.operation, call.key) == ("s3", operation, key)


def test_calls_of_emr_have_the_name_of_their_target() -> None:
    call = call_of("POST", "/", {"X-Amz-Target": "ElasticMapReduce.RunJobFlow"}, b"{}")
    assert (call.service, call.operation, call.body) == ("emr", "RunJobFlow", b"{}")

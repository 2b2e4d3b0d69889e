"""Errors of verger_reader when S3 cannot be read, or when a file is damaged: the object, the variables, what to do."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.ports import free_ports
from tests.written_publication import ATTEMPT, WrittenBucket, orchard
from verger_contract.metrics import FILE_LIST
from verger_reader import PublicationError, open_publication

VARIABLES = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE")


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The environment of a user who has set credentials and nothing else."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    return monkeypatch


@contextmanager
def answering(status: int, code: str) -> Iterator[str]:
    """Run a server that answers every request as S3 does; yield its URL. The answer to HEAD has no body."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>Text of S3</Message></Error>".encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        def do_HEAD(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "code", "advice"),
    [
        (400, "ExpiredToken", "the credentials have expired: renew them"),
        (400, "InvalidToken", "the server does not have these keys: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"),
        (403, "InvalidAccessKeyId", "the server does not have these keys"),
        (403, "SignatureDoesNotMatch", "the server does not have these keys"),
        (403, "RequestTimeTooSkewed", "the clock of this machine is wrong"),
        (403, "AccessDenied", "set AWS_ACCESS_KEY_ID .*; if they are set, grant s3:ListBucket, s3:GetObject"),
        (301, "PermanentRedirect", "the bucket is in another region"),
        (400, "AuthorizationHeaderMalformed", "the bucket is in another region"),
    ],
)
def test_an_answer_of_s3_is_explained(status: int, code: str, advice: str, environment: pytest.MonkeyPatch) -> None:
    with answering(status, code) as url:
        environment.setenv("AWS_ENDPOINT_URL", url)
        environment.setenv("AWS_REGION", "eu-west-3")
        with pytest.raises(PublicationError, match=advice) as caught:
            open_publication("s3://orchard")
    assert f"s3://orchard/published.json: cannot be read from {url}, AWS_REGION eu-west-3" in str(caught.value)
    assert "AWS_ACCESS_KEY_ID AKIAEXAMPLE" in str(caught.value)
    assert os.environ["AWS_SECRET_ACCESS_KEY"] not in str(caught.value)


def test_a_server_that_does_not_run_is_explained(environment: pytest.MonkeyPatch) -> None:
    url = f"http://127.0.0.1:{free_ports(1)}"
    environment.setenv("AWS_ENDPOINT_URL_S3", url)
    environment.delenv("AWS_ACCESS_KEY_ID")
    with pytest.raises(PublicationError, match="no server listens there: start it") as caught:
        open_publication("s3://orchard")
    assert f"from {url}, AWS_REGION not set, AWS_ACCESS_KEY_ID not set, AWS_PROFILE not set" in str(caught.value)


def test_an_unknown_host_names_the_variable_of_the_endpoint(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("AWS_ENDPOINT_URL", "http://nowhere.invalid")
    with pytest.raises(PublicationError, match="no such host: set AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL"):
        open_publication("s3://orchard")


@pytest.fixture
def bucket(tmp_path: Path) -> WrittenBucket:
    return orchard(tmp_path / "bucket")


@pytest.mark.parametrize("content", ["", "{", "[]", '{"files": [{"name": 1}]}', '{"files": 3}'])
def test_a_damaged_file_list_is_named(content: str, bucket: WrittenBucket) -> None:
    (bucket.folder / f"pca/run=007~{ATTEMPT}" / FILE_LIST).write_text(content)
    with pytest.raises(PublicationError, match=f"{FILE_LIST}: damaged .*docs/data-lifecycle.md"):
        open_publication(bucket.root).pca()


@pytest.mark.parametrize(
    "damaged",
    ["features/run=007/part-0.parquet", "runs/2026-01-02/deletes.parquet", "models/pca/run=007/data/part-0.parquet"],
)
@pytest.mark.parametrize("content", [b"", b"no Parquet file", None])
def test_a_damaged_table_is_named(damaged: str, content: bytes | None, bucket: WrittenBucket) -> None:
    path = bucket.folder / damaged
    found = path.read_bytes()
    middle = len(found) // 2
    path.write_bytes(found[:middle] + b"\xff" * 8 + found[-4000:-200] + found[-8:] if content is None else content)
    published = open_publication(bucket.root)
    with pytest.raises(PublicationError, match="damaged"):
        (published.basis if damaged.startswith("models") else published.features)()


def test_a_missing_folder_differs_from_an_empty_one(tmp_path: Path) -> None:
    with pytest.raises(PublicationError, match="does not exist: nothing is published yet"):
        open_publication(tmp_path.as_uri())
    with pytest.raises(PublicationError, match="does not exist: no such bucket or folder"):
        open_publication((tmp_path / "absent").as_uri())


@pytest.mark.parametrize(
    ("name", "value"),
    [("photos", "many"), ("photos", None), ("features", 3), ("features", [{}]), ("pca", [{"run": "a"}]), ("pca", 3)],
)
def test_a_malformed_member_of_published_json_is_found_when_it_is_opened(
    name: str, value: object, bucket: WrittenBucket
) -> None:
    path = bucket.folder / "published.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {name: value}))
    with pytest.raises(PublicationError, match=r"published\.json: damaged"):
        open_publication(bucket.root)

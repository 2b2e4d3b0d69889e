"""The gateway before the S3 server: it verifies each request, asks the policies, and signs the request again.

The S3 server has the credentials of the stack only. The gateway verifies the signature of the client itself, by
`local_aws.iam.signature`, and compares the body with the hash that the client signed.
"""

from __future__ import annotations

import hashlib
import http.client
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit
from xml.etree.ElementTree import ParseError

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as SigningCredentials

from local_aws.gateway import chunks, configuration, deletion
from local_aws.gateway.answers import Answer, denied, error, of_signature
from local_aws.gateway.chunks import ChunkError
from local_aws.iam.authority import Authority, Caller, DeniedError, SignatureError, TokenError
from local_aws.iam.s3_actions import Call, UnknownOperationError
from local_aws.iam.signature import QUERY, normal
from local_aws.settings import Settings

CONTENT_SHA256 = "X-Amz-Content-SHA256"
UNSIGNED = "UNSIGNED-PAYLOAD"
STREAMING = "STREAMING-"
UPSTREAM_S = 300.0
NO_CONTENT, NOT_MODIFIED = 204, 304
OF_CONNECTION = {"connection", "keep-alive", "transfer-encoding", "content-length", "expect", "host", "te", "upgrade"}
OF_SIGNATURE = {
    *("authorization", "x-amz-date", "x-amz-security-token", "x-amz-content-sha256", "x-amz-decoded-content-length"),
    *("x-amz-trailer", "user-agent", "amz-sdk-invocation-id", "amz-sdk-request", "date"),
}


class _Signer(S3SigV4Auth):
    """Signs for the S3 server on this machine, without a hash of the body."""

    def _should_sha256_sign_payload(self, request: Any) -> bool:
        return False


class Gateway(ThreadingHTTPServer):
    """The gateway. `secure`: whether its clients count as clients that use TLS."""

    daemon_threads = True
    request_queue_size = 512

    def __init__(self, settings: Settings, authority: Authority, port: int, *, secure: bool) -> None:
        super().__init__((settings.bind, port), _Handler)
        self.authority = authority
        self.secure = secure
        self.upstream = urlsplit(settings.s3_server_endpoint).netloc
        own = authority.keys.own
        self.signer = _Signer(SigningCredentials(own.access_key_id, own.secret_access_key), "s3", settings.region)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log nothing: clients end connections when they do not wait any longer."""


class _Handler(BaseHTTPRequestHandler):
    """One connection of a client, with one connection to the S3 server."""

    protocol_version = "HTTP/1.1"
    server: Gateway
    timeout = 120

    def setup(self) -> None:
        super().setup()
        self._upstream = http.client.HTTPConnection(self.server.upstream, timeout=UPSTREAM_S)

    def finish(self) -> None:
        self._upstream.close()
        super().finish()

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Transfer-Encoding"):
            self.close_connection = True
            self._send(error(411, "MissingContentLength", "You must provide the Content-Length HTTP header."))
            return
        try:
            self._send(self._answer(body))
        except (SignatureError, TokenError) as problem:
            self._send(of_signature(problem.code, str(problem)))
        except DeniedError as problem:
            self._send(denied(str(problem)))
        except UnknownOperationError as problem:
            self._send(error(501, "NotImplemented", f"local_aws decides about no such request: {problem}"))
        except (ChunkError, ParseError, KeyError) as problem:
            self._send(error(400, "InvalidRequest", str(problem)))
        except (OSError, http.client.HTTPException) as problem:
            self._upstream.close()
            self._send(error(503, "ServiceUnavailable", f"the S3 server does not answer: {problem!r}"))

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _handle  # noqa: N815 (names of the base class)

    def _answer(self, body: bytes) -> Answer:
        authority = self.server.authority
        if not self.headers.get("Authorization") and f"{QUERY}Signature=" not in self.path:
            raise DeniedError("Anonymous access is forbidden for this operation")
        caller = authority.caller(self.command, self.path, self.headers, body)
        content, trailers = self._content(body, caller)
        call = Call.of(self.command, self.path, self.headers, secure=self.server.secure)
        if call.deletes_many:
            return deletion.answer(authority, caller, call, content, self._forward)
        account = authority.account
        authority.check(caller, call.requests(account))
        return configuration.own_answer(call, account) or configuration.with_region(
            call, account, self._forward(content, trailers)
        )

    def _content(self, body: bytes, caller: Caller) -> tuple[bytes, dict[str, str]]:
        """Return the content of the body and its trailing headers. Compare the body with what was signed."""
        declared = self.headers.get(CONTENT_SHA256) or UNSIGNED
        if declared.startswith(STREAMING):
            return chunks.decode(body, declared, caller.signature, caller.owner.secret)
        if declared != UNSIGNED and declared != hashlib.sha256(body).hexdigest():
            raise SignatureError("XAmzContentSHA256Mismatch", "The provided SHA-256 does not match what was computed")
        return body, {}

    def _forward(self, content: bytes, changed: Mapping[str, str]) -> Answer:
        """Send the request to the S3 server with the credentials of the stack. `changed` are other headers."""
        path = normal(self.path, without=QUERY)
        headers = {
            name: value
            for name, value in self.headers.items()
            if name.lower() not in OF_CONNECTION | OF_SIGNATURE | {one.lower() for one in changed}
        }
        encodings = [one.strip() for one in headers.pop("Content-Encoding", "").split(",")]
        if encoding := ",".join(one for one in encodings if one and one != "aws-chunked"):
            headers["Content-Encoding"] = encoding
        request = AWSRequest(self.command, f"http://{self.server.upstream}{path}", {**headers, **changed}, content)
        self.server.signer.add_auth(request)
        sent = {name: str(value) for name, value in request.headers.items()}
        if content or self.command in ("PUT", "POST"):
            sent["Content-Length"] = str(len(content))
        answer = self._request(path, content, sent)
        return Answer(answer.status, answer.getheaders(), answer.read())

    def _request(self, path: str, content: bytes, headers: Mapping[str, str]) -> http.client.HTTPResponse:
        """Send a request. The server may have closed the connection since the last one: then on a new connection."""
        used = self._upstream.sock is not None
        try:
            self._upstream.request(self.command, path, content or None, dict(headers))
            return self._upstream.getresponse()
        except (ConnectionError, http.client.BadStatusLine):
            if not used:
                raise
            self._upstream.close()
            self._upstream.request(self.command, path, content or None, dict(headers))
            return self._upstream.getresponse()

    def _send(self, answer: Answer) -> None:
        self.send_response_only(answer.status)
        length = str(len(answer.body))
        for name, value in answer.headers:
            if name.lower() == "content-length" and self.command == "HEAD":
                length = value
            elif name.lower() not in OF_CONNECTION:
                self.send_header(name, value)
        if answer.status not in (NO_CONTENT, NOT_MODIFIED):
            self.send_header("Content-Length", length)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

"""The instance metadata service of the nodes (IMDSv2), their credentials as for a container, and STS.

The path of the metadata service begins with a secret of the stack. In AWS only the instance itself reaches its
service; here each user of the machine reaches the port.
"""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

from local_aws.iam.account import NODES
from local_aws.iam.authority import Authority, Caller, DeniedError, SignatureError, TokenError
from local_aws.iam.evaluator import Request
from local_aws.iam.sessions import CONTAINER, KeyOwner, Session, timestamp
from local_aws.settings import Settings

TOKEN, TTL = "X-aws-ec2-metadata-token", "X-aws-ec2-metadata-token-ttl-seconds"
LONGEST_TTL_S = 21_600
CREDENTIALS = "/latest/meta-data/iam/security-credentials"
XML, TEXT, JSON = "text/xml", "text/plain", "application/json"
NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"


class Metadata(ThreadingHTTPServer):
    """The server of both services."""

    daemon_threads = True
    request_queue_size = 512

    def __init__(self, settings: Settings, authority: Authority) -> None:
        super().__init__((settings.bind, settings.metadata_port), _Handler)
        self.authority = authority
        self.session_s = settings.session_s
        self.prefix = authority.keys.metadata_path

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Log nothing: clients end connections when they do not wait any longer."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Metadata
    timeout = 60

    def do_PUT(self) -> None:
        """Answer a request for a token of the metadata service."""
        ttl = self.headers.get(TTL) or ""
        if self._path() != "/latest/api/token" or not ttl.isdigit() or not 0 < int(ttl) <= LONGEST_TTL_S:
            self._send(400, "Bad Request", TEXT)
            return
        expires = str(time.time() + int(ttl))
        self._send(200, f"{expires}.{self._mac(expires)}", TEXT, {TTL: ttl})

    def do_GET(self) -> None:
        """Answer a request for metadata. A request without a token is refused: the service has version 2 only."""
        path = self._path()
        if path == CONTAINER:
            self._send(200, json.dumps(self._credentials()), JSON)
            return
        expires, _, mac = (self.headers.get(TOKEN) or "").rpartition(".")
        if not expires or not hmac.compare_digest(mac, self._mac(expires)) or float(expires) < time.time():
            self._send(401, "Unauthorized", TEXT)
            return
        account = self.server.authority.account
        role = account.settings["VERGER_NODE_ROLE"]
        if path == CREDENTIALS:
            self._send(200, role, TEXT)
        elif path == f"{CREDENTIALS}/{role}":
            self._send(200, json.dumps(self._credentials()), JSON)
        elif path == "/latest/meta-data/placement/region":
            self._send(200, account.region, TEXT)
        elif path == "/latest/dynamic/instance-identity/document":
            self._send(200, json.dumps({"region": account.region, "accountId": account.number}), JSON)
        else:
            self._send(404, "Not Found", TEXT)

    def do_POST(self) -> None:
        """Answer a request to STS."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            caller = self.server.authority.caller("POST", self.path, self.headers, body)
            answer = self._sts(caller, {name: values[0] for name, values in parse_qs(body.decode()).items()})
        except DeniedError as error:
            self._send(403, _error("AccessDenied", str(error)), XML)
        except (SignatureError, TokenError) as error:
            self._send(403, _error(error.code.removesuffix("Exception"), str(error)), XML)
        else:
            self._send(200, answer, XML)

    def _sts(self, caller: Caller, parameters: Mapping[str, str]) -> str:
        authority = self.server.authority
        account = authority.account
        if parameters.get("Action") == "GetCallerIdentity":
            arn = account.arn(caller.owner)
            content = f"<Arn>{arn}</Arn><UserId>{caller.name}</UserId><Account>{account.number}</Account>"
            return _answer("GetCallerIdentity", content)
        if parameters.get("Action") != "AssumeRole":
            raise DeniedError(f"local_aws does not implement {parameters.get('Action')}")
        arn = parameters.get("RoleArn", "")
        role = account.role(arn)
        request = Request("sts:AssumeRole", arn)
        authority.check(caller, [request])
        if role is None or not account.trusts(role, caller.name):
            raise DeniedError(authority.message(caller, request, ""))
        name = parameters.get("RoleSessionName", "")
        seconds = min(float(parameters.get("DurationSeconds", "3600")), self.server.session_s)
        made = authority.keys.session(role, name, seconds)
        assumed = escape(account.arn(KeyOwner(role, "", name)))
        user = f"<AssumedRoleUser><AssumedRoleId>{role}</AssumedRoleId><Arn>{assumed}</Arn>"
        return _answer("AssumeRole", f"{_credentials(made)}{user}</AssumedRoleUser>")

    def _credentials(self) -> dict[str, str]:
        return _of_instance(self.server.authority.keys.session(NODES, "i-local", self.server.session_s))

    def _path(self) -> str:
        path = urlsplit(self.path).path
        return path.removeprefix(self.server.prefix).rstrip("/") if path.startswith(self.server.prefix) else ""

    def _mac(self, text: str) -> str:
        return self.server.authority.keys.user(f"metadata {text}").secret_access_key

    def _send(self, status: int, text: str, kind: str, headers: Mapping[str, str] | None = None) -> None:
        content = text.encode()
        self.send_response_only(status)
        for name, value in {**(headers or {}), "Content-Type": kind, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


def _of_instance(made: Session) -> dict[str, str]:
    return {
        "Code": "Success",
        "LastUpdated": timestamp(time.time()),
        "Type": "AWS-HMAC",
        "AccessKeyId": made.credentials.access_key_id,
        "SecretAccessKey": made.credentials.secret_access_key,
        "Token": made.token,
        "Expiration": made.expiration,
    }


def _credentials(made: Session) -> str:
    return (
        f"<Credentials><AccessKeyId>{made.credentials.access_key_id}</AccessKeyId>"
        f"<SecretAccessKey>{made.credentials.secret_access_key}</SecretAccessKey>"
        f"<SessionToken>{made.token}</SessionToken><Expiration>{made.expiration}</Expiration></Credentials>"
    )


def _answer(action: str, content: str) -> str:
    return (
        f'<{action}Response xmlns="{NAMESPACE}"><{action}Result>{content}</{action}Result>'
        f"<ResponseMetadata><RequestId>local</RequestId></ResponseMetadata></{action}Response>"
    )


def _error(code: str, message: str) -> str:
    return (
        f'<ErrorResponse xmlns="{NAMESPACE}"><Error><Type>Sender</Type><Code>{code}</Code>'
        f"<Message>{escape(message)}</Message></Error><RequestId>local</RequestId></ErrorResponse>"
    )

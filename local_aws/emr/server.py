"""The EMR endpoint: an HTTP server with the protocol JSON 1.1 for `operations`.

moto parses the requests and serializes the answers and errors, as botocore's service model describes them. moto also
lists the release labels and the instance types. The clusters and steps of moto are not used, because they run no
command and exist in memory only. Here, `cluster/model.py` holds clusters and steps, `emr/supervisor.py` runs them, and
`cluster/store.py` saves them to disk.
"""

from __future__ import annotations

import json
import logging
import threading
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from botocore.validate import ParamValidator
from moto.core.exceptions import ServiceException
from moto.core.parse import JSONParser
from moto.core.serialize import JSONSerializer
from moto.core.utils import get_service_model
from moto.emr.exceptions import ValidationException

from local_aws.emr import authorization
from local_aws.emr.operations import OPERATIONS
from local_aws.emr.service import Service
from local_aws.emr.views import ACCOUNT
from local_aws.iam.authority import Caller, DeniedError, SignatureError, TokenError
from local_aws.processes import server_process
from local_aws.settings import Settings

log = logging.getLogger("local_aws.emr")

MAX_BODY = 16 * 2**20


class Handler(BaseHTTPRequestHandler):
    """One request of one client."""

    protocol_version = "HTTP/1.1"
    server: EmrServer
    timeout = 60

    def do_GET(self) -> None:
        """Return the state folder of the server: `Stack` compares it. The API itself uses POST only."""
        self._answer(200, json.dumps({"service": "emr", "state": str(self.server.service.settings.state)}))

    def do_POST(self) -> None:
        """Answer one API call."""
        length = int(self.headers.get("Content-Length") or 0)
        if length > MAX_BODY:
            self.close_connection = True
            self._answer(
                413, json.dumps({"__type": "ValidationException", "Message": f"request over {MAX_BODY} bytes"})
            )
            return
        body = self.rfile.read(length)
        try:
            caller = self.server.service.authority.caller("POST", self.path, self.headers, body)
        except SignatureError as error:
            self._answer(400, json.dumps({"__type": error.code, "message": str(error)}))
            return
        except TokenError as error:
            self._answer(400, json.dumps({"__type": f"{error.code}Exception", "message": str(error)}))
            return
        name = (self.headers.get("X-Amz-Target") or "").rpartition(".")[2]
        self._answer(*self.server.call(name, body, caller))

    def _answer(self, status: int, body: str) -> None:
        content = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: Any) -> None:
        """Log no line for each request. `EmrServer.call` logs errors."""


class EmrServer(ThreadingHTTPServer):
    """The HTTP server of one Service."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, service: Service) -> None:
        super().__init__((service.settings.bind, service.settings.emr_port), Handler)
        self.service = service

    def call(self, name: str, body: bytes, caller: Caller) -> tuple[int, str]:
        """Run the operation `name` for a caller; return the HTTP status and the JSON answer, also for errors."""
        if name not in OPERATIONS:
            known = name in _model().operation_names
            message = f"local_aws does not implement {name}" if known else f"unknown operation {name!r}"
            return 400, json.dumps({"__type": "UnknownOperationException", "Message": message})
        model = _model().operation_model(name)
        try:
            request = JSONParser(model, timestamp_parser=float).parse({"body": body})  # type: ignore[typeddict-item]
            _check(request, model.input_shape)
            with self.service.lock:
                self._authorize(name, request, caller)
                answer = OPERATIONS[name](self.service, request)
                # While the lock is held: the answer refers to values that supervisors change.
                response = JSONSerializer(model).serialize(answer or {})
        except DeniedError as error:
            return 400, json.dumps({"__type": "AccessDeniedException", "Message": str(error)})
        except ServiceException as error:
            log.info("%s: %s", name, error.message)
            response = JSONSerializer(model).serialize(error)
        except Exception as error:
            log.exception("%s failed", name)
            return 500, json.dumps({"__type": "InternalServerException", "Message": f"local_aws: {error!r}"})
        return response["status_code"], str(response["body"])

    def _authorize(self, name: str, request: dict[str, Any], caller: Caller) -> None:
        """Raise DeniedError unless the policies allow the operation, in an enforced stack."""
        service = self.service
        if service.settings.enforce:
            needed = authorization.requests(name, request, service.clusters, ACCOUNT, service.settings.region)
            service.authority.check(caller, needed)


def serve(settings: Settings) -> None:
    """Run the server until SIGTERM or SIGINT, then end all processes of all clusters."""
    service = Service(settings)
    server = EmrServer(service)
    service.resume()
    threading.Thread(target=server.serve_forever, name="http", daemon=True).start()
    log.info("listening on %s", settings.emr_endpoint)
    server_process.wait_for_end()
    server.shutdown()
    service.stop()
    log.info("stopped")


def _check(request: dict[str, Any], shape: Any) -> None:
    report = ParamValidator().validate(request, shape)
    if report.has_errors():
        raise ValidationException(report.generate_report())


@cache
def _model() -> Any:
    return get_service_model("emr")


def main() -> None:
    """Run the server process: `python -m local_aws.emr.server STATE`."""
    server_process.run(lambda state: serve(Settings.load(state)), __doc__)


if __name__ == "__main__":
    main()

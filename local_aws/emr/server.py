"""The EMR endpoint: HTTP and JSON 1.1 in front of `operations`.

moto's parser, serialiser, errors, release labels and instance types are used as they are; they follow botocore's
service model, and so do the names and types of everything that is received and sent. moto's own clusters and steps are
not used: they live in memory, are WAITING at once and never run anything, so that their life would have had to be
replaced member by member; `model` and `cluster` are that life, written to disk at each change.
"""

from __future__ import annotations

import argparse
import json
import logging
import signal
import threading
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from botocore.validate import ParamValidator
from moto.core.exceptions import ServiceException
from moto.core.parse import JSONParser
from moto.core.serialize import JSONSerializer
from moto.core.utils import get_service_model
from moto.emr.exceptions import ValidationException

from local_aws.emr import signature
from local_aws.emr.operations import OPERATIONS
from local_aws.emr.service import Service
from local_aws.emr.signature import SignatureError
from local_aws.settings import Settings

log = logging.getLogger("local_aws.emr")

MAX_BODY = 16 * 2**20


class Handler(BaseHTTPRequestHandler):
    """One request of one client."""

    protocol_version = "HTTP/1.1"
    server: EmrServer
    timeout = 60

    def do_GET(self) -> None:
        """Say that the server is there; the API itself is POST only."""
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
            signature.check("POST", self.path, self.headers, body, self.server.service.credentials)
        except SignatureError as error:
            self._answer(400, json.dumps({"__type": error.code, "message": str(error)}))
            return
        name = (self.headers.get("X-Amz-Target") or "").rpartition(".")[2]
        self._answer(*self.server.call(name, body))

    def _answer(self, status: int, body: str) -> None:
        content = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Only what changes something is worth a line in the log: see EmrServer.call."""


class EmrServer(ThreadingHTTPServer):
    """The HTTP server of one Service."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, service: Service) -> None:
        super().__init__((service.settings.bind, service.settings.emr_port), Handler)
        self.service = service

    def call(self, name: str, body: bytes) -> tuple[int, str]:
        """Carry out the operation `name`; returns the HTTP status and the JSON answer, also for errors."""
        if name not in OPERATIONS:
            known = name in _model().operation_names
            message = f"local_aws does not implement {name}" if known else f"unknown operation {name!r}"
            return 400, json.dumps({"__type": "UnknownOperationException", "Message": message})
        model = _model().operation_model(name)
        try:
            request = JSONParser(model, timestamp_parser=float).parse({"body": body})  # type: ignore[typeddict-item]
            _check(request, model.input_shape)
            with self.service.lock:
                answer = OPERATIONS[name](self.service, request)
                # Inside the lock: the answer refers to values that supervisors change.
                response = JSONSerializer(model).serialize(answer or {})
        except ServiceException as error:
            log.info("%s refused: %s", name, error.message)
            response = JSONSerializer(model).serialize(error)
        except Exception as error:
            log.exception("%s failed", name)
            return 500, json.dumps({"__type": "InternalServerException", "Message": f"local_aws: {error!r}"})
        return response["status_code"], str(response["body"])


def serve(settings: Settings) -> None:
    """Serve until SIGTERM, then end every process of every cluster."""
    service = Service(settings)
    server = EmrServer(service)
    service.resume()
    threading.Thread(target=server.serve_forever, name="http", daemon=True).start()
    log.info("listening on %s", settings.emr_endpoint)
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
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
    """Entry point of the server process: `python -m local_aws.emr.server STATE`."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("state", type=Path)
    settings = Settings.load(parser.parse_args().state)
    # Blocked before any thread starts, so that sigwait in the main thread is the one that gets them.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    serve(settings)


if __name__ == "__main__":
    main()

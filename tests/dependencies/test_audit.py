"""The audit, with pip-audit and a server that answers as OSV does."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.places import ROOT, environment_python

CONTROL = {"urllib3": "1.26.4"}


class Osv(BaseHTTPRequestHandler):
    """Answers that the packages of `vulnerable` have a vulnerability in this version."""

    vulnerable: dict[str, str]

    def do_POST(self) -> None:
        query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        name = query["package"]["name"]
        found = {
            "id": f"TEST-{name}",
            "affected": [
                {
                    "package": {"name": name, "ecosystem": "PyPI"},
                    "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99.0"}]}],
                }
            ],
        }
        answer = {"vulns": [found]} if self.vulnerable.get(name) == query["version"] else {}
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        """Print nothing."""


@pytest.fixture
def osv() -> Iterator[tuple[type[Osv], str]]:
    handler = type("Handler", (Osv,), {"vulnerable": dict(CONTROL)})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield handler, f"http://127.0.0.1:{server.server_port}/v1/query"
    server.shutdown()
    server.server_close()


def audit(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command where no package index can be reached."""
    offline = {"UV_OFFLINE": "1", "UV_NO_CACHE": "1", "HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1"}
    return subprocess.run(
        [str(environment_python("audit")), "-m", "dependencies.audit", *arguments],
        cwd=ROOT, env={**os.environ, **offline}, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_packages_without_a_vulnerability_pass(osv: tuple[type[Osv], str]) -> None:
    done = audit("spark", "--osv-url", osv[1])
    assert done.returncode == 0, done.stderr
    assert "osv mirror: 0 vulnerabilities, 0 of them not accepted; 0 packages not audited" in done.stdout


def test_a_vulnerability_is_named_with_the_version_that_fixes_it(osv: tuple[type[Osv], str]) -> None:
    osv[0].vulnerable |= {"py4j": "0.10.9.9"}
    done = audit("spark", "--osv-url", osv[1])
    assert done.returncode == 1
    assert "py4j 0.10.9.9: TEST-py4j, fixed in 99.0" in done.stdout


def test_a_service_without_data_does_not_count_as_an_audit(osv: tuple[type[Osv], str]) -> None:
    osv[0].vulnerable = {}
    done = audit("spark", "--osv-url", osv[1])
    assert done.returncode == 2
    assert "it does not find the known vulnerability of urllib3==1.26.4" in done.stderr
    assert "NOT AUDITED" in done.stdout


def test_without_a_network_each_service_is_named_with_its_reason() -> None:
    done = audit("spark")
    assert done.returncode == 2
    assert "audit: pypi: no data about vulnerabilities: " in done.stderr
    assert "audit: osv: no data about vulnerabilities: " in done.stderr
    assert "audit: error: " in done.stderr  # neither can uv read the release dates


def test_an_unknown_environment_is_an_error() -> None:
    done = audit("nodes")
    assert done.returncode == 2
    assert "audit: error: nodes: no such environment" in done.stderr

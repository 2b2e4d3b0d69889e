"""A client of a running stack: the REST API of Airflow, the bucket, the Spark history."""

from __future__ import annotations

import contextlib
import json
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

DAG_ID = "fruit_features"
TIMEOUT_S = 60


@dataclass(frozen=True)
class Running:
    """The addresses and credentials of a running stack.

    Attributes
    ----------
    url, user, password : str
        Airflow: its URL, and a login.
    history_url : str
        URL of the Spark history server.
    bucket : str
        Bucket of the photos.
    aws : dict
        Environment variables for AWS clients.
    logs : str
        Folder of the logs of the processes.
    """

    url: str
    user: str
    password: str = field(repr=False)
    history_url: str
    bucket: str
    aws: dict[str, str] = field(repr=False)
    logs: str = ""

    def token(self) -> str:
        """Return a bearer token for the API of Airflow."""
        login = {"username": self.user, "password": self.password}
        return str(request_json(f"{self.url}/auth/token", body=login)["access_token"])

    def get(self, path: str) -> Any:
        """Return the answer of the API of Airflow to a GET, such as `dags/fruit_features`."""
        return self._get(path, self.token())

    def _get(self, path: str, token: str) -> Any:
        return request_json(f"{self.url}/api/v2/{path}", token=token)

    def trigger(self, conf: Mapping[str, Any] | None = None) -> str:
        """Start a run of the DAG; return its Airflow run id. Raise urllib.error.HTTPError when Airflow rejects it."""
        body = {"logical_date": None, "conf": dict(conf or {})}
        started = request_json(f"{self.url}/api/v2/dags/{DAG_ID}/dagRuns", token=self.token(), body=body)
        return str(started["dag_run_id"])

    def wait(self, run_id: str, timeout_s: float = 300) -> str:
        """Wait for the end of a run; return its state. A failed request is repeated.

        Raises
        ------
        TimeoutError
            When the run has not ended after `timeout_s` seconds.
        """
        deadline, token, state = time.monotonic() + timeout_s, self.token(), "unknown"
        while True:
            with contextlib.suppress(OSError):  # urllib raises it, also for timeouts
                state = str(self._get(f"dags/{DAG_ID}/dagRuns/{run_id}", token)["state"])
            if state in ("success", "failed"):
                return state
            if time.monotonic() > deadline:
                raise TimeoutError(f"{run_id}: {state} after {timeout_s:.0f} s: {self.tasks(run_id)}")
            time.sleep(1)

    def tasks(self, run_id: str) -> dict[str, str | None]:
        """Return the state of each task of a run."""
        found = self.get(f"dags/{DAG_ID}/dagRuns/{run_id}/taskInstances")["task_instances"]
        return {task["task_id"]: task["state"] for task in found}

    def json(self) -> str:
        """Return all attributes as one line of JSON."""
        return json.dumps(asdict(self))


def request_json(url: str, *, token: str = "", body: Mapping[str, Any] | None = None) -> Any:
    """Return the JSON answer of a server to a GET, or to a POST when a body is given."""
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    content = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, content, headers)  # noqa: S310 (servers on loopback)
    with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
        return json.load(answer)

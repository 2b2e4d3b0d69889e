"""A stack that runs, as its clients see it: Airflow's REST API, the bucket, the Spark history."""

from __future__ import annotations

import contextlib
import json
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

DAG_ID = "fruit_features"
ANSWER_S = 60


@dataclass(frozen=True)
class Running:
    """Where a stack answers. `aws` are the environment variables by which AWS clients find it; `logs` is the folder of
    its processes' logs."""

    url: str
    user: str
    password: str = field(repr=False)
    history_url: str
    bucket: str
    aws: dict[str, str] = field(repr=False)
    logs: str = ""

    def token(self) -> str:
        """A bearer token for Airflow's API."""
        login = {"username": self.user, "password": self.password}
        return str(ask(f"{self.url}/auth/token", body=login)["access_token"])

    def get(self, path: str) -> Any:
        """The answer of Airflow's API to a GET, such as `dags/fruit_features`."""
        return self._get(path, self.token())

    def _get(self, path: str, token: str) -> Any:
        return ask(f"{self.url}/api/v2/{path}", token=token)

    def trigger(self, conf: Mapping[str, Any] | None = None) -> str:
        """Start a run of the DAG; its Airflow run id. Raises urllib.error.HTTPError when it is refused."""
        body = {"logical_date": None, "conf": dict(conf or {})}
        started = ask(f"{self.url}/api/v2/dags/{DAG_ID}/dagRuns", token=self.token(), body=body)
        return str(started["dag_run_id"])

    def wait(self, run_id: str, patience_s: float = 300) -> str:
        """The state in which a run ends. An answer that does not come is asked for again. Raises TimeoutError."""
        deadline, token, state = time.monotonic() + patience_s, self.token(), "unknown"
        while True:
            with contextlib.suppress(OSError):  # what urllib raises, timeouts included
                state = str(self._get(f"dags/{DAG_ID}/dagRuns/{run_id}", token)["state"])
            if state in ("success", "failed"):
                return state
            if time.monotonic() > deadline:
                raise TimeoutError(f"{run_id}: {state} after {patience_s:.0f} s: {self.tasks(run_id)}")
            time.sleep(1)

    def tasks(self, run_id: str) -> dict[str, str | None]:
        """Task to state."""
        found = self.get(f"dags/{DAG_ID}/dagRuns/{run_id}/taskInstances")["task_instances"]
        return {task["task_id"]: task["state"] for task in found}

    def json(self) -> str:
        """All of it in one line."""
        return json.dumps(asdict(self))


def ask(url: str, *, token: str = "", body: Mapping[str, Any] | None = None) -> Any:
    """The JSON that a server answers: to a GET, or to a POST when there is a body."""
    headers = {"Content-Type": "application/json", **({"Authorization": f"Bearer {token}"} if token else {})}
    content = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, content, headers)  # noqa: S310 (our own servers)
    with urllib.request.urlopen(request, timeout=ANSWER_S) as answer:  # noqa: S310
        return json.load(answer)

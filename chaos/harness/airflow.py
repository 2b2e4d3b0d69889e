"""What a user does in Airflow, by its REST API: trigger, mark, clear, pause, delete, read states and logs."""

from __future__ import annotations

import contextlib
import html
import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

DAG_ID = "fruit_features"
ENDED_RUN = ("success", "failed")
UNFINISHED = ("scheduled", "queued", "running", "deferred", "restarting", "up_for_retry", "up_for_reschedule")
"""States of a task that continues."""
HEADING = re.compile(r"<h1>Run of .*: ([^<:]*)</h1>")
TIMEOUT_S = 30.0
PATIENCE_S = 90.0
"""How long a request is repeated while Airflow does not answer, for faults that end or block its servers."""
POLL_S = 0.3


class Airflow:
    """A client of the REST API.

    Parameters
    ----------
    url, user, password : str
        URL of the API server, and a login.
    """

    def __init__(self, url: str, user: str, password: str) -> None:
        self.url, self._login, self._token = url, {"username": user, "password": password}, ""

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Send one request. A request without an answer, or with an error of the server, is repeated.

        Raises
        ------
        urllib.error.HTTPError
            Airflow refuses the request (4xx).
        OSError
            No answer for PATIENCE_S seconds.
        """
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                self._token = self._token or self._send("POST", "/auth/token", self._login, "")["access_token"]
                return self._send(method, f"/api/v2/{path}", body, self._token)
            except OSError as error:
                refused = isinstance(error, urllib.error.HTTPError) and error.code < 500
                if refused or time.monotonic() > deadline:
                    raise
                time.sleep(1)

    def _send(self, method: str, path: str, body: Mapping[str, Any] | None, token: str) -> Any:
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, content, headers, method=method)  # noqa: S310 (loopback)
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
            text = answer.read()
            return json.loads(text) if text else None

    def trigger(self, run: str, dag: str = DAG_ID, conf: Mapping[str, Any] | None = None) -> str:
        """Start a run with this Airflow run id; return the id."""
        body = {"dag_run_id": run, "logical_date": None, "conf": dict(conf or {})}
        return str(self.call("POST", f"dags/{dag}/dagRuns", body)["dag_run_id"])

    def state(self, run: str, dag: str = DAG_ID) -> str:
        """Return the state of a run; `deleted` when Airflow has no such run."""
        try:
            return str(self.call("GET", f"dags/{dag}/dagRuns/{run}")["state"])
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return "deleted"
            raise

    def tasks(self, run: str, dag: str = DAG_ID) -> dict[str, dict[str, Any]]:
        """Return the task instances of a run by task id."""
        try:
            found = self.call("GET", f"dags/{dag}/dagRuns/{run}/taskInstances")["task_instances"]
        except urllib.error.HTTPError:
            return {}
        return {task["task_id"]: task for task in found}

    def task(self, run: str, task: str) -> dict[str, Any]:
        """Return one task instance, empty when there is none. It costs the API server less than `tasks`."""
        try:
            return dict(self.call("GET", f"dags/{DAG_ID}/dagRuns/{run}/taskInstances/{task}"))
        except urllib.error.HTTPError:
            return {}

    def active_runs(self) -> list[str]:
        """Return the ids of the runs that are queued or running."""
        found = self.call("GET", f"dags/{DAG_ID}/dagRuns?state=running&state=queued")["dag_runs"]
        return [str(run["dag_run_id"]) for run in found]

    def mark_run(self, run: str, state: str) -> None:
        """Mark a run as success or failed."""
        self.call("PATCH", f"dags/{DAG_ID}/dagRuns/{run}", {"state": state})

    def mark_task(self, run: str, task: str, state: str) -> None:
        """Mark a task as success or failed."""
        self.call("PATCH", f"dags/{DAG_ID}/dagRuns/{run}/taskInstances/{task}", {"new_state": state})

    def clear(self, run: str, task: str, *, downstream: bool = True) -> None:
        """Clear a task, with its downstream tasks or alone."""
        body = {
            "dry_run": False, "dag_run_id": run, "task_ids": [task], "only_failed": False,
            "include_downstream": downstream, "reset_dag_runs": True,
        }  # fmt: skip
        self.call("POST", f"dags/{DAG_ID}/clearTaskInstances", body)

    def delete_run(self, run: str) -> bool:
        """Delete a run, and return whether Airflow allowed it: only when the run has ended."""
        return self._deleted(f"dags/{DAG_ID}/dagRuns/{run}")

    def delete_dag(self) -> bool:
        """Delete the DAG with all its runs, and return whether Airflow allowed it: not while a task is running."""
        return self._deleted(f"dags/{DAG_ID}")

    def _deleted(self, path: str) -> bool:
        try:
            self.call("DELETE", path)
        except urllib.error.HTTPError as error:
            if error.code != HTTPStatus.CONFLICT:
                raise
            return False
        return True

    def pause(self, *, paused: bool) -> None:
        """Pause or unpause the DAG."""
        self.call("PATCH", f"dags/{DAG_ID}", {"is_paused": paused})

    def page(self, run: str) -> str:
        """Return what Verger's page in Airflow calls the run, such as `published`; empty without such a page."""
        request = urllib.request.Request(f"{self.url}/verger/runs/{run}")  # noqa: S310 (loopback)
        request.add_header("Authorization", f"Bearer {self._token}")
        with contextlib.suppress(OSError):
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
                found = HEADING.search(answer.read().decode())
            return html.unescape(found[1]).strip() if found else ""
        return ""

    def wait(self, run: str, timeout_s: float, dag: str = DAG_ID) -> str:
        """Wait for the end of a run and of its tasks; return its state, or that of the last look.

        Airflow may show a run that is marked by hand as ended while its teardown is active.
        """
        state = "unknown"

        def ended() -> bool:
            nonlocal state
            state = self.state(run, dag)
            if state not in (*ENDED_RUN, "deleted"):
                return False
            return not any(task["state"] in UNFINISHED for task in self.tasks(run, dag).values())

        wait_for(ended, timeout_s, every_s=1.0)
        return state

    def message(self, run: str, task: str, tries: int) -> str:
        """Return the last error in the logs of a task, in one line; empty when there is none."""
        for number in range(tries, 0, -1):
            with contextlib.suppress(OSError, ValueError):
                path = f"dags/{DAG_ID}/dagRuns/{run}/taskInstances/{task}/logs/{number}?full_content=true"
                lines = [line for line in self.call("GET", path)["content"] if isinstance(line, dict)]
                for line in reversed(lines):
                    if details := line.get("error_detail"):
                        return f"{details[0].get('exc_type')}: {details[0].get('exc_value')}"
                    if line.get("level") in ("error", "critical"):
                        return str(line.get("event"))
        return ""


def at_most_every(every_s: float, read: Callable[[], Any]) -> Callable[[], Any]:
    """Return a function with the value of `read`, which is called at most every `every_s` seconds."""
    last, value = float("-inf"), None

    def current() -> Any:
        nonlocal last, value
        if time.monotonic() - last >= every_s:
            last, value = time.monotonic(), read()
        return value

    return current


def wait_for(condition: Callable[[], bool], timeout_s: float, every_s: float = POLL_S) -> bool:
    """Call a condition until it is true; return whether it became true in time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(every_s)
    return True

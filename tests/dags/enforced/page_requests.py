"""Requests pages of Verger in this process, and prints status and text of each as JSON.

    python -m tests.dags.enforced.page_requests PAUSE PATH...

The program sleeps PAUSE seconds between two requests. Airflow's check of the user is left out: it needs a login.
"""

from __future__ import annotations

import json
import sys
import time


def main(pause: str, *paths: str) -> None:
    from fastapi.testclient import TestClient

    from verger_ui.app import create_app

    app = create_app()
    for route in app.routes:
        for dependency in getattr(getattr(route, "dependant", None), "dependencies", ()):
            if "requires_access_dag" in getattr(dependency.call, "__qualname__", ""):
                app.dependency_overrides[dependency.call] = lambda: None
    client = TestClient(app, raise_server_exceptions=False)
    answers = []
    for path in paths:
        answer = client.get(path)
        answers.append({"status": answer.status_code, "text": answer.text})
        time.sleep(float(pause))
    print(f"\n{json.dumps(answers)}")


if __name__ == "__main__":
    main(*sys.argv[1:])

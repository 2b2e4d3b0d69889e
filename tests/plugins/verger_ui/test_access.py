"""Authorization, malformed addresses, and harmless display of names from users."""

from __future__ import annotations

import re
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from tests.plugins.verger_ui.pages import CHECK, Pages, scheduled_run
from verger.report.map_script import SCRIPT_HASH
from verger_ui.sources.bucket import bucket

RUN = scheduled_run(1)
EVIL = "<script>alert('Kiwi')</script>"
NO_RUNS = [
    *("..", "../", "../../published.json", "..\\..", ".", "a/../b", "%2e%2e%2f", " ", "a b", "a\0b", "a\nb", "a\n"),
    *("'; --", '"><script>', "café", "a" * 201, "-a", "_a", "{{7*7}}", "a%0a", "run?x#y", "*", "..%2f", "a/.."),
]
PAGES = [
    "",
    "in-progress",
    f"runs/{RUN}",
    f"runs/{RUN}/report",
    f"runs/{RUN}/steps/pca",
    f"runs/{RUN}/logs/j-1ABC/s-1ABC",
]


def test_without_a_login_each_page_is_refused_without_a_request_to_s3(
    anonymous: TestClient, pages: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages.report(RUN)
    monkeypatch.setattr("verger_ui.app.bucket", lambda: pytest.fail("a request to S3"))
    for page in PAGES:
        answer = anonymous.get(f"/verger/{page}")
        assert answer.status_code == 401, page
        assert RUN not in answer.text
        assert "Log in first" in answer.text


def test_a_forged_token_is_refused(anonymous: TestClient, pages: Pages) -> None:
    anonymous.cookies.set("_token", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJnYXJkZW5lciIsInJvbGUiOiJhZG1pbiJ9.")
    assert anonymous.get("/verger/").status_code in (401, 403)


def test_a_user_who_may_not_see_the_dag_may_not_see_the_page(pages: Pages, app: FastAPI, monkeypatch: Any) -> None:
    manager = type(app.state.auth_manager)
    monkeypatch.setattr(manager, "is_authorized_dag", lambda self, **_: False)
    assert pages.get().status_code == 403


def test_a_token_in_the_header_is_accepted(anonymous: TestClient, pages: Pages) -> None:
    token = pages.browser.cookies["_token"]
    assert anonymous.get("/verger/", headers={"Authorization": f"Bearer {token}"}).status_code == 200


def test_the_pages_accept_only_get(pages: Pages) -> None:
    for page in ("", f"runs/{RUN}", f"runs/{RUN}/report"):
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            assert pages.browser.request(method, f"/verger/{page}").status_code == 405


def test_a_malformed_run_id_reads_no_object(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    keys: list[str] = []
    for name in ("body", "keys"):
        monkeypatch.setattr(type(bucket()), name, lambda self, key: keys.append(key))
    for run in NO_RUNS:
        encoded = "".join(f"%{byte:02X}" for byte in run.encode())
        for rest in ("", "/report", "/steps/pca", "/logs/j-1ABC/s-1ABC"):
            answer = pages.get(f"runs/{encoded}{rest}")
            assert answer.status_code in (404, 422), run
            assert keys == [], run
            assert "<script>" not in answer.text


def test_a_malformed_step_id_reads_no_object(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    keys: list[str] = []

    def record(_: object, prefix: str) -> dict[str, int]:
        keys.append(prefix)
        return {}

    monkeypatch.setattr(type(bucket()), "keys", record)
    for place in (
        "j-/s-1ABC",
        "x-1ABC/s-1ABC",
        "j-1ABC/s-%2E%2E",
        "j-1ABC/s-1abc",
        "j-1ABC/s-1ABC%2F..",
        "j-1ABC%0A/s-1",
    ):
        assert pages.get(f"runs/{RUN}/logs/{place}").status_code in (404, 422), place
    assert pages.get(f"runs/{RUN}/logs/j-1ABC/s-1ABC?stream=../x").status_code == 422
    assert keys == []


def test_a_script_in_a_name_is_text(pages: Pages) -> None:
    check = CHECK | {"name": EVIL, "passed": False, "detail": EVIL}
    drift = {"labels": [{"label": EVIL, "ratio": 9.0}]}
    pages.report(RUN, why=EVIL, basis_reason=EVIL, basis_kept=False, checks={EVIL: [check]}, drift=drift)
    pages.put(f"runs/{RUN}/steps/s-1ABC.json", {"step": EVIL, "cluster": EVIL, "step_id": EVIL, "submitted_at": EVIL})
    pages.put(f"runs/{scheduled_run(2)}/plan.json", {"why": EVIL, "photos": {EVIL: EVIL}})
    pages.put(f"runs/{scheduled_run(2)}/progress.json", {"step": EVIL, "done": 1, "total": 2})
    pages.log("j-1ABC", "s-1ABC", "stderr", f"{EVIL}\nError: {EVIL}\n")
    for page in ("", f"runs/{RUN}", f"runs/{scheduled_run(2)}", f"runs/{RUN}/logs/j-1ABC/s-1ABC"):
        text = pages.text(page)
        assert EVIL not in text
        assert "&lt;script&gt;" in text


def test_a_report_is_shown_in_a_sandbox(pages: Pages) -> None:
    pages.report(RUN)
    pages.put(f"runs/{RUN}/report.html", f"<h1>{EVIL}</h1>".encode())
    policy = pages.get(f"runs/{RUN}/report").headers["content-security-policy"]
    assert policy.startswith("sandbox allow-scripts; default-src 'none';")
    (scripts,) = re.findall("script-src ([^;]*)", policy)
    assert scripts == f"'{SCRIPT_HASH}'", "no script of a name runs"
    framed = f'src="/verger/runs/{RUN}/report" title="Report of run {RUN}" sandbox="allow-scripts"'
    assert framed in pages.text(f"runs/{RUN}")


def test_every_page_has_a_strict_content_security_policy(pages: Pages) -> None:
    pages.report(RUN)
    for page in ("", f"runs/{RUN}", "nowhere", "runs/%20"):
        headers = pages.get(page).headers
        assert headers["x-content-type-options"] == "nosniff"
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'self'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy


def test_no_secret_is_on_any_page(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    pages.report(RUN)
    text = pages.text() + pages.text(f"runs/{RUN}") + pages.get(f"runs/{scheduled_run(3)}").text
    for name in ("AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"):
        assert os.environ[name] not in text

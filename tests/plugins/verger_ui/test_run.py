"""The page of one run, the logs of its steps, and the links on the tasks."""

from __future__ import annotations

import gzip
import random
from typing import Any
from urllib.parse import quote

import boto3
import pytest

from tests.plugins.snapshots import snapshot
from tests.plugins.verger_ui.pages import CHECK, Outline, Pages, scheduled_run
from verger.emr import step_record
from verger.emr.log_tail import MOST_BYTES
from verger.publication.model import Publication
from verger.run_id import run_id
from verger_contract.keys import Run
from verger_ui.sources import bucket
from verger_ui.sources.aws_console import cluster_page
from verger_ui.views.run_facts import of_report

RUN = scheduled_run(1)
DAG_RUN = "scheduled__2026-11-23T01:00:00+00:00"


def links(pages: Pages, task: str, dag_run: str = DAG_RUN) -> dict[str, str | None]:
    """Return the links of a task as Airflow's UI requests them."""
    path = f"/api/v2/dags/fruit_features/dagRuns/{dag_run}/taskInstances/{task}/links"
    answer = pages.browser.get(path)
    assert answer.status_code == 200, answer.text
    return dict(answer.json()["extra_links"])


def test_an_unknown_run(pages: Pages) -> None:
    answer = pages.get(f"runs/{RUN}")
    assert answer.status_code == 404
    assert f"There is no run {RUN}" in answer.text


def test_a_published_run(pages: Pages) -> None:
    pages.report(RUN)
    pages.put(f"runs/{RUN}/report.html", b"<h1>the report</h1>")
    pages.put("published.json", Publication(snapshot(RUN)).document())
    text = pages.text(f"runs/{RUN}")
    for part in ("the current publication", "7 new, 3 changed, 5 deleted", "90.11", "0.42", "list prices"):
        assert part in text
    assert ["no path twice", "passed", "every path once", "every path once", ""] in Outline(text).rows
    assert pages.text(f"runs/{RUN}/report") == "<h1>the report</h1>"


def test_a_failed_run_from_its_files(pages: Pages) -> None:
    pages.trigger("manual__broken", "failed")
    pages.set_task("manual__broken", "check_features", "failed")
    run = run_id("manual__broken")
    pages.put(f"runs/{run}/plan.json", {"work": True, "why": "120 new", "photos": {"new": 120}})
    pages.put(f"runs/{run}/featurize.json", {"rejected": 99, "photos_per_second": 104.5})
    failed = CHECK | {"name": "share of rejects", "passed": False, "found": "0.8"}
    skipped = CHECK | {"name": "neighbours share labels", "found": "skipped"}
    pages.put(f"runs/{run}/validation.json", {"features": [failed, skipped]})
    text = pages.text(f"runs/{run}")
    assert "Failed in check_features" in text
    assert "1 check failed: share of rejects." in text
    assert ["share of rejects", "failed", "every path once", "0.8", ""] in Outline(text).rows
    assert ["neighbours share labels", "skipped", "every path once", "skipped", ""] in Outline(text).rows
    assert "104.5" in text
    assert pages.get(f"runs/{run}/report").status_code == 404


def test_rejects_are_those_of_the_run() -> None:
    assert of_report(RUN, {"rejected": 500, "rejects": {"not an image": 2, "empty file": 1}}).rejected == 3
    assert of_report(RUN, {"rejected": 500, "rejects": {}}).rejected == 0
    assert of_report(RUN, {"rejected": 500}).rejected == 500, "without counts by kind"


def test_the_record_of_a_step_leads_to_its_log(pages: Pages) -> None:
    step_record.write(lambda: pages.s3, Run(pages.bucket, RUN), "featurize", "j-1ABC", ["s-1ABC"])
    pages.log("j-1ABC", "s-1ABC", "stderr", "26/11/24 INFO x\njava.lang.IllegalStateException: no fruit\nend\n")
    pages.log("j-1ABC", "s-1ABC", "controller", "started\n")
    assert f"/verger/runs/{RUN}/logs/j-1ABC/s-1ABC" in Outline(pages.text(f"runs/{RUN}")).links()
    text = pages.text(f"runs/{RUN}/steps/featurize")
    assert '<mark id="error-1">java.lang.IllegalStateException: no fruit</mark>' in text
    assert f"s3://{pages.bucket}/logs/j-1ABC/steps/s-1ABC/stderr.gz" in text
    assert "started" in pages.text(f"runs/{RUN}/logs/j-1ABC/s-1ABC?stream=controller")
    missing = pages.get(f"runs/{RUN}/steps/pca")
    assert missing.status_code == 404
    assert "no step pca yet" in missing.text


def test_the_output_of_the_driver_is_shown_first(pages: Pages) -> None:
    """spark-submit writes the output of a Python driver to stdout. The application master has a log of its own."""
    application, page = "application_1700000000000_0007", f"runs/{RUN}/logs/j-1ABC/s-1ABC"
    pages.log("j-1ABC", "s-1ABC", "stderr", f"INFO Client: Submitted application {application}\n")
    assert "Submitted application" in pages.text(page), "stdout does not exist yet"
    pages.log("j-1ABC", "s-1ABC", "stdout", "verger: error: canary: differs\n")
    folder = f"logs/j-1ABC/containers/{application}/container_1700000000000_0007_01_000001"
    pages.put(f"{folder}/stdout.gz", gzip.compress(b"the application master\n"))
    text = pages.text(page)
    assert '<mark id="error-1">verger: error: canary: differs</mark>' in text
    assert f"s3://{pages.bucket}/logs/j-1ABC/steps/s-1ABC/stdout.gz" in text
    assert "the application master" not in text
    assert {f"/verger/{page}?stream={stream}" for stream in ("stdout", "stderr")} <= {*Outline(text).links()}
    assert "Submitted application" in pages.text(f"{page}?stream=stderr")
    assert "EMR has not uploaded controller" in pages.text(f"{page}?stream=controller")


def test_a_log_that_is_not_uploaded_yet(pages: Pages) -> None:
    assert "EMR has not uploaded stdout" in pages.text(f"runs/{RUN}/logs/j-1ABC/s-1ABC")


def test_the_end_of_a_long_log_is_shown(pages: Pages) -> None:
    pages.log("j-1ABC", "s-1ABC", "stdout", "first\n" + "x" * MOST_BYTES + "\nlast\n")
    text = pages.text(f"runs/{RUN}/logs/j-1ABC/s-1ABC")
    assert "Only the end of the log is shown" in text
    assert "last" in text
    assert "first" not in text.split("<pre>")[1]


def test_a_truncated_log_shows_its_readable_part(pages: Pages) -> None:
    rng = random.Random(1)
    content = "\n".join(f"line {number} {rng.random()}" for number in range(5000))
    packed = gzip.compress(f"ValueError: no fruit\n{content}".encode())
    pages.put("logs/j-1ABC/steps/s-1ABC/stderr.gz", packed[: len(packed) // 2])
    text = pages.text(f"runs/{RUN}/logs/j-1ABC/s-1ABC")
    assert "The file is cut short: this is its readable part." in text
    assert '<mark id="error-1">ValueError: no fruit</mark>' in text
    assert content.splitlines()[1000] in text
    pages.put("logs/j-1ABC/steps/s-1ABC/stderr.gz", packed)
    assert "cut short" not in pages.text(f"runs/{RUN}/logs/j-1ABC/s-1ABC")


def test_a_task_has_its_links_in_every_state(pages: Pages) -> None:
    dag_run = "manual__states"
    pages.trigger(dag_run)
    run = run_id(dag_run)
    page = f"/plugin/verger/verger/runs/{run}"
    for state in ("queued", "running", "deferred", "success", "failed", "up_for_retry"):
        for task, logs in (("featurize", "featurize"), ("check_features", "verify_features"), ("pca_done", "pca")):
            pages.set_task(dag_run, task, state)
            found = links(pages, task, dag_run)
            assert found["Run in Verger"] == page
            assert found["Step logs"] == f"{page}/steps/{logs}"
            assert found["Spark history"] is None
    found = links(pages, "create_cluster", dag_run)
    assert found["Run in Verger"] == page
    assert found["Step logs"] is None
    assert "EMR Cluster" in found, "the link of the provider"


def test_the_history_of_an_ended_step(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VERGER_SPARK_HISTORY_URL", "http://history.example:18080/")
    bucket.settings.cache_clear()
    dag_run = "manual__history"
    pages.trigger(dag_run)
    run = run_id(dag_run)
    assert links(pages, "pca_done", dag_run)["Spark history"] is None
    pages.put(f"runs/{run}/progress.json", {"step": "pca", "done": 1, "total": 2, "application": "local-17000"})
    assert links(pages, "pca_done", dag_run)["Spark history"] is None, "the history server has no events yet"
    pages.put(f"runs/{run}/pca.json", {"application": "local-17000"})
    pages.put(f"runs/{run}/featurize.json", {"application": "application_1_0002"})
    history = "http://history.example:18080/history"
    assert links(pages, "pca_done", dag_run)["Spark history"] == f"{history}/local-17000/"
    assert links(pages, "featurize", dag_run)["Spark history"] == f"{history}/application_1_0002/"
    step_record.write(lambda: pages.s3, Run(pages.bucket, run), "pca", "j-1ABC", ["s-1ABC"])
    text = pages.text(f"runs/{run}")
    assert f"{history}/local-17000/" in Outline(text).links()
    opened = [name for tag, name, _ in Outline(text).attributes if tag == "a" and name in ("target", "data-outside")]
    assert opened == ["target", "data-outside"], "Airflow's frame opens no window, the script of the page does"
    pages.put(f"runs/{run}/pca.json", {"application": "../../x"})
    assert links(pages, "pca_done", dag_run)["Spark history"] is None


def test_links_do_not_need_s3(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VERGER_SPARK_HISTORY_URL", "http://history.example:18080/")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    bucket.settings.cache_clear()
    bucket.bucket.cache_clear()
    pages.trigger("manual__down")
    found: dict[str, Any] = links(pages, "featurize", "manual__down")
    assert found["Step logs"]
    assert found["Spark history"] is None
    bucket.bucket.cache_clear()


def test_the_page_is_in_the_navigation(pages: Pages) -> None:
    plugins = pages.admin.get("/api/v2/plugins").json()["plugins"]
    (ours,) = [plugin for plugin in plugins if plugin["name"] == "verger"]
    view, tab = ours["external_views"]
    assert (view["href"], view["destination"], view["url_route"]) == ("/verger/", "nav", "verger")
    assert tab["destination"] == "dag_run"
    address = tab["href"].replace("{DAG_ID}", "fruit_features").replace("{RUN_ID}", quote("manual__a+b"))
    answer = pages.get(address.removeprefix("/verger/"), follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/verger/runs/{run_id('manual__a+b')}")
    other = pages.get("dag-run?dag=other&run=manual__1")
    assert other.status_code == 404
    assert "one of the DAG other" in other.text
    assert pages.admin.get("/api/v2/plugins/importErrors").json()["total_entries"] == 0


@pytest.mark.parametrize(
    ("region", "address"),
    [
        ("eu-west-3", "https://console.aws.amazon.com/emr/home?region=eu-west-3#/clusterDetails/j-1"),
        ("cn-north-1", "https://console.amazonaws.cn/emr/home?region=cn-north-1#/clusterDetails/j-1"),
        ("eusc-de-east-1", ""),  # the provider does not have this console
    ],
)
def test_the_page_of_a_cluster_in_the_aws_console(region: str, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    keys: Any = {"aws_access_key_id": "a", "aws_secret_access_key": "b"}
    assert cluster_page(boto3.client("s3", region_name=region, **keys), "j-1") == address
    local = boto3.client("s3", region_name=region, endpoint_url="http://127.0.0.1:8333", **keys)
    assert cluster_page(local, "j-1") == "", "a local cluster has no page there"


def test_clusters_are_linked_to_the_aws_console(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    pages.report(RUN)
    record = {"step": "pca", "cluster": "j-1", "step_id": "s-1", "submitted_at": "2026-11-24T02:10:00+00:00"}
    pages.put(f"runs/{RUN}/steps/s-1.json", record)
    assert '<td class="id">j-1</td>' in pages.text(f"runs/{RUN}"), "S3 of the tests is not that of AWS"
    monkeypatch.setattr("verger_ui.views.run_page.cluster_page", lambda _, cluster: f"https://console/{cluster}")
    assert "https://console/j-1" in Outline(pages.text(f"runs/{RUN}")).links()

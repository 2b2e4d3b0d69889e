"""The report: the facts of the run, and nothing that a file name could smuggle in."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest

from verger import publication, report
from verger.paths import Run
from verger.s3 import read_json, write_json
from verger.validation.check import ValidationError

FEATURIZE = {
    "photos": 120,
    "rejected": 99,
    "rejects": {"not an image <script>alert(1)</script>": 2},
    "photos_per_second": 104.5,
    "seconds": {"total": 12.5},
}
# The jobs' own numbers are others than those that were counted: none of them is published.
PCA = {"photos": 999, "k": 99, "target_variance": 0.1, "explained_variance": 0.99, "seconds": {"total": 5}}
STAGED = {"weights": "imagenet", "model_sha256": "ab" * 32, "sha256": "cd" * 32}
STAGES: list[dict[str, Any]] = [
    {"task_id": "list_images", "state": "success", "duration": 1.26},
    {"task_id": "report", "state": "running", "duration": None},
]
CHECK = {"name": "no path twice", "passed": True, "expected": "every path once", "found": "every path once"}
VALIDATION = {
    "features": [CHECK | {"detail": "<b>", "counted": {"photos": 118, "rejected": 2}}],
    "pca": [
        CHECK | {"detail": "", "counted": {"photos": 118}},
        CHECK | {"detail": "", "counted": {"k": 17, "explained_variance": 0.9012, "target_variance": 0.9}},
    ],
}


class Tables(HTMLParser):
    """Text of every cell, and every tag."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.tags: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1] in ("td", "h1"):
            self.cells.append(data)


@pytest.fixture
def run(client: Any, bucket: str) -> Run:
    run = Run(bucket, "run-1")
    write_json(client, bucket, run.metrics("featurize"), FEATURIZE)
    write_json(client, bucket, run.metrics("pca"), PCA)
    write_json(client, bucket, run.validation, VALIDATION)
    return run


def facts(client: Any, run: Run, **staged: str) -> dict[str, Any]:
    return report.facts(client, run, publication.document(client, run, STAGED | staged), STAGES)


def test_the_facts_and_the_page_agree(client: Any, run: Run) -> None:
    what = facts(client, run)
    report.write(client, run, what)
    assert read_json(client, run.bucket, run.report_facts) == what
    assert (what["photos"], what["rejected"], what["k"]) == (118, 2, 17)
    assert what["stages"] == [{"stage": "list_images", "state": "success", "seconds": 1.3}]
    assert what["places"]["projections"] == f"s3://{run.bucket}/pca/run=run-1/"

    answer = client.get_object(Bucket=run.bucket, Key=run.report)
    assert answer["ContentType"] == "text/html; charset=utf-8"
    cells = Tables(answer["Body"].read().decode()).cells
    for cell in ("118", "17", "90.1200% (target 90.00%)", "3 of 3", "no path twice", *what["places"].values()):
        assert cell in cells


def test_what_users_named_is_escaped(client: Any, run: Run) -> None:
    parsed = Tables(report.page(facts(client, run)))
    assert "script" not in parsed.tags
    assert "b" not in parsed.tags
    assert "not an image <script>alert(1)</script>" in parsed.cells


def test_random_weights_are_marked(client: Any, run: Run) -> None:
    assert "vectors mean nothing" in report.page(facts(client, run, weights="random"))
    assert "vectors mean nothing" not in report.page(facts(client, run))


def test_the_publication_names_the_run_and_its_facts(client: Any, run: Run) -> None:
    published = publication.document(client, run, STAGED)
    assert (published["run"], published["features"], published["pca"], published["basis"]) == (
        *("run-1", ["run-1"]),
        *("run-1", "run-1"),
    )
    assert {name: published[name] for name in ("photos", "rejected", "k", "explained_variance", "target_variance")} == {
        "photos": 118,
        "rejected": 2,
        "k": 17,
        "explained_variance": 0.9012,
        "target_variance": 0.9,
    }
    assert published["model"] == {"weights": "imagenet", "sha256": "ab" * 32}


def test_nothing_is_published_that_was_not_counted(client: Any, run: Run) -> None:
    write_json(client, run.bucket, run.validation, {"features": VALIDATION["features"]})
    with pytest.raises(ValidationError, match=rf"^s3://{run.bucket}/{run.validation}: expected .* counted 'photos'"):
        publication.document(client, run, STAGED)

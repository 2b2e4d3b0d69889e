"""One enforced stack for all tests of this folder, and the runs in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import CompletedProcess
from typing import TYPE_CHECKING, Any

import pytest

from local_aws.iam.account import ADMINISTRATOR
from local_aws.iam.record import Decision
from sample_photos.orchard import draw_orchard
from tests.dags.enforced.runs import BUCKET, EnforcedStack, enforced_stack
from verger.s3.clients import read_json
from verger_contract.keys import PUBLISHED, Run

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PHOTOS, NEW, SESSION_S = 48, 5, 5
PADDING = bytes(180 * 2**20)
"""Bytes after the end of the image in each new photo: a decoder ignores them, the plan of the cluster counts them."""

SLOW_S = 100_000.0
"""The duration of step 1 of the first run, as the second run reads it: a bucket whose photos take long."""

ONE_EXECUTOR = {
    "VERGER_TARGET_MINUTES": "5",
    "VERGER_WORKER_INSTANCE_TYPES": "c6i.xlarge",
    "VERGER_EXECUTOR_OVERHEAD_MIB": "2304",
}
"""Settings with which the new photos need more than two workers: only one executor fits on a worker."""

LOST_RUN = "manual__lost-0123abcd~4567cdef"
"""A run that ended without a publication. Vacuum deletes its data."""


@dataclass
class Runs:
    """The runs in the stack, in their order.

    Attributes
    ----------
    enforced : EnforcedStack
    done : dict of str to CompletedProcess
        Exit code and log by name.
    published : dict of str to Any
        The content of published.json after each run.
    decisions : list of Decision
        The decisions about all requests of these runs.
    """

    enforced: EnforcedStack
    done: dict[str, CompletedProcess[str]] = field(default_factory=dict)
    published: dict[str, Any] = field(default_factory=dict)
    decisions: list[Decision] = field(default_factory=list)

    @property
    def s3(self) -> S3Client:
        """A client of the owner of the photos."""
        client: S3Client = self.enforced.client("s3", ADMINISTRATOR)
        return client

    def run(self, name: str, **options: Any) -> None:
        """Run the DAG and keep its result."""
        self.done[name] = self.enforced.run(**options)
        self.published[name] = read_json(self.s3, BUCKET, PUBLISHED)


@pytest.fixture(scope="package")
def enforced(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EnforcedStack]:
    """A stack that enforces the policies of the template. Temporary credentials end after SESSION_S seconds."""
    with enforced_stack(tmp_path_factory.mktemp("enforced"), "--session-s", str(SESSION_S)) as running:
        yield running


@pytest.fixture(scope="package")
def runs(enforced: EnforcedStack, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """A run over most photos, a run after a deletion with the other photos, a rollback, and a run of the janitor."""
    runs = Runs(enforced)
    folder = draw_orchard(tmp_path_factory.mktemp("orchard"), PHOTOS + NEW).folder
    photos = sorted(folder.rglob("*.jpg"))
    put(runs, folder, photos[NEW:])
    runs.run("first")
    put(runs, folder, photos[:NEW], PADDING)
    slow_down(runs, runs.published["first"])
    runs.s3.delete_object(Bucket=BUCKET, Key=key_of(folder, photos[-1]))
    lost = f"features/run={LOST_RUN}/part-0.parquet"
    runs.s3.put_object(Bucket=BUCKET, Key=lost, Body=b"lost")
    runs.s3.create_multipart_upload(Bucket=BUCKET, Key=f"{lost}-unfinished")
    runs.run("second", **ONE_EXECUTOR)
    first = runs.published["first"]
    runs.run("rollback", params={"rollback_to": first["run"] if first else ""})
    runs.run("janitor", dag="emr_janitor")
    runs.decisions = enforced.decisions()
    return runs


def put(runs: Runs, folder: Path, photos: list[Path], padding: bytes = b"") -> None:
    """Upload photos."""
    for path in photos:
        runs.s3.put_object(Bucket=BUCKET, Key=key_of(folder, path), Body=path.read_bytes() + padding)


def slow_down(runs: Runs, published: Any) -> None:
    """Change the duration of step 1 in the metrics of a published run."""
    metrics = Run(BUCKET, published["run"]).metrics("featurize") if published else ""
    if content := read_json(runs.s3, BUCKET, metrics):
        content["seconds"]["featurize"] = SLOW_S
        runs.s3.put_object(Bucket=BUCKET, Key=metrics, Body=json.dumps(content).encode())


def key_of(folder: Path, path: Path) -> str:
    """Return the key of a photo."""
    return f"images/{path.relative_to(folder).as_posix()}"

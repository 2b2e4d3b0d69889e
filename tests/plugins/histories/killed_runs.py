"""Kills a run (SIGKILL) before its writes to S3. The next run must publish the correct data every time.

    python -m tests.plugins.histories.killed_runs BUCKET FOLDER

With FULL_KILLED_RUNS=1 in the environment it kills before each write, otherwise before every 30th one. The writes are
those of Airflow's tasks (boto3) and of the verification steps (obstore).

This is a process of its own, so that each run can be a fork of a process that has imported everything and opened no
connection. It prints the number of killed runs, and fails at the first wrong publication.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy
import obstore

import verger_reader
from tests.plugins.orchard import Orchard, run_prefixes
from tests.plugins.played_steps import vector
from verger.publication import commit
from verger.publication.retention import needed
from verger.s3 import clients
from verger.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

STRIDE = 1 if os.environ.get("FULL_KILLED_RUNS") else 30
WRITES = ("PutObject", "CreateMultipartUpload", "DeleteObjects", "DeleteObject")
WRITES_OF_STEPS = ("put", "open_writer", "delete")
CONTENTS = {f"{label}/{number}.jpg": f"{label} {number}".encode() for label in ("Kiwi", "柿") for number in range(4)}


def orchard(bucket: str, folder: Path, photos: dict[str, bytes]) -> Orchard:
    settings = Settings.from_environment({"VERGER_BUCKET": bucket})
    return Orchard(settings, clients.client(settings.storage), folder, photos=photos)


def in_a_fork(body: Callable[[], None]) -> int:
    """Run `body` in a child process. Return its exit status, or minus the signal that ended it."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            body()
            status = 0
        except BaseException:  # noqa: BLE001 - the child must not return into the loop of its parent
            traceback.print_exc()
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def kill_before(client: S3Client, write: int) -> None:
    """Kill this process before it sends its n-th write."""
    left = write

    def count(*_: Any, **__: Any) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def counted(send: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            count()
            return send(*arguments, **options)

        return call

    for operation in WRITES:
        client.meta.events.register(f"before-call.s3.{operation}", count)
    for name in WRITES_OF_STEPS:
        setattr(obstore, name, counted(getattr(obstore, name)))


def check(made: Orchard, *allowed: dict[str, bytes]) -> None:
    """Check that the publication is complete and has exactly the photos of one of the allowed sets."""
    found = verger_reader.open_publication(f"s3://{made.bucket}")
    rows = {row["path"]: row["pca_features"] for row in found.pca().to_pylist()}
    features = {row["path"]: numpy.array(row["features"], numpy.float32) for row in found.features().to_pylist()}
    assert rows.keys() == features.keys()
    same = next(
        (
            photos
            for photos in allowed
            if photos.keys() == rows.keys()
            and all(numpy.array_equal(features[path], vector(photos[path])) for path in features)
        ),
        None,
    )
    assert same is not None, f"published: {sorted(rows)}"
    components = found.basis().components
    for path, content in same.items():
        numpy.testing.assert_allclose(rows[path], vector(content) @ components, atol=1e-9)


def main(bucket: str, folder: Path) -> int:
    photos = {f"images/{name}": content for name, content in CONTENTS.items()}

    def first() -> None:
        made = orchard(bucket, folder, {})
        for name, content in CONTENTS.items():
            made.put(name, content)
        made.run("first")

    assert in_a_fork(first) == 0
    status, kills = -signal.SIGKILL, 0
    while status == -signal.SIGKILL:
        status, photos = one_kill(bucket, folder, photos, 1 + STRIDE * kills)
        kills += status == -signal.SIGKILL
    assert status == 0, f"the run to be killed before write {1 + STRIDE * kills} failed: {status}"
    print(f"{kills} runs killed, {kills} correct publications afterwards")
    return 0


def one_kill(bucket: str, folder: Path, before: dict[str, bytes], write: int) -> tuple[int, dict[str, bytes]]:
    """Change some photos, kill a run before its n-th write, and check the publication before and after the next run.

    Returns the status of the killed run, and the photos.
    """
    now = dict(before)
    deleted = sorted(now)[write % len(now)]
    del now[deleted]
    changed = sorted(now)[write % len(now)]
    now[changed] = f"changed {write}".encode()
    now[f"images/Yuzu/{write}.jpg"] = f"new {write}".encode()

    def killed() -> None:
        made = orchard(bucket, folder, dict(before))
        made.delete(deleted.removeprefix("images/"))
        for path in now.keys() - before.keys() | {changed}:
            made.put(path.removeprefix("images/"), now[path])
        kill_before(made.client, write)
        made.run(f"killed-{write}")

    def next_run() -> None:
        made = orchard(bucket, folder, dict(now))
        check(made, before, now)
        made.run(f"next-{write}")
        check(made, now)
        current = commit.current(made.client, bucket)
        assert current is not None
        wanted = set().union(*needed(current.publication).values())
        assert run_prefixes(made.listing()) <= wanted, "data of the killed run is left"

    status = in_a_fork(killed)
    assert in_a_fork(next_run) == 0, f"after a kill before write {write}"
    return status, now


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))

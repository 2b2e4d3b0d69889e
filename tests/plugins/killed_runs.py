"""Runs that are killed (SIGKILL) at every single write to S3, each followed by a run that must make everything good.

    python -m tests.plugins.killed_runs BUCKET FOLDER

A process of its own, so that each run can be a fork of one that has imported everything and opened nothing. Prints how
many runs were killed, and fails at the first that did harm.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy

import verger_reader
from tests.plugins.orchard import Orchard, run_prefixes
from tests.plugins.played_steps import vector
from verger.publication import commit
from verger.publication.retention import needed
from verger.s3 import clients
from verger.settings import Settings

WRITES = ("PutObject", "CreateMultipartUpload", "DeleteObjects", "DeleteObject")
CONTENTS = {f"{label}/{number}.jpg": f"{label} {number}".encode() for label in ("Kiwi", "柿") for number in range(4)}


def orchard(bucket: str, folder: Path, photos: dict[str, bytes]) -> Orchard:
    settings = Settings.from_environment({"VERGER_BUCKET": bucket})
    return Orchard(settings, clients.client(settings.storage), folder, photos=photos)


def in_a_fork(body: Callable[[], None]) -> int:
    """Run `body` in a child; its exit status, or minus the signal that ended it."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            body()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def kill_at(client: Any, moment: int) -> None:
    """Kill this process when it is about to send its n-th write: what it wrote before is there, and nobody knows."""
    left = moment

    def count(*_: Any, **__: Any) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    for operation in WRITES:
        client.meta.events.register(f"before-call.s3.{operation}", count)


def check(made: Orchard, *allowed: dict[str, bytes]) -> None:
    """What is published is whole, and one of the allowed sets."""
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
        status, photos = one_kill(bucket, folder, photos, kills + 1)
        kills += status == -signal.SIGKILL
    assert status == 0, f"the run that was to be killed at write {kills + 1} failed: {status}"
    print(f"{kills} runs killed, {kills} made good")
    return 0


def one_kill(bucket: str, folder: Path, before: dict[str, bytes], moment: int) -> tuple[int, dict[str, bytes]]:
    """Photos come, change and go; a run over them is killed at its n-th write; the next one must find everything whole
    and finish. The status of the first, and the photos.
    """
    now = dict(before)
    gone = sorted(now)[moment % len(now)]
    del now[gone]
    changed = sorted(now)[moment % len(now)]
    now[changed] = f"changed {moment}".encode()
    now[f"images/Yuzu/{moment}.jpg"] = f"new {moment}".encode()

    def killed() -> None:
        made = orchard(bucket, folder, dict(before))
        made.delete(gone.removeprefix("images/"))
        for path in now.keys() - before.keys() | {changed}:
            made.put(path.removeprefix("images/"), now[path])
        kill_at(made.client, moment)
        made.run(f"killed-{moment}")

    def next_run() -> None:
        made = orchard(bucket, folder, dict(now))
        check(made, before, now)
        made.run(f"next-{moment}")
        check(made, now)
        current = commit.current(made.client, bucket)
        assert current is not None
        wanted = set().union(*needed(current.publication).values())
        assert run_prefixes(made.listing()) <= wanted, "rubbish was left behind"

    status = in_a_fork(killed)
    assert in_a_fork(next_run) == 0, f"after a kill at write {moment}"
    return status, now


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], Path(sys.argv[2])))

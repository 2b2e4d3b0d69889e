"""The benchmarks' own local AWS: started before a measurement, ended after it, also on an error or a signal."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import obstore
from obstore.store import S3Store

from benchmarks.harness.places import FOLDER
from benchmarks.harness.signals import signals_exit, signals_ignored
from local_aws.stack import Stack
from sample_photos.bucket import create_bucket, open_store

STATE = FOLDER / "aws"
S3_PORT, EMR_PORT = 18333, 15555
"""Other ports than those of `make up` and `make demo`."""


@contextlib.contextmanager
def local_stack(
    state: Path = STATE, *, s3_port: int = S3_PORT, emr_port: int = EMR_PORT, **changes: Any
) -> Iterator[Stack]:
    """Run local AWS while the body runs.

    The state folder belongs to the benchmarks alone. The servers are therefore ended in every case, also those that an
    earlier benchmark left because it was killed with SIGKILL.

    Parameters
    ----------
    state : Path, optional
        The state folder.
    s3_port, emr_port : int, optional
    **changes
        Further settings of the stack, such as `cluster="yarn"`.

    Raises
    ------
    SystemExit
        The process received SIGINT, SIGTERM or SIGHUP. The exit code is 128 plus the signal's number.
    """
    stack = Stack(state, s3_port=s3_port, emr_port=emr_port, **changes)
    with signals_exit():
        try:
            stack.up()
            yield stack
        finally:
            with signals_ignored():
                stack.down()


def open_bucket(stack: Stack, name: str) -> S3Store:
    """Create the bucket `name` if it does not exist, and return a store that reads and writes it."""
    create_bucket(stack.client("s3"), name)
    return open_store(name, stack.environment())


def read(store: S3Store, key: str) -> bytes:
    """Return the content of an object. Raises FileNotFoundError when there is none."""
    return bytes(obstore.get(store, key).bytes())


def keys(store: S3Store, prefix: str, suffix: str = "") -> list[str]:
    """Return the keys that begin with `prefix` and end with `suffix`."""
    found = (item["path"] for batch in obstore.list(store, prefix) for item in batch)
    return [key for key in found if key.endswith(suffix)]


def empty(store: S3Store, prefix: str | None = None) -> None:
    """Delete all objects whose keys begin with `prefix`; all objects of the bucket without it."""
    for batch in obstore.list(store, prefix):
        obstore.delete(store, [item["path"] for item in batch])

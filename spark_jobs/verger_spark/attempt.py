"""The attempts of a step in a run: folders of their own, and a condition under which one completes.

EMR, YARN or Airflow may start a step again while an earlier attempt still runs, for example on a node that was declared
lost. The attempts write to different folders, because the id of the attempt is part of the folder's name. The last
attempt that starts is the one that completes: at its start it replaces the metrics of the step by a claim, and at its
end S3 replaces the claim by the metrics only if the object is still this claim (If-Match).
"""

from __future__ import annotations

import contextlib
import json
import secrets
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from verger_contract.errors import VergerError
from verger_contract.keys import ATTEMPT
from verger_contract.metrics import REFUSED, RUNNING
from verger_spark.io import storage
from verger_spark.io.progress import Progress, now

if TYPE_CHECKING:
    from verger_spark.session import LazySession


@dataclass(frozen=True)
class Attempt:
    """An attempt that has claimed the metrics of its step.

    Attributes
    ----------
    metrics : str
        URI of the metrics.
    id : str
        Eight hex digits.
    earlier : tuple of str
        Ids of the earlier attempts of the same work, newest first. No check has refused their output.
    etag : str
        That of the claim.
    """

    metrics: str
    id: str
    earlier: tuple[str, ...]
    etag: str

    @classmethod
    def begin(cls, metrics: str, session: LazySession, identity: Mapping[str, object] | None = None) -> Attempt:
        """Write the claim of a new attempt. An earlier attempt that is still running can then no longer complete.

        Parameters
        ----------
        metrics : str
            URI of the metrics.
        session : LazySession
            The claim names its Spark application; nothing if the session has not started.
        identity : mapping, optional
            What identifies the work. None for a step that uses nothing of an earlier attempt.
        """
        attempt, earlier = secrets.token_hex(4), earlier_attempts(metrics, identity)
        claim = {
            "attempt": attempt,
            "application": session.application,
            "started_at": now(),
            "identity": identity,
            "earlier": earlier,
        }
        content = storage.json_bytes({RUNNING: claim})
        storage.write(metrics, content)
        # S3 computes other ETags than MD5 for objects under a KMS key, so the ETag is requested.
        etag = storage.etag(metrics)
        found = cls(metrics, attempt, tuple(earlier), etag)
        if storage.read(metrics) != content:
            raise found.superseded()
        return found

    def folder(self, uri: str) -> str:
        """Return an output URI with the id of this attempt.

        Examples
        --------
        >>> Attempt("", "0a1b2c3d", (), "").folder("s3://orchard/pca/run=7~{attempt}/")
        's3://orchard/pca/run=7~0a1b2c3d/'
        """
        return uri.replace(ATTEMPT, self.id)

    def is_current(self) -> bool:
        """Whether no later attempt has started."""
        return storage.exists(self.metrics) and storage.etag(self.metrics) == self.etag

    def progress(
        self, session: LazySession, uri: str | None, step: str, total: int, done: Callable[[], int]
    ) -> Progress:
        """Return the context manager that writes progress.json. It cancels Spark's jobs when a later attempt starts."""
        return Progress(
            uri,
            step,
            lambda: session.application,
            total,
            done,
            may_write=self.is_current,
            cancel=session.cancel,
        )

    def complete(self, metrics: Mapping[str, object]) -> None:
        """Replace the claim by the metrics.

        Raises
        ------
        VergerError
            A later attempt has started. Nothing that it wrote has changed.
        """
        if not storage.replace(self.metrics, storage.json_bytes(metrics), self.etag):
            raise self.superseded()

    @contextlib.contextmanager
    def explaining(self) -> Iterator[None]:
        """Raise the error of a superseded attempt in place of the error by which Spark's jobs were cancelled."""
        try:
            yield
        except VergerError:
            raise
        except Exception as error:
            try:
                is_current = self.is_current()
            except VergerError:
                raise error from None
            if is_current:
                raise
            raise self.superseded() from error

    def superseded(self) -> VergerError:
        """Return the error of an attempt after which another one has started."""
        return VergerError(
            f"{self.metrics}: expected the claim of attempt {self.id}, found that another attempt of this step has "
            "started since; this attempt ends, and its files are not used: nothing to do"
        )


def earlier_attempts(metrics: str, identity: Mapping[str, object] | None) -> list[str]:
    """Return the ids of earlier attempts whose files may be used: of the same work, and not refused by a check."""
    if identity is None:
        return []
    found = found_metrics(metrics)
    claim = found.get(RUNNING)
    if isinstance(claim, dict):
        same = claim.get("identity") == dict(identity)
        return [str(claim.get("attempt")), *map(str, claim.get("earlier") or ())] if same else []
    same = all(found.get(name) == value for name, value in identity.items())
    return [str(found["attempt"])] if same and "attempt" in found and REFUSED not in found else []


def found_metrics(metrics: str) -> dict[str, Any]:
    """Return the metrics or the claim of the newest attempt. Empty when there is none, or when it is malformed."""
    if not storage.exists(metrics):
        return {}
    try:
        value = json.loads(storage.read(metrics))
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}

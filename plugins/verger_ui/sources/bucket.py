"""Reads the small objects of the pages on S3, with short timeouts and caches."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from verger.publication import model
from verger.publication.model import Publication
from verger.s3 import bodies, clients
from verger.s3.errors import UnavailableError
from verger.settings import Settings
from verger_contract.keys import PUBLISHED, RUNS, uri
from verger_ui.sources.ttl_cache import TtlCache

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from verger_ui.views.run_facts import RunFacts

CONNECT_SECONDS, READ_SECONDS = 2, 3
TRIES = 2
"""How often a content is read that is cut off. A page must not wait for long."""
AT_ONCE = 16
"""Parallel requests."""
LISTING_SECONDS = 10
WAIT_SECONDS = 2
"""Wait for a listing that another page requested."""
DOWN_SECONDS = 5
"""After a request without an answer, no request is sent for so long: each one would hold a thread until its timeout."""
RENEWED_SECONDS = 30
MOST_BYTES = 8_000_000
"""Largest object that is read. The objects that Verger writes for these pages are far smaller."""


_renewed: TtlCache[bool] = TtlCache(1, RENEWED_SECONDS)


Result = TypeVar("Result")


class UnreadableError(Exception):
    """An object cannot be read at the moment, or Verger did not write it; the message names it."""


class TooLargeError(UnreadableError):
    """An object is larger than those that Verger writes."""


@cache
def settings() -> Settings:
    """Return Verger's settings from the environment of the API server.

    Raises
    ------
    SettingsError
    """
    return Settings.from_environment()


@cache
def bucket() -> Bucket:
    """Return the bucket of the settings, with a client of short timeouts."""
    storage = settings().storage
    client = clients.client(
        storage,
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        retries={"mode": "standard", "total_max_attempts": 1},
        max_pool_connections=AT_ONCE,
    )
    return Bucket(client, storage.bucket)


def renew() -> None:
    """Let the next page make a new client, at most once in RENEWED_SECONDS.

    The credentials of the connection may have been replaced since the client was made.
    """
    if _renewed.get(RUNS) is None:
        _renewed.put(RUNS, True)
        bucket.cache_clear()


@dataclass
class Bucket:
    """Reads a bucket. Errors of S3 are those of `verger.s3.errors`."""

    client: S3Client
    name: str
    finished: TtlCache[RunFacts] = field(default_factory=lambda: TtlCache(5000, 3600))
    """Facts of runs whose files change no more, by their id and their state in Airflow."""
    unfinished: TtlCache[RunFacts] = field(default_factory=lambda: TtlCache(500, 5))
    costs: TtlCache[tuple[datetime | None, float | None, str]] = field(default_factory=lambda: TtlCache(20_000, 86_400))
    """Start, estimated cost and currency of runs, by the same names as `finished`."""
    reading_costs: threading.Lock = field(default_factory=threading.Lock)
    started: TtlCache[datetime] = field(default_factory=lambda: TtlCache(5000, 86400))
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(AT_ONCE, "verger-ui"))
    _listing: TtlCache[list[str]] = field(default_factory=lambda: TtlCache(1, LISTING_SECONDS))
    _down: TtlCache[str] = field(default_factory=lambda: TtlCache(1, DOWN_SECONDS))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def runs(self) -> list[str]:
        """Return the ids of all runs that have files under runs/, at most LISTING_SECONDS old.

        Raises
        ------
        UnreadableError
            Another page waits for the same listing.
        """
        listed = self._listing.get(RUNS)
        if listed is not None:
            return listed
        if not self._lock.acquire(timeout=WAIT_SECONDS):
            raise UnreadableError(f"{uri(self.name, RUNS)}: S3 is slow; reload the page in some seconds")
        try:  # several pages share one listing
            listed = self._listing.get(RUNS)
            if listed is None:
                with self.request():
                    listed = self._list_runs()
                self._listing.put(RUNS, listed)
            return listed
        finally:
            self._lock.release()

    @contextmanager
    def request(self) -> Iterator[None]:
        """Wrap a request. Raises UnreadableError, without a request, shortly after one without an answer."""
        earlier = self._down.get(self.name)
        if earlier:
            raise UnreadableError(earlier)
        try:
            yield
        except UnavailableError as error:
            self._down.put(self.name, str(error))
            raise

    def _list_runs(self) -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=RUNS, Delimiter="/")
        folders = (folder["Prefix"] for page in pages for folder in page.get("CommonPrefixes", ()))
        return [folder.removeprefix(RUNS).removesuffix("/") for folder in folders]

    def keys(self, prefix: str) -> dict[str, int]:
        """Return key and size of the first thousand objects under a prefix."""
        with self.request():
            answer = self.client.list_objects_v2(Bucket=self.name, Prefix=prefix)
        return {item["Key"]: item["Size"] for item in answer.get("Contents", ())}

    def keys_of(self, prefixes: Iterable[str]) -> set[str]:
        """Return the keys under several prefixes, at most a thousand of each; they are listed in parallel."""
        return {key for found in self._pool.map(self.keys, prefixes) for key in found}

    def body(self, key: str) -> bytes | None:
        """Return the content of an object; None when it does not exist.

        Raises
        ------
        TooLargeError
            The object is larger than MOST_BYTES.
        """
        try:
            content: bytes = self.read(key, lambda answer: answer["Body"].read(MOST_BYTES + 1))
        except self.client.exceptions.NoSuchKey:
            return None
        if len(content) > MOST_BYTES:
            raise TooLargeError(f"{uri(self.name, key)}: larger than {MOST_BYTES:,} bytes; read it from there")
        return content

    def read(self, key: str, consume: Callable[[dict[str, Any]], Result]) -> Result:
        """Return what `consume` makes of the answer to GetObject. It is called again when the content is cut off."""
        with self.request():
            return bodies.read(self.client, self.name, key, consume, tries=TRIES)

    def json(self, key: str) -> dict[str, Any] | None:
        """Return a parsed JSON object; None when it does not exist or is malformed.

        A malformed file of one run must not fail the page of all runs.
        """
        try:
            content = self.body(key)
            parsed = json.loads(content) if content else None
        except (ValueError, TooLargeError):
            return None
        return parsed if isinstance(parsed, dict) else None

    def jsons(self, keys: Iterable[str]) -> Mapping[str, dict[str, Any] | None]:
        """Return several parsed JSON objects by key; they are read in parallel."""
        wanted = list(keys)
        return dict(zip(wanted, self._pool.map(self.json, wanted), strict=True))

    def publication(self) -> Publication | None:
        """Return the publication; None before the first one.

        Raises
        ------
        UnreadableError
            Verger did not write published.json.
        """
        content = self.body(PUBLISHED)
        if content is None:
            return None
        try:
            return _checked(model.parse(content))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UnreadableError(f"{uri(self.name, PUBLISHED)}: not what Verger writes ({error!r})") from error


def _checked(found: Publication) -> Publication:
    """Return the publication if the members on the pages have the right types. Raises TypeError or KeyError."""
    for snapshot in found.kept:
        shown = (
            {"published_at": str, "rejected": int, "photos": int, "k": int} if snapshot.run else {"published_at": str}
        )
        for name, kind in shown.items():
            if not isinstance(getattr(snapshot, name), kind):
                raise TypeError(f"{name}: expected {kind.__name__}, found {getattr(snapshot, name)!r}")
        if snapshot.run:
            _ = snapshot.model["weights"], snapshot.model["sha256"][:1], snapshot.model["preprocessing"]
    return found

"""What the pages read on S3: a few small objects, soon or not at all, and none of them twice without need."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from verger.publication import model
from verger.publication.model import Publication
from verger.s3 import clients
from verger.settings import Settings
from verger_contract.keys import PUBLISHED, RUNS, uri
from verger_ui.sources.ttl_cache import Remembered
from verger_ui.views.run_facts import RunFacts

CONNECT_SECONDS, READ_SECONDS = 2, 3
AT_ONCE = 16
"""Requests side by side: those of a page of runs."""
LISTING_SECONDS = 10
WAIT_SECONDS = 2
"""For a listing that another page is at."""
AWAY_SECONDS = 5
"""After S3 left a request unanswered nobody asks it again for so long: each who does waits, and holds a thread."""
RENEWED_SECONDS = 30
MOST_BYTES = 8_000_000
"""Of an object that is read as a whole; what Verger writes for these pages is far smaller."""


_renewed: Remembered[bool] = Remembered(1, RENEWED_SECONDS)


class UnreadableError(Exception):
    """What a page needs cannot be read just now, or is not what Verger writes; the message names it."""


class TooLargeError(UnreadableError):
    """An object is larger than anything that Verger writes there."""


@cache
def settings() -> Settings:
    """Verger's settings, of the environment of the API server. Raises SettingsError."""
    return Settings.from_environment()


@cache
def bucket() -> Bucket:
    """The bucket of the settings, with a client that gives up soon: a page must not hang."""
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
    """Let the next page make the client anew: the credentials of the connection may have been replaced meanwhile. Once
    in RENEWED_SECONDS: a page that is refused is no reason to make one for each.
    """
    if _renewed.get(RUNS) is None:
        _renewed.put(RUNS, True)
        bucket.cache_clear()


@dataclass
class Bucket:
    """Reads a bucket. Whatever S3 refuses or leaves unanswered raises StorageError or botocore's own errors."""

    client: Any
    name: str
    finished: Remembered[RunFacts] = field(default_factory=lambda: Remembered(5000, 3600))
    """Of runs whose files change no more, by their id and how they stand in Airflow: clearing a task shows."""
    unfinished: Remembered[RunFacts] = field(default_factory=lambda: Remembered(500, 5))
    began: Remembered[datetime] = field(default_factory=lambda: Remembered(5000, 86400))
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(AT_ONCE, "verger-ui"))
    _listing: Remembered[list[str]] = field(default_factory=lambda: Remembered(1, LISTING_SECONDS))
    _away: Remembered[str] = field(default_factory=lambda: Remembered(1, AWAY_SECONDS))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def runs(self) -> list[str]:
        """The ids of all runs that left anything under runs/; at most LISTING_SECONDS old. Raises UnreadableError."""
        listed = self._listing.get(RUNS)
        if listed is not None:
            return listed
        if not self._lock.acquire(timeout=WAIT_SECONDS):
            raise UnreadableError(f"{uri(self.name, RUNS)}: S3 is slow; look again in some seconds")
        try:  # several pages at once list once
            listed = self._listing.get(RUNS)
            if listed is None:
                with self._asking():
                    listed = self._list_runs()
                self._listing.put(RUNS, listed)
            return listed
        finally:
            self._lock.release()

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """Around a request. Raises UnreadableError at once while S3 is taken to be away."""
        from botocore.exceptions import BotoCoreError

        said = self._away.get(self.name)
        if said:
            raise UnreadableError(said)
        try:
            yield
        except BotoCoreError as error:
            self._away.put(self.name, str(error))
            raise

    def _list_runs(self) -> list[str]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=RUNS, Delimiter="/")
        folders = (folder["Prefix"] for page in pages for folder in page.get("CommonPrefixes", ()))
        return [folder.removeprefix(RUNS).removesuffix("/") for folder in folders]

    def keys(self, prefix: str) -> dict[str, int]:
        """Key to size of the first thousand objects under a prefix."""
        with self._asking():
            answer = self.client.list_objects_v2(Bucket=self.name, Prefix=prefix)
        return {item["Key"]: item["Size"] for item in answer.get("Contents", ())}

    def keys_of(self, prefixes: Iterable[str]) -> set[str]:
        """The keys under several prefixes, a thousand of each at the most; asked for at once."""
        return {key for found in self._pool.map(self.keys, prefixes) for key in found}

    def body(self, key: str) -> bytes | None:
        """An object as a whole; None when there is none. Raises TooLargeError, for one of more than MOST_BYTES."""
        with self._asking():
            try:
                stream = self.client.get_object(Bucket=self.name, Key=key)["Body"]
            except self.client.exceptions.NoSuchKey:
                return None
            content: bytes = stream.read(MOST_BYTES + 1)
        if len(content) > MOST_BYTES:
            raise TooLargeError(f"{uri(self.name, key)}: larger than {MOST_BYTES:,} bytes; read it from there")
        return content

    def json(self, key: str) -> dict[str, Any] | None:
        """An object parsed. None when there is none, or when it is not the JSON object that Verger writes: a broken
        file of one run must not take the page from all the others.
        """
        try:
            content = self.body(key)
            parsed = json.loads(content) if content else None
        except (ValueError, TooLargeError):
            return None
        return parsed if isinstance(parsed, dict) else None

    def jsons(self, keys: Iterable[str]) -> Mapping[str, dict[str, Any] | None]:
        """Several at once."""
        wanted = list(keys)
        return dict(zip(wanted, self._pool.map(self.json, wanted), strict=True))

    def publication(self) -> Publication | None:
        """What is published; None when nothing is. Raises UnreadableError."""
        content = self.body(PUBLISHED)
        if content is None:
            return None
        try:
            return _checked(model.parse(content))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UnreadableError(f"{uri(self.name, PUBLISHED)}: not what Verger writes ({error!r})") from error


def _checked(found: Publication) -> Publication:
    """The same, if what the pages show of it is of the type that it should be. Raises TypeError or KeyError."""
    for snapshot in found.kept:
        shown = (
            {"published_at": str, "rejected": int, "photos": int, "k": int} if snapshot.run else {"published_at": str}
        )
        for name, kind in shown.items():
            if not isinstance(getattr(snapshot, name), kind):
                raise TypeError(f"{name}: expected {kind.__name__}, found {getattr(snapshot, name)!r}")
        if snapshot.run:
            _ = snapshot.model["weights"], snapshot.model["sha256"][:1]
    return found

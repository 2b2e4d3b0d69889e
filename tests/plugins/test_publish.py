"""The commit point: one wins, nobody overwrites unseen."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from verger.paths import PUBLISHED
from verger.publish import LostRaceError, current_etag, publish
from verger.s3 import read_json


def document(run: str) -> dict[str, Any]:
    return {"run": run, "photos": 3}


def test_the_first_publication_and_the_next(client: Any, bucket: str) -> None:
    assert current_etag(client, bucket) is None
    publish(client, bucket, document("one"), None)
    assert read_json(client, bucket, PUBLISHED) == {"version": 1, "run": "one", "photos": 3}
    publish(client, bucket, document("two"), current_etag(client, bucket))
    assert read_json(client, bucket, PUBLISHED)["run"] == "two"


def test_who_comes_second_publishes_nothing(client: Any, bucket: str) -> None:
    publish(client, bucket, document("one"), None)
    seen = current_etag(client, bucket)
    publish(client, bucket, document("two"), seen)
    with pytest.raises(LostRaceError, match=r"since run three began, found run two published .* start a new run"):
        publish(client, bucket, document("three"), seen)
    with pytest.raises(LostRaceError):
        publish(client, bucket, document("four"), None)
    assert read_json(client, bucket, PUBLISHED)["run"] == "two"


def test_a_publication_deleted_meanwhile_is_not_replaced(client: Any, bucket: str) -> None:
    publish(client, bucket, document("one"), None)
    seen = current_etag(client, bucket)
    client.delete_object(Bucket=bucket, Key=PUBLISHED)
    with pytest.raises(LostRaceError, match="found run None"):
        publish(client, bucket, document("two"), seen)
    assert current_etag(client, bucket) is None


def test_a_retry_after_success_is_a_success(client: Any, bucket: str) -> None:
    publish(client, bucket, document("one"), None)
    published = current_etag(client, bucket)
    publish(client, bucket, document("one"), None)
    assert current_etag(client, bucket) == published


def test_of_many_at_once_exactly_one_wins(client: Any, bucket: str) -> None:
    start, won = threading.Barrier(8), []

    def race(number: int) -> None:
        start.wait()
        try:
            publish(client, bucket, document(f"run-{number}"), None)
        except LostRaceError:
            return
        won.append(f"run-{number}")

    threads = [threading.Thread(target=race, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert read_json(client, bucket, PUBLISHED)["run"] == won[0]

"""The commit point: one wins, nobody overwrites unseen."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from verger.paths import PUBLISHED
from verger.publish import AlreadyPublishedError, LostRaceError, PublicationError, before_work, current, publish
from verger.s3 import read_json


def document(run: str) -> dict[str, Any]:
    return {"run": run, "features": [run], "pca": run, "basis": run}


def current_etag(client: Any, bucket: str) -> str | None:
    now = current(client, bucket)
    return now.etag if now else None


def test_the_first_publication_and_the_next(client: Any, bucket: str) -> None:
    assert current_etag(client, bucket) is None
    publish(client, bucket, document("one"), None)
    assert read_json(client, bucket, PUBLISHED) == {"version": 1, **document("one")}
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
    with pytest.raises(LostRaceError, match="found it deleted meanwhile"):
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


def test_a_run_may_begin_when_nothing_or_another_run_is_published(client: Any, bucket: str) -> None:
    assert before_work(client, bucket, "one") is None
    publish(client, bucket, document("one"), None)
    assert before_work(client, bucket, "two") == client.head_object(Bucket=bucket, Key=PUBLISHED)["ETag"]


@pytest.mark.parametrize("name", ["run", "features", "pca", "basis"])
def test_a_run_whose_data_readers_use_is_not_worked_on_again(name: str, client: Any, bucket: str) -> None:
    named = document("two") | {name: ["two", "one"] if name == "features" else "one"}
    publish(client, bucket, named, None)
    with pytest.raises(AlreadyPublishedError, match=r"^run one is already published .*readers use; start a new run$"):
        before_work(client, bucket, "one")


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"{}", b'{"run": 1, "features": [], "pca": 1, "basis": 1}', b"\xff"]
)
def test_an_unreadable_publication_stops_the_run(body: bytes, client: Any, bucket: str) -> None:
    client.put_object(Bucket=bucket, Key=PUBLISHED, Body=body)
    with pytest.raises(PublicationError, match=rf"^s3://{bucket}/published.json: expected the JSON that names the"):
        before_work(client, bucket, "one")
    with pytest.raises(PublicationError):
        publish(client, bucket, document("one"), None)

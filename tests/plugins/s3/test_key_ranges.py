"""The listing by ranges of keys gives what one listing after another gives, whatever the keys are."""

from __future__ import annotations

import random
import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from threading import Lock
from typing import TYPE_CHECKING, Any

import pytest

from verger.s3.key_ranges import UnorderedError, list_ranges, split_points
from verger.s3.listing import Columns, Listing, Page, pages_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

REQUESTS = 8


class Keys:
    """The keys of a range."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.closed = False

    def add(self, columns: Columns) -> None:
        self.keys += columns.keys

    def close(self) -> None:
        self.closed = True


class Server:
    """Lists keys in the order of their bytes, or in another order, by pages of a few keys."""

    def __init__(self, keys: list[str], page: int, order: Any = str.encode, seconds: float = 0.0) -> None:
        self.order, self.page, self.seconds = order, page, seconds
        self.requests, self.lock = 0, Lock()
        self.keys = sorted(keys, key=order)

    def __call__(self, **request: Any) -> Page:
        time.sleep(self.seconds)
        with self.lock:
            self.requests += 1
            after = request.get("ContinuationToken") or request.get("StartAfter")
            start = bisect_right(self.keys, self.order(after), key=self.order) if after else 0
            found = self.keys[start : start + min(request.get("MaxKeys", 1000), self.page)]
            more = start + len(found) < len(self.keys)
            return Page(columns(found), found[-1] if more else None)

    def insert(self, key: str) -> None:
        with self.lock:
            place = bisect_left(self.keys, self.order(key), key=self.order)
            if self.keys[place : place + 1] != [key]:
                self.keys.insert(place, key)


def columns(keys: list[str]) -> Columns:
    return Columns(keys, ["etag"] * len(keys), [1] * len(keys))


def listed(listing: Listing, requests: int = REQUESTS) -> list[list[str]]:
    """Return the keys of each range."""
    sinks: list[Keys] = []

    def sink() -> Keys:
        sinks.append(Keys())
        return sinks[-1]

    ranges: list[Any] = list_ranges(listing, sink, requests)
    assert len(ranges) == len(sinks)
    assert all(made.closed for made in sinks)
    return [found.keys for found in ranges]


def flat(ranges: list[list[str]]) -> list[str]:
    return [key for keys in ranges for key in keys]


def random_keys(rng: random.Random) -> list[str]:
    """Return keys of one of several kinds: numbers, hashes, skewed labels, any Unicode, keys that continue another."""
    count = rng.choice([0, 1, 5, 100, 1500])
    alphabets = ["ab", "0123456789", "\x01\x7f\x80\ud7ff\ue000\uffff\U00010000\U0010ffff", "é柿𝒜 -/.+%#?~", "a"]
    labels = [f"{'x' * rng.randrange(4)}{rng.choice(['', ' ', '-', 'é', '0'])}{rng.randrange(3)}" for _ in range(6)]
    kinds: list[Callable[[], str]] = [
        lambda: f"images/photo {rng.randrange(10**6):09}.jpg",
        lambda: f"images/{rng.getrandbits(64):x}",
        lambda: f"images/{labels[min(int(rng.expovariate(2)), 5)]}/{rng.randrange(10**4)}.jpg",
        lambda: "images/" + "".join(rng.choices(rng.choice(alphabets), k=rng.randrange(1, 9))),
        lambda: "images/" + "a" * rng.randrange(1, 400),
    ]
    chosen = rng.sample(kinds, rng.randrange(1, 4))
    return sorted({rng.choice(chosen)() for _ in range(count)})


@pytest.mark.parametrize("seed", range(40))
def test_random_keys_are_listed_once_and_in_order(seed: int) -> None:
    rng = random.Random(seed)
    keys = random_keys(rng)
    server = Server(keys, page=rng.choice([1, 3, 20, 1000]))
    assert flat(listed(server, rng.choice([1, 2, 8, 32]))) == sorted(keys, key=str.encode)


def test_one_large_folder_is_split_into_as_many_ranges_as_requests() -> None:
    keys = [f"images/A/photo {number:07}.jpg" for number in range(20_000)]
    server = Server(keys, page=50, seconds=0.001)
    found = listed(server)
    assert flat(found) == keys
    assert len(found) >= REQUESTS
    assert server.requests < 2 * len(keys) / server.page


def test_a_short_listing_takes_one_request() -> None:
    server = Server([f"images/{number}" for number in range(10)], page=1000)
    assert len(flat(listed(server))) == 10
    assert server.requests == 1


@pytest.mark.parametrize("seed", range(10))
def test_photos_that_arrive_or_disappear_during_the_listing_change_no_other_photo(seed: int) -> None:
    rng = random.Random(seed)
    keys = [f"images/{number:05}" for number in range(0, 30_000, 10)]
    server = Server(keys, page=20)
    arriving = {f"images/{rng.randrange(30_000):05}" for _ in range(400)} - {*keys}
    deleted, waiting = set(rng.sample(keys, 200)), [*arriving]

    def listing(**request: Any) -> Page:
        page = server(**request)
        with server.lock:
            new = [waiting.pop() for _ in range(min(2, len(waiting)))]
            missing = next((key for key in server.keys if key in deleted and rng.random() < 0.5), None)
            if missing is not None:
                server.keys.remove(missing)
        for key in new:
            server.insert(key)
        return page

    found = flat(listed(listing))
    assert found == sorted({*found})
    assert {*keys} - deleted <= {*found} <= {*keys} | arriving


def by_folder(key: str) -> list[str]:
    """Return the order of a server that stores files in folders."""
    return key.split("/")


def test_a_server_with_another_order_is_recognized() -> None:
    labels = ("a", "a-b", "a b", "B")
    keys = [f"images/{label}/{number:04}.jpg" for label in labels for number in range(500)]
    for page in (7, 100, 1000):
        with pytest.raises(UnorderedError):
            listed(Server(keys, page, by_folder))


@pytest.mark.parametrize("seed", range(20))
def test_with_another_order_no_key_is_missing_or_listed_twice_without_an_error(seed: int) -> None:
    rng = random.Random(seed)
    keys = random_keys(rng)
    orders: list[Any] = [by_folder, str.lower, lambda key: key[::-1], lambda key: (len(key), key)]
    order = rng.choice(orders)
    if len({str(order(key)) for key in keys}) < len(keys):
        return  # such a server could not hold these keys
    try:
        found = flat(listed(Server(keys, rng.choice([1, 5, 50]), order)))
    except UnorderedError:
        return
    assert found == sorted(keys)


def test_a_server_that_ignores_start_after_is_recognized() -> None:
    server = Server([f"images/{number:05}" for number in range(3000)], page=20, seconds=0.001)

    def listing(**request: Any) -> Page:
        request.pop("StartAfter", None)
        return server(**request)

    with pytest.raises(UnorderedError):
        listed(listing)


def test_an_error_of_one_request_ends_the_listing() -> None:
    server = Server([f"images/{number:05}" for number in range(3000)], page=20)

    def listing(**request: Any) -> Page:
        if server.requests > 40:
            raise OSError("no answer")
        return server(**request)

    with pytest.raises(OSError, match="no answer"):
        listed(listing)
    assert server.requests < 60


def test_split_points_are_greater_than_all_keys_with_the_same_beginning() -> None:
    assert split_points("a\ud7ff", None) == ["b", "a\ue000"]
    assert split_points("\U0010ffffa", None) == ["\U0010ffffb"]
    assert split_points("", None) == []
    assert split_points("a/9", "a/:") == []


def test_ranges_on_a_real_server(client: S3Client, bucket: str) -> None:
    # One folder: SeaweedFS skips the folder `images/2/` when `StartAfter` is `images/2`.
    keys = [f"images/柿/photo {number:03} é+%41.jpg" for number in range(120)]
    for key in keys:
        client.put_object(Bucket=bucket, Key=key, Body=key.encode())
    with pages_of(client, bucket, "images/") as pages:
        found = listed(lambda **request: pages(**{"MaxKeys": 5, **request}))
    assert flat(found) == sorted(keys)
    assert len(found) > 1

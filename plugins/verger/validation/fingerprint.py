"""Compares sets of a hundred or a hundred million keys in the same few kilobytes."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

BUCKETS = 4096
BUCKETS_EXPLAINED = 10
EXAMPLES = 10


def digest(key: str) -> int:
    """128 bits of BLAKE2b: for paths that nobody forges, as good as the path itself."""
    return int.from_bytes(hashlib.blake2b(key.encode(errors="surrogatepass"), digest_size=16).digest())


@dataclass
class Fingerprint:
    """Of a multiset of keys: per bucket of the hash, how many there are and the sum of their hashes."""

    counts: list[int] = field(default_factory=lambda: [0] * BUCKETS)
    sums: list[int] = field(default_factory=lambda: [0] * BUCKETS)

    def add(self, value: int) -> None:
        bucket = value % BUCKETS
        self.counts[bucket] += 1
        self.sums[bucket] += value

    def __len__(self) -> int:
        return sum(self.counts)

    def differing(self, other: Fingerprint) -> list[int]:
        """The buckets in which the two are not equal."""
        ours, theirs = zip(self.counts, self.sums, strict=True), zip(other.counts, other.sums, strict=True)
        return [bucket for bucket, (one, two) in enumerate(zip(ours, theirs, strict=True)) if one != two]


@dataclass(frozen=True)
class Difference:
    """Examples of how two multisets differ, at most ten each."""

    missing: Sequence[str]
    unexpected: Sequence[str]
    repeated: Sequence[str]

    def __str__(self) -> str:
        parts = [(name, values) for name, values in vars(self).items() if values]
        return "; ".join(f"{name}: {', '.join(map(repr, values))}" for name, values in parts)


def difference(expected: Iterable[str], found: Iterable[str], buckets: Sequence[int]) -> Difference:
    """A second look at the keys, only at the first ten of the buckets that differ: still little memory."""
    chosen = set(buckets[:BUCKETS_EXPLAINED])
    wanted, there = (Counter(key for key in keys if digest(key) % BUCKETS in chosen) for keys in (expected, found))
    return Difference(
        missing=sorted((wanted - there).keys())[:EXAMPLES],
        unexpected=sorted(there.keys() - wanted.keys())[:EXAMPLES],
        repeated=sorted(key for key, count in there.items() if count > 1)[:EXAMPLES],
    )

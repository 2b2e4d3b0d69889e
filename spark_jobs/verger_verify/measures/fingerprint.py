"""Compares multisets of any number of keys in constant memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from verger_contract.photos import digest

BUCKETS = 4096
BUCKETS_EXPLAINED = 10
EXAMPLES = 10


@dataclass
class Fingerprint:
    """A multiset of keys, as the number and the sum of their hashes in each of `BUCKETS` buckets."""

    counts: list[int] = field(default_factory=lambda: [0] * BUCKETS)
    sums: list[int] = field(default_factory=lambda: [0] * BUCKETS)

    def add(self, value: int) -> None:
        """Add the hash of a key."""
        bucket = value % BUCKETS
        self.counts[bucket] += 1
        self.sums[bucket] += value

    def plus(self, other: Fingerprint) -> Fingerprint:
        """Return the fingerprint of the keys of both."""
        counts, sums = (
            [one + two for one, two in zip(ours, theirs, strict=True)]
            for ours, theirs in ((self.counts, other.counts), (self.sums, other.sums))
        )
        return Fingerprint(counts, sums)

    def __len__(self) -> int:
        return sum(self.counts)

    def differing(self, other: Fingerprint) -> list[int]:
        """Return the buckets in which two fingerprints differ."""
        ours, theirs = zip(self.counts, self.sums, strict=True), zip(other.counts, other.sums, strict=True)
        return [bucket for bucket, (one, two) in enumerate(zip(ours, theirs, strict=True)) if one != two]


@dataclass(frozen=True)
class Difference:
    """Examples of the difference of two multisets, at most ten of each kind."""

    missing: Sequence[str]
    unexpected: Sequence[str]
    repeated: Sequence[str]

    def __str__(self) -> str:
        parts = [(name, values) for name, values in vars(self).items() if values]
        return "; ".join(f"{name}: {', '.join(map(repr, values))}" for name, values in parts)


def difference(expected: Iterable[str], found: Iterable[str], buckets: Sequence[int]) -> Difference:
    """Return examples of the difference of two multisets. Only keys of the first ten buckets are held in memory.

    Parameters
    ----------
    expected, found
        The keys, read a second time.
    buckets
        The result of `Fingerprint.differing`.
    """
    chosen = set(buckets[:BUCKETS_EXPLAINED])
    wanted, there = (Counter(key for key in keys if digest(key) % BUCKETS in chosen) for keys in (expected, found))
    return Difference(
        missing=sorted((wanted - there).keys())[:EXAMPLES],
        unexpected=sorted(there.keys() - wanted.keys())[:EXAMPLES],
        repeated=sorted(key for key, count in there.items() if count > 1)[:EXAMPLES],
    )

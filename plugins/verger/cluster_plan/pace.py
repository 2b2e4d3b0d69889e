"""How long the work on photos takes: the figures of the benchmarks, corrected by a bucket's own runs. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass

from verger.cluster_plan import figures
from verger_contract.preprocessing import Decoding

SHORTEST_SECONDS = 180.0
"""Step 1 of an earlier run counts when it took at least so long.

The executors may start during step 1. This takes up to half a minute (`figures.STEP_START_SECONDS`), less than a fifth
of so long a step. A short step would count as much slower than it is, and the next large run would launch too many
nodes."""

MOST_RUNS = 5
"""The latest runs whose median counts."""

SLOWEST, FASTEST = 20.0, 0.1
"""The limits of the correction, against a measurement that is wrong."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """What a run does.

    Attributes
    ----------
    photos : int
        Photos that step 1 featurizes.
    bytes : int
        The size of their files.
    listed : int
        Photos in the bucket, which are the rows of step 2.
    """

    photos: int
    bytes: int
    listed: int


@dataclass(frozen=True, kw_only=True)
class EarlierRun:
    """Step 1 of an earlier run.

    Attributes
    ----------
    photos, bytes : int
        Featurized photos and rejects, and the size of their files.
    seconds : float
        Of step 1, without its start.
    cores : float
        Speed of all executors, in cores of the benchmarks (see `nodes.vcpu_cores`).
    """

    photos: int
    bytes: int
    seconds: float
    cores: float


@dataclass(frozen=True)
class Pace:
    """How much longer the work of step 1 takes than the benchmarks say.

    Attributes
    ----------
    factor : float
        1 when no run of the bucket is known.
    runs : int
        The runs from which the factor was computed.
    """

    factor: float = 1.0
    runs: int = 0

    @classmethod
    def of(cls, runs: Iterable[EarlierRun], decoding: Decoding) -> Pace:
        """Return the median of earlier runs with the same decoding.

        Parameters
        ----------
        runs : iterable of EarlierRun
            The latest first.
        decoding : Decoding
        """
        long_enough = [run for run in runs if run.seconds >= SHORTEST_SECONDS and run.photos and run.cores > 0]
        factors = [
            (run.seconds - figures.STEP_1_SECONDS) * run.cores / core_seconds(run.photos, run.bytes, decoding)
            for run in long_enough[:MOST_RUNS]
        ]
        if not factors:
            return cls()
        return cls(min(max(statistics.median(factors), FASTEST), SLOWEST), len(factors))


AS_BENCHMARKS = Pace()
"""The pace of a bucket without earlier runs."""


def core_seconds(photos: int, size: int, decoding: Decoding) -> float:
    """Return the seconds of one core that step 1 takes according to the benchmarks.

    Parameters
    ----------
    photos : int
    size : int
        Bytes of all files.
    decoding : Decoding
    """
    return photos * figures.PHOTO_CORE_SECONDS + size / 1e6 * figures.MEGABYTE_CORE_SECONDS[decoding]

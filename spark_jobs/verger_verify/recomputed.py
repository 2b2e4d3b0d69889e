"""Computes the features of some photos again from their bytes, and compares them with the written ones.

This finds features that were exchanged among photos, or that another model computed, also where too few photos are new
for a comparison of neighbours.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy

from verger_contract.preprocessing import Decoding
from verger_contract.reasons import RejectKind
from verger_contract.verification.check import SKIPPED, Check
from verger_photo.decode import decode
from verger_photo.model import Featurizer, Model
from verger_photo.unreadable import UnreadablePhoto
from verger_spark.features.source import open_source
from verger_verify.measures.sample import SampledPhoto

NAME = "features computed again"
EXPECTED = "the written features of every photo that still is in the bucket"
CHANGED_SINCE = frozenset({RejectKind.DELETED, RejectKind.CHANGED, RejectKind.ACCESS_DENIED, RejectKind.ARCHIVED})
"""Photos that can no longer be read for such a reason are not compared."""

REQUESTS = 8
EXAMPLES = 10


@dataclass(frozen=True)
class Photos:
    """The photos, and the model of the run.

    Attributes
    ----------
    images : str
        URI that the paths are relative to.
    decoding : Decoding
    model : Model
    """

    images: str
    decoding: Decoding
    model: Model

    def check(self, sample: list[SampledPhoto]) -> Check:
        """Compare the features of sampled photos with those that this process computes from their bytes.

        A feature may differ by the tolerance of the canary, because nodes have different processors. Photos that were
        deleted or changed since are not compared.

        Parameters
        ----------
        sample : list of SampledPhoto
            `version` is the ETag, `vector` the features, float32 (1280,).
        """
        if not sample:
            return Check(NAME, True, EXPECTED, SKIPPED, "no features were written")
        featurizer, tolerance = Featurizer(self.model), self.model.canary_tolerance
        wrong, left_out, worst = dict[str, str](), Counter[str](), 0.0
        for photo, content in self._contents(sample):
            try:
                if isinstance(content, UnreadablePhoto):
                    raise content
                features = featurizer.features(decode(content, self.decoding))
            except UnreadablePhoto as unreadable:
                if unreadable.kind in CHANGED_SINCE:
                    left_out[unreadable.kind.value] += 1
                else:
                    wrong[photo.path] = f"is now rejected: {unreadable}"
                continue
            difference = float(numpy.abs(features - photo.vector).max())
            worst = max(worst, difference)
            if not difference <= tolerance:
                wrong[photo.path] = f"differs by {difference:.3g}"
        return _check(wrong, left_out, len(sample) - left_out.total(), f"{worst:.3g} (tolerance {tolerance:g})")

    def _contents(self, sample: list[SampledPhoto]) -> Iterator[tuple[SampledPhoto, bytes | UnreadablePhoto]]:
        """Yield the content of each photo. At most REQUESTS contents are in memory."""
        read = open_source(self.images)

        def one(photo: SampledPhoto) -> bytes | UnreadablePhoto:
            try:
                return read(photo.path, photo.version)
            except UnreadablePhoto as unreadable:
                return unreadable

        with ThreadPoolExecutor(REQUESTS) as pool:
            for start in range(0, len(sample), REQUESTS):
                photos = sample[start : start + REQUESTS]
                yield from zip(photos, pool.map(one, photos), strict=True)


def _check(wrong: Mapping[str, str], left_out: Counter[str], compared: int, worst: str) -> Check:
    examples = [f"{path!r} {problem}" for path, problem in [*wrong.items()][:EXAMPLES]]
    reasons = [f"{count:,} photos were not compared: {kind}" for kind, count in left_out.items()]
    detail = "; ".join([*examples, *reasons])
    if not compared:
        return Check(NAME, True, EXPECTED, SKIPPED, detail)
    return Check(NAME, not wrong, EXPECTED, f"{len(wrong):,} of {compared:,} photos differ, by up to {worst}", detail)

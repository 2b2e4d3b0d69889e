"""Whether the published data are whole, and whether a photo of the bucket is missing in them."""

from __future__ import annotations

import io
import json
from collections import Counter
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import numpy
import pyarrow
import pyarrow.parquet
from pyarrow.fs import S3FileSystem

import verger_reader
from chaos.harness.bucket import BUCKET, Bucket
from local_aws.stack import Stack
from verger_contract.keys import PUBLISHED, manifest_keys

PCA_TOLERANCE = 1e-4
"""Largest difference between a published coordinate and the projection of its features. Coordinates are below 100."""


@dataclass(frozen=True)
class Verdict:
    """The state of the published data.

    Attributes
    ----------
    run : str
        The run that published them; empty when nothing is published.
    photos : dict of str to str
        ETag by path of the photos with features, and of the rejects.
    damage : str
        What is wrong; empty when the data are whole.
    """

    run: str
    photos: dict[str, str]
    damage: str = ""


class Judge:
    """Reads the published data as a consumer does, and computes the features again with the code that they name."""

    def __init__(self, aws: Stack, bucket: Bucket) -> None:
        self.bucket = bucket
        variables = aws.environment()
        self._files = S3FileSystem(
            access_key=variables["AWS_ACCESS_KEY_ID"],
            secret_key=variables["AWS_SECRET_ACCESS_KEY"],
            region=variables["AWS_REGION"],
            endpoint_override=urlsplit(variables["AWS_ENDPOINT_URL_S3"]).netloc,
            scheme="http",
        )
        self._featurizer: verger_reader.Featurizer | None = None
        self._computed: dict[str, Any] = {}

    def document(self) -> dict[str, Any]:
        """Return published.json; empty when there is none, or when it has no JSON."""
        return self.json(PUBLISHED)

    def json(self, key: str) -> dict[str, Any]:
        """Return a JSON object of the bucket; empty when there is none."""
        try:
            return dict(json.loads(self.bucket.get(key) or b"{}"))
        except (ValueError, TypeError):
            return {}

    def verdict(self) -> Verdict:
        """Read all published data."""
        if self.bucket.get(PUBLISHED) is None:
            return Verdict("", {})
        try:
            publication = verger_reader.open_publication(f"s3://{BUCKET}", filesystem=self._files)
            features, coordinates = publication.features(), publication.pca()
            damage = self._features_differ(publication, features) or self._coordinates_differ(
                publication, features, coordinates
            )
            rows = list(zip(features["path"].to_pylist(), features["etag"].to_pylist(), strict=True))
            rows += self._rejects()
        except (verger_reader.PublicationError, OSError, ValueError, pyarrow.ArrowException) as error:
            return Verdict(str(self.document().get("run", "")), {}, f"{type(error).__name__}: {error}")
        twice = [path for path, count in Counter(path for path, _ in rows).items() if count > 1]
        damage = damage or (f"twice: {', '.join(twice)}" if twice else "")
        return Verdict(str(publication.run), {path: etag.strip('"') for path, etag in rows}, damage)

    def lost(self, verdict: Verdict) -> list[str]:
        """Return the keys of photos that are neither in the features nor in the rejects with their present content."""
        return [key for key, etag in self.bucket.photos().items() if verdict.photos.get(key) != etag]

    def _rejects(self) -> list[tuple[str, str]]:
        rows: dict[str, Any] = {}
        for key in manifest_keys(BUCKET, [part["run"] for part in self.document()["manifests"]]):
            table = pyarrow.parquet.read_table(io.BytesIO(self.bucket.get(key) or b""))
            rows |= {row["path"]: row for row in table.to_pylist()}
        return [(row["path"], row["etag"]) for row in rows.values() if row["kind"]]

    def _features_differ(self, publication: verger_reader.Publication, table: pyarrow.Table) -> str:
        found = verger_reader.matrix(table["features"])
        for path, etag, row in zip(table["path"].to_pylist(), table["etag"].to_pylist(), found, strict=True):
            if not numpy.array_equal(row, self._expected(publication, etag.strip('"'))):
                return f"{path}: the features are not those of its content"
        return ""

    def _coordinates_differ(
        self, publication: verger_reader.Publication, features: pyarrow.Table, coordinates: pyarrow.Table
    ) -> str:
        if set(features["path"].to_pylist()) != set(coordinates["path"].to_pylist()):
            return "features and pca have other photos"
        projected = publication.basis().project(verger_reader.matrix(features["features"]))
        by_path = dict(zip(features["path"].to_pylist(), projected, strict=True))
        found = verger_reader.matrix(coordinates["pca_features"])
        for path, row in zip(coordinates["path"].to_pylist(), found, strict=True):
            if not numpy.allclose(row, by_path[path], atol=PCA_TOLERANCE):
                return f"{path}: the coordinates are not the projection of its features"
        return ""

    def _expected(self, publication: verger_reader.Publication, etag: str) -> Any:
        if self._featurizer is None:
            self._featurizer = publication.featurizer(any_versions=True)
        if etag not in self._computed and etag in self.bucket.contents:
            self._computed[etag] = self._featurizer(self.bucket.contents[etag])
        return self._computed.get(etag)

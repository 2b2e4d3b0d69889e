"""The manifest of an artifact set, as Airflow reads it. Its SHA-256 is the name of the set."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from verger_contract.errors import VergerError

MANIFEST = "manifest.json"
MODEL = "model/mobilenet_v2.tflite"
REQUIRED = (
    "bootstrap_emr.sh",
    "featurize.py",
    "pca.py",
    "verify.py",
    "verger_spark.zip",
    "model/model.json",
    "model/canary.json",
    MODEL,
)


class ArtifactError(VergerError):
    """The artifact set is missing, incomplete, altered or not allowed; the message says what to do."""


@dataclass(frozen=True)
class ArtifactFile:
    """A file of the set: its SHA-256 in hex, and its size in bytes."""

    sha256: str
    size: int


@dataclass(frozen=True)
class Manifest:
    """The content of an artifact set.

    Attributes
    ----------
    address : str
        Where the manifest was read, for messages.
    sha256 : str
        SHA-256 of the manifest: the name of the set.
    weights : str
        imagenet or random.
    arch : str
        The architecture of the nodes that can install it: x86_64 or aarch64.
    preprocessing : int
        Version of the decoding rules of its code (see `verger_contract.preprocessing`).
    files : mapping of str to ArtifactFile
        By name. Names are relative and contain `/`.
    """

    address: str
    sha256: str
    weights: str
    arch: str
    preprocessing: int
    files: Mapping[str, ArtifactFile]


def parse(text: bytes, address: str, expected_sha256: str | None, advice: str) -> Manifest:
    """Parse the content of manifest.json.

    Parameters
    ----------
    text
        The content.
    address
        Where it was read, for messages.
    expected_sha256
        The name of the set; None when the set may have any name.
    advice
        What to do about a wrong manifest, for messages.

    Raises
    ------
    ArtifactError
        The manifest is altered, incomplete or none.
    """
    sha256 = hashlib.sha256(text).hexdigest()
    if expected_sha256 not in (None, sha256):
        raise ArtifactError(f"{address}: altered: expected SHA-256 {expected_sha256}, found {sha256}; {advice}")
    try:
        content: dict[str, Any] = json.loads(text)
        files = {
            name: ArtifactFile(str(entry["sha256"]), int(entry["size"])) for name, entry in content["files"].items()
        }
        weights, arch = str(content["weights"]), str(content["arch"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArtifactError(
            f"{address}: expected the manifest of an artifact set, found {error!r}; {advice}"
        ) from error
    absent = [name for name in REQUIRED if name not in files]
    if absent:
        raise ArtifactError(f"{address}: expected {absent[0]} in the list of files, found none; {advice}")
    preprocessing = content.get("preprocessing", "none, as in a set of an earlier Verger")
    if not isinstance(preprocessing, int):
        raise ArtifactError(f"{address}: expected the number `preprocessing`, found {preprocessing}; {advice}")
    return Manifest(address, sha256, weights, arch, preprocessing, files)

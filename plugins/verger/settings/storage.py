"""The declarations of the settings of bucket, requests and artifact set."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from verger.settings.fields import between, flag, setting, text

REPOSITORY = Path(__file__).resolve().parents[3]
BUILT_ARTIFACTS = REPOSITORY / ".verger/artifacts/current"
EU_REGIONS = ("eu-central-1", "eu-west-1", "eu-west-3", "eu-north-1", "eu-south-1", "eu-south-2", "eusc-de-east-1")
"""AWS regions in member states of the EU. London (eu-west-2) and Zurich (eu-central-2) are outside the EU."""

OWN_PREFIXES = ("artifacts/", "features/", "rejects/", "pca/", "models/", "runs/", "logs/", "janitor/")


def _is_photo_prefix(prefix: str) -> bool:
    return (
        bool(re.fullmatch(r"([^/]+/)+", prefix))
        and not prefix.startswith(OWN_PREFIXES)
        and not {".", ".."} & set(prefix.split("/"))
    )


@dataclass(frozen=True, kw_only=True)
class Storage:
    """Where photos, artifacts and results lie."""

    bucket: str = text(
        "the bucket of the photos, to which Verger also writes all its data",
        r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]",
        "the name of an S3 bucket, without dots (no TLS certificate covers a name with dots)",
    )
    images_prefix: str = setting(
        "the key prefix of the photos, with one folder for each label; Verger never writes there",
        f"folders ending in '/', none of them '.' or '..', outside Verger's own {', '.join(OWN_PREFIXES)}",
        _is_photo_prefix,
        default="images/",
    )
    region: str = setting(
        "the region of bucket and cluster; only regions in the EU are accepted",
        f"a region in the EU: {', '.join(EU_REGIONS)}",
        lambda value: value in EU_REGIONS,
        default="eu-west-3",
    )
    aws_conn_id: str = text("the Airflow connection with the AWS credentials", r"\S+", "a connection id", "aws_default")
    request_attempts: int = between(
        "how often a request to S3 or EMR is sent before the task fails, when the service is busy, is not available or "
        "does not answer; the waits between the attempts are random, double, and take at most 20 seconds: 18 attempts "
        "wait for one to two minutes",
        1,
        50,
        18,
        "attempts",
    )
    connect_seconds: int = between(
        "the time limit of a connection to S3 or EMR; the network of a region connects within milliseconds",
        1,
        120,
        10,
        "seconds",
    )
    answer_seconds: int = between(
        "how long S3 or EMR may send nothing while a task waits for an answer; busy services take some seconds",
        1,
        600,
        60,
        "seconds",
    )
    list_requests: int = between(
        "how many requests list the photos at the same time; one process takes some hundreds of answers with 1,000 "
        "keys a second, and S3 sends each after 50 to 100 milliseconds: 32 requests keep the process busy",
        1,
        256,
        32,
        "requests",
    )
    artifacts_dir: Path = setting(  # noqa: RUF009 (makes a field)
        "the artifact set that the DAG uploads; `make artifacts` builds it",
        "the absolute path of a folder",
        lambda value: value.is_absolute(),
        default=BUILT_ARTIFACTS,
    )
    artifacts_uri: str = text(
        "the artifact set that `python -m verger.s3 upload-artifacts` has uploaded; the DAG then verifies these "
        "objects and reads no folder, for example on MWAA; empty: the set in VERGER_ARTIFACTS_DIR",
        r"(s3://[a-z0-9-]+/artifacts/[0-9a-f]{64}/?)?",
        "s3://BUCKET/artifacts/SHA256/ with 64 hexadecimal digits, or empty",
        "",
    )
    allow_random_weights: bool = flag("accept a model with random weights, for tests", False)

    @property
    def artifacts_sha256(self) -> str | None:
        """The SHA-256 of the artifact set at `artifacts_uri`; None when the set is a folder."""
        return self.artifacts_uri.rstrip("/").rpartition("/")[2] or None

    @property
    def request_options(self) -> dict[str, Any]:
        """Time limits and retries of every request to S3 and EMR, as options of botocore's Config."""
        return {
            "connect_timeout": self.connect_seconds,
            "read_timeout": self.answer_seconds,
            "retries": {"mode": "standard", "total_max_attempts": self.request_attempts},
        }

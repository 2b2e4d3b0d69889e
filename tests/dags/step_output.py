"""What a step of a local cluster printed."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_emr import EMRClient
    from mypy_boto3_s3 import S3Client


def step_output(emr: EMRClient, s3: S3Client, bucket: str, name: str) -> str:
    """Return the stdout of a step whose log is in the bucket; of several steps with the name, that of the last one."""
    clusters = emr.list_clusters()["Clusters"]
    clusters.sort(key=lambda cluster: cluster["Status"]["Timeline"]["CreationDateTime"], reverse=True)
    for cluster in clusters:
        logs = s3.list_objects_v2(Bucket=bucket, Prefix=f"logs/{cluster['Id']}/").get("Contents", [])
        for step in emr.list_steps(ClusterId=cluster["Id"])["Steps"]:  # the newest first
            key = f"logs/{cluster['Id']}/steps/{step['Id']}/stdout.gz"
            if step["Name"] == name and key in (found["Key"] for found in logs):
                return gzip.decompress(s3.get_object(Bucket=bucket, Key=key)["Body"].read()).decode()
    raise AssertionError(f"no log of a step {name!r} in s3://{bucket}/logs/")

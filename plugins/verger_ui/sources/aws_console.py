"""Addresses of pages in the AWS console."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def cluster_page(s3: S3Client, cluster: str) -> str:
    """Return the page of an EMR cluster in the region of the bucket, as the links of Airflow's amazon provider have it.

    It is empty if S3 is not that of AWS, and for a partition whose console the provider does not have.
    """
    from airflow.providers.amazon.aws.links.emr import EmrClusterLink
    from botocore.exceptions import UnknownRegionError
    from botocore.session import Session

    region = s3.meta.region_name
    if ".amazonaws." not in (urlsplit(s3.meta.endpoint_url).hostname or ""):
        return ""
    try:
        domain = EmrClusterLink.get_aws_domain(Session().get_partition_for_region(region))
    except UnknownRegionError:
        return ""
    return (
        EmrClusterLink.format_str.format(aws_domain=domain, region_name=region, job_flow_id=cluster) if domain else ""
    )

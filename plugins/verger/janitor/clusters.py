"""Finds the active clusters of this Airflow on EMR."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from verger.emr.requests import AIRFLOW_RUN_TAG, DAG_TAG, DEPLOYMENT_TAG, NAME_PREFIX, RUN_TAG
from verger.janitor import airflow_run_tag
from verger.janitor.decision import Cluster
from verger.s3.clients import error_code
from verger_contract.keys import s3_scheme, uri

if TYPE_CHECKING:
    from mypy_boto3_emr import EMRClient
    from mypy_boto3_emr.literals import ClusterStateType

ACTIVE: tuple[ClusterStateType, ...] = ("STARTING", "BOOTSTRAPPING", "RUNNING", "WAITING")

log = logging.getLogger(__name__)


def active_clusters(emr: EMRClient, bucket: str, deployment: str) -> Iterator[Cluster]:
    """Yield the active clusters that this Airflow launched.

    Parameters
    ----------
    emr : EMRClient
    bucket : str
        The bucket of this Airflow.
    deployment : str
        The name of this Airflow on its clusters.
    """
    from botocore.exceptions import ClientError

    for page in emr.get_paginator("list_clusters").paginate(ClusterStates=ACTIVE):
        for found in page["Clusters"]:
            if not found["Name"].startswith(NAME_PREFIX):
                continue
            try:
                described = emr.describe_cluster(ClusterId=found["Id"])["Cluster"]
            except ClientError as error:
                # The rights of Airflow cover only clusters with the tag `verger`.
                if not error_code(error).startswith("AccessDenied"):
                    raise
                log.info("cluster %s: not ours, because Airflow may not describe it", found["Id"])
                continue
            cluster = own(described, bucket, deployment)
            if cluster:
                yield cluster


def own(described: Any, bucket: str, deployment: str) -> Cluster | None:
    """Return the cluster if this Airflow launched it. Pure.

    The tags of the DAG, of the run and of the Airflow must be there, and the logs must go to the bucket. Clusters of
    earlier versions have no tag of the Airflow: they belong to the Airflow that has the name of the bucket.

    Parameters
    ----------
    described : mapping
        The cluster as DescribeCluster returns it.
    bucket, deployment : str
        As in `active_clusters`.
    """
    tags = {tag["Key"]: tag.get("Value", "") for tag in described.get("Tags", ())}
    if not tags.get(DAG_TAG) or not tags.get(RUN_TAG) or tags.get(DEPLOYMENT_TAG, bucket) != deployment:
        return None
    if described["Status"]["State"] not in ACTIVE:
        return None
    if not s3_scheme(described.get("LogUri", "")).startswith(uri(bucket, "")):
        return None
    return Cluster(
        id=described["Id"],
        dag=tags[DAG_TAG],
        dag_run=airflow_run_tag.decode(tags.get(AIRFLOW_RUN_TAG, "")),
        run=tags[RUN_TAG],
        launched_at=described["Status"]["Timeline"]["CreationDateTime"],
        protected=bool(described.get("TerminationProtected")),
    )

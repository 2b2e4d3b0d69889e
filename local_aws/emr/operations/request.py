"""Requests and answers of the operations: their types, the cluster of a request, pages of an answer."""

from __future__ import annotations

import base64
from typing import Any

from moto.emr.exceptions import InvalidRequestException

from local_aws.cluster.model import Cluster
from local_aws.emr import validation
from local_aws.emr.service import Service

Request = dict[str, Any]
Answer = dict[str, Any] | None
#: Items of a page, as on EMR.
PAGE = 50


def find_cluster(service: Service, cluster_id: str) -> Cluster:
    """Return the cluster with this id. Raise InvalidRequestException when it does not exist."""
    if (cluster := service.clusters.get(cluster_id)) is None:
        raise InvalidRequestException(f"Cluster id '{cluster_id}' is not valid.")
    return cluster


def changeable(service: Service, cluster_id: str) -> Cluster:
    """Return the cluster with this id. Raise ValidationException when it ends or has ended."""
    cluster = find_cluster(service, cluster_id)
    validation.modifiable(cluster)
    return cluster


def page(member: str, items: list[Any], request: Request, marker: str = "Marker") -> dict[str, Any]:
    """Return one page of `items` as `member`, with a `marker` when a next page exists."""
    start = 0
    if given := request.get(marker):
        try:
            start = int(base64.urlsafe_b64decode(given))
        except ValueError:
            raise InvalidRequestException(f"{marker} '{given}' is not valid.") from None
    end = start + min(request.get("MaxResults") or PAGE, PAGE)
    answer: dict[str, Any] = {member: items[start:end]}
    if end < len(items):
        answer[marker] = base64.urlsafe_b64encode(str(end).encode()).decode()
    return answer

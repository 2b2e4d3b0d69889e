"""The REST API of a ResourceManager.

The classes of hadoop-client-minicluster have no annotations for JAXB. The JSON of nodes and of metrics has therefore no
outer object, `{"nodes": [...]}` instead of `{"nodes": {"node": [...]}}`, and that of applications has no values.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

from local_aws.yarn.addresses import RM_WEB_PORT

TIMEOUT_S = 5


def running_nodes(address: str) -> set[str]:
    """Return the addresses of the NodeManagers that are registered and run, none while the API does not answer."""
    try:
        found = nodes(address)
    except (OSError, ValueError, urllib.error.URLError):
        return set()
    return {str(node["nodeId"]).partition(":")[0] for node in found if node["state"] == "RUNNING"}


def nodes(address: str) -> list[dict[str, Any]]:
    """Return each registered NodeManager, with its `nodeId` and `state`.

    `usedResource` is what YARN has given to containers, and `totalResource` is what it has. Both have the members
    `vCores` and `memorySize` (MiB).
    """
    found: list[dict[str, Any]] = _get(address, "nodes")["nodes"]
    return found


def metrics(address: str) -> dict[str, Any]:
    """Return the metrics of a cluster, such as `totalMB`, `activeNodes`, `appsRunning` and `containersAllocated`."""
    return _get(address, "metrics")


def _get(address: str, path: str) -> dict[str, Any]:
    return get_json(f"http://{address}:{RM_WEB_PORT}/ws/v1/cluster/{path}")


def get_json(url: str) -> dict[str, Any]:
    """Return the JSON object that a daemon answers. Raises OSError or ValueError."""
    # No proxy: the address is on loopback.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=TIMEOUT_S) as response:
        answer: dict[str, Any] = json.load(response)
        return answer

"""Clusters and security configurations on disk, as JSON files that are replaced atomically."""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

from local_aws.cluster.model import Cluster, ClusterState, Ending, Failure, Instance, Loss, NodeGroup, Step, StepState


class Store:
    """The folder `<state>/emr`: `clusters/<id>.json` and `security_configurations.json`."""

    def __init__(self, folder: Path) -> None:
        self._clusters = folder / "clusters"
        self._security = folder / "security_configurations.json"
        self._clusters.mkdir(parents=True, exist_ok=True)

    def save(self, cluster: Cluster) -> None:
        """Write one cluster. A crash leaves either the old or the new file."""
        _replace(self._clusters / f"{cluster.id}.json", asdict(cluster))

    def load_all(self) -> list[Cluster]:
        """Return all clusters, oldest first.

        Raises
        ------
        ValueError
            When a file cannot be read; the message names it.
        """
        clusters = []
        for path in self._clusters.glob("j-*.json"):
            try:
                clusters.append(_cluster(json.loads(path.read_text())))
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(
                    f"{path}: not a cluster of this version ({error}); move the file away, or run"
                    " `python -m local_aws down --wipe`"
                ) from error
        return sorted(clusters, key=lambda cluster: cluster.created)

    def security_configurations(self) -> dict[str, dict[str, Any]]:
        """Return the security configurations by name."""
        if not self._security.exists():
            return {}
        loaded: dict[str, dict[str, Any]] = json.loads(self._security.read_text())
        return loaded

    def save_security_configurations(self, configurations: dict[str, dict[str, Any]]) -> None:
        """Write all security configurations."""
        _replace(self._security, configurations)


def is_cluster_id(value: str) -> bool:
    """Return True for a value in the form of a cluster id. Such a value is a safe file name."""
    return re.fullmatch(r"j-[A-Z0-9]{1,32}", value) is not None


def _replace(path: Path, value: Any) -> None:
    temporary = path.with_suffix(".tmp")
    with temporary.open("w") as file:
        json.dump(value, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _cluster(raw: dict[str, Any]) -> Cluster:
    ending = raw["ending"]
    return Cluster(**{
        **raw,
        "state": ClusterState(raw["state"]),
        "steps": [_step(step) for step in raw["steps"]],
        "groups": [_group(group) for group in raw["groups"]],
        "ending": Ending(**{**ending, "state": ClusterState(ending["state"])}) if ending else None,
    })  # fmt: skip


def _step(raw: dict[str, Any]) -> Step:
    failure = raw["failure"]
    return Step(**{**raw, "state": StepState(raw["state"]), "failure": Failure(**failure) if failure else None})


def _group(raw: dict[str, Any]) -> NodeGroup:
    return NodeGroup(**{**raw, "instances": [_instance(instance) for instance in raw["instances"]]})


def _instance(raw: dict[str, Any]) -> Instance:
    loss = raw.get("loss")
    return Instance(**{**raw, "loss": Loss(**loss) if loss else None})

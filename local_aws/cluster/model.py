"""Clusters and steps of the EMR server: plain values. Times are seconds since the epoch (UTC)."""

from __future__ import annotations

import secrets
import string
import time
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

ID_LETTERS = string.ascii_uppercase + string.digits


class ClusterState(StrEnum):
    """The states of EMR's ClusterState."""

    STARTING = "STARTING"
    BOOTSTRAPPING = "BOOTSTRAPPING"
    RUNNING = "RUNNING"
    WAITING = "WAITING"
    TERMINATING = "TERMINATING"
    TERMINATED = "TERMINATED"
    TERMINATED_WITH_ERRORS = "TERMINATED_WITH_ERRORS"


class StepState(StrEnum):
    """The states of EMR's StepState."""

    PENDING = "PENDING"
    CANCEL_PENDING = "CANCEL_PENDING"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    CANCELLED = "CANCELLED"
    FAILED = "FAILED"
    INTERRUPTED = "INTERRUPTED"


ENDED = frozenset({ClusterState.TERMINATED, ClusterState.TERMINATED_WITH_ERRORS})
SHUTTING_DOWN = ENDED | {ClusterState.TERMINATING}
STEP_ACTIVE = frozenset({StepState.RUNNING, StepState.CANCEL_PENDING})
STEP_ENDED = frozenset({StepState.COMPLETED, StepState.CANCELLED, StepState.FAILED, StepState.INTERRUPTED})


@dataclass
class Failure:
    """EMR's FailureDetails."""

    reason: str
    message: str
    log_file: str | None = None


@dataclass
class Step:
    """One step. `args` and `jar` are those of the request; `failure` is set in state FAILED."""

    id: str
    name: str
    action_on_failure: str
    jar: str
    args: list[str]
    properties: dict[str, str]
    main_class: str | None = None
    execution_role: str | None = None
    state: StepState = StepState.PENDING
    message: str | None = None
    failure: Failure | None = None
    created: float = field(default_factory=time.time)
    started: float | None = None
    ended: float | None = None


@dataclass
class Loss:
    """The end of an instance before the end of its cluster (EMR's InstanceStateChangeReason)."""

    code: str
    message: str
    time: float = field(default_factory=time.time)


@dataclass
class Instance:
    """One EC2 instance in the answers of the API.

    Each instance stands for this machine. In a cluster with YARN, each is one daemon of YARN with an address of its
    own.
    """

    id: str
    ec2_id: str
    private_ip: str
    loss: Loss | None = None


@dataclass
class NodeGroup:
    """An instance group or an instance fleet, with its part of the request."""

    id: str
    role: str
    config: dict[str, Any]
    instances: list[Instance]
    created: float = field(default_factory=time.time)

    @property
    def instance_type(self) -> str | None:
        """The instance type; the first one of a fleet, which may have several."""
        types = self.config.get("InstanceTypeConfigs") or [{}]
        name: str | None = self.config.get("InstanceType") or types[0].get("InstanceType")
        return name

    @property
    def running(self) -> list[Instance]:
        """The instances that are not lost."""
        return [instance for instance in self.instances if instance.loss is None]


@dataclass
class Ending:
    """The reason of the end of a cluster (EMR's StateChangeReason), and its last state."""

    code: str
    message: str
    state: ClusterState = ClusterState.TERMINATED


@dataclass
class Cluster:
    """One cluster.

    Attributes
    ----------
    request : dict
        The RunJobFlow request. Attributes that later requests may change have fields of their own.
    idle_since : float, optional
        Time when the cluster last became idle, None while a step is pending or active.
    idle_timeout : int, optional
        Auto-termination after so many idle seconds, None for never.
    yarn : bool
        True for a cluster with YARN; in others each step runs Spark in one process.
    ending : Ending, optional
        Is set once, by the first reason to end the cluster. The supervisor then ends the cluster.
    """

    id: str
    request: dict[str, Any]
    collection: str
    groups: list[NodeGroup]
    tags: dict[str, str]
    keep_alive: bool
    termination_protected: bool
    visible_to_all_users: bool
    step_concurrency: int
    steps: list[Step] = field(default_factory=list)
    idle_timeout: int | None = None
    managed_scaling: dict[str, Any] | None = None
    unhealthy_node_replacement: bool | None = None
    state: ClusterState = ClusterState.STARTING
    reason_code: str | None = None
    reason_message: str | None = None
    created: float = field(default_factory=time.time)
    ready: float | None = None
    ended: float | None = None
    idle_since: float | None = None
    ending: Ending | None = None
    yarn: bool = False

    @property
    def name(self) -> str:
        """The name given at creation."""
        return str(self.request["Name"])

    @property
    def log_uri(self) -> str | None:
        """Prefix of the logs, `s3://bucket/prefix` without a slash at the end; None for a cluster without logs."""
        uri = self.request.get("LogUri")
        return str(uri).replace("s3n://", "s3://").replace("s3a://", "s3://").rstrip("/") if uri else None

    @property
    def primary_instance(self) -> Instance:
        """The primary instance, which runs bootstrap actions and steps."""
        return next(group.instances[0] for group in self.groups if group.role == "MASTER")

    @property
    def workers(self) -> list[NodeGroup]:
        """The groups of core and task instances, core first."""
        return sorted((group for group in self.groups if group.role != "MASTER"), key=lambda group: group.role)

    def step(self, step_id: str) -> Step | None:
        """Return the step with this id, None when the cluster has no such step."""
        return next((step for step in self.steps if step.id == step_id), None)

    def steps_in(self, *states: StepState) -> list[Step]:
        """Return the steps in these states, oldest first."""
        return [step for step in self.steps if step.state in states]


def new_id(prefix: str) -> str:
    """Return a new id in the form of EMR, such as `j-2AXXXXXXGAPLF`."""
    return f"{prefix}-" + "".join(secrets.choice(ID_LETTERS) for _ in range(13))


def new_ec2_id() -> str:
    """Return a new id in the form of EC2, such as `i-0123456789abcdef0`."""
    return "i-" + secrets.token_hex(9)[:17]

"""The settings of the EMR cluster."""

from __future__ import annotations

from dataclasses import dataclass

from verger.settings.container_sizes import EXECUTOR_HEAP_MIB, EXECUTOR_OVERHEAD_MIB
from verger.settings.fields import between, flag, names, text
from verger.settings.instance_types import is_large_enough

MOST_TYPES = 30
"""The most instance types of a fleet with an allocation strategy in EMR's API."""

LARGEST_VOLUME_GIB = 1024
"""The largest volume of a node in EMR's API (VolumeSpecification, SizeInGB)."""

_INSTANCE = r"[a-z0-9-]+\.[a-z0-9-]+"
_GROUP = r"(sg-[0-9a-f]+)?"


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """The EMR cluster."""

    release_label: str = text(
        "the EMR release", r"emr-(spark-)?\d+\.\d+\.\d+", "an EMR release label", "emr-spark-8.1.0"
    )
    node_env_dir: str = text(
        "the folder of the Python environments on each node", r"/[\w./-]+", "an absolute path", "/opt/verger"
    )
    primary_instance_types: tuple[str, ...] = names(
        "instance types for the primary node, separated by commas; none: the default types of the region, see "
        "docs/support-matrix.md",
        _INSTANCE,
        f"at most {MOST_TYPES} EC2 instance types",
        (),
        least=0,
        most=MOST_TYPES,
    )
    worker_instance_types: tuple[str, ...] = names(
        "instance types for core and task nodes, separated by commas; with several types, Spot interruptions are "
        "rarer; none: the default types of the region, see docs/support-matrix.md",
        _INSTANCE,
        f"at most {MOST_TYPES} EC2 instance types that EMR supports, from the size `xlarge`",
        (),
        least=0,
        most=MOST_TYPES,
        also=is_large_enough,
    )
    check_instance_types: bool = flag(
        "refuse instance types that the region does not sell according to EC2's offer tables in moto 5.2.5", True
    )
    core_on_demand: int = between(
        "the least number of core nodes (On-Demand); a run with many photos adds nodes: see VERGER_TARGET_MINUTES",
        1,
        100,
        1,
        "nodes",
    )
    task_spot: int = between(
        "the least number of task nodes (Spot; On-Demand when EC2 offers no Spot capacity for ten minutes); 0: no task "
        "nodes in any run",
        0,
        500,
        1,
        "nodes",
    )
    scale_up_to: int = between(
        "the largest number of core and task nodes with managed scaling, which adds nodes to those of the launch and "
        "removes only added ones; 0: no managed scaling",
        0,
        600,
        0,
        "nodes",
    )
    executor_heap_mib: int = between(
        "the heap of the JVM of an executor", EXECUTOR_HEAP_MIB, 65536, EXECUTOR_HEAP_MIB, "MiB"
    )
    executor_overhead_mib: int = between(
        "the memory of an executor beside the heap of its JVM, for its two Python workers; YARN kills an executor that "
        "uses more than heap and overhead; with more memory, fewer executors may fit on a worker, and the limits of a "
        "photo stay",
        EXECUTOR_OVERHEAD_MIB,
        65536,
        EXECUTOR_OVERHEAD_MIB,
        "MiB",
    )
    ebs_root_gib: int = between("the size of the root volume of a node", 15, 100, 20, "GiB")
    ebs_data_gib: int = between(
        "the least size of the gp3 data volume of a node; with many photos, the volumes are larger",
        16,
        LARGEST_VOLUME_GIB,
        64,
        "GiB",
    )
    subnet_ids: tuple[str, ...] = names(
        "the subnets of which EMR chooses one; none: the default subnet of the account",
        r"subnet-[0-9a-f]+",
        "subnet ids",
        (),
        least=0,
    )
    service_role: str = text("the IAM role of the EMR service", r"[\w+=,.@:/-]+", "an IAM role", "EMR_DefaultRole_V2")
    node_role: str = text(
        "the instance profile of the nodes", r"[\w+=,.@:/-]+", "an IAM instance profile", "EMR_EC2_DefaultRole"
    )
    security_configuration: str = text(
        "the EMR security configuration, for encryption and IMDSv2; empty: none",
        r"[^\n]{0,256}",
        "the name of a security configuration",
        "",
    )
    primary_security_group: str = text(
        "the security group of the primary node, whose rules EMR manages; empty: EMR creates the groups of the cluster "
        "in the VPC; set all three groups or none",
        _GROUP,
        "the id of a security group",
        "",
    )
    worker_security_group: str = text(
        "the security group of core and task nodes, whose rules EMR manages", _GROUP, "the id of a security group", ""
    )
    service_security_group: str = text(
        "the security group by which the EMR service reaches the nodes in a private subnet",
        _GROUP,
        "the id of a security group",
        "",
    )
    log_prefix: str = text(
        "the key prefix of EMR's logs in the bucket", r"logs/([^/]+/)*", "logs/ or a folder in it", "logs/"
    )
    event_log_in_bucket: bool = flag(
        "true: Spark writes its event log to logs/spark-events/ in the bucket, for a history server of your own, and "
        "EMR's console shows no Spark history of the cluster; false: Spark writes it where EMR's console expects it",
        True,
    )
    spark_history_url: str = text(
        "the base URL, for browsers, of a Spark history server that reads logs/spark-events/; empty: no link",
        r"(https?://\S+)?",
        "an http or https URL",
        "",
    )
    idle_timeout: int = between(
        "the longest idle time after which EMR terminates a cluster, independently of Airflow; a run sets a shorter "
        "one: VERGER_IDLE_MARGIN, the pauses before retries, and 0.1 ms for each listed photo, because the cluster "
        "is idle while Airflow writes the manifest; 10,800 seconds last for 600 million photos",
        60,
        604800,
        10800,
        "seconds",
    )
    idle_margin: int = between(
        "the part of the idle time that does not depend on the photos: how long Airflow may be busy, restart or be "
        "paused between two steps; a cluster that no task terminates costs money for so long when Airflow is away",
        60,
        604800,
        600,
        "seconds",
    )

    @property
    def security_groups(self) -> dict[str, str]:
        """The security groups, by their names in a RunJobFlow request; empty strings when EMR creates them."""
        return {
            "EmrManagedMasterSecurityGroup": self.primary_security_group,
            "EmrManagedSlaveSecurityGroup": self.worker_security_group,
            "ServiceAccessSecurityGroup": self.service_security_group,
        }

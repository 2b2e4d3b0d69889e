"""Settings of a stack: folders, ports, and the resources of a cluster. They are kept in the state folder."""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent
VERGER_HOME = REPOSITORY / ".verger"
DEFAULT_STATE = VERGER_HOME / "local_aws"
LOOPBACK = "127.0.0.1"
DEFAULT_S3_PORT = 8333
DEFAULT_EMR_PORT = 5555
#: Number of ports of the S3 server: S3 gateway, master, volume, filer, and the gRPC port of each.
S3_PORTS = 8
#: Ports after the EMR port in an enforced stack: the gateway of S3, the same without TLS, metadata service with STS.
ENFORCED_PORTS = 3
#: Names of buckets that the template accepts.
BUCKET_NAME = re.compile("[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
#: Values of `cluster`.
LOCAL, YARN = "local", "yarn"
#: Field of Settings by the environment variable that sets it.
VARIABLES = {
    "VERGER_LOCAL_CLUSTER": "cluster",
    "VERGER_LOCAL_YARN_NODES": "yarn_nodes",
    "VERGER_LOCAL_YARN_SCALE": "yarn_scale",
    "VERGER_LOCAL_CONTAINER_LOG_SECONDS": "container_log_s",
    "VERGER_LOCAL_JAVA_OPTIONS": "java_options",
}
#: A node takes one address of a network with 254 of them.
MAX_YARN_NODES = 200
#: Fields that a later start does not keep: without the variable, clusters are local again. A proxy has ended.
NOT_KEPT: dict[str, Any] = {"cluster": LOCAL, "node_s3_endpoint": "", "java_options": "", "s3_metrics_port": 0}
#: `java_options` for steps of seconds: a JVM that compiles less uses half the CPU time until then. Without the
#: verification of Spark's classes it uses an eighth less.
SHORT_STEPS = (
    "-XX:+IgnoreUnrecognizedVMOptions -XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
    " -XX:+UnlockDiagnosticVMOptions -XX:-BytecodeVerificationRemote"
)


@dataclass(frozen=True)
class Settings:
    """Settings of one stack.

    Attributes
    ----------
    state : Path
        Folder of all files of the stack.
    bind : str
        Address that S3 and EMR listen on.
    host : str
        Name or address in the URLs for clients and steps.
    s3_port : int
        First of S3_PORTS consecutive ports of the S3 server.
    s3_metrics_port : int
        Port at which the S3 server counts its requests by kind, for benchmarks; 0: none.
    emr_port : int
        Port of the EMR API.
    node_s3_endpoint : str
        URL at which nodes and their steps reach S3, such as that of a proxy; empty: the S3 server itself.
    region : str
        AWS region in the answers of both servers.
    enforce : str
        Bucket for which the policies of `infra/verger.yaml` are enforced on every request; empty: none are.
    session_s : float
        Longest duration of temporary credentials in an enforced stack, s.
    cores : int
        N of `local[N]` for each step; 0 means all cores of the machine.
    driver_memory_mib : int
        Largest heap of a Spark driver, MiB; 0 means a sixth of the memory of the machine.
    cluster : str
        `local`: a step runs Spark in one process. `yarn`: a cluster has a ResourceManager and NodeManagers.
    yarn_nodes : int
        Largest number of NodeManagers of a cluster. A request for more workers gets so many.
    yarn_scale : float
        Factor of the memory and of the vCPUs that YARN may give to containers on each node. With 1 both are those of
        the instance type on EMR, and executors are placed as there. YARN reserves neither.
    container_log_s : float
        Seconds between two uploads of the logs of containers; on EMR 300.
    java_options : str
        Options of the JVM of each `spark-submit`.
    spark_venv, spark35_venv : Path
        Environments with pyspark for EMR 8 and for EMR 7.
    jars : Path
        Folder of the S3A jars and of the jars of YARN.

    Raises
    ------
    ValueError
        For a value that cannot be used.
    """

    state: Path = DEFAULT_STATE
    bind: str = LOOPBACK
    host: str = LOOPBACK
    s3_port: int = DEFAULT_S3_PORT
    s3_metrics_port: int = 0
    emr_port: int = DEFAULT_EMR_PORT
    node_s3_endpoint: str = ""
    region: str = "eu-west-3"
    enforce: str = ""
    session_s: float = 3600.0
    cores: int = 0
    driver_memory_mib: int = 0
    cluster: str = LOCAL
    yarn_nodes: int = 3
    yarn_scale: float = 1.0
    container_log_s: float = 5.0
    java_options: str = ""
    spark_venv: Path = VERGER_HOME / "venv" / "spark"
    spark35_venv: Path = VERGER_HOME / "venv" / "spark35"
    jars: Path = VERGER_HOME / "jars"

    def __post_init__(self) -> None:
        # The servers run in another working directory.
        object.__setattr__(self, "state", self.state.resolve())
        for name, width in (("s3_port", S3_PORTS), ("emr_port", 1 + (ENFORCED_PORTS if self.enforce else 0))):
            port = getattr(self, name)
            if not 1024 <= port <= 65536 - width:
                raise ValueError(f"{name}: expected 1024 to {65536 - width}, found {port}")
        if self.s3_port - (ENFORCED_PORTS if self.enforce else 0) <= self.emr_port < self.s3_port + S3_PORTS:
            raise ValueError(
                f"emr_port: {self.emr_port} is one of the {S3_PORTS} ports of the S3 server, which start at"
                f" {self.s3_port}; choose another"
            )
        if self.enforce and not BUCKET_NAME.fullmatch(self.enforce):
            raise ValueError(f"enforce: expected the name of a bucket, without dots, found {self.enforce!r}")
        if self.cores < 0:
            raise ValueError(f"cores: expected 0 (all) or more, found {self.cores}")
        if self.cluster not in (LOCAL, YARN):
            raise ValueError(f"VERGER_LOCAL_CLUSTER: expected {LOCAL} or {YARN}, found {self.cluster!r}")
        if not 1 <= self.yarn_nodes <= MAX_YARN_NODES:
            raise ValueError(f"VERGER_LOCAL_YARN_NODES: expected 1 to {MAX_YARN_NODES}, found {self.yarn_nodes}")
        for name in ("yarn_scale", "container_log_s", "session_s"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name}: expected more than 0, found {getattr(self, name)}")

    @property
    def s3_server_endpoint(self) -> str:
        """URL of the S3 server."""
        return f"http://{self.host}:{self.s3_port}"

    @property
    def s3_endpoint(self) -> str:
        """URL of S3 for clients: that of the gateway in an enforced stack."""
        return f"http://{self.host}:{self.gateway_port}" if self.enforce else self.s3_server_endpoint

    @property
    def gateway_port(self) -> int:
        """Port of the gateway of S3 that stands for TLS."""
        return self.emr_port + 1

    @property
    def plain_gateway_port(self) -> int:
        """Port of the gateway of S3 that stands for plain HTTP."""
        return self.emr_port + 2

    @property
    def metadata_port(self) -> int:
        """Port of the metadata service of the nodes and of STS."""
        return self.emr_port + 3

    @property
    def sts_endpoint(self) -> str:
        """URL of STS."""
        return f"http://{self.host}:{self.metadata_port}"

    @property
    def s3_endpoint_of_nodes(self) -> str:
        """URL of S3 for processes on a node."""
        return self.node_s3_endpoint or self.s3_endpoint

    @property
    def emr_endpoint(self) -> str:
        """URL of the EMR server."""
        return f"http://{self.host}:{self.emr_port}"

    @property
    def local_cores(self) -> int:
        """Number of cores of one step."""
        return self.cores or os.cpu_count() or 1

    @property
    def local_driver_memory_mib(self) -> int:
        """Largest heap of one Spark driver, MiB. The default leaves memory for two clusters at once."""
        machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
        return self.driver_memory_mib or max(1024, min(6144, machine // 6))

    def save(self) -> None:
        """Write the settings that differ from the default to `<state>/settings.json`."""
        defaults = asdict(Settings())
        changed = {name: value for name, value in asdict(self).items() if name != "state" and value != defaults[name]}
        values = {name: str(value) if isinstance(value, Path) else value for name, value in changed.items()}
        (self.state / "settings.json").write_text(json.dumps(values, indent=1))

    @classmethod
    def load(cls, state: Path) -> Settings:
        """Return the settings of the last start of the stack in `state`, the defaults before the first start."""
        path = state / "settings.json"
        values: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        known = {field.name: field.type for field in fields(cls)}
        typed: dict[str, Any] = {k: Path(v) if known[k] == "Path" else v for k, v in values.items() if k in known}
        return replace(cls(state=state), **typed)

    @staticmethod
    def from_environment() -> dict[str, Any]:
        """Return the fields that the environment sets.

        Raises
        ------
        ValueError
            When a variable has no value of the type of its field.
        """
        types = {"cluster": str, "yarn_nodes": int, "yarn_scale": float, "container_log_s": float, "java_options": str}
        found: dict[str, Any] = {}
        for variable, name in VARIABLES.items():
            if text := os.environ.get(variable):
                try:
                    found[name] = types[name](text)
                except ValueError:
                    raise ValueError(f"{variable}: expected a number, found {text!r}") from None
        return found

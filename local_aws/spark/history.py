"""A Spark history server over event logs on S3: what a step did, stage by stage, after it has ended."""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from local_aws.spark import jars, java
from local_aws.spark.submit import s3_properties
from local_aws.stack import Stack

DEFAULT_PORT = 18080
MEMORY = "512m"
#: Seconds until an application that has ended is shown.
UPDATE_S = 5
#: Java options of a server that idles nearly all the time: few threads, little memory, quick to start.
THRIFTY = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


@dataclass(frozen=True)
class History:
    """The history server of one folder of event logs, `s3://bucket/folder/`, in the S3 of `stack`.

    Raises ValueError when `logs` is no such URI.
    """

    stack: Stack
    logs: str
    port: int = DEFAULT_PORT

    def __post_init__(self) -> None:
        parts = urlsplit(self.logs)
        if parts.scheme != "s3" or not parts.netloc or not parts.path.strip("/"):
            raise ValueError(f"{self.logs}: expected s3://<bucket>/<folder>/")

    def wait_for_folder(self) -> None:
        """Return once the bucket is there. The folder is made where no step has written to it yet: Spark's server ends
        at once without it."""
        parts = urlsplit(self.logs)
        bucket, folder = parts.netloc, parts.path.strip("/") + "/"
        said = False
        while not _there(s3 := self.stack.client("s3"), bucket):
            if not said:
                print(f"waiting for s3://{bucket}", flush=True)
                said = True
            time.sleep(1)
        if not s3.list_objects_v2(Bucket=bucket, Prefix=folder, MaxKeys=1).get("KeyCount"):
            s3.put_object(Bucket=bucket, Key=folder, Body=b"")

    def command(self) -> tuple[list[str], dict[str, str]]:
        """Command line and environment of the server."""
        settings = self.stack.settings
        home = jars.spark_home(settings.spark_venv)
        s3a = jars.find(home, settings.jars)
        if s3a is None:
            raise FileNotFoundError(f"s3://: no S3A jars in {settings.jars}; run `python -m local_aws jars` once")
        scratch = Path(tempfile.gettempdir()) / "spark-history"
        properties = {
            "spark.history.fs.logDirectory": self.logs,
            "spark.history.fs.update.interval": f"{UPDATE_S}s",
            "spark.history.ui.port": str(self.port),
            **s3_properties(settings.s3_endpoint, settings.region, scratch),
        }
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("SPARK_", "AWS_"))},
            **self.stack.environment(),
            "SPARK_HOME": str(home),
            "JAVA_HOME": str(java.java_home(settings.spark_venv)),
            "SPARK_DIST_CLASSPATH": f"{s3a}/*",
            "SPARK_DAEMON_MEMORY": MEMORY,
            "SPARK_HISTORY_OPTS": " ".join([*THRIFTY, *(f"-D{name}={value}" for name, value in properties.items())]),
            "SPARK_LOCAL_IP": settings.bind,
        }
        return [str(home / "bin" / "spark-class"), "org.apache.spark.deploy.history.HistoryServer"], environment

    def run(self) -> None:
        """Become the server, once its folder is there: this process, until it is ended."""
        self.wait_for_folder()
        argv, environment = self.command()
        os.execve(argv[0], argv, environment)  # noqa: S606 (a command of our own making)


def _there(s3: Any, bucket: str) -> bool:
    try:
        s3.head_bucket(Bucket=bucket)
    except (ClientError, BotoCoreError):
        return False
    return True

"""A Spark history server for event logs on S3."""

from __future__ import annotations

import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError

from local_aws.spark import jars, java
from local_aws.spark.submit import s3_properties
from local_aws.stack import Stack

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

DEFAULT_PORT = 18080
MEMORY = "512m"
#: Interval at which the server reads new event logs, s.
UPDATE_S = 5
#: Java options for an idle server: few threads, little memory, a short start.
JAVA_OPTIONS = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


@dataclass(frozen=True)
class History:
    """The history server for one folder of event logs in the S3 of a stack.

    Attributes
    ----------
    stack : Stack
        The stack.
    logs : str
        Folder of the event logs, `s3://bucket/folder/`.
    port : int
        Port of the server.

    Raises
    ------
    ValueError
        When `logs` has another form.
    """

    stack: Stack
    logs: str
    port: int = DEFAULT_PORT

    def __post_init__(self) -> None:
        parts = urlsplit(self.logs)
        if parts.scheme != "s3" or not parts.netloc or not parts.path.strip("/"):
            raise ValueError(f"{self.logs}: expected s3://<bucket>/<folder>/")

    def wait_for_folder(self) -> None:
        """Wait until the bucket exists, and create the folder unless it exists.

        Without the folder the server of Spark ends at once.
        """
        parts = urlsplit(self.logs)
        bucket, folder = parts.netloc, parts.path.strip("/") + "/"
        printed = False
        while not _exists(s3 := self.stack.client("s3"), bucket):
            if not printed:
                print(f"waiting for s3://{bucket}", flush=True)
                printed = True
            time.sleep(1)
        if not s3.list_objects_v2(Bucket=bucket, Prefix=folder, MaxKeys=1).get("KeyCount"):
            s3.put_object(Bucket=bucket, Key=folder, Body=b"")

    def command(self) -> tuple[list[str], dict[str, str]]:
        """Return command line and environment of the server.

        Raises
        ------
        FileNotFoundError
            When pyspark, the S3A jars or Java are missing.
        """
        settings = self.stack.settings
        home = jars.spark_home(settings.spark_venv)
        s3a = jars.find(home, settings.jars)
        if s3a is None:
            raise FileNotFoundError(f"s3://: no S3A jars in {settings.jars}; run `python -m local_aws jars`")
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
            "SPARK_HISTORY_OPTS": " ".join(
                [*JAVA_OPTIONS, *(f"-D{name}={value}" for name, value in properties.items())]
            ),
            "SPARK_LOCAL_IP": settings.bind,
        }
        return [str(home / "bin" / "spark-class"), "org.apache.spark.deploy.history.HistoryServer"], environment

    def run(self) -> None:
        """Wait for the folder, then replace this process by the server."""
        self.wait_for_folder()
        argv, environment = self.command()
        os.execve(argv[0], argv, environment)  # noqa: S606 (the command is a list of known programs)


def _exists(s3: S3Client, bucket: str) -> bool:
    try:
        s3.head_bucket(Bucket=bucket)
    except (ClientError, BotoCoreError):
        return False
    return True

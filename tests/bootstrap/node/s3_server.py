"""An S3 server in the network of a node, with an artifact set. Runs in the namespaces of the node.

    python -m tests.bootstrap.node.s3_server <folder of the set> <state>

Prints the environment variables for AWS clients as JSON, and ends when its input is closed.
"""

from __future__ import annotations

import fcntl
import json
import socket
import struct
import sys
from pathlib import Path

from local_aws.credentials import load_or_create
from local_aws.node.folder import environment_of
from local_aws.s3 import seaweedfs
from local_aws.settings import S3_PORTS, Settings
from tests.bootstrap.conftest import BUCKET, make_bucket, s3_client
from tests.ports import free_ports

SIOCSIFFLAGS, IFF_UP = 0x8914, 1


def main() -> None:
    folder, state = Path(sys.argv[1]), Path(sys.argv[2])
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))
    settings = Settings(state=state, s3_port=free_ports(S3_PORTS))
    credentials = load_or_create(state)
    environment = environment_of(settings)
    server = seaweedfs.start(settings, credentials)
    try:
        s3 = s3_client(environment)
        make_bucket(s3)
        for path in folder.iterdir():
            if path.is_file():
                s3.upload_file(str(path), BUCKET, f"artifacts/{folder.name}/{path.name}")
        print(json.dumps(environment), flush=True)
        sys.stdin.read()
    finally:
        server.kill()
        server.wait()


if __name__ == "__main__":
    main()

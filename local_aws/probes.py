"""Whether the servers of a stack answer."""

from __future__ import annotations

import http.client
import json
import socket

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from local_aws.credentials import Credentials
from local_aws.s3 import seaweedfs
from local_aws.settings import Settings


def s3_answers(settings: Settings, credentials: Credentials) -> bool:
    """Return True when the S3 server answers and can store objects."""
    client = boto3.client(
        "s3",
        endpoint_url=settings.s3_server_endpoint,
        aws_access_key_id=credentials.access_key_id,
        aws_secret_access_key=credentials.secret_access_key,
        region_name=settings.region,
        config=Config(retries={"max_attempts": 0}, connect_timeout=1, read_timeout=5),
    )
    try:
        client.list_buckets()
    except (BotoCoreError, ClientError):
        return False
    return seaweedfs.ready(settings)


def emr_answers(settings: Settings) -> bool:
    """Return True when the server of this state folder answers on the port."""
    connection = http.client.HTTPConnection("127.0.0.1", settings.emr_port, timeout=2)
    try:
        connection.request("GET", "/")
        return bool(json.load(connection.getresponse())["state"] == str(settings.state))
    except (OSError, ValueError, KeyError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def gateway_answers(settings: Settings) -> bool:
    """Return True when all servers of the gateway listen. They start to listen after the template is deployed."""
    try:
        for port in (settings.gateway_port, settings.plain_gateway_port, settings.metadata_port):
            socket.create_connection((settings.bind, port), timeout=1).close()
    except OSError:
        return False
    return True

"""The process of an enforced stack: `python -m local_aws.gateway.server STATE`.

It deploys the template at the first start, creates the bucket of the template, and serves the gateway twice (its port
stands for TLS, the next one for plain HTTP), the metadata service and STS.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from http.server import ThreadingHTTPServer

import boto3
from botocore.config import Config

from local_aws.cluster.account import FILE as EMR_ACCOUNT
from local_aws.cluster.store import Store
from local_aws.gateway.metadata import Metadata
from local_aws.gateway.s3 import Gateway
from local_aws.iam.account import FILE, Account
from local_aws.iam.authority import Authority
from local_aws.iam.deployment import deploy, digest
from local_aws.processes import server_process
from local_aws.settings import Settings

log = logging.getLogger("local_aws.gateway")


def serve(settings: Settings) -> None:
    """Run all servers until SIGTERM or SIGINT."""
    authority = Authority(settings.state)
    prepare(settings, authority)
    servers: list[ThreadingHTTPServer] = [
        Gateway(settings, authority, settings.gateway_port, secure=True),
        Gateway(settings, authority, settings.plain_gateway_port, secure=False),
        Metadata(settings, authority),
    ]
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    log.info("%s: policies of the template enforced for the bucket %s", settings.s3_endpoint, settings.enforce)
    server_process.wait_for_end()


def prepare(settings: Settings, authority: Authority) -> None:
    """Deploy the template, unless an earlier start did; create its bucket; give EMR the names of the template."""
    known = Account.load(settings.state) if (settings.state / FILE).exists() else None
    if known is None or (known.bucket, known.template) != (settings.enforce, digest()):
        deploy(settings.enforce, settings.region).save(settings.state)
    account = authority.account
    _give_to_emr(settings, account)
    own = authority.keys.own
    s3 = boto3.client(
        "s3",
        endpoint_url=settings.s3_server_endpoint,
        region_name=settings.region,
        aws_access_key_id=own.access_key_id,
        aws_secret_access_key=own.secret_access_key,
        config=Config(s3={"addressing_style": "path"}),
    )
    if account.bucket not in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]:
        s3.create_bucket(Bucket=account.bucket)
        s3.put_bucket_versioning(Bucket=account.bucket, VersioningConfiguration={"Status": "Enabled"})


def _give_to_emr(settings: Settings, account: Account) -> None:
    """Let RunJobFlow accept the roles, subnets and security configuration of the template."""
    names = {
        "roles": [account.settings["VERGER_SERVICE_ROLE"]],
        "instance_profiles": [account.settings["VERGER_NODE_ROLE"]],
        "subnets": account.settings["VERGER_SUBNET_IDS"].split(","),
    }
    (settings.state / EMR_ACCOUNT).write_text(json.dumps(names))
    (settings.state / "emr").mkdir(exist_ok=True)
    store = Store(settings.state / "emr")
    name = account.settings["VERGER_SECURITY_CONFIGURATION"]
    made = {
        "Name": name,
        "SecurityConfiguration": json.dumps(account.security_configuration),
        "CreationDateTime": time.time(),
    }
    store.save_security_configurations({**store.security_configurations(), name: made})


def main() -> None:
    """Run the server process."""
    server_process.run(lambda state: serve(Settings.load(state)), __doc__)


if __name__ == "__main__":
    main()

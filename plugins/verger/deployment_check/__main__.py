"""Compare the AWS account with the settings before the first run, one line for each check.

    python -m verger.deployment_check

Each line begins with `ok`, with `problem` and what to do, or with `unknown` and the rights that the check needs: the
role of Airflow may not read IAM, quotas or the settings of the bucket. The managed policy DeploymentCheckPolicy of the
stack has all these rights. The command changes nothing. Its exit status is 1 when there is a problem.

Settings and credentials are those of the DAG: the environment variables `VERGER_<NAME>`, and the Airflow connection.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import sys
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from verger.deployment_check import bucket, compute, roles
from verger.deployment_check.checks import Check, Finding, State, finding
from verger.s3.clients import client_config
from verger.settings import Settings, SettingsError

if TYPE_CHECKING:
    from boto3.session import Session

ONE_RETRY: dict[str, Any] = {
    "connect_timeout": 5,
    "read_timeout": 30,
    "retries": {"mode": "standard", "total_max_attempts": 2},
}
"""Options of botocore: a service that does not answer is `unknown` after seconds."""


def main(arguments: list[str]) -> int:
    """Run the command line. Return the exit status: 1 when there is a problem."""
    parser = argparse.ArgumentParser(
        prog="python -m verger.deployment_check",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.parse_args(arguments)
    logging.disable(logging.WARNING)
    try:
        settings = Settings.from_environment()
        with contextlib.redirect_stdout(sys.stderr):  # Airflow's loggers write to standard output
            session = session_of(settings)
    except SettingsError as error:
        print(f"verger: error: {error}", file=sys.stderr)
        return 1
    found = []
    for check in checks(session, settings):
        found.append(finding(check))
        print(found[-1], flush=True)
    print(summary(found))
    return int(any(one.state is State.PROBLEM for one in found))


def session_of(settings: Settings) -> Session:
    """Return a boto3 session with the credentials of the Airflow connection."""
    from airflow.providers.amazon.aws.hooks.base_aws import AwsGenericHook

    storage = settings.storage
    session: Session = AwsGenericHook(storage.aws_conn_id, client_type="s3", region_name=storage.region).get_session()
    return session


def checks(session: Session, settings: Settings) -> Iterator[Check]:
    """Yield all checks."""
    client = partial(session.client, region_name=settings.storage.region, config=client_config(**ONE_RETRY))
    yield from bucket.checks(client("s3"), settings)
    yield from roles.checks(client("iam"), settings)
    yield from compute.checks(compute.Clients(client("emr"), client("ec2"), client("service-quotas")), settings)


def summary(found: list[Finding]) -> str:
    """Return the last line of the command."""
    counts = {state: sum(one.state is state for one in found) for state in State}
    return f"{len(found)} checks: " + ", ".join(f"{count} {state}" for state, count in counts.items() if count)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

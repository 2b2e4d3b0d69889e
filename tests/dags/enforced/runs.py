"""Runs of the DAG in an enforced stack: Airflow, the nodes and the owner of the photos have their own credentials."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local_aws.iam import record
from local_aws.iam.account import AIRFLOW_USER, Account
from local_aws.iam.record import Decision
from local_aws.stack import Stack
from tests.dags.airflow_runs import RunDag
from tests.local_aws.conftest import started
from tests.places import ROOT

BUCKET = "orchard"
NO_SERVICE_HERE = ("VERGER_SNS_TOPIC",)
"""Settings of the template for a service that local_aws does not have."""


@dataclass(frozen=True)
class EnforcedStack:
    """A running stack that enforces the policies of the template for BUCKET.

    Attributes
    ----------
    stack : Stack
    run_dag : RunDag
    """

    stack: Stack
    run_dag: RunDag

    @property
    def account(self) -> Account:
        """The account of the stack."""
        return Account.load(self.stack.settings.state)

    @property
    def airflow(self) -> dict[str, str]:
        """The environment of Airflow: its user's key, and the outputs of the template."""
        settings = {name: value for name, value in self.account.settings.items() if name not in NO_SERVICE_HERE}
        return self.stack.environment(AIRFLOW_USER) | settings

    def run(self, dag: str = "fruit_features", **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a DAG as Airflow."""
        return self.run_dag(BUCKET, dag, **{**self.airflow, **options})

    def command(self, module: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run `python -m module` as Airflow, with `plugins/` on the path as in Airflow's processes."""
        given = {"VERGER_BUCKET": BUCKET, "PYTHONPATH": f"{ROOT}:{ROOT / 'plugins'}", **self.airflow, **environment}
        with self.run_dag.start([sys.executable, "-m", module, *arguments], given) as process:
            output, _ = process.communicate()
        return subprocess.CompletedProcess(module, process.returncode, output)

    def decisions(self) -> list[Decision]:
        """Return all decisions so far."""
        return list(record.read(self.stack.settings.state))

    def client(self, service: Any, principal: str) -> Any:
        """Return a boto3 client of a principal."""
        return self.stack.client(service, principal)


@contextmanager
def enforced_stack(folder: Path, *options: str) -> Iterator[EnforcedStack]:
    """Run an enforced stack while the body runs."""
    with started(folder / "local_aws", "--enforce", BUCKET, *options) as stack:
        yield EnforcedStack(stack, RunDag(folder / "airflow"))

"""Imports and reads what every task needs, before Airflow forks the process of a task.

Airflow imports this module at the start of each of its processes. The scheduler's workers and those of Celery fork a
process for each task. It inherits the imported modules, and starts sooner. Only installed packages are imported
here: a task imports Verger's own modules, so that edits take effect.
"""

import functools
import importlib
import sys

import boto3
from botocore.loaders import JSONFileLoader

#: Commands whose processes fork tasks. The others would only start later.
COMMANDS = {"scheduler", "standalone", "worker"}
MODULES = (
    "airflow.dag_processing.dagbag",
    "airflow.providers.amazon.aws.hooks.s3",
    "airflow.providers.amazon.aws.notifications.sns",
    "airflow.providers.amazon.aws.operators.emr",
    "airflow.providers.amazon.aws.sensors.emr",
    "airflow.providers.standard.decorators.python",
    "airflow.sdk.execution_time.task_runner",
    "boto3.s3.inject",
    "botocore.httpsession",
    "matplotlib.backends.backend_svg",
    "matplotlib.figure",
    "pyarrow.compute",
    "pyarrow.parquet",
)
SERVICES = ("emr", "s3", "sts")


def share_service_models() -> None:
    """Let all boto3 sessions of a process share botocore's files about AWS services.

    Each session reads them again otherwise: 0.1 to 0.3 s of CPU time for a client. Airflow's hooks make a session for
    each client. The files belong to the installed botocore, so they do not change while a process runs.
    """
    JSONFileLoader.load_file = staticmethod(functools.cache(JSONFileLoader().load_file))  # type: ignore[method-assign]


def read_service_models() -> None:
    """Make a client of each service that tasks use, which reads its files. It sends no request."""
    session = boto3.Session("no-key", "no-secret", region_name="eu-west-3")
    for service in SERVICES:
        session.client(service)  # type: ignore[call-overload]  # stubs have a method for each service


share_service_models()
if COMMANDS.intersection(sys.argv):
    for module in MODULES:
        importlib.import_module(module)
    read_service_models()

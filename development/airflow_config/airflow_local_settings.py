"""Imports what every task imports, before Airflow forks the process of a task.

Airflow imports this module at the start of each of its processes. The scheduler's workers and those of Celery fork a
process for each task. It inherits the imported modules, and starts sooner. Only installed packages are imported
here: a task imports Verger's own modules, so that edits take effect.
"""

import importlib
import sys

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
    "pyarrow.compute",
    "pyarrow.parquet",
)

if COMMANDS.intersection(sys.argv):
    for name in MODULES:
        importlib.import_module(name)

"""The environment of Airflow's processes on this machine. docker-compose.yml has the same settings for containers."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from development.secrets import USER, airflow_keys

ROOT = Path(__file__).resolve().parents[1]
LOCAL_SETTINGS = ROOT / "development" / "airflow_config"
#: Seconds after which Airflow reads the DAG files again when they have not changed. It reads an edited file at once.
REPARSE_S = 300
#: Number of tasks at the same time. A run has at most two, and each slot is a process.
PARALLELISM = 4


def airflow_environment(home: Path, secrets: Path, port: int, settings: Mapping[str, str]) -> dict[str, str]:
    """Return the complete environment of Airflow's processes.

    Variables of the caller for Airflow, AWS, Python and Verger are left out. The database is SQLite in `home`.

    Parameters
    ----------
    home : Path
        AIRFLOW_HOME.
    secrets : Path
        Folder of the keys and passwords; see `development.secrets`.
    port : int
        Port of the API server.
    settings : mapping
        Variables of Verger and AWS.
    """
    left_out = ("AIRFLOW", "AWS_", "PYTHON", "VERGER_")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    url = f"http://127.0.0.1:{port}"
    return {
        **inherited,
        "AIRFLOW_HOME": str(home),
        "PYTHONPATH": str(LOCAL_SETTINGS),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": str(PARALLELISM),
        # A forked worker has the plugins that the scheduler loaded at its start. A spawned one loads edited plugins.
        "AIRFLOW__SCHEDULER__MP_START_METHOD": "spawn",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        # Airflow's default is 5 s: on a busy machine the API server answers later, and the task is killed as it starts.
        "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(secrets / "passwords.json"),
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": str(REPARSE_S),
        **airflow_keys(secrets),
        "AIRFLOW_CONN_AWS_DEFAULT": "aws://",
        **settings,
    }


def verger_settings(bucket: str, node_env_dir: Path, history_url: str) -> dict[str, str]:
    """Return the settings of Verger for a development stack."""
    return {
        "VERGER_BUCKET": bucket,
        "VERGER_NODE_ENV_DIR": str(node_env_dir),
        "VERGER_SPARK_HISTORY_URL": history_url,
        "VERGER_SCHEDULE": "never",
        "VERGER_POLL_SECONDS": "2",
        # Airflow 3.3 fails a deferrable task whose trigger fires before the scheduler has seen that its process ended,
        # as on a busy machine. A retry continues; errors that a retry does not fix are not retried.
        "VERGER_RETRIES": "2",
        "VERGER_RETRY_SECONDS": "5",
        "VERGER_LOG_WAIT_SECONDS": "20",
        "VERGER_ALLOW_RANDOM_WEIGHTS": "true",  # `make artifacts WEIGHTS=random` builds them
    }

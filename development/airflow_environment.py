"""What Airflow's processes are told when they run on this machine without containers; docker-compose.yml says the same
in its own words."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from development.secrets import USER, airflow_keys

ROOT = Path(__file__).resolve().parents[1]
#: Seconds after which an edited DAG file is read again.
REPARSE_S = 10
#: Tasks at once: a run has two at the most, and each slot is a process.
PARALLELISM = 4


def airflow_environment(home: Path, secrets: Path, port: int, settings: Mapping[str, str]) -> dict[str, str]:
    """The whole environment of Airflow's processes: `settings` are Verger's and AWS's; nothing of the caller's own
    Airflow, Verger or AWS reaches them.

    The database is SQLite, as with `airflow standalone`, in the folder `home`.
    """
    foreign = ("AIRFLOW", "AWS_", "PYTHON", "VERGER_")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    url = f"http://127.0.0.1:{port}"
    return {
        **inherited,
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": str(PARALLELISM),
        # A worker that is forked has the plugins as the scheduler once loaded them: an edit would not reach its tasks.
        "AIRFLOW__SCHEDULER__MP_START_METHOD": "spawn",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
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
    """Verger's settings for a stack to develop with."""
    return {
        "VERGER_BUCKET": bucket,
        "VERGER_NODE_ENV_DIR": str(node_env_dir),
        "VERGER_SPARK_HISTORY_URL": history_url,
        "VERGER_SCHEDULE": "never",
        "VERGER_POLL_SECONDS": "2",
        "VERGER_RETRIES": "0",
        "VERGER_LOG_WAIT_SECONDS": "20",
        "VERGER_ALLOW_RANDOM_WEIGHTS": "true",  # who built them asked for them by name
    }

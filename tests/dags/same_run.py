"""`airflow dags test` for a run of a given time. A second call with the same time repeats the same run.

    python -m tests.dags.same_run DAG TIME PARAMETERS

Airflow's own command names each run after the current time.
"""

from __future__ import annotations

import json
import sys
from datetime import datetime

from airflow.providers_manager import ProvidersManager
from airflow.utils.cli import get_bagged_dag


def main(dag_id: str, time: str, params: str) -> int:
    ProvidersManager().initialize_providers_configuration()
    at = datetime.fromisoformat(time)
    run = get_bagged_dag(None, dag_id).test(run_after=at, logical_date=at, run_conf=json.loads(params))
    return int(run.state != "success")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

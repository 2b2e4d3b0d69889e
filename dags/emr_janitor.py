"""Terminate the EMR clusters that no DAG run uses any more.

**What it does.** Every 15 minutes it lists the active EMR clusters that this Airflow launched, and looks up the DAG run
of each. It terminates a cluster when its DAG run has ended, or when the DAG run or its DAG was deleted.

**Why it exists.** The task `terminate_cluster` of `fruit_features` terminates the cluster of its run. Airflow does not
execute this task when `create_cluster` was marked failed after the launch, when `terminate_cluster` was marked success
by hand, or when the run or the DAG was deleted. Without this DAG, such a cluster costs money until its idle timeout.

**What it never terminates.** A cluster of a DAG run that is queued or running, also when the run is paused or its tasks
are deferred. A cluster without Verger's tags. A cluster of another Airflow: the tag `verger:deployment` has another
name, or the logs of the cluster go to another bucket. A cluster whose termination protection a user has switched on.

**Try it** with the parameter `dry_run`: the log of `terminate_unused` says what it would terminate. The command
`python -m verger.janitor` shows the same.

**Read what happened** in the log of `terminate_unused`, on Verger's page (*Clusters that the janitor terminated*), and
in `janitor/<cluster>.json` in the bucket. `announce` writes an event of the asset `verger_terminated_clusters`.

| failed task | what to do |
| --- | --- |
| terminate_unused | EMR or Airflow's API did not answer. The next run tries again. |
| announce | The clusters are terminated. Clear this task. |
| check_result | EMR refused to terminate a cluster: the message has its reason. **Check the EMR console.** |

A cluster that this DAG terminated is a symptom. Find out why its run did not terminate it: the reason names the run.

This file imports nothing of `fruit_features`, and reads only the settings that it needs: an error there does not stop
the janitor.
"""

# mypy: disable-error-code="arg-type"
# (A task returns an XComArg in this file, not the value of its function.)
from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, Asset, Metadata, Param, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from pendulum import datetime

from verger.janitor.dag_runs import JANITOR_DAG, of_task
from verger.janitor.sweep import Sweep
from verger.notifications.message import of_janitor
from verger.notifications.notifiers import send
from verger.settings import Janitor, Storage, read_group
from verger_contract.keys import JANITOR, uri

STORAGE, SETTINGS = read_group(Storage), read_group(Janitor)
TERMINATED = Asset("verger_terminated_clusters", uri=uri(STORAGE.bucket, JANITOR))


@task
def terminate_unused() -> dict[str, Any]:
    """Terminate every cluster that no DAG run uses. Return what was done."""
    from verger.emr.hook import IdempotentEmrHook

    context = get_current_context()
    hook = IdempotentEmrHook(
        aws_conn_id=STORAGE.aws_conn_id, region_name=STORAGE.region, config=STORAGE.request_options
    )
    dry_run = bool(context["params"]["dry_run"])
    swept = Sweep(STORAGE, SETTINGS, hook.emr_client, of_task(context["ti"]), dry_run).run()
    return {**swept.document(), "dry_run": dry_run}


@task(outlets=[TERMINATED])
def announce(swept: dict[str, Any]) -> Iterator[Metadata]:
    """Send a notification, and write an event of the asset when clusters were terminated."""
    found = None if swept["dry_run"] else of_janitor(swept["terminated"], swept["reported"], swept["failed"])
    if found:
        send(found)
    if swept["dry_run"] or not swept["terminated"]:
        raise AirflowSkipException("no cluster was terminated")
    yield Metadata(TERMINATED, extra={"clusters": swept["terminated"]})


@task
def check_result(swept: dict[str, Any]) -> None:
    """Fail when a cluster was not terminated. The next run of the DAG tries again."""
    if swept["failed"]:
        raise AirflowFailException("; ".join(swept["failed"]))


with DAG(
    JANITOR_DAG,
    description="Terminates EMR clusters that no DAG run uses",
    doc_md=__doc__,
    schedule=None if SETTINGS.janitor_schedule == "never" else SETTINGS.janitor_schedule,
    start_date=datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    # Airflow creates a DAG as paused. A paused janitor would be noticed only by the bill.
    is_paused_upon_creation=False,
    tags=["verger"],
    params={
        "dry_run": Param(
            False, type="boolean", title="Dry run", description="only log which clusters would be terminated"
        )
    },
    default_args={
        "retries": 2,
        "retry_delay": timedelta(seconds=30),
        "execution_timeout": timedelta(minutes=10),
    },
) as dag:
    done = terminate_unused()
    announce(done)
    check_result(done)

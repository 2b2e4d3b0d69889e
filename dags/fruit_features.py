"""Compute feature vectors of the new and changed fruit photos on an EMR cluster that exists only for this run.

**What it does.** Each run lists the photos under `images/` and compares them with the published data. Step 1
(`featurize`) computes 1,280 features for each new or changed photo with MobileNetV2. Step 2 (`pca`) reduces the
features of all photos to as many components as explain 90 % of the variance. A verification step after
each reads what was written. All four are steps on EMR. If no photo is new, changed or deleted, the DAG launches no
cluster: `anything_to_do` writes the reason to its log and to its XCom `why`, and all later tasks except `vacuum` are
skipped.

**How long it takes.** About seven minutes to launch the cluster, one second for 100 new photos on each physical core
(two vCPUs of an x86 node), and about two minutes for the PCA of a million photos on two nodes. This is the estimate of
`benchmarks/planning.md`: nothing was measured on EMR.

**What it writes.** The key of every file that a run writes contains its run id, except `published.json` and
`artifacts/`. Readers see the files only after the task `publish` has replaced `published.json`. Until then the data of
the last successful run stays current, whatever happens here.

**Start it by hand** to use the parameters: refit the PCA basis, featurize all photos again (full refresh), retry
rejected photos, accept deletions or rejects above the limit, launch a cluster for few photos (`launch_now`), or roll
back to an earlier snapshot (`rollback_to`).

**Read what happened** in `runs/<id>/report.html`. The DAG writes it also when a task failed.

| failed task | where to look |
| --- | --- |
| rollback | The error message lists the snapshots that a rollback can restore. |
| list_images | The error message names the bucket, permission or prefix to correct. No cluster was launched. |
| anything_to_do | More photos were deleted than `VERGER_MAX_DELETED_SHARE` allows, or there is no PCA basis to reuse. |
| stage_artifacts | The artifact set is missing or was modified: run `make artifacts`. No cluster was launched. |
| create_cluster, cluster_ready | The log has EMR's reason: capacity, IAM roles, or the bootstrap action. |
| featurize, pca | The cluster was idle for too long and has terminated, or the run is already published. |
| featurize_done, pca_done | The log has the last error of the step and the address of the complete step log. |
| check_features, check_projections | The log has the failed checks, or the last error of the verification step. |
| publish, publish_without_cluster | Another run, a rollback or vacuum replaced `published.json`: start a new run. |
| report | The run is published. Clear this task alone. |
| vacuum | The published data is correct. The log has the reason. It also runs after a rollback or with nothing to do. |
| terminate_cluster | **Check the EMR console**: the cluster may run until its idle timeout. |
| outcome | The error message says in which task the run failed or was stopped, what to clear, and the cost. |

**What to do.** Correct what the message names. Then clear the failed task with all downstream tasks. If they need the
cluster, Airflow also clears `create_cluster` and launches a new cluster. If you cleared a task without its downstream
tasks, clear these and `outcome` afterwards: until then the run stays failed. Step 1 is not repeated if it had
completed, unless it rejected photos because access was denied, or because they were unreadable at first. For a
published run, clear only `publish`, `report` or `vacuum`: the other tasks would overwrite data that readers use, so
they fail. If you are not sure, start a new run. A new run cannot damage the current data. The vacuum of the next run
that publishes deletes the files of a failed run. Its JSON files, such as `failure.json`, stay `VERGER_ERASURE_DAYS`.

**Stop it**: mark this run as failed. Airflow cancels its step, `terminate_cluster` terminates its cluster, and
`outcome` fails the run with the place where it was stopped and the cost. Marking tasks or the run as success publishes
nothing: `outcome` also fails a run that did not publish, roll back or find nothing to do.

**If the data is wrong although all checks passed**: pause this DAG, run `python -m verger.publication rollback RUN`,
correct the cause, and unpause the DAG. The next run processes all changes since then. (A run with `rollback_to` does
the same, but Airflow does not start it while the DAG is paused or another run is active.)

Every setting is an environment variable `VERGER_<NAME>`. `python -m verger.settings` lists them.
"""

# mypy: disable-error-code="arg-type, index, attr-defined"
# (A task returns an XComArg in this file, not the value of its function.)
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, Asset, Context, Metadata, TriggerRule, chain, get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException
from pendulum import datetime

from verger import checks, tasks
from verger.airflow_errors import fails_without_retry
from verger.changes.params import RunParams
from verger.changes.plan import Plan
from verger.clock import now
from verger.context import RunContext
from verger.dag_params import dag_params, default_args
from verger.emr import requests
from verger.emr.operators.add_step import AddStep
from verger.emr.operators.cluster_ready import ClusterReady
from verger.emr.operators.create_cluster import CreateCluster
from verger.emr.operators.step_done import StepDone
from verger.emr.operators.terminate_cluster import TerminateCluster
from verger.emr.operators.verify_step import VerifyStep
from verger.emr.steps import requests as steps
from verger.janitor import airflow_run_tag
from verger.notifications import notifiers
from verger.publication import vacuum as unused_objects
from verger.publication.rollback import rollback as restore
from verger.report import airflow_facts, end_of_run
from verger.report import write as reports
from verger.run_id import run_id
from verger.s3 import clients
from verger.settings import Settings
from verger.time_limits import waiting_limit
from verger_contract.keys import PUBLISHED, Run, uri
from verger_contract.verification.verdict import VERIFY_FEATURES, VERIFY_PCA

SETTINGS = Settings.from_environment()
STORAGE, SCHEDULE = SETTINGS.storage, SETTINGS.schedule
PUBLICATION = Asset("fruit_features", uri=uri(STORAGE.bucket, PUBLISHED))
RUN = Run(STORAGE.bucket, "{{ verger_run_id(run_id) }}")
CHECK_LIMIT = timedelta(minutes=SCHEDULE.check_minutes)
"""`execution_timeout` of the tasks that read one row per photo."""


def report_failure(context: Context) -> None:
    """Write the report of a run after a task has failed for the last time. Airflow logs an error of this callback."""
    end_of_run.report_failure(context, context_of(run_id(context["run_id"])), now())


def context_of(run: str) -> RunContext:
    """Return keys, settings and S3 clients of a run."""
    return RunContext.of(SETTINGS, run)


@task.branch
def run_or_roll_back(rollback_to: str) -> str:
    """Choose between a rollback and a run of the pipeline."""
    return "rollback" if rollback_to else "list_images"


@task(outlets=[PUBLICATION])
@fails_without_retry
def rollback(rollback_to: str) -> Iterator[Metadata]:
    """Publish an earlier snapshot again."""
    restored = restore(clients.client(STORAGE), STORAGE.bucket, rollback_to, now())
    yield Metadata(PUBLICATION, extra=restored.current.facts())


@task(execution_timeout=CHECK_LIMIT)
@fails_without_retry
def list_images(run: str) -> dict[str, str | None]:
    """Write the inventory of the photos. Return the ETag of the `published.json` that this run may replace."""
    run_context = context_of(run)
    reports.delete_failure(run_context)  # of an earlier execution of the same run
    return {"etag": tasks.list_images(run_context, now())}


# The trigger rules of later tasks apply, because vacuum also runs when there is nothing to do.
@task.short_circuit(execution_timeout=CHECK_LIMIT, ignore_downstream_trigger_rules=False)
@fails_without_retry
def anything_to_do(run: str, listed: dict[str, Any]) -> dict[str, Any] | None:
    """Compare the inventory with the published data and return the plan, or None when there is nothing to do."""
    context = get_current_context()
    params = RunParams(**{name: context["params"][name] for name in RunParams.__annotations__})
    plan = tasks.plan(context_of(run), listed["etag"], params, now())
    of_run = {"why": plan.why, "decoding": plan.decoding} | requests.sizes(SETTINGS, plan.cluster)
    for key, value in of_run.items():
        context["ti"].xcom_push(key, value)
    return asdict(plan) if plan.work else None


@task(outlets=[PUBLICATION], execution_timeout=CHECK_LIMIT)
@fails_without_retry
def publish_without_cluster(run: str, plan: dict[str, Any]) -> Iterator[Metadata]:
    """Publish that rejected photos were deleted. Skipped when the run needs a cluster."""
    if not plan["without_cluster"]:
        raise AirflowSkipException("the run needs a cluster")
    published = tasks.publish_without_cluster(context_of(run), Plan.of(plan), now())
    yield Metadata(PUBLICATION, extra=published.current.facts())


@task
@fails_without_retry
def stage_artifacts(run: str, plan: dict[str, Any]) -> dict[str, str]:
    """Upload code, model and Python packages of the steps, unless the bucket has them."""
    if plan["without_cluster"]:
        raise AirflowSkipException("only rejected photos were deleted: the run launches no cluster")
    return tasks.stage_artifacts(context_of(run), Plan.of(plan))


@task(outlets=[PUBLICATION])
@fails_without_retry
def publish(run: str, plan: dict[str, Any], staged: dict[str, str]) -> Iterator[Metadata]:
    """Replace published.json, unless another run has published since this run started."""
    published = tasks.publish_run(context_of(run), Plan.of(plan), staged, now())
    yield Metadata(PUBLICATION, extra=published.current.facts())


@task
@fails_without_retry
def report(run: str) -> str:
    """Write report.html and report.json. Return the address of the report."""
    run_context = context_of(run)
    reports.published(run_context, airflow_facts.gather(get_current_context(), run_context, now()))
    return run_context.run.uri(run_context.run.report)


@task(trigger_rule=TriggerRule.NONE_FAILED)
@fails_without_retry
def vacuum(run: str) -> int:
    """Delete expired snapshots and the files of failed runs. Return the number of deleted objects."""
    run_context = context_of(run)
    return unused_objects.vacuum(run_context.client, run_context.run, SETTINGS.retention, now())


@task
@fails_without_retry
def outcome(run: str) -> str:
    """Fail unless the run published, rolled back or had nothing to do."""
    return end_of_run.conclude(get_current_context(), context_of(run), now())


with DAG(
    "fruit_features",
    description="Fruit photos to feature vectors, on an EMR cluster that exists only for the run",
    doc_md=__doc__,
    schedule=None if SCHEDULE.schedule == "never" else SCHEDULE.schedule,
    start_date=datetime(2026, 1, 1, tz=SCHEDULE.timezone),
    catchup=False,
    max_active_runs=1,
    **notifiers.of_dag(SETTINGS.notifications),
    tags=["verger"],
    params=dag_params(SETTINGS),
    user_defined_macros={"verger_run_id": run_id, "airflow_run_tag": airflow_run_tag.encode},
    default_args={
        **default_args(SETTINGS),
        "on_execute_callback": airflow_facts.note_start,
        "on_failure_callback": report_failure,
    },
) as dag:
    listed = list_images(RUN.id)
    plan = anything_to_do(RUN.id, listed)
    staged = stage_artifacts(RUN.id, plan)
    artifacts, environment = str(staged["uri"]), str(staged["environment"])

    ids = {"dag_id": dag.dag_id, "run_id": RUN.id, "airflow_run": "{{ airflow_run_tag(run_id) }}"}
    cluster_request = requests.cluster(SETTINGS, **ids, artifacts=artifacts, environment=environment, sized=plan)
    of_run = {"storage": STORAGE, "verger_run": RUN.id}
    create_cluster = CreateCluster(
        task_id="create_cluster", **of_run, emr_conn_id=None, job_flow_overrides=cluster_request
    )
    of_cluster = {"job_flow_id": create_cluster.output, "cluster_request": cluster_request}
    cluster_ready = ClusterReady(
        task_id="cluster_ready",
        **of_run,
        **of_cluster,
        max_attempts=SCHEDULE.attempts(SCHEDULE.cluster_minutes),
        outage_seconds=SCHEDULE.outage_seconds,
        execution_timeout=waiting_limit(SCHEDULE.cluster_minutes),
    )

    def waiting(name: str) -> dict[str, Any]:
        """Return what the tasks that wait for a step have in common."""
        return {
            **of_cluster,
            "settings": SETTINGS,
            "step": name,
            "verger_run": RUN.id,
            "minutes": f"{{{{ (ti.xcom_pull('anything_to_do', key='step_minutes') or {{}}).get('{name}', '') }}}}",
            "max_attempts": SCHEDULE.attempts(SCHEDULE.step_minutes),
            "execution_timeout": waiting_limit(SCHEDULE.step_minutes),
        }

    def step(name: str, request: dict[str, Any]) -> tuple[AddStep, StepDone]:
        """Return the task that submits a step, and the task that waits for it."""
        add = AddStep(task_id=name, **of_cluster, **of_run, steps=[request])
        # The step id is empty when the task that submits the step was marked as success: then this task submits it.
        step_id = f"{{{{ (ti.xcom_pull('{name}') or [''])[0] }}}}"
        return add, StepDone(task_id=f"{name}_done", step_id=step_id, request=request, **waiting(name))

    def verification(task_id: str, name: str, **how: Any) -> VerifyStep:
        """Return the task that submits a verification step, waits for it, and reads its verdict."""
        of_step = {"decoding": decoding, "target_variance": target_variance, "cores": cores}
        request = steps.verify(SETTINGS, RUN, artifacts, name, **of_step)
        return VerifyStep(task_id=task_id, plan=plan, request=request, **how, **waiting(name))

    decoding, cores, target_variance = str(plan["decoding"]), str(plan["cores"]), "{{ params.target_variance }}"
    featurize, featurize_done = step("featurize", steps.featurize(SETTINGS, RUN, artifacts, decoding, cores))
    of_features = {"verified": ["featurize"], "conclude": checks.check_features}
    check_features = verification("check_features", VERIFY_FEATURES, **of_features)
    pca, pca_done = step("pca", steps.pca(SETTINGS, RUN, artifacts, target_variance, cores))
    of_pca = {"prepare": checks.prepare_projections_check, "conclude": checks.check_projections}
    check_projections = verification("check_projections", VERIFY_PCA, verified=["featurize", "pca"], **of_pca)
    terminate_cluster = TerminateCluster(
        task_id="terminate_cluster",
        job_flow_id=create_cluster.output,
        cluster_name=cluster_request["Name"],
        cluster_tags=cluster_request["Tags"],
        waiter_delay=SCHEDULE.poll_seconds,
        waiter_max_attempts=SCHEDULE.attempts(SCHEDULE.cluster_minutes),
        execution_timeout=waiting_limit(SCHEDULE.cluster_minutes),
        retries=5,
    ).as_teardown(setups=create_cluster, on_failure_fail_dagrun=True)
    published = publish(RUN.id, plan, staged)
    kept, vacuumed = publish_without_cluster(RUN.id, plan), vacuum(RUN.id)

    rollback_to = "{{ params.rollback_to or '' }}"
    branch = run_or_roll_back(rollback_to)
    chain(branch, listed, plan, staged, create_cluster, cluster_ready)
    chain(cluster_ready, featurize, featurize_done, check_features, pca, pca_done, check_projections, published)
    check_projections >> terminate_cluster
    published >> report(RUN.id)
    rolled_back, ended = rollback(rollback_to), outcome(RUN.id).as_teardown(on_failure_fail_dagrun=True)
    chain(branch, rolled_back, vacuumed)
    chain([rolled_back, published, kept, terminate_cluster], ended)
    [published, kept] >> vacuumed

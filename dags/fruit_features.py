"""
# fruit_features

Every night, the photographs under `images/` that are new or changed become vectors: MobileNetV2 makes 1280 numbers of
each, PCA keeps as many components as explain 90 % of the variance. Two Spark steps do the work, on an EMR cluster that
lives only as long as they do. With nothing new, changed or deleted, no cluster is launched: `anything_to_do` says so in
its log and in its XCom `why`, and the rest is skipped.

**How long it takes.** Some ten minutes for the cluster, then about 100 new photos a second and core, then a minute for
PCA over all of them.

**What it writes.** Everything lies under the run's own id, and nothing of it is current before `publish` replaces
`published.json`. Until then the data of the last successful run stays current, whatever happens here.

**Started by hand**, it asks for what else it should do: fit the basis anew, featurize everything again, look at rejects
again, accept that most photos were deleted, or go back to an earlier publication (`rollback_to`).

**What happened** is told by `runs/<id>/report.html`, also when a task failed.

| when this fails | look here |
| --- | --- |
| rollback | The message lists the publications that are kept. |
| list_images | The message says what is wrong: bucket, permission or prefix. No cluster was launched. |
| anything_to_do | More photos are gone than `VERGER_MAX_DELETED_SHARE` allows, or the basis to reuse is not there. |
| stage_artifacts | The artifact set is missing or altered: `make artifacts`. No cluster was launched. |
| create_cluster, cluster_ready | EMR's reason is in the log: capacity, roles, or the bootstrap action. |
| featurize, pca | The cluster is gone (it idled too long), or the run is already published. |
| featurize_done, pca_done | The step's last error is in the log, and where the whole of it lies. |
| check_features, check_projections | The failed checks are in the log, all of them in `runs/<id>/validation.json`. |
| publish | Another run, or a rollback, published meanwhile: start a new run. |
| report | The run is published all the same; clear this task alone. |
| vacuum | The run is published all the same; what could not be deleted, and why, is in the log. |
| terminate_cluster | **Look at the EMR console**: the cluster may still run, until its idle timeout. |

**What to do.** Mend what the message names, then clear the failed task and everything downstream of it: the cluster
comes back with it. A step 1 that was done is not done again, unless it rejected photos for want of a right. Of a
published run, only `publish`, `report` and `vacuum` can be cleared: the rest would rewrite data that readers use, and
says so. When in doubt, start a new run: it cannot harm the current data, and neither can marking this one failed, which
cancels its step and ends its cluster. What a failed run left, the next one that publishes removes.

**When the data is bad although every check passed**: pause this DAG, `python -m verger.publication rollback RUN`,
mend, unpause: the next run takes up all that is new since. (A run with `rollback_to` does the same, but Airflow starts
none while the DAG is paused or another run of it is at work.)

Every setting is an environment variable `VERGER_<NAME>`; `python -m verger.settings` lists them.
"""

# mypy: disable-error-code="arg-type, index, attr-defined"
# (What a task returns is, here, only a reference to it.)
from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, Asset, Metadata, Param, TriggerRule, chain, get_current_context, task
from pendulum import datetime

from verger import tasks
from verger.changes.plan import Plan, RunParams
from verger.clock import now
from verger.context import RunContext
from verger.emr import requests
from verger.emr.operators.add_step import AddStep
from verger.emr.operators.cluster_ready import ClusterReady
from verger.emr.operators.create_cluster import CreateCluster
from verger.emr.operators.step_done import StepDone
from verger.emr.operators.terminate_cluster import TerminateCluster
from verger.publication import vacuum as removal
from verger.publication.model import Publication
from verger.publication.rollback import rollback as roll_back_to
from verger.report import airflow_facts
from verger.report import write as reports
from verger.run_id import run_id
from verger.s3 import clients
from verger.settings import BASIS_POLICIES, Settings
from verger_contract.keys import PUBLISHED, Run, uri

SETTINGS = Settings.from_environment()
STORAGE, SCHEDULE = SETTINGS.storage, SETTINGS.schedule
PUBLICATION = Asset("fruit_features", uri=uri(STORAGE.bucket, PUBLISHED))
RUN = Run(STORAGE.bucket, "{{ verger_run_id(run_id) }}")

PARAMS = {
    "basis": Param(
        SETTINGS.pca.pca_basis,
        enum=[*BASIS_POLICIES],
        title="Basis of the PCA",
        description="auto: keep the published one while it explains the target, so that vectors stay comparable; "
        "refit: fit it to the photos of tonight; reuse: keep it whatever it explains",
    ),
    "target_variance": Param(
        SETTINGS.pca.target_variance,
        type="number",
        exclusiveMinimum=0,
        maximum=1,
        title="Target variance",
        description="share of the variance that the components together explain, more than 0, at most 1",
    ),
    "full_refresh": Param(
        False,
        type="boolean",
        title="Featurize all photos again",
        description="as if nothing were published; costs what the first run cost",
    ),
    "retry_rejects": Param(
        False, type="boolean", title="Look at rejects again", description="also at photos that were rejected for good"
    ),
    "accept_deletions": Param(
        False,
        type="boolean",
        title="Accept deletions",
        description=f"publish although more than {SETTINGS.validation.max_deleted_share:.0%} of the photos are gone",
    ),
    "rollback_to": Param(
        None,
        type=["null", "string"],
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$",
        title="Roll back to",
        description="run id of an earlier publication (see published.json): it becomes current again, nothing else is "
        "done",
    ),
}


def report_failure(context: Any) -> None:
    """What is known of a run, written when a task of it has failed for good; Airflow logs what goes wrong here."""
    run_context = RunContext.of(SETTINGS, run_id(context["run_id"]))
    reports.failed(
        run_context, airflow_facts.gather(context, run_context, now()), airflow_facts.failure(context, now())
    )


with DAG(
    "fruit_features",
    description="Fruit photographs to feature vectors, on an EMR cluster that lives as long as the work",
    doc_md=__doc__,
    schedule=None if SCHEDULE.schedule == "never" else SCHEDULE.schedule,
    start_date=datetime(2026, 1, 1, tz=SCHEDULE.timezone),
    catchup=False,
    max_active_runs=1,
    tags=["verger"],
    params=PARAMS,
    user_defined_macros={"verger_run_id": run_id},
    default_args={
        "retries": SCHEDULE.retries,
        "retry_delay": timedelta(seconds=SCHEDULE.retry_seconds),
        "execution_timeout": timedelta(hours=2),
        "aws_conn_id": STORAGE.aws_conn_id,
        "region_name": STORAGE.region,
        "poke_interval": SCHEDULE.poll_seconds,
        "on_execute_callback": airflow_facts.note_start,
        "on_failure_callback": report_failure,
    },
) as dag:

    @task.branch
    def run_or_roll_back(rollback_to: str) -> str:
        return "rollback" if rollback_to else "list_images"

    @task(outlets=[PUBLICATION])
    def rollback(rollback_to: str) -> Any:
        restored = roll_back_to(clients.client(STORAGE), STORAGE.bucket, rollback_to, now())
        yield announced(restored)

    @task
    def list_images(id: str) -> dict[str, str | None]:
        """The fixed input of the run, and the publication that it may replace."""
        run_context = RunContext.of(SETTINGS, id)
        reports.forget_failure(run_context)  # of an earlier pass through the run
        return {"etag": tasks.list_images(run_context, now())}

    # Not the rules of all that follows: vacuum runs also when there is nothing to do.
    @task.short_circuit(ignore_downstream_trigger_rules=False)
    def anything_to_do(id: str, listed: dict[str, Any]) -> dict[str, Any] | None:
        context = get_current_context()
        params = RunParams(**{name: context["params"][name] for name in RunParams.__annotations__})
        plan = tasks.plan(RunContext.of(SETTINGS, id), listed["etag"], params, now())
        context["ti"].xcom_push("why", plan.why)
        return asdict(plan) if plan.work else None

    @task
    def stage_artifacts(id: str, plan: dict[str, Any]) -> dict[str, str]:
        return tasks.stage_artifacts(RunContext.of(SETTINGS, id), Plan.of(plan))

    @task
    def check_features(id: str, plan: dict[str, Any]) -> None:
        tasks.check_features(RunContext.of(SETTINGS, id), Plan.of(plan))

    @task
    def check_projections(id: str, plan: dict[str, Any]) -> None:
        target = get_current_context()["params"]["target_variance"]
        tasks.check_projections(RunContext.of(SETTINGS, id), Plan.of(plan), target)

    @task(outlets=[PUBLICATION])
    def publish(id: str, plan: dict[str, Any], staged: dict[str, str]) -> Any:
        published = tasks.publish_run(RunContext.of(SETTINGS, id), Plan.of(plan), staged, now())
        yield announced(published)

    def announced(published: Publication) -> Metadata:
        """What a DAG that is scheduled on the asset finds in the event's extra."""
        return Metadata(PUBLICATION, extra=published.current.facts())

    @task
    def report(id: str) -> str:
        run_context = RunContext.of(SETTINGS, id)
        reports.published(run_context, airflow_facts.gather(get_current_context(), run_context, now()))
        return run_context.run.uri(run_context.run.report)

    @task(trigger_rule=TriggerRule.NONE_FAILED)
    def vacuum(id: str) -> int:
        run_context = RunContext.of(SETTINGS, id)
        return removal.vacuum(run_context.client, run_context.run, SETTINGS.retention, now())

    asked_back = "{{ params.rollback_to or '' }}"
    roll_back, rolled_back = run_or_roll_back(asked_back), rollback(asked_back)
    listed = list_images(RUN.id)
    plan = anything_to_do(RUN.id, listed)
    staged = stage_artifacts(RUN.id, plan)

    create_cluster = CreateCluster(
        task_id="create_cluster",
        storage=STORAGE,
        verger_run=RUN.id,
        emr_conn_id=None,
        job_flow_overrides=requests.cluster(
            SETTINGS,
            dag_id=dag.dag_id,
            run_id=RUN.id,
            artifacts=str(staged["uri"]),
            environment=str(staged["environment"]),
        ),
    )
    cluster_ready = ClusterReady(
        task_id="cluster_ready",
        job_flow_id=create_cluster.output,
        max_attempts=SCHEDULE.attempts(SCHEDULE.cluster_minutes),
    )

    def step(name: str, request: dict[str, Any]) -> tuple[AddStep, StepDone]:
        """Submit a step; wait for it."""
        add = AddStep(
            task_id=name, job_flow_id=create_cluster.output, steps=[request], storage=STORAGE, verger_run=RUN.id
        )
        done = StepDone(
            task_id=f"{name}_done",
            job_flow_id=create_cluster.output,
            step_id=f"{{{{ ti.xcom_pull('{name}')[0] }}}}",
            settings=SETTINGS,
            step=name,
            progress_key=RUN.progress,
            max_attempts=SCHEDULE.attempts(SCHEDULE.step_minutes),
        )
        return add, done

    featurize, featurize_done = step("featurize", requests.featurize(SETTINGS, RUN, str(staged["uri"])))
    pca, pca_done = step("pca", requests.pca(SETTINGS, RUN, str(staged["uri"]), "{{ params.target_variance }}"))

    terminate_cluster = TerminateCluster(
        task_id="terminate_cluster",
        job_flow_id=create_cluster.output,
        waiter_delay=SCHEDULE.poll_seconds,
        waiter_max_attempts=SCHEDULE.attempts(SCHEDULE.cluster_minutes),
        retries=5,
    ).as_teardown(setups=create_cluster, on_failure_fail_dagrun=True)

    published = publish(RUN.id, plan, staged)
    cleaned = vacuum(RUN.id)

    chain(
        roll_back,
        listed,
        plan,
        staged,
        create_cluster,
        cluster_ready,
        featurize,
        featurize_done,
        check_features(RUN.id, plan),
        pca,
        pca_done,
        check_projections(RUN.id, plan),
        published,
        report(RUN.id),
    )
    pca_done >> terminate_cluster
    chain(roll_back, rolled_back, cleaned)
    published >> cleaned

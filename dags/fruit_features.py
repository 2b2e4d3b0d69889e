"""
# fruit_features

Every night, the photographs under `images/` become vectors: MobileNetV2 makes 1280 numbers of each, PCA keeps as many
components as explain 90 % of the variance. Two Spark steps do the work, on an EMR cluster that lives only as long as
they do.

**How long it takes.** Some ten minutes for the cluster, then about 100 photos a second and core, then a minute for PCA.

**What it writes.** Everything lies under the run's own id, and nothing of it is current before `publish` replaces
`published.json`. Until then the data of the last successful run stays current, whatever happens here.

| when this fails | look here |
| --- | --- |
| list_images | The message says what is wrong: bucket, permission or prefix. No cluster was launched. |
| stage_artifacts | The artifact set is missing or altered: `make artifacts`. No cluster was launched. |
| create_cluster, cluster_ready | EMR's reason is in the log: capacity, roles, or the bootstrap action. |
| featurize, pca | The cluster is gone (it idled too long), or the run is already published. |
| featurize_done, pca_done | The step's last error is in the log, and where the whole of it lies. |
| check_features, check_projections | The failed checks are in the log, all of them in `runs/<id>/validation.json`. |
| publish | Another run published meanwhile: start a new run. |
| report | The run is published all the same; clear this task alone. |
| terminate_cluster | **Look at the EMR console**: the cluster may still run, until its idle timeout. |

**What to do.** Mend what the message names, then clear the failed task and everything downstream of it: the cluster
comes back with it. Of a published run, only `publish` and `report` can be cleared: the rest would rewrite data that
readers use, and says so. When in doubt, start a new run: it cannot harm the current data, and neither can marking
this one failed, which cancels its step and ends its cluster.

Every setting is an environment variable `VERGER_<NAME>`; `python -m verger.settings` lists them.
"""

# mypy: disable-error-code="arg-type, index, attr-defined"
# (What a task returns is, here, only a reference to it.)
from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, Asset, Metadata, chain, get_current_context, task
from pendulum import datetime

from verger import artifacts, job_flow, listing, publication, s3
from verger import publish as commit_point
from verger import report as page
from verger.operators.add_step import AddStep
from verger.operators.cluster_ready import ClusterReady
from verger.operators.create_cluster import CreateCluster
from verger.operators.step_done import StepDone
from verger.operators.terminate_cluster import TerminateCluster
from verger.paths import PUBLISHED, Run, uri
from verger.run_id import run_id
from verger.settings import Settings
from verger.validation.features import check_features as feature_checks
from verger.validation.projections import check_projections as projection_checks
from verger.validation.record import record
from verger.validation.tables import Store

SETTINGS = Settings.from_environment()
STORAGE, SCHEDULE = SETTINGS.storage, SETTINGS.schedule
PUBLICATION = Asset("fruit_features", uri=uri(STORAGE.bucket, PUBLISHED))
RUN = Run(STORAGE.bucket, "{{ verger_run_id(run_id) }}")

with DAG(
    "fruit_features",
    description="Fruit photographs to feature vectors, on an EMR cluster that lives as long as the work",
    doc_md=__doc__,
    schedule=None if SCHEDULE.schedule == "never" else SCHEDULE.schedule,
    start_date=datetime(2026, 1, 1, tz=SCHEDULE.timezone),
    catchup=False,
    max_active_runs=1,
    tags=["verger"],
    user_defined_macros={"verger_run_id": run_id},
    default_args={
        "retries": SCHEDULE.retries,
        "retry_delay": timedelta(seconds=SCHEDULE.retry_seconds),
        "execution_timeout": timedelta(hours=2),
        "aws_conn_id": STORAGE.aws_conn_id,
        "region_name": STORAGE.region,
        "poke_interval": SCHEDULE.poll_seconds,
    },
) as dag:

    @task
    def list_images(id: str) -> dict[str, Any]:
        """The fixed input of the run, and the publication that it may replace."""
        client, run = s3.client(STORAGE), Run(STORAGE.bucket, id)
        # Before the listing: who publishes from now on, publishes what this run has not seen.
        etag = commit_point.before_work(client, STORAGE.bucket, id)
        s3.check_region(client, STORAGE)
        found = listing.write_inventory(client, STORAGE.bucket, STORAGE.images_prefix, run.inventory)
        return {"photos": found.photos, "published_etag": etag}

    @task.short_circuit
    def anything_to_do(listed: dict[str, Any]) -> bool:
        return bool(listed["photos"])

    @task
    def stage_artifacts() -> dict[str, str]:
        return artifacts.stage(s3.client(STORAGE), SETTINGS)

    @task
    def check_features(id: str) -> None:
        run, store = Run(STORAGE.bucket, id), Store(s3.filesystem(STORAGE), STORAGE.bucket)
        record(s3.client(STORAGE), run, "features", feature_checks(store, run, SETTINGS.validation))

    @task
    def check_projections(id: str) -> None:
        run, store = Run(STORAGE.bucket, id), Store(s3.filesystem(STORAGE), STORAGE.bucket)
        checks = projection_checks(store, run, SETTINGS.validation, SETTINGS.pca.target_variance)
        record(s3.client(STORAGE), run, "pca", checks)

    @task(outlets=[PUBLICATION])
    def publish(id: str, listed: dict[str, Any], staged: dict[str, str]) -> Any:
        client, run = s3.client(STORAGE), Run(STORAGE.bucket, id)
        document = publication.document(client, run, staged)
        commit_point.publish(client, STORAGE.bucket, document, listed["published_etag"])
        yield Metadata(PUBLICATION, extra=document)
        return document

    @task
    def report(id: str, published: dict[str, Any]) -> str:
        client, run, context = s3.client(STORAGE), Run(STORAGE.bucket, id), get_current_context()
        ended = {crumb["task_id"]: crumb for crumb in context["ti"].get_task_breadcrumbs(dag.dag_id, context["run_id"])}
        stages = [ended[stage.task_id] for stage in dag.topological_sort() if stage.task_id in ended]
        page.write(client, run, page.facts(client, run, published, stages))
        return run.uri(run.report)

    listed = list_images(RUN.id)
    something = anything_to_do(listed)
    staged = stage_artifacts()

    create_cluster = CreateCluster(
        task_id="create_cluster",
        storage=STORAGE,
        verger_run=RUN.id,
        emr_conn_id=None,
        job_flow_overrides=job_flow.cluster(
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

    def step(stage: str, request: dict[str, Any]) -> tuple[AddStep, StepDone]:
        """Submit a step; wait for it."""
        add = AddStep(
            task_id=stage, job_flow_id=create_cluster.output, steps=[request], storage=STORAGE, verger_run=RUN.id
        )
        done = StepDone(
            task_id=f"{stage}_done",
            job_flow_id=create_cluster.output,
            step_id=f"{{{{ ti.xcom_pull('{stage}')[0] }}}}",
            settings=SETTINGS,
            stage=stage,
            progress_key=RUN.progress,
            max_attempts=SCHEDULE.attempts(SCHEDULE.step_minutes),
        )
        return add, done

    featurize, featurize_done = step("featurize", job_flow.featurize(SETTINGS, RUN, str(staged["uri"])))
    pca, pca_done = step("pca", job_flow.pca(SETTINGS, RUN, str(staged["uri"])))

    terminate_cluster = TerminateCluster(
        task_id="terminate_cluster",
        job_flow_id=create_cluster.output,
        waiter_delay=SCHEDULE.poll_seconds,
        waiter_max_attempts=SCHEDULE.attempts(SCHEDULE.cluster_minutes),
        retries=5,
    ).as_teardown(setups=create_cluster, on_failure_fail_dagrun=True)

    published = publish(RUN.id, listed, staged)

    chain(
        listed,
        something,
        staged,
        create_cluster,
        cluster_ready,
        featurize,
        featurize_done,
        check_features(RUN.id),
        pca,
        pca_done,
        check_projections(RUN.id),
        published,
        report(RUN.id, published),
    )
    pca_done >> terminate_cluster

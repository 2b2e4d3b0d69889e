"""The parameters of the DAG `fruit_features`, and what its tasks have in common.

The parameters are the form that Airflow shows when a user starts a run.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import Context, Param
from airflow.sdk.exceptions import AirflowFailException

from verger.settings import BASIS_POLICIES, Settings
from verger.time_limits import TASK_LIMIT

SHARE = {"exclusiveMinimum": 0, "maximum": 1}
"""The limits of a share, for `allOf`: Airflow's form does not read it, and Airflow's API refuses other numbers.

The form replaces a number above the member `maximum` of a parameter by it: 90 would become 1."""

RESULTS = {
    "list_images": "return_value",
    "anything_to_do": "decoding",
    "stage_artifacts": "return_value",
    "create_cluster": "return_value",
}
"""The tasks whose results later tasks use, and the key of an XCom that each of them always writes."""
WITHOUT_RESULTS = ("terminate_cluster", "report", "vacuum", "outcome")
"""The tasks that use no result: some of them also run after a failed run, or after a rollback."""


def dag_params(settings: Settings) -> dict[str, Param]:
    """Return the parameters, with the settings as defaults. `verger.changes.params.RunParams` holds their values."""
    return {
        "basis": Param(
            settings.pca.pca_basis,
            enum=[*BASIS_POLICIES],
            title="PCA basis",
            description="auto: keep the published one while it explains the target variance, unless the target "
            "changed, model or preprocessing changed, or it has too many components; refit: fit a new one; reuse: "
            "keep it",
        ),
        "target_variance": Param(
            settings.pca.target_variance,
            type="number",
            allOf=[SHARE],
            title="Target variance",
            description="share of the variance that the components together explain: more than 0, at most 1",
        ),
        "full_refresh": _flag(
            "Full refresh", "featurize all photos again, as in the first run; costs as much as the first run"
        ),
        "retry_rejects": _flag("Retry rejects", "try all rejected photos again, also those whose file has not changed"),
        "accept_deletions": _flag(
            "Accept deletions",
            f"publish although more than {settings.validation.max_deleted_share:.0%} of the photos were deleted",
        ),
        "accept_rejects": _flag(
            "Accept rejects",
            f"publish although more than {settings.validation.max_rejects_share:.0%} of the photos are rejected",
        ),
        "verify_all": _flag(
            "Verify all", "read and check all published features and coordinates again, also without new photos"
        ),
        "launch_now": _flag("Launch now", "do not wait for more photos (VERGER_WAIT_FOR_PHOTOS)"),
        "rollback_to": Param(
            None,
            type=["null", "string"],
            pattern=r"^[A-Za-z0-9][A-Za-z0-9._~:+-]*$",
            title="Roll back to",
            description="run id of a kept publication, Verger's or Airflow's (see Verger's page Publications): makes "
            "it current and does nothing else",
        ),
    }


def _flag(title: str, description: str) -> Param:
    return Param(False, type="boolean", title=title, description=description)


def default_args(settings: Settings) -> dict[str, Any]:
    """Return retries, time limits, connection and the check of results of all tasks of the DAG."""
    storage, schedule = settings.storage, settings.schedule
    return {
        "retries": schedule.retries,
        "retry_delay": timedelta(seconds=schedule.retry_seconds),
        "execution_timeout": TASK_LIMIT,
        "aws_conn_id": storage.aws_conn_id,
        "region_name": storage.region,
        "botocore_config": storage.request_options,
        "poke_interval": schedule.poll_seconds,
        "cluster_retries": schedule.cluster_retries,
        "pre_execute": check_results,
    }


def check_results(context: Context) -> None:
    """Fail a task when one before it has no result, as when a user marked that one as success before its end.

    Goes into `pre_execute` of all tasks: without it, a task would go on with None in place of the result.

    Raises
    ------
    AirflowFailException
        A result is missing. The message names the task to clear.
    """
    task = context["task"]
    if task.task_id in WITHOUT_RESULTS:
        return
    earlier = task.get_flat_relative_ids(upstream=True)
    for name, key in RESULTS.items():
        if name in earlier and context["ti"].xcom_pull(name, key=key) is None:
            raise AirflowFailException(
                f"{name} has no result: a user marked it as success before its end; "
                f"clear {name} with its downstream tasks"
            )

"""Airflow's notifiers: they log a message, and publish it to the SNS topic of the settings."""

from __future__ import annotations

import logging
from typing import Any

from airflow.providers.amazon.aws.notifications.sns import SnsNotifier
from airflow.sdk import BaseNotifier, Context
from airflow.sdk.definitions.callback import AsyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference

from verger.notifications import message, run_end
from verger.notifications.message import Message
from verger.s3 import clients
from verger.settings import Notifications, Storage, read_group

log = logging.getLogger(__name__)


class RunNotifier(BaseNotifier):
    """Sends the message about a DAG run that has ended: a callback of the DAG `fruit_features`.

    Parameters
    ----------
    succeeded : bool
        For `on_success_callback`: a message is sent only when the report has warnings.
    """

    def __init__(self, *, succeeded: bool) -> None:
        super().__init__()
        self.succeeded = succeeded

    def render_template_fields(self, context: Context, jinja_env: Any = None) -> None:
        """Do nothing: there are no templates. Airflow's method needs a DAG that `airflow dags test` does not give."""

    def notify(self, context: Context) -> None:
        """Read the facts of the run and send the message."""
        storage = read_group(Storage)
        end = run_end.read(
            clients.client(storage),
            storage.bucket,
            str(context["run_id"]),
            succeeded=self.succeeded,
            reason=str(context.get("reason") or ""),
        )
        found = message.of_run(end)
        if found:
            send(found)


def send(found: Message) -> None:
    """Log a message, and publish it to the SNS topic if there is one."""
    log.warning("notification: %s\n%s", found.subject, found.body)
    notifier = _sns(found)
    if notifier:
        notifier.notify({})


async def late_run(context: Any = None) -> None:
    """Send the message about a run that is late: the callback of the deadline, which runs in the triggerer.

    Parameters
    ----------
    context : mapping
        Airflow gives a small one: `dag_run` holds the fields of its API.
    """
    dag_run = str(((context or {}).get("dag_run") or {}).get("dag_run_id") or "unknown")
    found = message.of_late_run(dag_run, read_group(Notifications).late_minutes)
    log.warning("notification: %s\n%s", found.subject, found.body)
    notifier = _sns(found)
    if notifier:
        await notifier.async_notify({})


def of_dag(settings: Notifications) -> dict[str, Any]:
    """Return the arguments of the DAG that send its notifications: two callbacks, and the deadline of a run.

    The time of the deadline is counted from the scheduled time of the run.
    """
    after, reference = settings.late_after, DeadlineReference.DAGRUN_LOGICAL_DATE
    return {
        "on_failure_callback": RunNotifier(succeeded=False),
        "on_success_callback": RunNotifier(succeeded=True),
        "deadline": DeadlineAlert(reference, after, AsyncCallback(late_run)) if after else None,
    }


def _sns(found: Message) -> SnsNotifier | None:
    """Return Airflow's notifier of the message. Its templates are not rendered: an error message may contain `{{`."""
    topic, storage = read_group(Notifications).sns_topic, read_group(Storage)
    if not topic:
        return None
    return SnsNotifier(
        aws_conn_id=storage.aws_conn_id,
        region_name=topic.split(":")[3],
        target_arn=topic,
        subject=found.subject,
        message=found.body,
    )

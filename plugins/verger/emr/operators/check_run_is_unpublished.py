"""A check before each operator that starts paid work for a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.sdk import BaseOperator, Context

from verger.airflow_errors import failing_without_retry
from verger.publication.commit import check_may_write
from verger.s3 import clients
from verger.settings import Storage
from verger_contract.keys import Run


class CheckRunIsUnpublished(BaseOperator):
    """Mixin: executes its operator only when the run can still be published.

    Operators with an `execute` of their own call `check_run` before they start paid work.

    The task fails when the run is already published, because it would overwrite data that readers use. It also fails
    when another run has published since this run started.

    `list_images` makes the same check, but it does not run when a user clears a later task alone.

    Parameters
    ----------
    storage : Storage
        The bucket and its connection.
    verger_run : str
        The run id.
    """

    template_fields: Sequence[str] = ("verger_run",)

    def __init__(self, *, storage: Storage, verger_run: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.storage = storage
        self.verger_run = verger_run

    def check_run(self) -> None:
        """Raise AirflowFailException when the run cannot be published (any more), or when S3 denies the access."""
        with failing_without_retry():
            check_may_write(clients.client(self.storage), Run(self.storage.bucket, self.verger_run))

    def execute(self, context: Context) -> Any:
        """Check the run, then execute the operator.

        Raises
        ------
        AirflowFailException
            The run cannot be published (any more), or S3 denies the access.
        """
        self.check_run()
        return super().execute(context)

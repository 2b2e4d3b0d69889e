from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.sdk import BaseOperator, Context

from verger.publication.commit import check_may_write
from verger.s3 import clients
from verger.settings import Storage
from verger_contract.keys import Run


class Unpublished(BaseOperator):
    """Goes before an operator that begins work on a run: a run that is published is not worked on again, nor one that
    cannot be published any more, since another one was meanwhile.

    `list_images` looks too, but it does not run when a later task is cleared alone.
    """

    template_fields: Sequence[str] = ("verger_run",)

    def __init__(self, *, storage: Storage, verger_run: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.storage = storage
        self.verger_run = verger_run

    def execute(self, context: Context) -> Any:
        check_may_write(clients.client(self.storage), Run(self.storage.bucket, self.verger_run))
        return super().execute(context)

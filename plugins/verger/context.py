"""What the code of a run needs: its keys, the settings, and S3."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from verger.s3 import clients
from verger.settings import Settings
from verger.tables.parquet import Store
from verger_contract.keys import Run

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True)
class RunContext:
    """The keys of a run, the settings, and its bucket as boto3 (`client`) and as pyarrow (`store`) access it."""

    run: Run
    settings: Settings
    client: S3Client
    store: Store

    @classmethod
    def of(cls, settings: Settings, run_id: str) -> RunContext:
        """Return the context of a run, with the credentials of the Airflow connection."""
        storage = settings.storage
        # The listing has so many requests under way.
        client = clients.client(storage, max_pool_connections=storage.list_requests)
        store = Store(clients.filesystem(client), storage.bucket)
        return cls(Run(storage.bucket, run_id), settings, client, store)

    def read_json(self, key: str) -> Any:
        """Return the parsed object of the run's bucket, or None when there is none."""
        return clients.read_json(self.client, self.run.bucket, key)

    def write_json(self, key: str, value: Any) -> None:
        """Write `value` as JSON to the run's bucket."""
        clients.write_json(self.client, self.run.bucket, key, value)

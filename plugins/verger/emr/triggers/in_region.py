"""Triggers of the amazon provider, in the region of their task."""

from __future__ import annotations

from typing import Any

from airflow.providers.amazon.aws.hooks.emr import EmrHook
from airflow.providers.amazon.aws.triggers.base import AwsBaseWaiterTrigger
from airflow.providers.amazon.aws.triggers.emr import EmrTerminateJobFlowTrigger


class InRegion(AwsBaseWaiterTrigger):
    """Mixin: the trigger sends its requests to the region of its task, with the same options of botocore.

    The EMR triggers of the provider 9.39 do so. Those of 9.34 accept none of these arguments, and use the region of the
    Airflow connection.

    Parameters
    ----------
    region_name : str, optional
    verify : bool or str, optional
        Whether TLS certificates are verified, or the file of the certificates.
    botocore_config : dict, optional
        Options of botocore's Config.
    """

    aws_hook_class: type[EmrHook] = EmrHook

    def __init__(
        self,
        *,
        region_name: str | None = None,
        verify: bool | str | None = None,
        botocore_config: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        # The base class of both versions serializes these attributes.
        self.region_name = region_name
        self.verify = verify
        self.botocore_config = botocore_config

    @property
    def _hook_parameters(self) -> dict[str, Any]:
        return {
            "aws_conn_id": self.aws_conn_id,
            "region_name": self.region_name,
            "verify": self.verify,
            "config": self.botocore_config,
        }

    def hook(self) -> EmrHook:
        """Return the hook of the requests."""
        return self.aws_hook_class(**self._hook_parameters)


class TerminationTrigger(InRegion, EmrTerminateJobFlowTrigger):
    """Waits until a cluster has ended."""

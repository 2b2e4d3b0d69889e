"""The loop of a trigger that polls EMR. It goes on when EMR gives no usable answer for some time."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

from airflow.triggers.base import TriggerEvent

from verger import cut_answers
from verger.emr.hook import IdempotentEmrHook
from verger.emr.outages import Outage, has_ended_session, is_passing
from verger.emr.triggers.in_region import InRegion

POLL_RETRIES: dict[str, Any] = {"retries": {"mode": "standard", "total_max_attempts": 2}}
"""A poll is itself repeated, so that each one ends soon."""


class PollingTrigger(InRegion):
    """Polls until `poll` returns the text of the end. The event only ends the wait: the sensor asks EMR again.

    The event has the ids for which the trigger waits. The sensor needs them: Airflow renders its templates again when
    it resumes, and `airflow dags test` does not pass the `kwargs` of a deferral.

    After an error the clients are made again: their credentials may have ended, and the Airflow connection may have
    others by now.

    Parameters
    ----------
    outage_seconds : float
        How long the trigger goes on while EMR answers with errors or not at all.
    """

    aws_hook_class = IdempotentEmrHook

    def __init__(self, *, outage_seconds: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.outage_seconds = outage_seconds
        self.serialized_fields |= {"outage_seconds": outage_seconds}
        self.latest = ""

    @property
    def poll_options(self) -> dict[str, Any]:
        """Options of botocore's Config for the polls."""
        return (self.botocore_config or {}) | POLL_RETRIES

    def polling_hook(self) -> Any:
        """Return a hook of EMR for the polls. The provider's asynchronous methods have no types."""
        return IdempotentEmrHook(**self._hook_parameters | {"config": self.poll_options})

    @property
    @abstractmethod
    def awaited(self) -> dict[str, str]:
        """The ids of the cluster and of the step for which the trigger waits."""

    @abstractmethod
    async def open(self, stack: AsyncExitStack) -> Any:
        """Return the clients of `poll`, entered into the stack."""

    async def open_emr(self, stack: AsyncExitStack) -> Any:
        """Return aiobotocore's client of EMR, entered into the stack."""
        emr = await stack.enter_async_context(await self.polling_hook().get_async_conn())
        cut_answers.refuse(emr)
        return emr

    @abstractmethod
    async def poll(self, clients: Any) -> str | None:
        """Return the text of the event when the wait has ended, otherwise None. Set `latest` to the state."""

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event: success when the wait has ended, error after the last attempt or a long outage."""
        outage, clients = Outage(self.outage_seconds), None
        async with AsyncExitStack() as stack:
            for _ in range(self.attempts):
                try:
                    clients = clients or await self.open(stack)
                    ended = await self.poll(clients)
                except Exception as error:
                    if not is_passing(error) and not has_ended_session(error):
                        raise
                    if not outage.goes_on():
                        yield self._event(
                            "error", f"EMR gave no usable answer for {self.outage_seconds:.0f} s: {error}"
                        )
                        return
                    self.log.warning("EMR gives no usable answer, the task waits on: %s", error)
                    await stack.aclose()
                    clients = None
                else:
                    outage.ends()
                    if ended is not None:
                        yield self._event("success", ended)
                        return
                await asyncio.sleep(self.waiter_delay)
        yield self._event("error", f"waited {self.attempts * self.waiter_delay} s; {self.latest}")

    def _event(self, status: str, message: str) -> TriggerEvent:
        return TriggerEvent({"status": status, "message": message, **self.awaited})

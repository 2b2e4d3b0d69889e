"""How the sensors wait: in the triggerer, as often and as long as they are told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.amazon.aws.sensors.emr import EmrJobFlowSensor, EmrStepSensor
from airflow.triggers.base import BaseTrigger


def defer(sensor: EmrJobFlowSensor | EmrStepSensor, trigger: type[BaseTrigger], **arguments: Any) -> None:
    """Hand over to a trigger that looks every `poke_interval` seconds, `max_attempts` times; `execute_complete` is
    called with its event.
    """
    sensor.defer(
        trigger=trigger(
            **arguments,
            waiter_delay=int(sensor.poke_interval),
            waiter_max_attempts=sensor.max_attempts,
            aws_conn_id=sensor.aws_conn_id,
            region_name=sensor.region_name,
            verify=sensor.verify,
            botocore_config=sensor.botocore_config,
        ),
        method_name="execute_complete",
        timeout=timedelta(seconds=sensor.poke_interval * sensor.max_attempts + 60),
    )

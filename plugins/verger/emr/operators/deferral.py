"""The deferral of the sensors: they wait in the triggerer and hold no worker slot."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.amazon.aws.sensors.emr import EmrJobFlowSensor, EmrStepSensor

from verger.emr.triggers.polling import PollingTrigger

TRIGGER_MARGIN = timedelta(minutes=1)
"""Airflow's timeout of the trigger ends so long after the last attempt of the trigger itself."""


def defer(
    sensor: EmrJobFlowSensor | EmrStepSensor,
    trigger: type[PollingTrigger],
    **arguments: Any,
) -> None:
    """Defer a sensor to a trigger that polls every `poke_interval` seconds, at most `max_attempts` times.

    Airflow calls the sensor's `execute_complete` with the event of the trigger.

    Parameters
    ----------
    sensor : EmrJobFlowSensor or EmrStepSensor
    trigger : type
    **arguments
        Arguments of the trigger, such as `outage_seconds`, besides the polling and the connection.

    Raises
    ------
    TaskDeferred
        Always: Airflow expects it.
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
        timeout=timedelta(seconds=sensor.poke_interval * sensor.max_attempts) + TRIGGER_MARGIN,
    )

"""All settings together, read from the environment variables `VERGER_<NAME>`."""

from __future__ import annotations

import dataclasses
import difflib
import functools
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, cast, get_type_hints

from verger.settings import container_sizes, instance_types
from verger.settings.cluster import Cluster
from verger.settings.fields import SettingsError, read, variable
from verger.settings.groups import (
    MAX_DELAY_DAYS,
    Featurize,
    Pca,
    Retention,
    Schedule,
    Validation,
)
from verger.settings.janitor import Janitor
from verger.settings.notifications import Notifications
from verger.settings.prices import Prices
from verger.settings.sizing import Sizing
from verger.settings.storage import Storage

OTHER_VARIABLES = (
    "VERGER_S3A_JARS", "VERGER_TEST_PHOTOS", "VERGER_TEST_HISTORIES",
    "VERGER_LOCAL_CLUSTER", "VERGER_LOCAL_YARN_NODES", "VERGER_LOCAL_YARN_SCALE", "VERGER_LOCAL_CONTAINER_LOG_SECONDS",
    "VERGER_LOCAL_JAVA_OPTIONS",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All settings, in groups. Create it with `from_environment`."""

    storage: Storage
    cluster: Cluster
    sizing: Sizing
    featurize: Featurize
    pca: Pca
    validation: Validation
    retention: Retention
    schedule: Schedule
    janitor: Janitor
    notifications: Notifications
    prices: Prices

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Read every variable `VERGER_<NAME>`. A setting without a variable has its default.

        Raises
        ------
        SettingsError
            The message names every setting with a wrong value, the accepted values, and every variable
            `VERGER_<NAME>` that is no setting.
        """
        problems = _unknown(environment)
        values: dict[str, dict[str, Any]] = {}
        for group, field, kind in declared():
            try:
                value = read(field, kind, environment)
            except ValueError as error:
                problems.append(f"{variable(field)}: {error}")
            else:
                values.setdefault(group, {})[field.name] = value
        _fill_in_types(values)
        problems += [*_retention_problems(values.get("retention", {})), *_cluster_problems(values)]
        problems += _group_problems(values.get("cluster", {}))
        problems += _artifacts_problems(values.get("storage", {}), environment)
        if problems:
            raise SettingsError("; ".join(problems))
        groups = get_type_hints(cls)
        return cls(**{group: groups[group](**fields) for group, fields in values.items()})


Group = TypeVar("Group")


def read_group(kind: type[Group], environment: Mapping[str, str] = os.environ) -> Group:
    """Read one group of settings, and ignore the values of all other settings.

    Parameters
    ----------
    kind : type
        The class of the group.
    environment : mapping

    Raises
    ------
    SettingsError
        The message names every setting of the group with a wrong value.
    """
    hints, problems, values = get_type_hints(kind), [], {}
    for field in dataclasses.fields(cast("Any", kind)):
        try:
            values[field.name] = read(field, hints[field.name], environment)
        except ValueError as error:
            problems.append(f"{variable(field)}: {error}")
    if problems:
        raise SettingsError("; ".join(problems))
    return kind(**values)


@functools.cache
def declared() -> tuple[tuple[str, dataclasses.Field[Any], Any], ...]:
    """Return group, field and type of every setting."""
    types = {group: (kind, get_type_hints(kind)) for group, kind in get_type_hints(Settings).items()}
    return tuple(
        (group, field, hints[field.name])
        for group, (kind, hints) in types.items()
        for field in dataclasses.fields(kind)
    )


def _retention_problems(retention: Mapping[str, Any]) -> Iterator[str]:
    if len(retention) == 2 and retention["erasure_days"] <= retention["snapshot_days"] + MAX_DELAY_DAYS:
        least = retention["snapshot_days"] + MAX_DELAY_DAYS + 1
        yield (
            f"VERGER_ERASURE_DAYS: is {retention['erasure_days']}; expected at least {least}, {MAX_DELAY_DAYS + 1} "
            "more than VERGER_SNAPSHOT_DAYS"
        )


TYPES = ("primary_instance_types", "worker_instance_types")
"""The settings whose defaults depend on the region."""


def _fill_in_types(values: Mapping[str, dict[str, Any]]) -> None:
    """Set the instance types that the environment does not name to the defaults of the region."""
    cluster, region = values.get("cluster", {}), values.get("storage", {}).get("region")
    if region and cluster.get("worker_instance_types") == ():
        cluster["worker_instance_types"] = instance_types.default_workers(region)
    if region and cluster.get("primary_instance_types") == ():
        workers = cluster.get("worker_instance_types", ())
        cluster["primary_instance_types"] = instance_types.default_primaries(region, workers)


def _cluster_problems(values: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    cluster, region = values.get("cluster", {}), values.get("storage", {}).get("region")
    for name in TYPES:
        if region and name in cluster and (cluster.get("check_instance_types") or not cluster[name]):
            yield from instance_types.problems(f"VERGER_{name.upper()}", cluster[name], region)
    yield from instance_types.mixed_architectures([kind for name in TYPES for kind in cluster.get(name, ())])
    sizes = [cluster[name] for name in ("executor_heap_mib", "executor_overhead_mib") if name in cluster]
    if len(sizes) == 2:
        yield from container_sizes.problems(cluster.get("worker_instance_types", ()), sum(sizes))
    if cluster.get("spark_history_url") and not cluster.get("event_log_in_bucket", True):
        yield (
            "VERGER_SPARK_HISTORY_URL: is set; expected none while VERGER_EVENT_LOG_IN_BUCKET is false: the history "
            "server reads the event log from the bucket"
        )


GROUPS = ("primary_security_group", "worker_security_group", "service_security_group")


def _group_problems(cluster: Mapping[str, Any]) -> Iterator[str]:
    missing = [f"VERGER_{name.upper()}" for name in GROUPS if not cluster.get(name, True)]
    if missing and len(missing) < len(GROUPS):
        yield (
            f"{', '.join(missing)}: not set; expected all three security groups or none, because EMR uses either its "
            "own groups or given ones"
        )


def _artifacts_problems(storage: Mapping[str, Any], environment: Mapping[str, str]) -> Iterator[str]:
    uri, bucket = storage.get("artifacts_uri"), storage.get("bucket")
    if uri and bucket and not uri.startswith(f"s3://{bucket}/"):
        yield (
            f"VERGER_ARTIFACTS_URI: is {uri!r}; expected a set in the bucket {bucket} (VERGER_BUCKET), because nodes "
            "and readers look for it there; upload it with `python -m verger.s3 upload-artifacts`"
        )
    if uri and "VERGER_ARTIFACTS_DIR" in environment:
        yield "VERGER_ARTIFACTS_DIR: is set; expected either VERGER_ARTIFACTS_DIR or VERGER_ARTIFACTS_URI"


def _unknown(environment: Mapping[str, str]) -> list[str]:
    known = [variable(field) for _, field, _ in declared()]
    unknown = [name for name in environment if name.startswith("VERGER_") and name not in (*known, *OTHER_VARIABLES)]
    # The common prefix would make any two names similar.
    bare = {name.removeprefix("VERGER_"): name for name in known}
    nearest = {name: difflib.get_close_matches(name.removeprefix("VERGER_"), bare, 1) for name in sorted(unknown)}
    return [
        f"{name}: no such setting; {f'expected {bare[near[0]]}, or' if near else 'expected'} no such variable"
        for name, near in nearest.items()
    ]

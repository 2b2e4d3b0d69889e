"""All settings together, read from `VERGER_<NAME>` in the environment."""

from __future__ import annotations

import dataclasses
import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_type_hints

from verger.settings.fields import SettingsError, read, variable
from verger.settings.groups import (
    NIGHTS_LATE,
    Cluster,
    Featurize,
    Pca,
    Retention,
    Schedule,
    Storage,
    Validation,
)
from verger.settings.prices import Prices

NO_SETTINGS = ("VERGER_S3A_JARS", "VERGER_TEST_PHOTOS", "VERGER_TEST_HISTORIES")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All settings, in groups. Build it with :meth:`from_environment`."""

    storage: Storage
    cluster: Cluster
    featurize: Featurize
    pca: Pca
    validation: Validation
    retention: Retention
    schedule: Schedule
    prices: Prices

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Settings:
        """Read every `VERGER_<NAME>`; what is not set has its default.

        Raises SettingsError, which names every setting that is wrong and what it expects, and every variable
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
        kept = values.get("retention", {})
        if len(kept) == 2 and kept["erasure_days"] <= kept["snapshot_days"] + NIGHTS_LATE:
            least = kept["snapshot_days"] + NIGHTS_LATE + 1
            problems.append(
                f"VERGER_ERASURE_DAYS: is {kept['erasure_days']}; expected at least {least}, {NIGHTS_LATE + 1} more "
                "than VERGER_SNAPSHOT_DAYS"
            )
        if problems:
            raise SettingsError("; ".join(problems))
        groups = get_type_hints(cls)
        return cls(**{group: groups[group](**fields) for group, fields in values.items()})


def declared() -> list[tuple[str, dataclasses.Field[Any], Any]]:
    return [
        (group, field, get_type_hints(kind)[field.name])
        for group, kind in get_type_hints(Settings).items()
        for field in dataclasses.fields(kind)
    ]


def _unknown(environment: Mapping[str, str]) -> list[str]:
    known = [variable(field) for _, field, _ in declared()]
    unknown = [name for name in environment if name.startswith("VERGER_") and name not in (*known, *NO_SETTINGS)]
    # Without what all share, which would make any two names alike.
    bare = {name.removeprefix("VERGER_"): name for name in known}
    nearest = {name: difflib.get_close_matches(name.removeprefix("VERGER_"), bare, 1) for name in sorted(unknown)}
    return [
        f"{name}: no such setting; {f'expected {bare[near[0]]}, or' if near else 'expected'} nothing of that name"
        for name, near in nearest.items()
    ]

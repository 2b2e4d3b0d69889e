"""All settings together, read from the environment variables `VERGER_<NAME>`."""

from __future__ import annotations

import dataclasses
import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, get_type_hints

from verger.settings.fields import SettingsError, read, variable
from verger.settings.groups import (
    MAX_DELAY_DAYS,
    Cluster,
    Featurize,
    Pca,
    Retention,
    Schedule,
    Storage,
    Validation,
)
from verger.settings.prices import Prices

OTHER_VARIABLES = ("VERGER_S3A_JARS", "VERGER_TEST_PHOTOS", "VERGER_TEST_HISTORIES")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All settings, in groups. Create it with `from_environment`."""

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
        kept = values.get("retention", {})
        if len(kept) == 2 and kept["erasure_days"] <= kept["snapshot_days"] + MAX_DELAY_DAYS:
            least = kept["snapshot_days"] + MAX_DELAY_DAYS + 1
            problems.append(
                f"VERGER_ERASURE_DAYS: is {kept['erasure_days']}; expected at least {least}, {MAX_DELAY_DAYS + 1} more "
                "than VERGER_SNAPSHOT_DAYS"
            )
        if problems:
            raise SettingsError("; ".join(problems))
        groups = get_type_hints(cls)
        return cls(**{group: groups[group](**fields) for group, fields in values.items()})


def declared() -> list[tuple[str, dataclasses.Field[Any], Any]]:
    """Return group, field and type of every setting."""
    return [
        (group, field, get_type_hints(kind)[field.name])
        for group, kind in get_type_hints(Settings).items()
        for field in dataclasses.fields(kind)
    ]


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

"""The startup script, with the settings of an environment."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping

from verger.settings import Settings
from verger.settings.environment import declared
from verger.settings.fields import variable

EXPORT = re.compile(r"^export (VERGER_\w+)=.*$", re.MULTILINE)


def startup_script(template: str, environment: Mapping[str, str]) -> str:
    """Return the script with the settings of `environment`. It keeps the other values of the template.

    Parameters
    ----------
    template
        Content of mwaa/startup.sh.
    environment
        Environment variables. Those that are no settings of the DAG are left out.

    Raises
    ------
    verger.settings.SettingsError
        A setting is missing or has a wrong value.
    """
    Settings.from_environment(environment)
    settings = {variable(field) for _, field, _ in declared()}
    given = {name: value.strip() for name, value in environment.items() if name in settings}

    def line(name: str) -> str:
        return f"export {name}={shlex.quote(given[name]) if given[name] else ''}"

    replaced = EXPORT.sub(lambda found: line(found[1]) if found[1] in given else found[0], template)
    added = sorted(given.keys() - set(EXPORT.findall(template)))
    return replaced + "".join(f"{line(name)}\n" for name in added)

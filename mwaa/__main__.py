"""Write the files for the bucket of an Amazon MWAA environment.

    VERGER_BUCKET=my-bucket make mwaa

It writes to .verger/mwaa/:

    dags/               the DAG, and the file of constraints that requirements.txt names
    plugins.zip         the plugins folder
    requirements.txt    the packages that MWAA's image lacks
    startup.sh          mwaa/startup.sh, with the settings of the environment of this command
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from mwaa.files import constraints, plugins_zip
from mwaa.startup import startup_script
from verger.settings import SettingsError
from verger.settings.storage import BUILT_ARTIFACTS

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / ".verger/mwaa"
LOCK = ROOT / "requirements/airflow-mwaa.txt"
CONSTRAINTS = "constraints-mwaa.txt"
NEXT = """\
{out}: written. To deploy it (docs/mwaa.md explains each step):

  python -m verger.s3 upload-artifacts          # with the environment of docs/mwaa.md
  aws s3 sync {out}/dags s3://<bucket of MWAA>/dags
  aws s3 cp {out}/plugins.zip s3://<bucket of MWAA>/plugins.zip
  aws s3 cp {out}/requirements.txt s3://<bucket of MWAA>/requirements.txt
  aws s3 cp {out}/startup.sh s3://<bucket of MWAA>/startup.sh"""


def write(out: Path, environment: Mapping[str, str]) -> None:
    """Write all files to the folder `out`. Files of an earlier call are replaced.

    Raises
    ------
    SettingsError
        A setting is missing or has a wrong value.
    """
    script = startup_script((ROOT / "mwaa/startup.sh").read_text(), with_artifacts(environment))
    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(ROOT / "dags", out / "dags", ignore=shutil.ignore_patterns("__pycache__"))
    (out / "dags" / CONSTRAINTS).write_text(constraints(LOCK.read_text()))
    (out / "plugins.zip").write_bytes(plugins_zip(ROOT / "plugins"))
    shutil.copyfile(ROOT / "mwaa/requirements-mwaa.txt", out / "requirements.txt")
    (out / "startup.sh").write_text(script)


def with_artifacts(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment with the address of the set of `make artifacts` in the bucket, unless it has another."""
    found = {name: value for name, value in environment.items() if name != "VERGER_ARTIFACTS_DIR"}
    bucket = found.get("VERGER_BUCKET")
    if bucket and BUILT_ARTIFACTS.exists():
        found.setdefault("VERGER_ARTIFACTS_URI", f"s3://{bucket}/artifacts/{BUILT_ARTIFACTS.resolve().name}/")
    return found


def main() -> int:
    """Run the command line. Return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m mwaa", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=OUT)
    out = parser.parse_args().out
    try:
        write(out, os.environ)
    except SettingsError as error:
        print(f"make mwaa: error: {error}", file=sys.stderr)
        return 1
    print(NEXT.format(out=out))
    return 0


if __name__ == "__main__":
    sys.exit(main())

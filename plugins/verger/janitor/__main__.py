"""List the EMR clusters that no DAG run uses, and terminate them on request.

    python -m verger.janitor                list them, and what the janitor does with each
    python -m verger.janitor --terminate    terminate them, as the DAG emr_janitor does

The command reads Airflow's metadata database: run it where `airflow dags list-runs` works. Settings and credentials are
those of the DAG: the environment variables `VERGER_<NAME>`, and the Airflow connection.
"""

from __future__ import annotations

import argparse
import logging
import sys

from verger.emr.hook import IdempotentEmrHook
from verger.janitor import dag_runs
from verger.janitor.sweep import Sweep, Swept
from verger.settings import Janitor, SettingsError, Storage, read_group
from verger_contract.errors import VergerError


def main(arguments: list[str]) -> int:
    """Run the command line. Return the exit status: 1 when a cluster could not be terminated."""
    from botocore.exceptions import BotoCoreError, ClientError

    parser = argparse.ArgumentParser(
        prog="python -m verger.janitor", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--terminate", action="store_true", help="terminate the clusters; without it, only list them")
    options = parser.parse_args(arguments)
    logging.disable(logging.WARNING)  # Airflow's loggers write to standard output
    try:
        swept = _sweep(dry_run=not options.terminate)
    except (VergerError, SettingsError, BotoCoreError, ClientError) as error:
        print(f"verger: error: {error}", file=sys.stderr)
        return 1
    print(text(swept, dry_run=not options.terminate))
    return 1 if swept.failed else 0


def text(swept: Swept, *, dry_run: bool) -> str:
    """Return what a sweep did, as lines of text."""
    done = "would be terminated" if dry_run else "terminated"
    lines = [f"cluster {end['cluster']}: {done}: {end['reason']}" for end in swept.terminated]
    if dry_run and lines:
        lines.append("nothing was changed: --terminate terminates them")
    return "\n".join([*lines, *swept.reported, *swept.failed]) or "no cluster is unused"


def _sweep(*, dry_run: bool) -> Swept:
    storage = read_group(Storage)
    hook = IdempotentEmrHook(
        aws_conn_id=storage.aws_conn_id, region_name=storage.region, config=storage.request_options
    )
    return Sweep(storage, read_group(Janitor), hook.emr_client, dag_runs.of_database(), dry_run).run()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

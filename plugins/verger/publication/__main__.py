"""List the snapshots of a bucket, and roll back to one of them.

    python -m verger.publication [list]           list the current snapshot and those that can be rolled back to
    python -m verger.publication rollback RUN     make an earlier snapshot current again
    python -m verger.publication unpublish        publish an empty snapshot

Settings and credentials are those of the DAG: the environment variables `VERGER_<NAME>`, and the Airflow connection.
"""

from __future__ import annotations

import argparse
import logging
import sys

from verger.clock import now
from verger.publication import rollback
from verger.publication.model import Publication
from verger.s3 import clients
from verger.settings import Settings, SettingsError
from verger_contract.errors import VergerError


def table(publication: Publication) -> str:
    """Return the kept snapshots, newest first, as lines of text."""
    lines = [f"{'':9}{'published':27}{'photos':>10}{'rejected':>10}{'k':>6}  run"]
    for kept in publication.kept:
        mark = "current" if kept is publication.current else ""
        figures = f"{kept.photos:>10,}{kept.rejected:>10,}{kept.k:>6}"
        origin = f" (rolled back from {kept.rolled_back_from})" if kept.rolled_back_from else ""
        lines.append(f"{mark:9}{kept.published_at:27}{figures}  {kept.run or 'empty'}{origin}")
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Run the command line. Return the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m verger.publication", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    commands.add_parser("list", help="list the snapshots (the default)")
    commands.add_parser("rollback", help="make an earlier snapshot current again").add_argument("run", metavar="RUN")
    commands.add_parser("unpublish", help="publish an empty snapshot")
    options = parser.parse_args(arguments)
    logging.disable(logging.INFO)  # Airflow's loggers write to standard output
    try:
        storage = Settings.from_environment().storage
        client, bucket = clients.client(storage), storage.bucket
        if options.command == "rollback":
            publication = rollback.rollback(client, bucket, options.run, now())
        elif options.command == "unpublish":
            publication = rollback.unpublish(client, bucket, now())
        else:
            publication = rollback.published(client, bucket).publication
    except (VergerError, SettingsError) as error:
        print(f"verger: error: {error}", file=sys.stderr)
        return 1
    print(table(publication))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""What is published, and going back to what was.

    python -m verger.publications                  list the present publication and those that can be rolled back to
    python -m verger.publications rollback RUN     make an earlier one current again
    python -m verger.publications withdraw         publish the empty set: no photo is current any more

Settings and credentials are those of the DAG: `VERGER_BUCKET` and the others in the environment, Airflow's connection.
"""

from __future__ import annotations

import argparse
import dataclasses
import logging
import sys
from datetime import datetime
from typing import Any

from verger import publish, s3, snapshot
from verger.clock import now
from verger.errors import VergerError
from verger.paths import PUBLISHED, uri
from verger.publication import Publication
from verger.publish import Current
from verger.setting import SettingsError
from verger.settings import Settings


class RollbackError(VergerError):
    """There is nothing to go back to; the message lists what there is."""


def rollback(client: Any, bucket: str, run: str, at: datetime) -> Publication:
    """Make the publication of `run` current again; nothing but `published.json` is written.

    Raises RollbackError when it is not among those that are kept or its data is not there, LostRaceError when somebody
    published meanwhile.
    """
    current = _something(client, bucket)
    publication = current.publication
    target = next((old for old in publication.kept if old.run == run), None)
    if target is None:
        kept = ", ".join(old.run for old in publication.history if old.run) or "none"
        raise RollbackError(f"run {run}: expected one of the publications that are kept, found it is none of {kept}")
    if target == publication.current:
        return publication
    publish.check_data(client, bucket, target)
    again = dataclasses.replace(
        target, published_at=at.isoformat(), superseded_at=None, rolled_back_from=publication.current.run
    )
    restored = publication.followed_by(again)
    publish.replace(client, bucket, restored, current.etag)
    return restored


def withdraw(client: Any, bucket: str, at: datetime) -> Publication:
    """Publish the empty set. What was current can be rolled back to as long as any other."""
    current = _something(client, bucket)
    if current.publication.current.run is None:
        return current.publication
    nothing = current.publication.followed_by(snapshot.empty(current.publication.current, at))
    publish.replace(client, bucket, nothing, current.etag)
    return nothing


def _something(client: Any, bucket: str) -> Current:
    current = publish.current(client, bucket)
    if current is None:
        raise RollbackError(f"{uri(bucket, PUBLISHED)}: expected a publication, found none")
    return current


def table(publication: Publication) -> str:
    """The kept publications, newest first, as lines of text."""
    lines = [f"{'':9}{'published':27}{'photos':>10}{'rejected':>10}{'k':>6}  run"]
    for kept in publication.kept:
        mark = "current" if kept is publication.current else ""
        figures = f"{kept.photos:>10,}{kept.rejected:>10,}{kept.k:>6}"
        came = f" (rolled back from {kept.rolled_back_from})" if kept.rolled_back_from else ""
        lines.append(f"{mark:9}{kept.published_at:27}{figures}  {kept.run or 'empty'}{came}")
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m verger.publications", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    commands.add_parser("list", help="list them (the default)")
    commands.add_parser("rollback", help="make an earlier publication current again").add_argument("run", metavar="RUN")
    commands.add_parser("withdraw", help="publish the empty set")
    asked = parser.parse_args(arguments)
    logging.disable(logging.INFO)  # Airflow's loggers write to standard output, among the answer
    try:
        storage = Settings.from_environment().storage
        client, bucket = s3.client(storage), storage.bucket
        if asked.command == "rollback":
            publication = rollback(client, bucket, asked.run, now())
        elif asked.command == "withdraw":
            publication = withdraw(client, bucket, now())
        else:
            publication = _something(client, bucket).publication
    except (VergerError, SettingsError) as error:
        print(f"verger: error: {error}", file=sys.stderr)
        return 1
    print(table(publication))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""List the snapshots of a bucket, roll back to one of them, export one to a file, and find what is about a photo.

    python -m verger.publication [list]             list the current snapshot and those that can be rolled back to
    python -m verger.publication rollback RUN       make an earlier snapshot current again
    python -m verger.publication unpublish          publish an empty snapshot
    python -m verger.publication export RUN FILE    write what a program without S3 needs of a snapshot to a zip file
    python -m verger.publication find KEY           list what the bucket holds about a photo, for example images/a/7.jpg

Settings and credentials are those of the DAG: the environment variables `VERGER_<NAME>`, and the Airflow connection.
"""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from verger.clock import now
from verger.publication import bundle, rollback
from verger.publication.find import find
from verger.publication.model import Publication
from verger.s3 import clients
from verger.settings import Settings, SettingsError, Storage
from verger.tables.parquet import Store
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
    options = _parser().parse_args(arguments)
    logging.disable(logging.INFO)  # Airflow's loggers write to standard output
    try:
        print(_done(options, Settings.from_environment().storage))
    except (VergerError, SettingsError, OSError) as error:
        print(f"verger: error: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m verger.publication", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    commands.add_parser("list", help="list the snapshots (the default)")
    commands.add_parser("rollback", help="make an earlier snapshot current again").add_argument("run", metavar="RUN")
    commands.add_parser("unpublish", help="publish an empty snapshot")
    export = commands.add_parser("export", help="write a snapshot to a zip file that verger_reader.py opens without S3")
    export.add_argument("run", metavar="RUN", help="the run that published the snapshot")
    export.add_argument("file", metavar="FILE", type=Path, help="for example bundle.zip")
    found = commands.add_parser("find", help="list what the bucket holds about a photo, current or deleted")
    found.add_argument("key", metavar="KEY", help="the key of the photo, for example images/Kiwi/7.jpg")
    return parser


def _done(options: argparse.Namespace, storage: Storage) -> str:
    """Execute the command. Return the text to print."""
    client, bucket = clients.client(storage), storage.bucket
    if options.command == "export":
        store = Store(clients.filesystem(client), bucket)
        exported = bundle.export(client, store, options.run, options.file, now())
        size = options.file.stat().st_size
        return f"{options.file}: run {exported.run}, {exported.photos:,} photos, k = {exported.k}, {size / 1e6:.1f} MB"
    if options.command == "find":
        lines = [*find(client, Store(clients.filesystem(client), bucket), options.key)]
        return "\n".join([*lines, f"{options.key}: {len(lines)} found in s3://{bucket}, logs/ not searched"])
    if options.command == "rollback":
        return table(rollback.rollback(client, bucket, options.run, now()))
    if options.command == "unpublish":
        return table(rollback.unpublish(client, bucket, now()))
    return table(rollback.published(client, bucket).publication)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

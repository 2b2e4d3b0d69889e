"""Start and end the development stack (`make up` and `make down`)."""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from pathlib import Path

from development.airflow_environment import ROOT
from development.children import Children, StartError
from development.photos import PHOTOS
from development.running import Running
from development.stack import BUCKET, Ports, running
from local_aws.processes import interrupts
from local_aws.stack import Stack, StackError
from sample_photos.albums import AlbumError

STATE = ROOT / ".verger" / "up"


def main() -> int:
    """Run one command; return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m development", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start the stack, and end it at Ctrl-C")
    down = commands.add_parser("down", help="end the stack that `up` started")
    for command in (up, down):
        command.add_argument("--state", type=Path, default=STATE, help="default: .verger/up")
    standard = Ports()
    for name in ("airflow", "s3", "emr", "history"):
        port = getattr(standard, name)
        up.add_argument(f"--{name}-port", type=int, default=port, dest=name, help=f"default: {port}")
    up.add_argument("--bucket", default=BUCKET, help=f"default: {BUCKET}")
    up.add_argument(
        "--photos", type=int, default=PHOTOS, help=f"sample photos for a bucket without photos (default: {PHOTOS})"
    )
    up.add_argument("--json", action="store_true", help="print addresses and credentials as one line of JSON")
    given = parser.parse_args()
    if given.command == "down":
        Children(given.state.resolve()).end_recorded()
        Stack(given.state / "local_aws").down()
        return 0
    return _up(given)


def _up(given: argparse.Namespace) -> int:
    interrupts.catch()
    ports = Ports(given.airflow, given.s3, given.emr, given.history)
    try:
        with running(given.state, ports, bucket=given.bucket, photos=given.photos, show=_show) as stack:
            print(stack.json() if given.json else _summary(stack, given.state), flush=True)
            children = Children(given.state.resolve())
            while all(process.runs() for process in children.recorded().values()):
                time.sleep(1)  # the end of `running` names the process that has ended
        return 1
    except (StartError, StackError, AlbumError, TimeoutError) as error:
        print(f"up: error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        interrupts.ignore_until_exit()
        print("\ninterrupted: all processes of the stack have ended", file=sys.stderr)
        return 130


def _show(line: str) -> None:
    print(line, file=sys.stderr)


def _brief(path: Path | str) -> str:
    """Return the path as words of a shell: relative to the folder of the repository, if it is in it."""
    full = Path(path).absolute()
    return shlex.quote(str(full.relative_to(ROOT) if full.is_relative_to(ROOT) else full))


def _summary(stack: Running, state: Path) -> str:
    return f"""
Airflow         {stack.url}  user {stack.user}, password {stack.password}
                (stored in {state / "secrets" / "passwords.json"})
Spark history   {stack.history_url}
S3              {stack.aws["AWS_ENDPOINT_URL_S3"]}  bucket {stack.bucket}
keys of S3      eval "$({_brief(sys.executable)} -m local_aws env --state {_brief(state / "local_aws")})"
EMR             {stack.aws["AWS_ENDPOINT_URL_EMR"]}
logs            {stack.logs}
Ctrl-C, or `make down` in another terminal, ends the stack. Buckets and database are kept.
"""


if __name__ == "__main__":
    sys.exit(main())

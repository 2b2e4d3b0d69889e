"""Upload the artifact set for an Airflow without a shared folder, and verify it.

    python -m verger.s3 upload-artifacts    upload the set of VERGER_ARTIFACTS_DIR and print its VERGER_ARTIFACTS_URI
    python -m verger.s3 verify-artifacts    compare every object of VERGER_ARTIFACTS_URI with the manifest of the set

Settings and credentials are those of the DAG: the environment variables `VERGER_<NAME>`, and the Airflow connection.
"""

from __future__ import annotations

import argparse
import logging
import sys

from verger.s3 import artifact_objects, artifacts, clients
from verger.s3.artifact_manifest import Manifest
from verger.settings import Settings, SettingsError, Storage
from verger_contract import keys
from verger_contract.errors import VergerError


def main(arguments: list[str]) -> int:
    """Run the command line. Return the exit status."""
    options = _parser().parse_args(arguments)
    logging.disable(logging.INFO)  # Airflow's loggers write to standard output
    try:
        print(_done(options.command, Settings.from_environment().storage))
    except (VergerError, SettingsError, OSError) as error:
        print(f"verger: error: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m verger.s3", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    commands.add_parser("upload-artifacts", help="upload the set of VERGER_ARTIFACTS_DIR")
    commands.add_parser("verify-artifacts", help="verify the set at VERGER_ARTIFACTS_URI")
    return parser


def _done(command: str, storage: Storage) -> str:
    """Execute the command. Return the text to print."""
    client = clients.client(storage)
    if command == "upload-artifacts":
        manifest = artifacts.upload(client, storage)
        return f"VERGER_ARTIFACTS_URI={keys.uri(storage.bucket, keys.artifacts(manifest.sha256))}/"
    if not storage.artifacts_sha256:
        raise SettingsError("VERGER_ARTIFACTS_URI: not set; expected the address of the set to verify")
    return _summary(storage, artifact_objects.verify(client, storage.bucket, storage.artifacts_sha256))


def _summary(storage: Storage, manifest: Manifest) -> str:
    size = sum(file.size for file in manifest.files.values())
    return f"{storage.artifacts_uri}: {len(manifest.files)} files, {size / 1e6:.0f} MB, as in the manifest"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

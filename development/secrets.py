"""Create the secrets of a development stack: random values in files that only their user and group can read.

    python -m development.secrets FOLDER [--database HOST] [--local-aws STATE]

Existing files are kept.

| file | content |
| --- | --- |
| fernet_key, api_secret_key, jwt_secret | keys of Airflow |
| passwords.json | password of the Airflow user `admin`, for the simple auth manager |
| database_password, database_url | PostgreSQL (with --database) |
| aws | credentials of the local AWS, in the format of `~/.aws/credentials` (with --local-aws) |
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from local_aws.credentials import load_or_create

USER = "admin"
MODE = 0o640


def keep(path: Path, make: Callable[[], str]) -> str:
    """Return the content of a file. Create the file when it does not exist."""
    if path.exists():
        return path.read_text()
    text = make()
    temporary = path.with_name(f".{path.name}")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE), "w") as file:
        file.write(text)
    temporary.replace(path)
    return text


def fernet_key() -> str:
    """Return a random Fernet key."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def airflow_keys(folder: Path) -> dict[str, str]:
    """Return the keys of Airflow by environment variable."""
    folder.mkdir(parents=True, exist_ok=True)
    return {
        "AIRFLOW__CORE__FERNET_KEY": keep(folder / "fernet_key", fernet_key),
        "AIRFLOW__API__SECRET_KEY": keep(folder / "api_secret_key", secrets.token_urlsafe),
        "AIRFLOW__API_AUTH__JWT_SECRET": keep(folder / "jwt_secret", lambda: secrets.token_urlsafe(64)),
    }


def password(folder: Path) -> str:
    """Return the password of the Airflow user USER."""
    folder.mkdir(parents=True, exist_ok=True)
    users = json.loads(keep(folder / "passwords.json", lambda: json.dumps({USER: secrets.token_urlsafe(12)})))
    return str(users[USER])


def database(folder: Path, host: str) -> None:
    """Create the password of the PostgreSQL user `airflow`, and the URL of the database."""
    database_password = keep(folder / "database_password", lambda: secrets.token_urlsafe(24))
    keep(folder / "database_url", lambda: f"postgresql+psycopg2://airflow:{database_password}@{host}/airflow")


def aws(folder: Path, state: Path) -> None:
    """Create a credentials file for clients of the local AWS in a state folder."""
    pair = load_or_create(state)
    keys = f"aws_access_key_id = {pair.access_key_id}\naws_secret_access_key = {pair.secret_access_key}\n"
    keep(folder / "aws", lambda: f"[default]\n{keys}")


def main() -> None:
    """Run the command line; see the docstring of the module."""
    parser = argparse.ArgumentParser(prog="python -m development.secrets", description="Create the secrets of a stack.")
    parser.add_argument("folder", type=Path, help="folder of the secrets")
    parser.add_argument("--database", metavar="HOST", help="also the password and the URL of PostgreSQL on this host")
    parser.add_argument("--local-aws", type=Path, metavar="STATE", help="also credentials for this state folder")
    given = parser.parse_args()
    airflow_keys(given.folder)
    password(given.folder)
    if given.database:
        database(given.folder, given.database)
    if given.local_aws:
        aws(given.folder, given.local_aws)


if __name__ == "__main__":
    main()

"""The secrets of a development stack, each made at random once and kept in files that only its user and group read.

    python -m development.secrets FOLDER [--database HOST] [--local-aws STATE]

| file | what |
| --- | --- |
| fernet_key, api_secret_key, jwt_secret | Airflow's keys |
| passwords.json | the password of Airflow's user `admin`, as its simple auth manager reads it |
| database_password, database_url | of PostgreSQL (with --database) |
| aws | credentials of the local AWS, in the form of `~/.aws/credentials` (with --local-aws) |
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
    """What lies in the file; made, and written, when there is none."""
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
    """32 random bytes in the alphabet that cryptography's Fernet wants."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def airflow_keys(folder: Path) -> dict[str, str]:
    """Airflow's keys by the environment variables that take them."""
    folder.mkdir(parents=True, exist_ok=True)
    return {
        "AIRFLOW__CORE__FERNET_KEY": keep(folder / "fernet_key", fernet_key),
        "AIRFLOW__API__SECRET_KEY": keep(folder / "api_secret_key", secrets.token_urlsafe),
        "AIRFLOW__API_AUTH__JWT_SECRET": keep(folder / "jwt_secret", lambda: secrets.token_urlsafe(64)),
    }


def password(folder: Path) -> str:
    """The password of Airflow's USER."""
    folder.mkdir(parents=True, exist_ok=True)
    users = json.loads(keep(folder / "passwords.json", lambda: json.dumps({USER: secrets.token_urlsafe(12)})))
    return str(users[USER])


def database(folder: Path, host: str) -> None:
    """The password of PostgreSQL's user `airflow`, and the URL by which Airflow finds its database."""
    word = keep(folder / "database_password", lambda: secrets.token_urlsafe(24))
    keep(folder / "database_url", lambda: f"postgresql+psycopg2://airflow:{word}@{host}/airflow")


def aws(folder: Path, state: Path) -> None:
    """The credentials of the local AWS of a state folder, for clients that read a file of credentials."""
    pair = load_or_create(state)
    keys = f"aws_access_key_id = {pair.access_key_id}\naws_secret_access_key = {pair.secret_access_key}\n"
    keep(folder / "aws", lambda: f"[default]\n{keys}")


def main() -> None:
    """The command line; see the module's docstring."""
    parser = argparse.ArgumentParser(prog="python -m development.secrets")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--database", metavar="HOST")
    parser.add_argument("--local-aws", type=Path, metavar="STATE")
    given = parser.parse_args()
    airflow_keys(given.folder)
    password(given.folder)
    if given.database:
        database(given.folder, given.database)
    if given.local_aws:
        aws(given.folder, given.local_aws)


if __name__ == "__main__":
    main()

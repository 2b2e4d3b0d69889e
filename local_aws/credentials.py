"""The credentials of a stack: one random access key, in a file of the state folder that only its owner can read."""

from __future__ import annotations

import json
import os
import secrets
import string
from dataclasses import asdict, dataclass
from pathlib import Path

KEY_LETTERS = string.ascii_uppercase + "234567"


@dataclass(frozen=True)
class Credentials:
    """An access key: id and secret. `repr` does not show the secret."""

    access_key_id: str
    secret_access_key: str

    def __repr__(self) -> str:
        return f"Credentials({self.access_key_id})"


def load_or_create(state: Path) -> Credentials:
    """Return the credentials in `<state>/credentials.json`. Create them on first use (mode 0600)."""
    path = state / "credentials.json"
    if path.exists():
        return Credentials(**json.loads(path.read_text()))
    made = Credentials(
        access_key_id="VRGR" + "".join(secrets.choice(KEY_LETTERS) for _ in range(16)),
        secret_access_key=secrets.token_urlsafe(30),
    )
    state.mkdir(parents=True, exist_ok=True)
    write_private(path, json.dumps(asdict(made)))
    return made


def write_private(path: Path, text: str) -> None:
    """Write a file atomically that only its owner can read."""
    temporary = path.with_suffix(".tmp")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    temporary.replace(path)

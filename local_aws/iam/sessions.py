"""Access keys of users, and temporary credentials of roles.

All of them are derived from the secret of the stack by HMAC-SHA-256, so every server of the stack verifies them without
a table. The session token of temporary credentials holds the role, the end of the session, and a MAC.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from local_aws.credentials import Credentials
from local_aws.iam.account import ADMINISTRATOR

USER_KEY, SESSION_KEY = "AKIA", "ASIA"
"""Beginnings of the ids of access keys, as in AWS."""


LEEWAY_S = 5.0
"""Seconds after the end of a session in which its requests are still valid: they were signed before the end."""


CONTAINER = "/container"
"""Path of the endpoint that gives credentials as ECS gives them to containers."""


class TokenError(Exception):
    """The credentials of a request are not valid. `code` is that of STS: InvalidToken or ExpiredToken."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Session:
    """Temporary credentials of a role.

    Attributes
    ----------
    credentials : Credentials
    token : str
        The session token.
    expires : float
        End of the session, s since 1970.
    """

    credentials: Credentials
    token: str
    expires: float

    @property
    def expiration(self) -> str:
        """The end of the session in the form of AWS."""
        return timestamp(self.expires)


@dataclass(frozen=True)
class KeyOwner:
    """Who has an access key.

    Attributes
    ----------
    name, secret : str
        Name of the principal, and the secret of the key.
    session : str
        Name of the session of a role; empty for a user.
    """

    name: str
    secret: str
    session: str = ""


def timestamp(seconds: float) -> str:
    """Return a time in the form of AWS: `2026-11-27T08:00:00Z`."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True)
class Keys:
    """The access keys of a stack. `own` are the credentials of the stack: those of the administrator."""

    own: Credentials

    @property
    def metadata_path(self) -> str:
        """The secret path of the metadata service of the nodes."""
        return f"/{self._mac('metadata')[:16].hex()}"

    def user(self, name: str) -> Credentials:
        """Return the access key of a user."""
        if name == ADMINISTRATOR:
            return self.own
        letters = base64.b32encode(self._mac(f"id {name}"))[:16].decode()
        return Credentials(f"{USER_KEY}{letters}", self._secret(f"user {name}"))

    def session(self, role: str, name: str, seconds: float) -> Session:
        """Return new temporary credentials of a role. `name` is the name of the session."""
        key_id = SESSION_KEY + base64.b32encode(secrets.token_bytes(10)).decode()
        expires = time.time() + seconds
        content = json.dumps({"role": role, "name": name, "key": key_id, "expires": expires}).encode()
        token = f"{base64.b64encode(content).decode()}.{self._mac(content.decode()).hex()}"
        return Session(Credentials(key_id, self._secret(token)), token, expires)

    def find(self, key_id: str, token: str | None, users: list[str]) -> KeyOwner | None:
        """Return who has an access key; None for an unknown key.

        Raises
        ------
        TokenError
            The session token is missing, is not of this stack, belongs to another key, or has expired.
        """
        if not key_id.startswith(SESSION_KEY):
            known = {self.user(name).access_key_id: name for name in users}
            name = known.get(key_id)
            return KeyOwner(name, self.user(name).secret_access_key) if name else None
        content = self._content(token or "")
        if content is None or content["key"] != key_id:
            raise TokenError("InvalidToken", "The provided token is malformed or otherwise invalid.")
        if content["expires"] + LEEWAY_S <= time.time():
            raise TokenError("ExpiredToken", "The provided token has expired.")
        return KeyOwner(str(content["role"]), self._secret(str(token)), str(content["name"]))

    def _content(self, token: str) -> dict[str, Any] | None:
        encoded, _, mac = token.partition(".")
        try:
            text = base64.b64decode(encoded, validate=True).decode()
        except ValueError:
            return None
        if not hmac.compare_digest(mac, self._mac(text).hex()):
            return None
        content: dict[str, Any] = json.loads(text)
        return content

    def _secret(self, text: str) -> str:
        return base64.b64encode(self._mac(f"secret {text}")).decode()

    def _mac(self, text: str) -> bytes:
        return hmac.digest(self.own.secret_access_key.encode(), text.encode(), hashlib.sha256)

"""The record of all decisions of an enforced stack: one JSON object a line, in `<state>/iam.jsonl`."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from local_aws.iam.evaluator import ALLOWED

FILE = "iam.jsonl"


@dataclass(frozen=True)
class Decision:
    """A decision about a request.

    Attributes
    ----------
    principal, action, resource, decision : str
        For example NodeRole, s3:GetObject, an ARN, and Allowed.
    key_id, agent : str
        The access key that signed the request, and the program that sent it: the beginning of its User-Agent.
    """

    principal: str
    action: str
    resource: str
    decision: str
    key_id: str
    agent: str

    @property
    def allowed(self) -> bool:
        """Whether the request was allowed."""
        return self.decision == ALLOWED


def append(state: Path, decision: Decision) -> None:
    """Add a decision. Several processes append to the file: each line is one write."""
    line = json.dumps(asdict(decision))
    file = os.open(state / FILE, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(file, f"{line}\n".encode())
    finally:
        os.close(file)


def read(state: Path) -> Iterator[Decision]:
    """Yield the decisions, oldest first."""
    path = state / FILE
    for line in path.read_text().splitlines() if path.exists() else ():
        yield Decision(**json.loads(line))

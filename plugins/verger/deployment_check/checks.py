"""A check of the account, and how its errors become a finding."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from verger_contract.errors import VergerError

DENIED = frozenset({"403", "AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError"})
"""Codes with which S3, IAM, EMR, EC2 and Service Quotas refuse a request."""


class ProblemError(VergerError):
    """The account is not as Verger needs it. The message says what was expected and found, and what to do."""


class State(StrEnum):
    """The result of a check."""

    OK = "ok"
    PROBLEM = "problem"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Check:
    """One check.

    Attributes
    ----------
    subject : str
        What is checked, in a few words.
    actions : str
        The actions of IAM that the check needs.
    look : callable
        Returns what was found, in words. Raises ProblemError.
    """

    subject: str
    actions: str
    look: Callable[[], str]


@dataclass(frozen=True)
class Finding:
    """The result of one check.

    Attributes
    ----------
    subject : str
    state : State
        UNKNOWN when the credentials may not look, or the service gave no answer.
    text : str
        What was found, or what to do.
    """

    subject: str
    state: State
    text: str

    def __str__(self) -> str:
        return f"{self.state:8} {self.subject}: {self.text}"


def finding(check: Check) -> Finding:
    """Run a check and return its result. An error of AWS never ends the command: the other checks still run."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return Finding(check.subject, State.OK, check.look())
    except ProblemError as problem:
        return Finding(check.subject, State.PROBLEM, str(problem))
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        if code in DENIED:
            text = f"the credentials may not look; run the command with credentials that have {check.actions}"
            return Finding(check.subject, State.UNKNOWN, text)
        return Finding(check.subject, State.UNKNOWN, str(error))
    except BotoCoreError as error:
        return Finding(check.subject, State.UNKNOWN, str(error))

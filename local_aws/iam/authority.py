"""Who signed a request, and whether the policies allow it: shared by the gateway of S3, the EMR server and STS."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from local_aws.credentials import load_or_create
from local_aws.iam import record, signature
from local_aws.iam.account import ADMINISTRATOR, Account
from local_aws.iam.evaluator import ALLOWED, FORBIDDEN, Request
from local_aws.iam.record import Decision
from local_aws.iam.sessions import KeyOwner, Keys, TokenError
from local_aws.iam.signature import Headers, Signature, SignatureError


class DeniedError(Exception):
    """The policies do not allow a request. The message is that of AWS."""


@dataclass(frozen=True)
class Caller:
    """Who signed a request.

    Attributes
    ----------
    owner : KeyOwner
        The principal.
    signature : Signature
    agent : str
        The program that sent the request.
    """

    owner: KeyOwner
    signature: Signature
    agent: str

    @property
    def name(self) -> str:
        """Name of the principal."""
        return self.owner.name


@dataclass(frozen=True)
class Authority:
    """The account of a stack with its access keys and the record of decisions.

    Attributes
    ----------
    state : Path
        The state folder.
    enforced : bool
        Whether policies decide. Otherwise the administrator is the only principal.
    """

    state: Path
    enforced: bool = True

    @cached_property
    def account(self) -> Account:
        """The account."""
        return Account.load(self.state)

    @cached_property
    def keys(self) -> Keys:
        """The access keys."""
        return Keys(load_or_create(self.state))

    def caller(self, method: str, path: str, headers: Headers, body: bytes) -> Caller:
        """Return who signed a request.

        Raises
        ------
        SignatureError, TokenError
            The request is not signed by a valid key.
        """
        found = signature.read(path, headers)
        owner = self.keys.find(found.key_id, found.token, self._users())
        if owner is None:
            raise SignatureError(
                "UnrecognizedClientException",
                "The security token included in the request is invalid: not an access key of this stack"
                " (`python -m local_aws env` prints it).",
            )
        signature.verify(found, method, path, headers, body, secret=owner.secret)
        return Caller(owner, found, str(headers.get("User-Agent") or "").partition("/")[0])

    def _users(self) -> list[str]:
        if not self.enforced:
            return [ADMINISTRATOR]
        return [name for name, principal in self.account.principals.items() if principal.trust is None]

    def allows(self, caller: Caller, request: Request) -> bool:
        """Decide about a request, and record the decision."""
        return self._decide(caller, request) == ALLOWED

    def check(self, caller: Caller, requests: Iterable[Request]) -> None:
        """Decide about all requests that an operation needs, and record the decisions.

        Raises
        ------
        DeniedError
            One of them is not allowed.
        """
        decided = [(request, self._decide(caller, request)) for request in requests]
        for request, decision in decided:
            if decision != ALLOWED:
                raise DeniedError(self.message(caller, request, decision))

    def message(self, caller: Caller, request: Request, decision: str) -> str:
        """Return the message with which AWS refuses a request."""
        reason = (
            f"with an explicit deny in a policy for {request.action}"
            if decision == FORBIDDEN
            else f"because no identity-based policy allows the {request.action} action"
        )
        return (
            f"User: {self.account.arn(caller.owner)} is not authorized to perform: {request.action} on"
            f" resource: {request.resource} {reason}"
        )

    def _decide(self, caller: Caller, request: Request) -> str:
        decision = self.account.decision(caller.name, request)
        made = Decision(caller.name, request.action, request.resource, decision, caller.signature.key_id, caller.agent)
        record.append(self.state, made)
        return decision


__all__ = ["Authority", "Caller", "DeniedError", "SignatureError", "TokenError"]

"""Errors of S3: what obstore's exceptions contain, and messages that name the object, the error code and what to do."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from xml.etree import ElementTree

from obstore import exceptions

from verger_contract.errors import VergerError, one_line
from verger_spark.io.s3_codes import WRONG_CREDENTIALS, action, is_of_the_store

MOST_CHARACTERS = 300
"""Maximum length of S3's own message in a message of Verger."""

STATUS_OF_TYPES: Mapping[type[Exception], int] = MappingProxyType(
    {
        exceptions.UnauthenticatedError: 401,
        exceptions.PermissionDeniedError: 403,
        PermissionError: 403,
        exceptions.NotFoundError: 404,
        FileNotFoundError: 404,
        exceptions.PreconditionError: 412,
    }
)
"""The HTTP status of an exception whose text has none."""

ERRORS = (exceptions.BaseError, OSError)
"""What obstore raises for a request that failed."""

CREDENTIALS = re.compile(r"https?://(169\.254\.|\[fd00:ec2:|sts[.-]|[^/]+/latest/)")
"""Beginnings of the addresses from which credentials are fetched: the instance metadata service, ECS, EKS and STS."""


class Operation(StrEnum):
    """What a request does with the object: the first words of a message, and the IAM permissions that allow it."""

    READ = "cannot be read"
    WRITE = "cannot be written"
    LIST = "cannot be listed"
    DELETE = "cannot be deleted"

    @property
    def permissions(self) -> str:
        """The IAM permissions of the operation."""
        return {
            Operation.READ: "s3:GetObject, s3:ListBucket and, for objects under a KMS key, kms:Decrypt",
            Operation.WRITE: "s3:PutObject, s3:AbortMultipartUpload and, under a KMS key, kms:GenerateDataKey",
            Operation.LIST: "s3:ListBucket",
            Operation.DELETE: "s3:DeleteObject",
        }[self]


@dataclass(frozen=True)
class Answer:
    """The answer to a failed request.

    Attributes
    ----------
    status : int or None
        The HTTP status. None without an answer.
    code : str
        The element `<Code>` of the body. Empty for an answer without a body, such as every answer to HEAD.
    message : str
        The element `<Message>` of the body, otherwise the text of the exception, on one line.
    by_s3 : bool
        False if the request for credentials failed, and S3 received none.
    """

    status: int | None
    code: str
    message: str
    by_s3: bool = True

    @property
    def name(self) -> str:
        """Code and status, as far as they are known."""
        status = f"HTTP {self.status}" if self.status else ""
        return f"{self.code} ({status})" if self.code and status else self.code or status or "no answer"

    @property
    def is_about_the_store(self) -> bool:
        """Whether other objects of the bucket have the same error.

        An unknown code with status 403 or 404 concerns one object. Every other unknown code concerns the store.
        """
        return not self.by_s3 or is_of_the_store(self.code) or self.status not in (403, 404)

    def action(self, operation: Operation) -> str:
        """Return what to do."""
        if not self.by_s3:
            return f"the nodes have no credentials; {WRONG_CREDENTIALS}"
        return action(self.code, self.status, operation.permissions)


def answer_of(error: Exception) -> Answer:
    """Return the answer of S3 that obstore's exception contains.

    obstore's exceptions have no attributes. The last part of their text, `Debug source`, is one attribute a line, with
    texts as literals, so that neither a key nor a body can look like another attribute.
    """
    text, _, debug = str(error).rpartition("\n\nDebug source:\n")
    uri = re.search(r"^ +uri: Some\(\n +(\S+),$", debug, re.MULTILINE)
    by_s3 = not (uri and CREDENTIALS.match(uri[1]))
    if re.search(r"^ +inner: BareRedirect,$", debug, re.MULTILINE):
        return Answer(301, "PermanentRedirect", "the bucket lies in another region", by_s3)
    found = re.search(r'^ +status: (\d+),(?:\n +body: Some\(\n +"(.*)",$)?', debug, re.MULTILINE)
    status = (
        int(found[1])
        if found
        else next((status for kind, status in STATUS_OF_TYPES.items() if isinstance(error, kind)), None)
    )
    code, message = _code_and_message(_unescaped(found[2] or "") if found else "")
    return Answer(status, code, _shortened(message or _summary(text or str(error), status)), by_s3)


def _code_and_message(body: str) -> tuple[str, str]:
    try:
        root = ElementTree.fromstring(body)  # noqa: S314 (the bucket's own server)
    except (ElementTree.ParseError, ValueError):
        return "", body
    return root.findtext("{*}Code", "").strip(), root.findtext("{*}Message", "")


def _unescaped(literal: str) -> str:
    r"""Return the text of a literal of Rust.

    Examples
    --------
    >>> _unescaped(r'a\"b\n\u{e9}')
    'a"b\né'
    """
    plain = {"n": "\n", "r": "\r", "t": "\t", "0": "\0"}

    def character(escape: re.Match[str]) -> str:
        return chr(int(escape[1], 16)) if escape[1] else plain.get(escape[2], escape[2])

    return re.sub(r"\\(?:u\{([0-9a-f]+)\}|(.))", character, literal)


def _summary(text: str, status: int | None) -> str:
    """Return the reason at the end of obstore's text, without the address that precedes it."""
    return "no message" if status else text.rpartition(" - ")[2]


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= MOST_CHARACTERS else f"{line[:MOST_CHARACTERS]}..."


def store_error(uri: str, error: Exception, operation: Operation = Operation.READ) -> VergerError:
    """Return the error that ends the step: object, code, S3's message and what to do."""
    answer = answer_of(error)
    return VergerError(f"{uri}: {operation.value}: {answer.name}: {answer.message}; {answer.action(operation)}")


@contextlib.contextmanager
def explained(uri: str, operation: Operation = Operation.READ) -> Iterator[None]:
    """Raise VergerError for a failed request of the `with` block.

    Raises
    ------
    FileNotFoundError
        The object to read does not exist: the caller determines what this means. A missing bucket is a VergerError.
    VergerError
        Every other failure.
    """
    try:
        yield
    except ERRORS as error:
        answer = answer_of(error)
        if operation is Operation.READ and answer.status == 404 and not answer.is_about_the_store:
            raise FileNotFoundError(uri) from None
        raise store_error(uri, error, operation) from None
    except ValueError as error:  # obstore refuses the key before the request
        raise VergerError(f"{uri}: {operation.value}: {one_line(error)}") from None

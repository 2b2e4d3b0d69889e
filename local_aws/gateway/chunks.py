"""Decode a body with the content encoding aws-chunked, in which the AWS SDK for Java signs each chunk.

"Signature calculations for the Authorization header: transferring a payload in multiple chunks" in AWS's documents of
S3 describes the format, also with trailing headers.
"""

from __future__ import annotations

import hashlib
import hmac

from local_aws.iam.signature import Signature, SignatureError

SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
TRAILER = "-TRAILER"
EMPTY = hashlib.sha256(b"").hexdigest()


class ChunkError(Exception):
    """A body that is not aws-chunked."""


def decode(body: bytes, kind: str, signature: Signature, secret: str) -> tuple[bytes, dict[str, str]]:
    """Return the content of the chunks, and the trailing headers.

    Parameters
    ----------
    body : bytes
    kind : str
        The header X-Amz-Content-SHA256, such as `STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER`.
    signature : Signature
        That of the request. The signature of the first chunk includes it.
    secret : str
        The secret of its access key.

    Raises
    ------
    ChunkError
        The body is not aws-chunked.
    SignatureError
        A chunk has another signature.
    """
    signed = kind.startswith(SIGNED)
    chain = _Chain(signature, secret)
    content: list[bytes] = []
    position = 0
    while True:
        end = body.find(b"\r\n", position)
        size, _, extension = body[position:end].partition(b";")
        try:
            length = int(size, 16)
        except ValueError:
            raise ChunkError(f"expected the size of a chunk, found {size[:20]!r}") from None
        chunk = body[end + 2 : end + 2 + length]
        if len(chunk) != length:
            raise ChunkError(f"expected {length} bytes in a chunk, found {len(chunk)}")
        if signed:
            chain.check(chunk, extension.partition(b"chunk-signature=")[2].decode())
        position = end + 2 + length + (2 if length else 0)
        if not length:
            return b"".join(content), _trailers(body[position:], chain if signed else None)
        content.append(chunk)


def _trailers(rest: bytes, chain: _Chain | None) -> dict[str, str]:
    lines = [line for line in rest.decode().replace("\r\n", "\n").split("\n") if line]
    found = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    signature = found.pop("x-amz-trailer-signature", None)
    if chain is not None and found:
        chain.check_trailer("".join(f"{name}:{value}\n" for name, value in found.items()), signature or "")
    return found


class _Chain:
    """The signatures of the chunks. Each includes the one before."""

    def __init__(self, signature: Signature, secret: str) -> None:
        self._head = [signature.date, signature.scope]
        self._last = signature.value
        key = f"AWS4{secret}".encode()
        for part in signature.scope.split("/"):
            key = hmac.digest(key, part.encode(), hashlib.sha256)
        self._key = key

    def check(self, chunk: bytes, found: str) -> None:
        self._compare(["AWS4-HMAC-SHA256-PAYLOAD", *self._head, self._last, EMPTY, _sha256(chunk)], found)

    def check_trailer(self, text: str, found: str) -> None:
        self._compare(["AWS4-HMAC-SHA256-TRAILER", *self._head, self._last, _sha256(text.encode())], found)

    def _compare(self, lines: list[str], found: str) -> None:
        expected = hmac.digest(self._key, "\n".join(lines).encode(), hashlib.sha256).hex()
        if not hmac.compare_digest(expected, found):
            raise SignatureError("InvalidSignatureException", "The signature of a chunk does not match")
        self._last = expected


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()

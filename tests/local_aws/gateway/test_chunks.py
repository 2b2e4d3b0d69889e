"""Bodies in signed chunks. The first example, with its signatures, is that of AWS's documents of S3."""

from __future__ import annotations

import pytest

from local_aws.gateway.chunks import ChunkError, decode
from local_aws.iam.signature import Signature, SignatureError

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
SIGNATURE = Signature(
    "AKIAIOSFODNN7EXAMPLE", "20130524", "us-east-1", "s3", ("host",),
    "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9", "20130524T000000Z", None,
)  # fmt: skip
KIND = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
CONTENT = b"a" * 66_560


def body(content: bytes = CONTENT) -> bytes:
    chunks = [
        (content[:65_536], b"ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648"),
        (content[65_536:], b"0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497"),
        (b"", b"b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"),
    ]
    return b"".join(b"%x;chunk-signature=%s\r\n%s\r\n" % (len(chunk), value, chunk) for chunk, value in chunks)


def test_the_content_of_the_chunks_is_returned() -> None:
    assert decode(body(), KIND, SIGNATURE, SECRET) == (CONTENT, {})


@pytest.mark.parametrize("changed", [b"b" + CONTENT[1:], CONTENT[:-1] + b"b"])
def test_a_changed_chunk_is_refused(changed: bytes) -> None:
    with pytest.raises(SignatureError):
        decode(body(changed), KIND, SIGNATURE, SECRET)


@pytest.mark.parametrize("broken", [b"", b"no chunks", body()[:100], body().replace(b"400;", b"zz;", 1)])
def test_a_body_that_is_not_chunked_is_an_error(broken: bytes) -> None:
    with pytest.raises(ChunkError):
        decode(broken, KIND, SIGNATURE, SECRET)


def test_trailing_headers_are_returned() -> None:
    unsigned = b"3\r\nabc\r\n0\r\nx-amz-checksum-crc32:NSRBwg==\r\n\r\n"
    found = decode(unsigned, "STREAMING-UNSIGNED-PAYLOAD-TRAILER", SIGNATURE, SECRET)
    assert found == (b"abc", {"x-amz-checksum-crc32": "NSRBwg=="})


def test_a_trailing_header_without_its_signature_is_refused() -> None:
    signed = body().removesuffix(b"\r\n") + b"x-amz-checksum-crc32:NSRBwg==\r\n\r\n"
    with pytest.raises(SignatureError):
        decode(signed, f"{KIND}-TRAILER", SIGNATURE, SECRET)

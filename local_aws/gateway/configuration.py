"""What the S3 server does not have: the region of a bucket, and the configuration of the bucket of the template.

SeaweedFS has no Block Public Access. It stores a default encryption by KMS, but then refuses every object, because it
has no such key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from xml.sax.saxutils import escape

from local_aws.gateway.answers import Answer
from local_aws.iam.account import Account
from local_aws.iam.s3_actions import Call

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
REGION = "x-amz-bucket-region"
OK = 200


def own_answer(call: Call, account: Account) -> Answer | None:
    """Return the answer to a request for the encryption or the public access block of the bucket; None for others."""
    if (call.method, call.bucket, call.key) != ("GET", account.bucket, ""):
        return None
    if "encryption" in call.query:
        return _xml("ServerSideEncryptionConfiguration", _encryption(account.bucket_properties))
    if "publicAccessBlock" in call.query:
        blocked = account.bucket_properties["PublicAccessBlockConfiguration"]
        return _xml("PublicAccessBlockConfiguration", _elements(blocked))
    return None


def with_region(call: Call, account: Account, answer: Answer) -> Answer:
    """Add the region to the answer of HeadBucket."""
    if call.method != "HEAD" or call.key or answer.status != OK:
        return answer
    return replace(answer, headers=[*answer.headers, (REGION, account.region)])


def _encryption(properties: Mapping[str, Any]) -> str:
    (rule,) = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    default = _elements(rule["ServerSideEncryptionByDefault"])
    enabled = _elements({"BucketKeyEnabled": rule["BucketKeyEnabled"]})
    return f"<Rule><ApplyServerSideEncryptionByDefault>{default}</ApplyServerSideEncryptionByDefault>{enabled}</Rule>"


def _elements(values: Mapping[str, Any]) -> str:
    texts = {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in values.items()}
    return "".join(f"<{name}>{escape(text)}</{name}>" for name, text in texts.items())


def _xml(name: str, content: str) -> Answer:
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<{name} xmlns="{NAMESPACE}">{content}</{name}>'
    return Answer(OK, [("Content-Type", "application/xml")], body.encode())

"""Which errors of S3 concern one photo, which is then rejected. All others concern the store and end the run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from verger_contract.errors import VergerError
from verger_contract.reasons import RejectKind
from verger_photo.unreadable import UnreadablePhoto
from verger_spark.io.s3_errors import Answer

KINDS: Mapping[str, tuple[RejectKind, str]] = MappingProxyType(
    {
        "NoSuchKey": (RejectKind.DELETED, ""),
        "NoSuchVersion": (RejectKind.DELETED, ""),
        "MethodNotAllowed": (RejectKind.DELETED, "its current version is a delete marker"),
        "InvalidObjectState": (RejectKind.ARCHIVED, "restore the object, or copy it to another storage class"),
        "KeyTooLongError": (RejectKind.KEY_CANNOT_BE_READ, "it is too long: rename the object"),
        "InvalidURI": (RejectKind.KEY_CANNOT_BE_READ, "S3 refuses it: rename the object"),
    }
)
"""Kind and detail of the reject, by error code of S3."""

CUSTOMER_KEY = re.compile(r"server[ -]side encryption|customer[ -]provided|SSE-C", re.IGNORECASE)
"""The message for an object that is read without its customer key. Its code, InvalidRequest or InvalidArgument, has
many other meanings."""

KMS = re.compile(r"\bkms\b", re.IGNORECASE)
ACTION = re.compile(r"\b(?:s3|kms):[A-Za-z]+")

FEWEST_DENIED = 20
"""From this number of denied photos on, a run without features fails. Fewer photos can all have a policy of their
own."""


def reject_of(answer: Answer, etag: str) -> UnreadablePhoto | None:
    """Return the reject for a failed GET of a photo.

    Parameters
    ----------
    answer : Answer
        S3's answer to a GET on the condition `If-Match: <etag>`.
    etag : str
        The ETag of the listed version.

    Returns
    -------
    UnreadablePhoto or None
        None if the error concerns the store.
    """
    if answer.by_s3:
        if answer.code in KINDS:
            return UnreadablePhoto(*KINDS[answer.code])
        if answer.status == 412:
            return changed(etag)
        if answer.status == 400 and CUSTOMER_KEY.search(answer.message) and not KMS.search(answer.message):
            return UnreadablePhoto(RejectKind.CUSTOMER_KEY, "SSE-C: copy the object to another encryption")
    return None if answer.is_about_the_store else _of_status(answer)


def _of_status(answer: Answer) -> UnreadablePhoto:
    if answer.status == 404:
        return UnreadablePhoto(RejectKind.DELETED)
    return UnreadablePhoto(RejectKind.ACCESS_DENIED, f"{answer.name}: {_denied_action(answer.message)}")


def changed(etag: str) -> UnreadablePhoto:
    """Return the reject for a photo that has another ETag than the listed one."""
    return UnreadablePhoto(RejectKind.CHANGED, f"etag was {etag}; the next run takes the new one")


def _denied_action(message: str) -> str:
    """Return what S3's message denies. The message itself can name the account, and is left out."""
    found = ACTION.search(message)
    return f"{found[0]} is not allowed" if found else "by the policy of the bucket or of the role of the nodes"


def check_access(images: str, featurized: int, rejects: Mapping[str, int]) -> None:
    """Check that the cause of denied access can be a single photo.

    Parameters
    ----------
    images : str
        URI of the photos.
    featurized : int
        Photos of this run that have features.
    rejects : mapping of str to int
        Number of rejects by kind.

    Raises
    ------
    VergerError
        No photo has features, and access is denied to most photos and to at least ``FEWEST_DENIED``.
    """
    denied, photos = rejects.get(RejectKind.ACCESS_DENIED.value, 0), featurized + sum(rejects.values())
    if not featurized and denied >= FEWEST_DENIED and 2 * denied > photos:
        raise VergerError(
            f"{images}: access is denied to {denied:,} of {photos:,} photos, and no photo has features; grant "
            "s3:GetObject (and kms:Decrypt, if they are under a KMS key) to the role of the nodes, and look for a "
            "policy of the bucket, the VPC endpoint or the organization that denies it; then start a new run"
        )

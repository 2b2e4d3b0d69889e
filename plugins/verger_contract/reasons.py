"""The reasons for which a photo is rejected, and the rules by which a later run retries it."""

from __future__ import annotations

from enum import StrEnum


class RejectKind(StrEnum):
    """The column `kind` of rejects and manifest. The column `reason` adds the details in words."""

    EMPTY_FILE = "empty file"
    NOT_AN_IMAGE = "not an image"
    DAMAGED_IMAGE = "damaged image"
    PIXEL_TYPE = "pixel type not supported"
    IMAGE_TOO_LARGE = "image too large"
    FILE_TOO_LARGE = "file too large"
    NO_LABEL = "no label"
    KEY_CANNOT_BE_READ = "key cannot be read"
    DELETED = "deleted since it was listed"
    CHANGED = "changed since it was listed"
    UNREADABLE_AT_FIRST = "unreadable at first"
    ACCESS_DENIED = "access denied"
    ARCHIVED = "archived"
    CUSTOMER_KEY = "encrypted with a customer key"


RETRIED = frozenset({RejectKind.DELETED, RejectKind.CHANGED, RejectKind.UNREADABLE_AT_FIRST})
"""The cause is temporary: the next run featurizes the photo like a new one."""

RETRIED_WITH_OTHER_WORK = frozenset({RejectKind.ACCESS_DENIED, RejectKind.ARCHIVED})
"""The cause can end without a new ETag, but it can also last: such a photo is retried whenever a run has other work,
and never launches a cluster alone. An archived object keeps its ETag when it is restored."""

REPEATED_BY_THE_STEP = frozenset({RejectKind.ACCESS_DENIED, RejectKind.UNREADABLE_AT_FIRST})
"""A step that is submitted a second time in the same run repeats its work if the first attempt has such rejects."""


def reason(kind: RejectKind, detail: str = "") -> str:
    """Return the text of the column `reason`.

    Examples
    --------
    >>> reason(RejectKind.NOT_AN_IMAGE, "no known image format")
    'not an image (no known image format)'
    """
    return f"{kind.value} ({detail})" if detail else kind.value

"""Makes a reject of every error of a decoder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from PIL import UnidentifiedImageError

from verger_contract.errors import one_line
from verger_contract.reasons import RejectKind
from verger_photo.limits.sizes import too_large
from verger_photo.unreadable import UnreadablePhoto


@contextmanager
def every_error_rejects() -> Iterator[None]:
    """Raise UnreadablePhoto for every error in the body, so that no photo ends a run.

    For a damaged file, Pillow's plugins raise many types: OSError, SyntaxError, ValueError, struct.error, RuntimeError
    and more.
    """
    try:
        yield
    except UnreadablePhoto:
        raise
    except MemoryError as error:
        raise too_large("decoding it needs more memory than there is") from error
    except UnidentifiedImageError as error:
        raise UnreadablePhoto(RejectKind.DAMAGED_IMAGE, "the header cannot be read") from error
    except Exception as error:
        raise UnreadablePhoto(RejectKind.DAMAGED_IMAGE, one_line(error) or type(error).__name__) from error

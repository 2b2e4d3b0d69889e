"""The exception for a photo without features."""

from __future__ import annotations

from verger_contract.reasons import RejectKind, reason


class UnreadablePhoto(Exception):
    """A photo has no features. `str()` is the text of the column `reason`.

    Parameters
    ----------
    kind : RejectKind
        The value of the column `kind`.
    detail : str
        What was found, in words.

    Examples
    --------
    >>> str(UnreadablePhoto(RejectKind.NOT_AN_IMAGE, "no known format"))
    'not an image (no known format)'
    """

    def __init__(self, kind: RejectKind, detail: str = "") -> None:
        super().__init__(reason(kind, detail))
        self.kind = kind

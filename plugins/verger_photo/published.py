"""The featurizer of a publication: `verger_reader.py` imports this module from the artifact set of the publication.

The module itself needs no library, so that it can say which ones are missing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import metadata
from typing import TYPE_CHECKING

from verger_contract.errors import VergerError
from verger_photo.unreadable import UnreadablePhoto

if TYPE_CHECKING:
    from verger_photo.inputs import PhotoFeaturizer

__all__ = ["UnreadablePhoto", "VergerError", "photo_featurizer"]

DECIDING = ("pillow", "ai-edge-litert")
"""The libraries that determine the bits of the features. Pillow decodes and resizes, LiteRT computes the network. numpy
only scales the pixels, by operations that IEEE 754 defines."""


def photo_featurizer(
    read: Callable[[str], bytes], preprocessing: str, libraries: Mapping[str, str] | None
) -> PhotoFeaturizer:
    """Return what computes the features of new photos.

    Parameters
    ----------
    read : callable
        Returns the content of a file of the folder `model/` of the artifact set.
    preprocessing : str
        That of the publication, such as `2-exact`.
    libraries : mapping of str to str, optional
        The version of each library, from the manifest of the artifact set. None: any version.

    Raises
    ------
    VergerError
        A library is missing or has another version; this code has another preprocessing; a file of the model is
        malformed; the features of the canary are wrong.
    """
    if libraries is not None:
        check_libraries(libraries)
    from verger_photo.inputs import PhotoFeaturizer
    from verger_photo.model import Model

    return PhotoFeaturizer(Model.of("model", read), preprocessing)


def check_libraries(expected: Mapping[str, str]) -> None:
    """Compare the installed versions of the libraries in `DECIDING` with the expected ones.

    Raises
    ------
    VergerError
        A library is missing or has another version. The message has the command that installs the versions.
    """
    found = {name: _installed(name) for name in DECIDING}
    wrong = [
        f"expected {name} {expected[name]}, found {found[name]}" for name in found if found[name] != expected[name]
    ]
    if wrong:
        pins = " ".join(f"{name}=={expected[name]}" for name in DECIDING)
        raise VergerError(
            f"{'; '.join(wrong)}: the features would not be equal to the bit to those of the pipeline; "
            f"run `pip install {pins}`"
        )


def _installed(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "none"

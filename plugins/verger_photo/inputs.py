"""The features of a photo that a caller has as bytes, as a file, as a PIL image or as an array.

`verger_reader.py` imports this module from the artifact set of a publication.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from verger_contract.errors import VergerError, one_line
from verger_contract.preprocessing import Decoding, preprocessing
from verger_contract.reasons import RejectKind
from verger_photo.decode import SIDE, decode
from verger_photo.limits.sizes import MAX_BYTES
from verger_photo.model import Featurizer, Model
from verger_photo.orientation import exif_orientation, upright_pixels
from verger_photo.rgb import rgb as rgb_of
from verger_photo.unreadable import UnreadablePhoto

MODES = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "I;16", "I;16L", "I;16B", "I;16N"})
"""Modes of PIL images whose meaning is known without the file. `I` and `F` have no fixed range."""

ARRAY = (
    "an array has no order of its channels in its type: pass it by name, rgb=array. Arrays of OpenCV are BGR: pass "
    "rgb=cv2.cvtColor(array, cv2.COLOR_BGR2RGB), or better the path of the file, which also has the orientation"
)


class PhotoFeaturizer:
    """Computes the features of photos with the preprocessing of a publication.

    Several threads may call it. It computes one photo at a time.

    Parameters
    ----------
    model : Model
    identity : str
        The preprocessing of the publication, such as `2-exact`.

    Raises
    ------
    VergerError
        This code has another preprocessing, or the features of the canary are wrong.
    """

    def __init__(self, model: Model, identity: str) -> None:
        decodings = {preprocessing(decoding): decoding for decoding in Decoding}
        if identity not in decodings:
            raise VergerError(
                f"expected the preprocessing {identity}, found {' and '.join(decodings)} in {__file__}: this process "
                "has imported the code of another Verger; use another process"
            )
        self._decoding = decodings[identity]
        self._featurizer = Featurizer(model)
        self._lock = threading.Lock()

    def features(self, photo: Any, rgb: Any = None) -> NDArray[np.float32]:
        """Return the features of a photo: float32 (1280,). Arguments and errors are those of `pixels`."""
        decoded = pixels(photo, self._decoding, rgb)
        with self._lock:
            return self._featurizer.features(decoded)


def pixels(photo: Any, decoding: Decoding, rgb: Any = None) -> NDArray[np.uint8]:
    """Return the network's input for a photo, by the rules of `decode`.

    Parameters
    ----------
    photo : bytes, str, Path or PIL.Image.Image
        The content of a file, its path, or an image. An image has the pixels that Pillow decoded. Its transparency and
        the orientation in its EXIF data are applied. It is not changed. Only bytes and paths give equal pixels
        for every photo: an image does not say whether Pillow decoded it at a smaller scale, or from which samples.
    decoding : Decoding
    rgb : ndarray of shape (height, width, 3), uint8
        In place of `photo`: red, green and blue, upright.

    Returns
    -------
    ndarray of shape (224, 224, 3), uint8

    Raises
    ------
    UnreadablePhoto
        As `decode`; the file is too large; the mode of the image is not in `MODES`.
    TypeError
        The argument has another type, or is an array without the name `rgb`, or there is not exactly one.
    ValueError
        The array has another shape.
    OSError
        The file cannot be read.
    """
    if (photo is None) == (rgb is None):
        raise TypeError("expected either a photo (bytes, a path or a PIL image) or rgb=array")
    if rgb is not None:
        return _resized(_image_of(rgb))
    if isinstance(photo, bytes | bytearray | memoryview):
        _check_size(len(photo))
        return decode(bytes(photo), decoding)
    if isinstance(photo, str | Path):
        _check_size(Path(photo).stat().st_size)
        return decode(Path(photo).read_bytes(), decoding)
    if isinstance(photo, Image.Image):
        return _of_image(photo)
    found = f"{type(photo).__module__}.{type(photo).__qualname__}"
    if hasattr(photo, "__array__") or hasattr(photo, "__array_interface__"):
        raise TypeError(f"found {found}; {ARRAY}")
    raise TypeError(f"expected bytes, a path, a PIL image or rgb=array, found {found}")


def _of_image(image: Image.Image) -> NDArray[np.uint8]:
    if image.mode not in MODES:
        raise UnreadablePhoto(RejectKind.PIXEL_TYPE, f"PIL image of mode {image.mode}")
    try:
        image.load()
        return upright_pixels(_resized(rgb_of(image)), exif_orientation(image.info.get("exif")))
    except Exception as error:
        # An image that Pillow opened reads its file here. As in `decode`, a damaged file raises many types.
        raise UnreadablePhoto(RejectKind.DAMAGED_IMAGE, one_line(error) or type(error).__name__) from error


def _image_of(array: Any) -> Image.Image:
    if not isinstance(array, np.ndarray) or array.dtype != np.uint8:
        found = f"{array.dtype}" if isinstance(array, np.ndarray) else type(array).__qualname__
        raise TypeError(f"rgb: expected a numpy array of uint8, found {found}; the values 0 to 255 are not scaled")
    if array.ndim != 3 or array.shape[2] != 3 or 0 in array.shape:
        raise ValueError(f"rgb: expected shape (height, width, 3), found {array.shape}")
    return Image.fromarray(np.ascontiguousarray(array))


def _check_size(size: int) -> None:
    if size > MAX_BYTES:
        raise UnreadablePhoto(RejectKind.FILE_TOO_LARGE, f"{size:,} bytes, the limit is {MAX_BYTES:,}")


def _resized(image: Image.Image) -> NDArray[np.uint8]:
    return np.asarray(image.resize((SIDE, SIDE), Image.Resampling.BICUBIC))

"""How keys, labels and columns are named."""

from __future__ import annotations

FEATURES_WIDTH = 1280
"""Features per photo: the channels of MobileNetV2's last convolution, averaged over the image."""

FEATURES_SCHEMA = "path string, label string, etag string, features array<float>"
DELETES_SCHEMA = "path string, run string"
PCA_SCHEMA = "path string, label string, pca_features array<double>"
DRIFT_SCHEMA = "label string, photos bigint, new bigint, distance double, spread double, ratio double"


def label_of(path: str, images_prefix: str) -> str | None:
    """The folder a photo lies in, or None for a photo directly under the prefix.

    >>> label_of("images/Test/Kiwi/7.jpg", "images/")
    'Kiwi'
    >>> label_of("images/7.jpg", "images/") is None
    True
    """
    folders = path.removeprefix(images_prefix).lstrip("/").split("/")[:-1]
    return (folders[-1] or None) if folders else None


def is_ignored(name: str) -> bool:
    """Hidden files and what desktops leave behind; all else is a photo, or becomes a reject. `name` has no folders."""
    return name.startswith(".") or name.endswith("_$folder$") or name.lower() in ("thumbs.db", "desktop.ini")

"""Loads the model of an artifact set."""

from __future__ import annotations

from verger_photo.model import Model
from verger_spark.io import storage


def load_model(uri: str) -> Model:
    """Read the model from the folder `uri`.

    Raises
    ------
    VergerError
        A file is missing or malformed, or the model is not the one that `model.json` describes.
    """
    folder = uri.rstrip("/")
    return Model.of(folder, lambda name: storage.read(f"{folder}/{name}"))

"""What scaled decoding changes in the features, beside a change that users of photos accept: encoding as JPEG again."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks.comparison.runs import MODEL
from benchmarks.harness import camera_photos, steps
from benchmarks.harness.places import FOLDER, ROOT
from sample_photos.albums import Album
from verger_contract.preprocessing import Decoding
from verger_photo.decode import decode

NEIGHBOURS = 10
WAYS = {"scaled": "scaled decoding", "encoded": "encoded again with quality 95"}
Features = NDArray[np.float32]


def decoding(images: Path) -> list[dict[str, Any]]:
    """Return a row for each set of photos and each change: composed photos of two sizes, and drawn ones.

    Parameters
    ----------
    images : Path
        Folder or zip of the small photos of which the large ones are composed.
    """
    sets = {
        "12 Mpx": camera_photos.make(camera_photos.TWELVE, images),
        "2 Mpx": camera_photos.make(camera_photos.TWO, images),
        "drawn, 1.4 to 2.6 Mpx": camera_photos.make_drawn(),
    }
    found = [row for name, folder in sets.items() for row in compared(name, features(folder))]
    return [*found, small_photos(images, [*found[0]])] if images.exists() else found


def small_photos(images: Path, names: Sequence[str]) -> dict[str, Any]:
    """Return the row of the small photos themselves: the share whose pixels are the same in both decodings.

    Parameters
    ----------
    images : Path
        Folder or zip of the small photos.
    names : sequence of str
        Columns of the row. Only the first three have a value: equal pixels have equal features.
    """
    same = [np.array_equal(decode(content), decode(content, Decoding.SCALED)) for _, content in Album(images).files()]
    photos, change, identical, *others = names
    values = {photos: f"{len(same):,} of {images.stem}", change: WAYS["scaled"], identical: f"{np.mean(same):.1%}"}
    return {**values, **dict.fromkeys(others, "")}


def features(folder: Path) -> dict[str, NDArray[Any]]:
    """Compute the features of all photos of a folder in a node environment, in all ways, and return the arrays."""
    out = FOLDER / "out" / f"decoding-{folder.name}"
    out.mkdir(parents=True, exist_ok=True)
    paths = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.jpg"))
    pq.write_table(pa.table({"path": paths}), out / "list.parquet")
    command: list[str | Path] = [
        *(steps.node_python(), "-m", "benchmarks.alternatives.decoded_features", "--photos", folder),
        *("--list", out / "list.parquet", "--model", MODEL, "--out", out),
    ]
    places = os.pathsep.join(map(str, (ROOT, ROOT / "spark_jobs", ROOT / "plugins")))
    subprocess.run(command, check=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": places})
    with np.load(out / "features.npz") as found:
        return {name: found[name] for name in found.files}


def compared(name: str, found: dict[str, NDArray[Any]]) -> list[dict[str, Any]]:
    """Return the rows of a set of photos.

    Parameters
    ----------
    name : str
        Name of the set.
    found : dict of str to ndarray
        path, and the features of each way, shape (photos, 1280).
    """
    labels = np.array([path.split("/")[0] for path in found["path"]])
    exact = found["exact"]
    own = accuracy(exact, exact, labels)
    return [
        {
            "photos": f"{len(exact):,} of {name}",
            "change": shown,
            "unchanged, bit for bit": f"{(exact == found[way]).all(axis=1).mean():.1%}",
            **_cosines(exact, found[way]),
            f"{NEIGHBOURS} nearest kept": f"{neighbours_kept(exact, found[way]):.1%}",
            "nearest kept": f"{neighbours_kept(exact, found[way], 1):.1%}",
            "trained and tested on exact": f"{own:.2%}",
            "trained on exact, tested on changed": f"{accuracy(exact, found[way], labels):.2%}",
            "trained on changed, tested on exact": f"{accuracy(found[way], exact, labels):.2%}",
        }
        for way, shown in WAYS.items()
    ]


def _cosines(exact: Features, changed: Features) -> dict[str, str]:
    cosines = (unit(exact) * unit(changed)).sum(axis=1)
    return {"cosine, median": f"{np.median(cosines):.5f}", "1 % lowest": f"{np.quantile(cosines, 0.01):.5f}"}


def unit(features: Features) -> NDArray[np.float64]:
    """Return the rows with length 1."""
    wide = features.astype(np.float64)
    lengths: NDArray[np.float64] = np.linalg.norm(wide, axis=1, keepdims=True)
    return wide / lengths


def neighbours_kept(exact: Features, changed: Features, count: int = NEIGHBOURS) -> float:
    """Return the share of nearest neighbours (cosine) that a photo keeps if all photos are changed."""
    before, after = nearest(exact, count), nearest(changed, count)
    return float(np.mean([len({*first} & {*second}) / count for first, second in zip(before, after, strict=True)]))


def nearest(features: Features, count: int) -> NDArray[np.intp]:
    """Return the numbers of the nearest other photos of each photo, shape (photos, count)."""
    similarity = unit(features) @ unit(features).T
    np.fill_diagonal(similarity, -np.inf)
    return np.argpartition(-similarity, count, axis=1)[:, :count]


def accuracy(trained: Features, tested: Features, labels: NDArray[np.str_]) -> float:
    """Return the accuracy of a logistic regression, by five folds: each photo is tested once, and never trained on."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    right = 0
    for train, test in StratifiedKFold(5, shuffle=True, random_state=0).split(trained, labels):
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300)).fit(trained[train], labels[train])
        right += int((model.predict(tested[test]) == labels[test]).sum())
    return right / len(labels)

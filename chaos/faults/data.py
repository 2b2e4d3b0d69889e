"""Intermediate and published files are damaged, removed, duplicated or replaced."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy
import pyarrow
import pyarrow.parquet

from chaos.harness.trial import MomentError, Trial
from chaos.scenario import EITHER, NEW_RUN, Scenario
from verger_contract.keys import ATTEMPT_MARK, PUBLISHED


def _truncated(trial: Trial, key: str, content: bytes) -> None:
    trial.bucket.put(key, content[: len(content) // 2])


def _removed(trial: Trial, key: str, content: bytes) -> None:
    trial.bucket.delete(key)


def _duplicated(trial: Trial, key: str, content: bytes) -> None:
    trial.bucket.put(key.replace(".parquet", "-copy.parquet"), content)


def _with_vectors(trial: Trial, key: str, content: bytes, change: Callable[[numpy.ndarray], numpy.ndarray]) -> None:
    table = pyarrow.parquet.read_table(io.BytesIO(content))
    name = "features" if "features" in table.column_names else "pca_features"
    rows = [list(change(numpy.array(row))) for row in table[name].to_pylist()]
    column = pyarrow.array(rows, type=table.schema.field(name).type)
    out = io.BytesIO()
    pyarrow.parquet.write_table(table.set_column(table.column_names.index(name), table.schema.field(name), column), out)
    trial.bucket.put(key, out.getvalue())


def _nan(trial: Trial, key: str, content: bytes) -> None:
    _with_vectors(trial, key, content, lambda row: numpy.where(numpy.arange(len(row)) == 0, numpy.nan, row))


def _other_model(trial: Trial, key: str, content: bytes) -> None:
    _with_vectors(trial, key, content, lambda row: row[::-1])


DAMAGES: dict[str, tuple[str, Callable[[Trial, str, bytes], None]]] = {
    "truncated": ("cut in half", _truncated),
    "removed": ("removed", _removed),
    "duplicated": ("there twice", _duplicated),
    "nan": ("with a NaN", _nan),
    "other-model": ("with values of another model", _other_model),
}


def _file(trial: Trial, prefix: str) -> tuple[str, bytes]:
    """Return a file with rows: the largest one."""
    found = [(key, trial.bucket.get(key) or b"") for key in trial.bucket.keys(prefix) if key.endswith(".parquet")]
    if not found:
        raise MomentError(f"{prefix}: no Parquet file")
    return max(found, key=lambda item: len(item[1]))


def _intermediate(kind: str, folder: str, done: str) -> Scenario:
    words, damage = DAMAGES[kind]

    def play(trial: Trial) -> None:
        trial.start()
        trial.until(done, "success")
        damage(trial, *_file(trial, f"{folder}/run={trial.run}{ATTEMPT_MARK}"))

    # The message of the check says: clear the step. Its other tasks would read the same files again.
    return Scenario(
        f"data.{folder}.{kind}", f"a file of {folder} of this run is {words} before the check", play, EITHER,
        done.removesuffix("_done"),
    )  # fmt: skip


def _published(kind: str, folder: str) -> Scenario:
    words, damage = DAMAGES[kind]

    def play(trial: Trial) -> None:
        damage(trial, *_file(trial, f"{folder}/run="))
        trial.start()

    return Scenario(
        f"data.published.{folder}.{kind}", f"a file of published {folder} is {words} before the run", play, EITHER,
        NEW_RUN, damages=True,
    )  # fmt: skip


def _pointer(kind: str, words: str, content: bytes | None) -> Scenario:
    def play(trial: Trial) -> None:
        trial.start()
        trial.until("featurize_done", "deferred")
        if content is None:
            trial.bucket.delete(PUBLISHED)
        else:
            trial.bucket.put(PUBLISHED, content)

    # The message says: restore an earlier version of the object, or delete it.
    return Scenario(
        f"data.pointer.{kind}", f"published.json is {words} during step 1", play, ("failed",), NEW_RUN,
        lambda trial: trial.bucket.delete(PUBLISHED), damages=True,
    )  # fmt: skip


SCENARIOS = (
    *(_intermediate(kind, "features", "featurize_done") for kind in DAMAGES),
    *(_intermediate(kind, "pca", "pca_done") for kind in DAMAGES),
    *(_published(kind, folder) for folder in ("features", "pca") for kind in DAMAGES),
    _pointer("deleted", "deleted", None),
    _pointer("malformed", "replaced by text", b"not JSON"),
    _pointer("empty", "replaced by an empty object", b"{}"),
)

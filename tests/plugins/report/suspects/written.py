"""The table of suspects of a run, as the verification writes it."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy
import pyarrow
import pyarrow.parquet

from verger_contract.keys import REFERENCE_FILE, SUSPECTS_FILE, Run
from verger_contract.schemas import REFERENCE, SUSPECTS, SuspectKind

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def suspect(path: str, kind: SuspectKind, score: float, *neighbours: str, run: str = "one") -> dict[str, Any]:
    """Return a row of the table. Labels are the folders of the photos."""
    return {
        "path": path,
        "label": path.split("/")[-2],
        "kind": kind.value,
        "score": score,
        "neighbours": [*neighbours],
        "neighbour_labels": [neighbour.split("/")[-2] for neighbour in neighbours],
        "distances": [float(place) for place in range(len(neighbours))],
        "run": run,
    }


def put(
    client: S3Client, run: Run, rows: list[dict[str, Any]], reference: dict[str, list[float]] | None = None
) -> None:
    """Write the suspects of a run; with a reference, also that: the coordinates of some photos."""
    facts = {"photos": "7", "reference": "120"}
    table = pyarrow.Table.from_pylist(rows, SUSPECTS.arrow).replace_schema_metadata(facts)
    _put(client, run, SUSPECTS_FILE, table)
    if reference:
        photos = [
            {"path": path, "label": path.split("/")[-2], "coordinates": numpy.array(point, "<f4").tobytes()}
            for path, point in reference.items()
        ]
        _put(client, run, REFERENCE_FILE, pyarrow.Table.from_pylist(photos, REFERENCE.arrow))


def _put(client: S3Client, run: Run, name: str, table: pyarrow.Table) -> None:
    content = io.BytesIO()
    pyarrow.parquet.write_table(table, content)
    client.put_object(Bucket=run.bucket, Key=f"{run.suspects}{name}", Body=content.getvalue())

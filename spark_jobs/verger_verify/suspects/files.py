"""Reads and writes the files of a run: suspects.parquet and reference.parquet in its folder of suspects."""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.parquet as pq

from verger_contract.keys import REFERENCE_FILE, SUSPECTS_FILE
from verger_spark.io import storage
from verger_verify.suspects.found import Suspects
from verger_verify.suspects.reference import Reference
from verger_verify.suspects.search import Before

DAMAGED = (pa.ArrowException, KeyError, ValueError, OSError)


def read(folder: str | None, basis: str) -> Before | None:
    """Return what an earlier run found. None if there is nothing, if it is damaged, or if the basis is another one.

    Parameters
    ----------
    folder : str or None
        URI of the folder of suspects of the published run.
    basis : str
        Names the basis of the coordinates.

    Raises
    ------
    VergerError
        S3 refuses the request.
    """
    uris = [f"{folder}{name}" for name in (REFERENCE_FILE, SUSPECTS_FILE)] if folder else []
    if not uris or not all(storage.exists(uri) for uri in uris):
        return None
    try:
        reference, suspects = (pq.read_table(pa.BufferReader(storage.read(uri))) for uri in uris)
        found = Reference.parse(reference, basis)
        return Before(found, Suspects.of(suspects)) if found else None
    except DAMAGED:
        return None


def write(folder: str, found: Before, basis: str) -> None:
    """Write reference and suspects to a folder, the suspects last."""
    _put(f"{folder}{REFERENCE_FILE}", found.reference.table(basis))
    facts = {"photos": str(found.suspects.photos), "reference": str(len(found.reference.paths))}
    _put(f"{folder}{SUSPECTS_FILE}", found.suspects.table().replace_schema_metadata(facts))


def _put(uri: str, table: pa.Table) -> None:
    content = io.BytesIO()
    # Coordinates do not get smaller by compression, and almost none occurs twice.
    others = [name for name in table.schema.names if name != "coordinates"]
    compression = {name: "snappy" if name in others else "none" for name in table.schema.names}
    pq.write_table(table, content, use_dictionary=others, compression=compression)
    storage.write(uri, content.getvalue())

"""Writes the inventory of a local folder, for running the steps over `file://` without S3 and Airflow.

python -m verger_spark.features.local_inventory FOLDER INVENTORY.parquet
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from verger_contract.photos import is_ignored
from verger_contract.schemas import INVENTORY
from verger_spark.io.storage import etag_of

FILES_PER_GROUP = 10_000


def write_inventory(folder: Path, inventory: Path) -> int:
    """List the photos below `folder` into the Parquet file `inventory`, and return their number.

    Paths are relative to the folder. The ETag is the MD5 of the content. The DAG ignores the same files in a bucket.
    """
    files = sorted(
        path for path in folder.rglob("*") if path.is_file() and not is_ignored(path.relative_to(folder).as_posix())
    )
    with pq.ParquetWriter(inventory, INVENTORY.arrow) as writer:
        for start in range(0, len(files), FILES_PER_GROUP):
            contents = ((path, path.read_bytes()) for path in files[start : start + FILES_PER_GROUP])
            rows = [
                {"path": path.relative_to(folder).as_posix(), "etag": etag_of(content), "size": len(content)}
                for path, content in contents
            ]
            writer.write_table(pa.Table.from_pylist(rows, schema=INVENTORY.arrow))
    return len(files)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("inventory", type=Path)
    arguments = parser.parse_args()
    print(f"{write_inventory(arguments.folder, arguments.inventory):,} photos listed in {arguments.inventory}")

"""An inventory of a folder of photos, for running the steps over `file://` without S3 and Airflow.

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


def write_inventory(folder: Path, inventory: Path) -> int:
    """List the photos below `folder`, paths relative to it, etag the MD5 of the content; how many there are.

    What is no photo at all is left out, by the rule by which the DAG lists a bucket.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not is_ignored(path.name))
    with pq.ParquetWriter(inventory, INVENTORY.arrow) as writer:
        for start in range(0, len(files), 10_000):
            contents = [(path, path.read_bytes()) for path in files[start : start + 10_000]]
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

"""Trials on a real YARN of three nodes, over photos of your own or drawn ones.

    python -m benchmarks.on_yarn [--images FOLDER_OR_ZIP] [--limit N] [--only dag|losses|photos]
    (in the dev environment; `make yarn-trial`)

`dag` runs the whole DAG, on YARN and in local mode, and compares the results. `losses` runs it once for each case of a
lost node. `photos` featurizes the largest photos of each format that are let in, two at a time in one executor. Writes
the tables into benchmarks/README.md.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.harness.places import README
from benchmarks.on_yarn.largest_photos import largest_photos
from benchmarks.on_yarn.losses import losses
from benchmarks.on_yarn.trial import album_of
from benchmarks.on_yarn.whole_dag import whole_dag

LOSSES_DRAWN = 2400
"""Drawn photos for the losses: with fewer, step 1 ends before a moment in it can be chosen."""


def main() -> None:
    """Read the command line and run the trials."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path, help="folder or zip of <label>/<photo> (default: drawn photos)")
    parser.add_argument("--limit", type=int, help="number of photos (default: all)")
    parser.add_argument("--only", choices=("dag", "losses", "photos"), help="one of the trials (default: all)")
    parser.add_argument("--page", type=Path, default=README, help="page to write into")
    given = parser.parse_args()
    wanted = (given.only,) if given.only else ("dag", "losses", "photos")
    if "dag" in wanted:
        whole_dag(album_of(given.images, given.limit), compare=True, page=given.page)
    if "losses" in wanted:
        limit = given.limit or (None if given.images else LOSSES_DRAWN)
        losses(album_of(given.images, limit), page=given.page)
    if "photos" in wanted:
        largest_photos(given.page)


if __name__ == "__main__":
    main()

"""Keeps the artifact set up to date: `python -m development.artifacts` builds it anew whenever the steps' code changes.

The next run of the DAG stages what was built last, so that an edit in spark_jobs/ reaches it. Model and wheelhouse come
from the cache; only where what they are made of has changed (`bootstrap.build.MODEL_INPUTS`) are they made again.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from bootstrap.build import ROOT, Build, BuildError, build
from bootstrap.pip_download import DownloadError

INTERVAL_S = 1.0


def sources() -> dict[Path, tuple[int, int]]:
    """The files that an edit changes, each with its time and size."""
    folders = ("spark_jobs", "plugins/verger_contract")
    found = [path for folder in folders for path in (ROOT / folder).rglob("*.py")]
    found.append(ROOT / "bootstrap" / "bootstrap_emr.sh")
    return {path: (status.st_mtime_ns, status.st_size) for path in found if (status := path.stat())}


def seed(source: Path, target: Path) -> None:
    """Copy what `source` has and `target` lacks, each folder whole or not at all."""
    for folder in source.glob("*/*"):
        final = target / folder.relative_to(source)
        if not final.exists():
            final.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=final.parent, prefix=".copying-") as temporary:
                Path(shutil.copytree(folder, Path(temporary) / folder.name)).rename(final)


def main() -> None:
    """Build, look for changes every INTERVAL_S seconds, build again, until SIGTERM."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    standard = Build()
    parser = argparse.ArgumentParser(prog="python -m development.artifacts", description=__doc__)
    parser.add_argument("--out", type=Path, default=standard.out)
    parser.add_argument("--cache", type=Path, default=standard.cache)
    parser.add_argument("--seed", type=Path, help="another cache, to be copied into the cache first")
    given = parser.parse_args()
    if given.seed:
        seed(given.seed, given.cache)
    order = Build(out=given.out, cache=given.cache)
    built: dict[Path, tuple[int, int]] = {}
    while True:
        try:
            found = sources()
            if found != built:
                built = found
                print(f"artifact set {build(order).name[:12]}", flush=True)
        except FileNotFoundError:
            pass  # an editor has just replaced it: the next look finds it
        except (BuildError, DownloadError) as error:
            print(f"artifact set: not built: {error}", flush=True)
        time.sleep(INTERVAL_S)


if __name__ == "__main__":
    main()

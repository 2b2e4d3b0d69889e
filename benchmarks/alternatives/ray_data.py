"""Ray Data: its `download` expression for the photos of the list, `map_batches` for the network, `write_parquet`.

    python -m benchmarks.alternatives.ray_data --photos s3://BUCKET/PREFIX --list LIST --model MODEL.tflite --out FOLDER

The documentation has two ways to read images: `read_images`, which resizes with another filter, and the `download`
expression for a table of URIs. For a model it recommends an actor pool (`--compute actors`). Tasks whose process keeps
the network (`--compute tasks`) were a little faster. Tried on two cores, all slower: three logical CPUs, actors,
batches of 128, the list in four blocks, `read_binary_files`, actors of half a CPU. If the actors leave no whole logical
CPU to the downloads, both wait without end. There are therefore two logical CPUs for each core.
"""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
# With this setting Ray listens on 127.0.0.1 only.
os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
# obstore, which Ray's downloads use, refuses http without it. Ray then returns null for a photo and raises no error.
os.environ["AWS_ALLOW_HTTP"] = "true"

import pyarrow as pa
import pyarrow.fs
import ray  # type: ignore[import-not-found]
from ray.data.expressions import download  # type: ignore[import-not-found]

from benchmarks.alternatives import interface
from benchmarks.alternatives.network import Network, loaded

OBJECT_STORE_BYTES = 2 * 10**9
BATCH = 32


class Actor:
    """A process that loads the network once."""

    def __init__(self, model: Path) -> None:
        self._network = Network(model)

    def __call__(self, photos: pa.Table) -> pa.Table:
        """Return the rows that are written for a batch of photos."""
        return rows(photos, self._network)


def task(photos: pa.Table, model: Path) -> pa.Table:
    """Return the rows for a batch of photos. The process loads the network with its first task."""
    return rows(photos, loaded(model))


def rows(photos: pa.Table, network: Network) -> pa.Table:
    """Return path and features of a batch of photos."""
    return interface.rows(photos["path"].to_pylist(), [network.features(photo.as_py()) for photo in photos["content"]])


def main() -> None:
    """Featurize the photos of the list."""
    clock = interface.Clock()
    parser = interface.command_line(__doc__)
    parser.add_argument("--compute", choices=["tasks", "actors"], default="tasks")
    parser.add_argument("--cpus", type=int, help="logical CPUs that Ray is given (default: two for each core)")
    parser.add_argument("--batch", type=int, default=BATCH)
    arguments = parser.parse_args()
    paths = interface.listed(arguments.list)
    model = arguments.model.resolve()
    with local_ray(arguments.out, arguments.cpus or 2 * arguments.cores):
        clock.lap("startup")
        base = arguments.photos if arguments.photos.startswith("s3://") else Path(arguments.photos).resolve().as_uri()
        uris = [f"{base.rstrip('/')}/{path}" for path in paths]
        photos = ray.data.from_arrow(pa.table({"path": paths, "uri": uris}))
        photos = photos.with_column("content", download("uri", filesystem=filesystem(arguments.photos)))
        if arguments.compute == "tasks":
            features = photos.map_batches(
                task, fn_kwargs={"model": model}, batch_size=arguments.batch, batch_format="pyarrow"
            )
        else:
            pool = ray.data.ActorPoolStrategy(size=arguments.cores)
            features = photos.map_batches(
                Actor,
                fn_constructor_kwargs={"model": model},
                batch_size=arguments.batch,
                batch_format="pyarrow",
                compute=pool,
            )
        features.write_parquet(str(arguments.out.resolve()))
        clock.lap("work")
    clock.lap("end")
    clock.report(len(paths))


@contextmanager
def local_ray(out: Path, cpus: int) -> Iterator[None]:
    """Run Ray on this machine while the body runs, with its session in a folder beside `out`."""
    out.parent.mkdir(parents=True, exist_ok=True)
    session = Path(tempfile.mkdtemp(prefix="ray-", dir=out.parent.resolve()))
    (session / "token").write_text(secrets.token_hex(32))
    os.environ["RAY_AUTH_TOKEN_PATH"] = str(session / "token")  # otherwise Ray writes one into the home folder
    with tempfile.TemporaryDirectory() as short:
        # Ray's sockets are in the folder of its session, and the path of a socket has at most 107 bytes.
        link = Path(short) / "ray"
        link.symlink_to(session)
        ray.init(
            num_cpus=cpus, include_dashboard=False, object_store_memory=OBJECT_STORE_BYTES, _temp_dir=str(link),
            log_to_driver=False,
        )  # fmt: skip
        ray.data.DataContext.get_current().enable_progress_bars = False
        try:
            yield
        finally:
            ray.shutdown()
            shutil.rmtree(session, ignore_errors=True)


def filesystem(photos: str) -> pyarrow.fs.FileSystem | None:
    """Return the file system of photos in S3, None for local files. The environment has endpoint and credentials."""
    if not photos.startswith("s3://"):
        return None
    return pyarrow.fs.S3FileSystem(
        endpoint_override=os.environ.get("AWS_ENDPOINT_URL_S3"),
        region=os.environ.get("AWS_REGION"),
        access_key=os.environ["AWS_ACCESS_KEY_ID"],
        secret_key=os.environ["AWS_SECRET_ACCESS_KEY"],
    )


if __name__ == "__main__":
    main()

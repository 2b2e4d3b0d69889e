"""Photos for a bucket that has none: `python -m development.photos BUCKET` draws an orchard into the S3 that the
environment names."""

from __future__ import annotations

import argparse
import contextlib
import os
import tempfile
from pathlib import Path

import boto3
import obstore
from botocore.config import Config
from obstore.store import S3Store

from sample_photos.albums import Album, synchronise
from sample_photos.invalid_photos import draw_invalid_photos
from sample_photos.orchard import draw_orchard

PREFIX = "images/"
PHOTOS = 240
#: So many or more, and a few broken and odd files are drawn too: the share of rejects stays under its limit.
WITH_INVALID = 200


def fill(bucket: str, photos: int = PHOTOS) -> int:
    """Create the bucket unless it is there, and draw photos into it unless it has any; the number of files drawn.

    Endpoint and credentials come from the environment.
    """
    client = boto3.client("s3", config=Config(s3={"addressing_style": "path"}))
    with contextlib.suppress(client.exceptions.BucketAlreadyOwnedByYou, client.exceptions.BucketAlreadyExists):
        client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": client.meta.region_name})
    credentials = boto3.Session().get_credentials()
    store = S3Store(
        bucket,
        endpoint=client.meta.endpoint_url,
        region=client.meta.region_name,
        access_key_id=credentials.access_key,
        secret_access_key=credentials.secret_key,
        client_options={"allow_http": True},
    )
    if not photos or next(iter(obstore.list(store, PREFIX, chunk_size=1)), None):
        return 0
    with tempfile.TemporaryDirectory() as folder:
        orchard = Path(folder)
        draw_orchard(orchard, photos)
        if photos >= WITH_INVALID:
            draw_invalid_photos(orchard)
        return synchronise(store, PREFIX, Album(orchard, drawn=True))


def main() -> None:
    """The command line; see the module's docstring."""
    parser = argparse.ArgumentParser(prog="python -m development.photos", description=__doc__)
    parser.add_argument("bucket")
    parser.add_argument("--photos", type=int, default=int(os.environ.get("PHOTOS", PHOTOS)))
    given = parser.parse_args()
    print(f"s3://{given.bucket}/{PREFIX}: {fill(given.bucket, given.photos):,} files drawn")


if __name__ == "__main__":
    main()

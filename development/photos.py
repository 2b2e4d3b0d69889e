"""Draw sample photos into a bucket that has none (`python -m development.photos BUCKET`).

Endpoint, region and credentials of S3 come from the environment, as for every AWS client.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

import boto3
import obstore
from botocore.config import Config

from sample_photos.albums import Album, synchronise
from sample_photos.bucket import create_bucket, open_store
from sample_photos.invalid_photos import draw_invalid_photos
from sample_photos.orchard import draw_orchard

PREFIX = "images/"
PHOTOS = 240
#: From this number of photos on, invalid photos are drawn too: the share of rejects stays below its limit.
WITH_INVALID = 200


def fill(bucket: str, photos: int = PHOTOS) -> int:
    """Create a bucket unless it exists, and draw sample photos into it unless it has photos.

    Returns
    -------
    int
        Number of uploaded files.

    Raises
    ------
    RuntimeError
        When the environment has no credentials.
    """
    session = boto3.Session()
    s3 = session.client("s3", config=Config(s3={"addressing_style": "path"}))
    create_bucket(s3, bucket)
    credentials = session.get_credentials()
    if credentials is None:
        raise RuntimeError("AWS credentials: not found in the environment or in AWS_SHARED_CREDENTIALS_FILE")
    variables = {
        "AWS_ENDPOINT_URL_S3": s3.meta.endpoint_url,
        "AWS_REGION": s3.meta.region_name,
        "AWS_ACCESS_KEY_ID": credentials.access_key,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_key,
    }
    store = open_store(bucket, variables)
    if not photos or next(iter(obstore.list(store, PREFIX, chunk_size=1)), None):
        return 0
    with tempfile.TemporaryDirectory() as folder:
        orchard = Path(folder)
        draw_orchard(orchard, photos)
        if photos >= WITH_INVALID:
            draw_invalid_photos(orchard)
        return synchronise(store, PREFIX, Album(orchard, drawn=True))


def main() -> None:
    """Run the command line; see the docstring of the module."""
    parser = argparse.ArgumentParser(prog="python -m development.photos", description=__doc__)
    parser.add_argument("bucket", help="name of the bucket")
    parser.add_argument("--photos", type=int, default=int(os.environ.get("PHOTOS", PHOTOS)), help="number of photos")
    given = parser.parse_args()
    print(f"s3://{given.bucket}/{PREFIX}: {fill(given.bucket, given.photos):,} sample photos uploaded")


if __name__ == "__main__":
    main()

"""An HTTP server that lists synthetic photos as S3 does: ListObjectsV2 with Prefix, StartAfter, Delimiter and tokens.

    python -m benchmarks.harness.synthetic_listing --keys 1000000 --delay-ms 50      (prints its port)

Each answer is sent as many milliseconds after its request. The answers are computed, so a hundred million keys need no
disk. `benchmarks.inventory` measures the listing against it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import subprocess
import sys
from bisect import bisect_right
from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

from benchmarks.harness.places import ROOT

LOOPBACK = "127.0.0.1"
PREFIX, LABELS, PAGE = "images/", 100, 1000
CHANGED_EVERY, DELETED_EVERY, NEW_EVERY = 3061, 3067, 3079
"""One photo of so many is changed, deleted or new: together 10,000 of ten million."""

HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    "<EncodingType>url</EncodingType><IsTruncated>{truncated}</IsTruncated>{token}"
)
OBJECT = (
    "<Contents><Key>{key}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>&quot;{etag}&quot;</ETag>"
    "<ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm><ChecksumType>FULL_OBJECT</ChecksumType><Size>5000</Size>"
    "<StorageClass>STANDARD</StorageClass></Contents>"
)


class Photos:
    """The photos of a bucket, by serial number in the order of keys."""

    def __init__(self, keys: int) -> None:
        self.keys, self.per_label = keys, keys // LABELS

    def path(self, serial: int) -> str:
        """Return the key of a photo."""
        label, number = divmod(serial, self.per_label)
        return f"{PREFIX}{label:03}/photo {number:09}.jpg"

    def etags(self, start: int, count: int, *, listed: bool) -> list[str]:
        """Return ETags, as random as an MD5. Those of changed photos differ between the listing and the manifest."""
        return [
            hashlib.md5(f"{serial}{listed and serial % CHANGED_EVERY == 0}".encode(), usedforsecurity=False).hexdigest()
            for serial in range(start, start + count)
        ]

    def after(self, key: str) -> int:
        """Return the serial number of the first photo after a key."""
        return bisect_right(range(self.keys), key, key=self.path)

    def page(self, start: int, prefix: str, most: int) -> str:
        """Return an answer with the listed photos from `start` on."""
        end = bisect_right(range(self.keys), f"{prefix}\U0010ffff", key=self.path)
        serials = [serial for serial in range(start, min(start + most + 2, end)) if serial % DELETED_EVERY][:most]
        truncated = bool(serials) and serials[-1] + 1 < end
        etags = self.etags(start, most + 2, listed=True)
        rows = [
            OBJECT.format(key=self.path(serial).replace(" ", "+"), etag=etags[serial - start]) for serial in serials
        ]
        token = f"<NextContinuationToken>{serials[-1] + 1}</NextContinuationToken>" if truncated else ""
        return HEAD.format(truncated=str(truncated).lower(), token=token) + "".join(rows) + "</ListBucketResult>"

    def labels(self) -> str:
        """Return the answer with the labels as common prefixes."""
        rows = [f"<CommonPrefixes><Prefix>{PREFIX}{label:03}/</Prefix></CommonPrefixes>" for label in range(LABELS)]
        return HEAD.format(truncated="false", token="") + "".join(rows) + "</ListBucketResult>"

    def answer(self, target: str) -> str:
        """Return the answer to a request."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}
        prefix, most = query.get("prefix", ""), min(int(query.get("max-keys", PAGE)), PAGE)
        if "delimiter" in query and prefix == PREFIX:
            return self.labels()
        if "continuation-token" in query:
            return self.page(int(query["continuation-token"]), prefix, most)
        return self.page(max(self.after(query.get("start-after", "")), self.after(prefix)), prefix, most)


async def serve(keys: int, delay: float) -> None:
    """Serve on any free port of loopback, which is printed. Never return."""
    photos = Photos(keys)

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                due = asyncio.get_running_loop().time() + delay
                body = photos.answer(head.split(" ")[1]).encode()
                await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\n")
                writer.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(client, LOOPBACK, 0, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextlib.contextmanager
def listing(keys: int, delay_ms: float) -> Iterator[str]:
    """Run a server while the body runs, and yield its URL."""
    command = [sys.executable, "-m", "benchmarks.harness.synthetic_listing"]
    command += ["--keys", str(keys), "--delay-ms", str(delay_ms)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as process:
        try:
            port = process.stdout.readline().strip() if process.stdout else ""
            if not port:
                raise RuntimeError("the server of the synthetic listing did not start")
            yield f"http://{LOOPBACK}:{port}"
        finally:
            process.terminate()


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", type=int, required=True, help="photos of the bucket, a multiple of 100")
    parser.add_argument("--delay-ms", type=float, default=0.0, help="milliseconds from a request to its answer")
    arguments = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(arguments.keys, arguments.delay_ms / 1000))


if __name__ == "__main__":
    main()

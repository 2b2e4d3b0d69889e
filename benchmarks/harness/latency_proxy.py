"""An HTTP proxy that delays every response: local S3 with the response times of a distant one.

    python -m benchmarks.harness.latency_proxy --to http://127.0.0.1:18333 --port 0 --delay-ms 30     (prints its port)

The proxy passes bytes on unchanged, also the Host header, which the signatures of S3 cover. It parses nothing: an
HTTP/1.1 client sends its next request only after the response to the last one. The proxy therefore holds back whatever
the server sends until the delay has passed since the last byte of the request. The rest of the response passes at once.
The delays of several connections overlap. A response may come a millisecond late, the resolution of the timers. A
client that sends `Expect: 100-continue` waits twice, as it does with a distant server.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Iterator
from typing import cast
from urllib.parse import urlsplit

from benchmarks.harness.places import ROOT

LOOPBACK = "127.0.0.1"
HELD_BYTES = 256 * 1024
"""Bytes that the proxy holds back at most. Above them it stops reading from the server until the delay has passed."""

BUFFER = memoryview(bytearray(128 * 1024))
"""Received bytes, until they are passed on within the same call. All connections share the buffer."""


class Half(asyncio.BufferedProtocol):
    """One of two connections that belong together. While one cannot send, the proxy does not read from the other."""

    transport: asyncio.Transport
    other: Half
    full = False
    """Whether bytes to this side are waiting, so that the proxy must not read from the other side."""

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return the shared buffer."""
        return BUFFER

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport = cast(asyncio.Transport, transport)

    def pause_writing(self) -> None:
        """Stop reading from the other side."""
        self.full = True
        self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        """Continue reading from the other side."""
        self.full = False
        self.other.transport.resume_reading()


class Server(Half):
    """The connection to the server, whose responses are held back. `delay` is in seconds."""

    def __init__(self, client: Half, delay: float) -> None:
        self.other, self.delay = client, delay
        self._loop = asyncio.get_running_loop()
        self._respond_at = 0.0
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._release_at: asyncio.TimerHandle | None = None
        self._closed = False

    def send(self, data: bytes) -> None:
        """Send a part of a request."""
        self.transport.write(data)
        self._respond_at = self._loop.time() + self.delay

    def buffer_updated(self, nbytes: int) -> None:
        """Pass bytes of a response on, or hold them back until the delay has passed."""
        data = bytes(BUFFER[:nbytes])
        if not self._held and self._loop.time() >= self._respond_at:
            self.other.transport.write(data)
            return
        self._held.append(data)
        self._held_bytes += nbytes
        if self._held_bytes > HELD_BYTES:
            self.transport.pause_reading()
        if self._release_at is None:
            self._release_at = self._loop.call_at(self._respond_at, self._release)

    def _release(self) -> None:
        if (
            self._release_at is not None and self._release_at.when() < self._respond_at
        ):  # further bytes of the request were sent
            self._release_at = self._loop.call_at(self._respond_at, self._release)
            return
        self._release_at = None
        self.other.transport.write(b"".join(self._held))
        self._held, self._held_bytes = [], 0
        if self._closed:
            self.other.transport.close()
        elif not self.other.full:
            self.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        """Close the connection of the client after the bytes that are held back."""
        self._closed = True
        if not self._held:
            self.other.transport.close()

    def drop(self) -> None:
        """Close the connection without a response: the client has closed its own."""
        if self._release_at is not None:
            self._release_at.cancel()
        self.transport.close()


class Client(Half):
    """The connection of a client. The proxy reads from it after it has connected to the server."""

    def __init__(self, host: str, port: int, delay: float) -> None:
        self._address, self._delay = (host, port), delay
        self._server: Server | None = None
        self._connecting: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connect to the server."""
        super().connection_made(transport)
        self.transport.pause_reading()
        self._connecting = asyncio.get_running_loop().create_task(self._connect())

    async def _connect(self) -> None:
        try:
            _, server = await asyncio.get_running_loop().create_connection(
                lambda: Server(self, self._delay), *self._address
            )
        except OSError:
            self.transport.abort()
            return
        self.other = self._server = server
        self.transport.resume_reading()

    def buffer_updated(self, nbytes: int) -> None:
        """Pass bytes of a request on."""
        if self._server is not None:
            self._server.send(bytes(BUFFER[:nbytes]))

    def connection_lost(self, exc: Exception | None) -> None:
        """Close the connection to the server."""
        if self._server is not None:
            self._server.drop()


async def serve(host: str, port: int, delay: float, own_port: int) -> None:
    """Forward connections to `own_port` on loopback to the server, with a delay in seconds. Never return.

    The port 0 stands for any free port. The port is printed.
    """
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Client(host, port, delay), LOOPBACK, own_port, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextlib.contextmanager
def proxied(endpoint: str, delay_ms: float) -> Iterator[str]:
    """Run a proxy while the body runs, and yield the URL at which `endpoint` responds `delay_ms` later."""
    command = [sys.executable, "-m", "benchmarks.harness.latency_proxy", "--to", endpoint, "--delay-ms", str(delay_ms)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            port = process.stdout.readline().strip() if process.stdout else ""
            if not port:
                raise RuntimeError(f"the proxy to {endpoint} did not start")
            yield f"http://{LOOPBACK}:{port}"
        finally:
            process.terminate()


def main() -> None:
    """Read the command line and run the proxy."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", required=True, metavar="URL", help="the server: http://HOST:PORT")
    parser.add_argument("--port", type=int, default=0, help="port to listen on (default: any free port)")
    parser.add_argument("--delay-ms", type=float, default=0.0, help="milliseconds by which each response is delayed")
    arguments = parser.parse_args()
    server = urlsplit(arguments.to)
    if server.scheme != "http" or not server.hostname or not server.port:
        parser.error(f"--to: expected http://HOST:PORT, found {arguments.to}")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(server.hostname, server.port, arguments.delay_ms / 1000, arguments.port))


if __name__ == "__main__":
    main()

"""An HTTP proxy that lets every answer wait: local S3 with the response times of a distant one.

    python -m benchmarks.harness.latency_proxy --to http://127.0.0.1:18333 --port 0 --delay-ms 30     (prints its port)

Bytes go through unchanged, the Host header too, which the signatures of S3 cover. Nothing is parsed: HTTP/1.1 clients
send no request before the last one is answered, so whatever the server sends is held until the delay has passed since
the last byte of the request went to it. What follows, once an answer has begun, goes through at once. The delays of
many connections overlap. An answer may come a millisecond later than asked for, the grain of the loop's timers. A
client that sends `Expect: 100-continue` waits twice, as it would on a long way.
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
"""What the server may have sent ahead of the time of its answer; then it is not read from until then."""

BUFFER = memoryview(bytearray(128 * 1024))
"""What is received lies here until it is handed on, within one call: all connections share it."""


class Half(asyncio.BufferedProtocol):
    """One of two connections that belong together. What one cannot get rid of, the other does not take in."""

    transport: asyncio.Transport
    other: Half
    #: What is written to this side piles up: the other side must not be read from.
    full = False

    def get_buffer(self, sizehint: int) -> memoryview:
        return BUFFER

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def pause_writing(self) -> None:
        self.full = True
        self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        self.full = False
        self.other.transport.resume_reading()


class Server(Half):
    """The connection to the server: its answers are held back."""

    def __init__(self, client: Half, delay: float) -> None:
        self.other, self.delay = client, delay
        self._loop = asyncio.get_running_loop()
        self._due = 0.0
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._release_at: asyncio.TimerHandle | None = None
        self._gone = False

    def ask(self, data: bytes) -> None:
        """Send a part of a request."""
        self.transport.write(data)
        self._due = self._loop.time() + self.delay

    def buffer_updated(self, nbytes: int) -> None:
        data = bytes(BUFFER[:nbytes])
        if not self._held and self._loop.time() >= self._due:
            self.other.transport.write(data)
            return
        self._held.append(data)
        self._held_bytes += nbytes
        if self._held_bytes > HELD_BYTES:
            self.transport.pause_reading()
        if self._release_at is None:
            self._release_at = self._loop.call_at(self._due, self._release)

    def _release(self) -> None:
        if self._release_at is not None and self._release_at.when() < self._due:  # more of the request has come
            self._release_at = self._loop.call_at(self._due, self._release)
            return
        self._release_at = None
        self.other.transport.write(b"".join(self._held))
        self._held, self._held_bytes = [], 0
        if self._gone:
            self.other.transport.close()
        elif not self.other.full:
            self.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone = True
        if not self._held:
            self.other.transport.close()

    def forget(self) -> None:
        """The client is gone."""
        if self._release_at is not None:
            self._release_at.cancel()
        self.transport.close()


class Client(Half):
    """The connection of a client; it is read from once that to the server stands."""

    def __init__(self, host: str, port: int, delay: float) -> None:
        self._address, self._delay = (host, port), delay
        self._server: Server | None = None
        self._connecting: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
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
        if self._server is not None:
            self._server.ask(bytes(BUFFER[:nbytes]))

    def connection_lost(self, exc: Exception | None) -> None:
        if self._server is not None:
            self._server.forget()


async def serve(host: str, port: int, delay: float, own_port: int) -> None:
    """Forward what comes to `own_port` on loopback (0: any that is free); `delay` in seconds. Never returns."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Client(host, port, delay), LOOPBACK, own_port, backlog=512)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextlib.contextmanager
def proxied(endpoint: str, delay_ms: float) -> Iterator[str]:
    """The address by which `endpoint` answers `delay_ms` later, while the body runs."""
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
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", required=True, metavar="URL", help="the server: http://HOST:PORT")
    parser.add_argument("--port", type=int, default=0, help="port to listen on (default: any that is free)")
    parser.add_argument("--delay-ms", type=float, default=0.0, help="how much later each answer comes")
    arguments = parser.parse_args()
    server = urlsplit(arguments.to)
    if server.scheme != "http" or not server.hostname or not server.port:
        parser.error(f"--to: expected http://HOST:PORT, found {arguments.to}")
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(server.hostname, server.port, arguments.delay_ms / 1000, arguments.port))


if __name__ == "__main__":
    main()

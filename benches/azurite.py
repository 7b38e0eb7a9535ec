"""Azurite on a free port, and a proxy in front of it that holds every request back."""

import asyncio
import os
import re
import subprocess
import threading
import time
from pathlib import Path

from servers import stop

ACCOUNT = "devstoreaccount1"
# The key that Azurite's documentation publishes.
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


def cache():
    """The folder that ./dev installs servers into."""
    if named := os.environ.get("TIDEGATE_CACHE"):
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME") or Path(os.environ["HOME"]) / ".cache"
    return Path(base) / "tidegate"


class Azurite:
    """One server, empty at the start."""

    def __init__(self, folder):
        folder.mkdir()
        program = cache() / "azurite/node_modules/.bin/azurite-blob"
        self.log = folder / "log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [program, "--blobHost", "127.0.0.1", "--blobPort", "0", "--location", folder / "data",
                 "--skipApiVersionCheck", "--disableTelemetry", "--silent"],
                stdout=log, stderr=log)
        for _ in range(600):
            if found := re.search(r"successfully listens on http://(\S+)", self.log.read_text()):
                self.host = found[1].rstrip("/")
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        raise SystemExit(f"Azurite does not start:\n{self.log.read_text()}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        stop(self.process)


def environment(host):
    """What tidegate needs to reach it."""
    return {
        "AZURE_ACCOUNT_NAME": ACCOUNT, "AZURE_ACCOUNT_KEY": KEY,
        "AZURE_STORAGE_ENDPOINT": f"http://{host}/{ACCOUNT}",
    }


def connection(host):
    """The same as a connection string."""
    return (f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};"
            f"BlobEndpoint=http://{host}/{ACCOUNT};")


class Slow:
    """A proxy that holds each request back: what a client says after the server has spoken waits."""

    def __init__(self, upstream, delay):
        self.upstream, self.delay = upstream.split(":"), delay
        self.loop, ready = asyncio.new_event_loop(), threading.Event()

        def serve():
            asyncio.set_event_loop(self.loop)
            server = self.loop.run_until_complete(asyncio.start_server(self.one, "127.0.0.1", 0))
            self.host = "127.0.0.1:%d" % server.sockets[0].getsockname()[1]
            ready.set()
            self.loop.run_forever()

        threading.Thread(target=serve, daemon=True).start()
        ready.wait()

    async def one(self, reader, writer):
        upstream_reader, upstream_writer = await asyncio.open_connection(*self.upstream)
        state = {"answered": True}

        async def forth():
            while data := await reader.read(1 << 16):
                if state["answered"]:
                    state["answered"] = False
                    await asyncio.sleep(self.delay)
                upstream_writer.write(data)
                await upstream_writer.drain()
            upstream_writer.close()

        async def back():
            while data := await upstream_reader.read(1 << 16):
                state["answered"] = True
                writer.write(data)
                await writer.drain()
            writer.close()

        await asyncio.gather(forth(), back(), return_exceptions=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.loop.stop)

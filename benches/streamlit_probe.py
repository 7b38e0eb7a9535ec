"""What the Streamlit probe adds to the start of an app: from the start of Streamlit until the probe
has passed, beside the time until a bare loop has seen one run of the script end."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from measuring import alternate, median, ms

ROUNDS = 15
VERSION = "1.67.0"
APP = Path(__file__).resolve().parent.parent / "tests/fixtures/streamlit/good"

# The least that can be done: connect again and again, ask for a run, and read until the field
# `script_finished` (6) comes. It is started, with its imports done, before the app is.
BARE = """
import asyncio, sys
from websockets.asyncio.client import connect

async def main(url):
    while True:
        try:
            async with connect(url, subprotocols=["streamlit"], max_size=None, open_timeout=5) as session:
                await session.send(bytes([0x5A, 0]))  # BackMsg.rerun_script = 11, empty
                # Field 6 with the value 0, and nothing else of a message ends so.
                while b"\\x30\\x00" not in (await session.recv())[-2:]:
                    pass
                return
        except OSError:
            await asyncio.sleep(0.01)

print("ready", flush=True)
sys.stdin.readline()
asyncio.run(main(sys.argv[1]))
"""


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class App:
    """A Streamlit that was just started; ended by its process id."""

    def __init__(self, bench, python, port):
        self.began = time.perf_counter()
        self.process = subprocess.Popen(
            [python, "-m", "streamlit", "run", "app.py", "--server.headless=true",
             "--server.address=127.0.0.1", "--server.fileWatcherType=none", f"--server.port={port}"],
            cwd=APP, env=bench.environment | {"PYTHONDONTWRITEBYTECODE": "1"},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


def probed(bench, python):
    port = free_port()
    with App(bench, python, port) as app:
        subprocess.run(
            [bench.tidegate, "smoke", "--kind", "streamlit", "--url", f"http://127.0.0.1:{port}",
             "--start-period", "60s"],
            env=bench.environment, check=True, stdout=subprocess.DEVNULL,
        )
        return time.perf_counter() - app.began


def bare(bench, python):
    port = free_port()
    loop = subprocess.Popen(
        [python, "-c", BARE, f"ws://127.0.0.1:{port}/_stcore/stream"], env=bench.environment,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )
    try:
        loop.stdout.readline()
        with App(bench, python, port) as app:
            loop.communicate(b"go\n", timeout=120)
            if loop.returncode != 0:
                raise SystemExit("the bare loop failed")
            return time.perf_counter() - app.began
    finally:
        loop.kill()
        loop.wait()


def run(bench):
    cache = Path(os.environ.get("TIDEGATE_CACHE") or Path.home() / ".cache/tidegate")
    python = cache / "streamlit" / VERSION / "bin/python"
    if not python.is_file():
        sys.exit(f"Streamlit {VERSION} is missing: run `./dev setup`")
    probed(bench, python)  # fills the caches
    probes, loops = alternate(ROUNDS, lambda: probed(bench, python), lambda: bare(bench, python))
    bench.note(
        f"medians of {ROUNDS}, Streamlit {VERSION}, from the start of its process: "
        f"probe passed {ms(median(probes))}, bare loop {ms(median(loops))}"
    )
    added = median(probes) - median(loops)
    bench.clause("added by the Streamlit probe", added * 1000, 300, " ms")

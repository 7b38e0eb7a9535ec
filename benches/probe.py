"""What a probe adds to the app's own start, beside `docker start` and a loop of connections."""

import http.client
import json
import re
import shutil
import tarfile
import time

import servers
from measuring import alternate, median, ms

ROUNDS = 7
# Long enough that a probe asks many times before the app is there.
START = 1.0


def image(bench, engine, registry):
    """Pushes an app that starts for a while and then answers over HTTP; returns it by digest."""
    archive = bench.folder / "app.tar"
    with tarfile.open(archive, "w") as tar:
        tar.add(shutil.which("busybox"), "bin/busybox")
    script = f"/bin/busybox sleep {START}; exec /bin/busybox httpd -f -p 8000 -h /bin"
    command = f'CMD ["/bin/busybox", "sh", "-c", "{script}"]'
    name = f"{registry.host}/bench/app:1"
    engine.must("import", "--change", command, archive, name)
    pushed = engine.docker("push", name)
    digest = re.search(rb"digest: (sha256:[0-9a-f]{64})", pushed.stdout)
    if not digest:
        raise SystemExit(f"docker push: {pushed.stderr.decode()}")
    return f"{registry.host}/bench/app@{digest[1].decode()}"


def by_hand(engine, name):
    """Starts the container, and asks every 10 ms until it answers: seconds from `docker start` on."""
    made = engine.docker("create", "--network", "bench", "-p", "127.0.0.1::8000", name)
    container = made.stdout.decode().strip()
    began = time.perf_counter()
    engine.must("start", container)
    address = engine.docker("port", container, "8000/tcp").stdout.decode().strip()
    while True:
        try:
            connection = http.client.HTTPConnection(address, timeout=10)
            connection.request("GET", "/busybox")
            connection.getresponse().read(1)
            break
        except OSError:
            time.sleep(0.01)
        except http.client.HTTPException:
            time.sleep(0.01)
        finally:
            connection.close()
    took = time.perf_counter() - began
    engine.must("rm", "-f", container)
    return took


def probed(bench, name):
    """Lets tidegate do it, and returns the seconds from the start of the container to the pass."""
    bench.cost(
        bench.tidegate, "smoke", "--kind", "http", "--image", name, "--port", "8000",
        "--path", "/busybox", "--json")
    return json.loads(bench.out.read_text())["took_ms"] / 1000


def run(bench):
    if not shutil.which("busybox"):
        bench.note("not measured: busybox is not installed (Debian: busybox-static)")
        return
    with (
        servers.Registry(bench.folder / "probe-registry") as registry,
        servers.Engine(bench.folder / "probe-engine") as engine,
    ):
        if engine.problem:
            bench.note(f"not measured: {engine.problem}")
            return
        engine.must("network", "create", "bench")
        name = image(bench, engine, registry)
        bench.environment["DOCKER_HOST"] = engine.address
        hand, probe = alternate(
            ROUNDS, lambda: by_hand(engine, name), lambda: probed(bench, name))
        del bench.environment["DOCKER_HOST"]
        bench.note(f"an app that starts for {ms(START)}: by hand {ms(median(hand))}, "
                   f"probed {ms(median(probe))}")
        over = (median(probe) - median(hand)) * 1000
        bench.clause("http probe, longer than the loop", over, 300, " ms")

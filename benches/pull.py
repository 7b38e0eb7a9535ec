"""`tidegate pull` of 165 MB beside `curl`, from a server of this machine; and where nothing changed.

curl writes and no more. tidegate also digests the file, and writes it to the disk before it puts it
in the place of the old one: what the disk takes for that is shown apart, by `curl` and `sync`.
"""

import hashlib
import http.client
import json
import os
import random
import re
import shutil
import socketserver
import threading

from measuring import alternate, median, ms, timed, walls

ROUNDS = 9
SIZE = 165_000_000


class Files(socketserver.StreamRequestHandler):
    """Files by GET, whole or from an offset on, with ETags: what a store does, at the least cost."""

    def handle(self):
        while line := self.rfile.readline():
            headers = {}
            while (header := self.rfile.readline().strip()):
                name, value = header.decode().split(":", 1)
                headers[name.lower()] = value.strip()
            path = self.server.folder / line.split()[1].decode().split("?")[0].lstrip("/")
            stat = path.stat()
            size, etag = stat.st_size, f'"{stat.st_ino:x}-{stat.st_mtime_ns:x}"'
            begin = int((re.match(r"bytes=(\d+)-", headers.get("range", "")) or [0, 0])[1])
            status = "206 Partial Content" if "range" in headers else "200 OK"
            if headers.get("if-none-match") == etag:
                status, begin = "304 Not Modified", size
            head = f"HTTP/1.1 {status}\r\nETag: {etag}\r\nContent-Length: {size - begin}\r\n"
            if status.startswith("206"):
                head += f"Content-Range: bytes {begin}-{size - 1}/{size}\r\n"
            self.wfile.write(f"{head}\r\n".encode())
            with open(path, "rb") as file:
                while begin < size and (sent := os.sendfile(
                        self.connection.fileno(), file.fileno(), begin, size - begin)):
                    begin += sent


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True


def publish(folder):
    """Lays a container out as `sync` does."""
    chance = random.Random(6)
    data = b"12345678DUCK" + chance.randbytes(SIZE - 12)
    digest = hashlib.sha256(data).hexdigest()
    (folder / "analytics/versions").mkdir(parents=True)
    (folder / f"analytics/versions/{digest}.duckdb").write_bytes(data)
    (folder / "analytics/latest.json").write_text(json.dumps({
        "format": 1, "version": f"sha256:{digest}", "sha256": digest, "size": SIZE,
        "created": "2026-02-07T19:53:58Z", "storage_format": "duckdb v1.2.0",
        "path": f"versions/{digest}.duckdb", "moved": "2026-02-07T19:54:02Z",
    }))
    return f"analytics/versions/{digest}.duckdb"


def run(bench):
    if not shutil.which("curl"):
        bench.note("not measured: curl is not installed")
        return
    folder = bench.folder / "pull"
    file = publish(folder)
    with Server(("127.0.0.1", 0), Files) as server:
        server.folder = folder
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            measure(bench, folder, f"127.0.0.1:{server.server_address[1]}", file)
        finally:
            server.shutdown()
    shutil.rmtree(folder)


def measure(bench, folder, host, file):
    bench.environment["AZURE_ANALYTICS_URL"] = f"http://{host}/analytics?sv=2024-11-04&sig=bench"
    target = folder / "app/data/analytics.duckdb"
    target.parent.mkdir(parents=True)

    def fresh():
        for path in target.parent.iterdir():
            path.unlink()

    def pull():
        fresh()
        return bench.cost(bench.tidegate, "pull", "--to", target)

    def curl():
        fresh()
        return bench.cost("curl", "-sS", "-o", target, f"http://{host}/{file}")

    def curl_and_sync():
        fresh()
        script = f'curl -sS -o "{target}" "http://{host}/{file}" && sync "{target}"'
        return bench.cost("sh", "-c", script)

    pulls, curls, synced = alternate(ROUNDS, pull, curl, curl_and_sync)
    bench.note(f"{SIZE / 1e6:.0f} MB: pull {ms(walls(pulls))}, curl {ms(walls(curls))}, "
               f"curl and sync {ms(walls(synced))} (medians of {ROUNDS})")
    bench.note(f"pull: {median([cost.cpu for cost in pulls]):.2f} s of CPU, "
               f"{max(cost.peak for cost in pulls) / 1e6:.0f} MB of memory at most")
    bench.clause("pull of 165 MB beside curl", walls(pulls) / walls(curls), 1.15, " times")

    pull()

    def ask():
        connection = http.client.HTTPConnection(host)
        connection.request("GET", "/analytics/latest.json")
        connection.getresponse().read()
        connection.close()

    unchanged, asked = alternate(
        3 * ROUNDS, lambda: bench.cost(bench.tidegate, "pull", "--to", target).wall,
        lambda: timed(ask))
    bench.note(f"nothing changed: {ms(median(unchanged))}, one request {ms(median(asked))}")
    bench.clause("pull where nothing changed, besides one request",
                 (median(unchanged) - median(asked)) * 1000, 30, " ms")

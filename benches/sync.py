"""`sync` of 3,310 files with 708 MB to Azurite, beside rclone, azcopy and the Python SDK; through a
proxy that holds each request back for 268 ms; and with nothing changed, of 3,310 and of 1,000,000."""

import hashlib
import os
import random
import shutil
import textwrap

import azurite
from measuring import median, ms, walls

FILES, BYTES = 3310, 708_000_000
MILLION = 1_000_000
LATENCY = 0.268
ROUNDS = 3

# The SDK as people use it: one file after another.
SDK = """
import sys
from pathlib import Path
from azure.storage.blob import BlobServiceClient
connection, container, folder, most = sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])
service = BlobServiceClient.from_connection_string(connection)
client = service.create_container(container)
for path in sorted(folder.rglob("*.parquet"))[:most]:
    with open(path, "rb") as data:
        client.upload_blob(str(path.relative_to(folder)), data, overwrite=True)
"""


def sizes():
    """As many bytes as the field's lake, in files as uneven as its own."""
    chance = random.Random(7)
    parts = [chance.lognormvariate(0, 1) for _ in range(FILES)]
    return [max(1, round(part * BYTES / sum(parts))) for part in parts]


def repository(bench, name, host):
    """A folder with a configuration, and none of the files."""
    root = bench.folder / name
    (root / ".github").mkdir(parents=True)
    (root / ".github/tidegate.yml").write_text(textwrap.dedent(f"""\
        version: 1
        data:
          store: azure://{azurite.ACCOUNT}/
          layers:
            bronze: {{ path: data/bronze, container: {name} }}
        """))
    bench.environment |= azurite.environment(host)
    return root


def fill(folder):
    """Random bytes: what a store would make of them does not depend on their content."""
    for number, size in enumerate(sizes()):
        day = number % 28 + 1
        parent = folder / f"supermarket=s{number % 5}/region=r{number % 7}/year=2026/day={day:02}/run_{number:05}"
        parent.mkdir(parents=True)
        (parent / "file.parquet").write_bytes(os.urandom(size))


def empty_files(root, count):
    """Makes files, and the manifest that a sync which has sent them would have left: to send a million
    files one by one to a folder would take an hour."""
    empty = hashlib.sha256().hexdigest()
    (root / "data/metadata").mkdir(parents=True)
    with open(root / "data/metadata/sync_manifest.json", "w") as manifest:
        manifest.write('{"synced_files": {')
        for number in range(count):
            parent = f"part={number // 1000:04}"
            if number % 1000 == 0:
                (root / "data/bronze" / parent).mkdir(parents=True)
            path = f"{parent}/{number:07}.parquet"
            file = os.open(root / "data/bronze" / path, os.O_CREAT | os.O_WRONLY, 0o644)
            written = os.fstat(file).st_mtime_ns // 1000
            os.close(file)
            manifest.write(
                f'{"," if number else ""}\n"data/bronze/{path}": {{"blob_path": "{path}", "size": 0,'
                f' "synced_at": "2026-02-07T19:53:58", "sha256": "{empty}",'
                f' "etag": "0x{number:016X}", "mtime": {written // 10**6}.{written % 10**6:06}}}')
        manifest.write('},\n"last_sync": "2026-02-07T19:53:58"}\n')


def run(bench):
    with azurite.Azurite(bench.folder / "azurite") as server:
        files = bench.folder / "lake"
        fill(files)
        uploads(bench, server, files)
        latency(bench, server, files)
    shutil.rmtree(files)
    million(bench)


def azcopy_program():
    """The program in its package is named after the machine, and not marked as one."""
    package = azurite.cache() / "azcopy/node_modules/@azure-tools/azcopy-linux/dist/bin"
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, "-")
    program = package / f"azcopy_linux_{machine}"
    if not program.exists():
        return None
    program.chmod(0o755)
    return program


def uploads(bench, server, files):
    rivals = azurite.cache() / "rivals/bin"
    rclone, python = rivals / "rclone", rivals / "python"
    azcopy = azcopy_program()
    ours, theirs, sequential, other = [], [], [], []
    for number in range(ROUNDS):
        root = repository(bench, f"lake{number}", server.host)
        shutil.copytree(files, root / "data/bronze", copy_function=os.link)
        ours.append(bench.cost(bench.tidegate, "sync", "--layer", "bronze", cwd=root))
        if rclone.exists():
            bench.environment |= {
                "RCLONE_CONFIG_A_TYPE": "azureblob", "RCLONE_CONFIG_A_ACCOUNT": azurite.ACCOUNT,
                "RCLONE_CONFIG_A_KEY": azurite.KEY,
                "RCLONE_CONFIG_A_ENDPOINT": f"http://{server.host}/{azurite.ACCOUNT}",
            }
            theirs.append(bench.cost(rclone, "copy", "--transfers", "32", files, f"a:rclone{number}"))
        if azcopy:
            other.append(bench.cost(azcopy, "sync", files, sas(bench, server, python, f"azcopy{number}"),
                                    "--log-level=ERROR", "--from-to=LocalBlob"))
        if python.exists():
            sequential.append(bench.cost(python, "-c", SDK, azurite.connection(server.host),
                                         f"sdk{number}", files, FILES))
    bench.note(f"{FILES} files, {BYTES / 1e6:.0f} MB, medians of {ROUNDS}: tidegate {ms(walls(ours))},"
               f" {FILES / walls(ours):.0f} files/s")
    for name, costs in (("rclone --transfers 32", theirs), ("azcopy sync", other)):
        if costs:
            bench.note(f"{name}: {ms(walls(costs))}")
            bench.clause(f"time of sync / {name}", walls(ours) / walls(costs), 1.0, "")
        else:
            bench.note(f"{name}: not installed, not compared")
    if sequential:
        bench.note(f"Python SDK, one by one: {ms(walls(sequential))}")
        bench.clause("Python SDK one by one / time of sync", walls(sequential) / walls(ours), 2.5, "",
                     at_least=True)
    bench.clause("peak memory", median(cost.peak for cost in ours) / 1e6, 150, " MB")
    again = [bench.cost(bench.tidegate, "sync", "--layer", "bronze", cwd=root) for _ in range(11)]
    bench.clause(f"nothing changed, {FILES} files", walls(again) * 1000, 100, " ms")


def sas(bench, server, python, container):
    """Makes a container, and a URL for it that azcopy can write to."""
    code = (
        "import sys, datetime as d\n"
        "from azure.storage.blob import BlobServiceClient, generate_container_sas\n"
        "s = BlobServiceClient.from_connection_string(sys.argv[1]); c = s.create_container(sys.argv[2])\n"
        "t = generate_container_sas(s.account_name, sys.argv[2], account_key=s.credential.account_key,"
        " permission='rwdlc', expiry=d.datetime.now(d.timezone.utc) + d.timedelta(hours=2))\n"
        "print(c.url + '?' + t)")
    return bench.quietly(python, "-c", code, azurite.connection(server.host), container)


def latency(bench, server, files):
    """The field's 3.7 files a second are one request after another over a line with 268 ms."""
    with azurite.Slow(server.host, LATENCY) as slow:
        root = repository(bench, "slow", slow.host)
        shutil.copytree(files, root / "data/bronze", copy_function=os.link)
        cost = bench.cost(bench.tidegate, "sync", "--layer", "bronze", cwd=root)
    rate = FILES / cost.wall
    bench.note(f"through {LATENCY * 1000:.0f} ms: {ms(cost.wall)}, {rate:.0f} files/s")
    bench.clause("files a second / those of one request after another", rate * LATENCY, 25, "", at_least=True)
    bench.clause("peak memory through the line", cost.peak / 1e6, 150, " MB")


def million(bench):
    root = bench.folder / "million"
    (root / ".github").mkdir(parents=True)
    (root / ".github/tidegate.yml").write_text(
        f"version: 1\ndata:\n  store: file://{bench.folder}/store\n"
        "  layers:\n    bronze: { path: data/bronze }\n")
    empty_files(root, MILLION)
    first = bench.cost(bench.tidegate, "sync", "--layer", "bronze", cwd=root)
    bench.note(f"{MILLION} files, the copy of their manifest written: {ms(first.wall)},"
               f" {first.peak / 1e6:.0f} MB")
    again = [bench.cost(bench.tidegate, "sync", "--layer", "bronze", cwd=root) for _ in range(3)]
    said = bench.out.read_text()
    if f"{MILLION} there already" not in said:
        raise SystemExit(f"not all files were known:\n{said}")
    bench.clause(f"nothing changed, {MILLION} files", walls(again), 5, " s")
    shutil.rmtree(root)
    bench.clause("peak memory of that", median(cost.peak for cost in again) / 1e6, 300, " MB")

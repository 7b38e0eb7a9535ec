"""The memory of tidegate while a container floods its log."""

import shutil
import tarfile

import servers

FLOOD = 1 << 30
LINE = "INFO 2026-11-22 12:00:00 a request was answered with 200 in 12 ms and 1234 bytes"


def image(bench, engine):
    """Makes an image that prints FLOOD bytes as fast as it can, and then says so."""
    archive = bench.folder / "flood.tar"
    with tarfile.open(archive, "w") as tar:
        tar.add(shutil.which("busybox"), "bin/busybox")
    script = " ".join([
        f"/bin/busybox yes '{LINE}' | /bin/busybox head -c {FLOOD};",
        "/bin/busybox echo; /bin/busybox echo done",
    ])
    command = f'CMD ["/bin/busybox", "sh", "-c", "{script}"]'
    engine.must("import", "--change", command, archive, "flood:1")


def run(bench):
    if not shutil.which("busybox"):
        bench.note("not measured: busybox is not installed (Debian: busybox-static)")
        return
    with servers.Engine(bench.folder / "engine") as engine:
        if engine.problem:
            bench.note(f"not measured: {engine.problem}")
            return
        image(bench, engine)
        cost = bench.cost(bench.engine_part, engine.address, "flood:1")
        said = bench.out.read_text().strip()
        if not said.endswith("; done"):
            raise SystemExit(f"the flood did not come to its end: {said}")
        bench.note(f"1 GiB of log in {cost.wall:.0f} s, {said}; CPU {cost.cpu:.2f} s")
        bench.clause("flood of 1 GiB, peak memory", cost.peak / 1e6, 40, " MB")

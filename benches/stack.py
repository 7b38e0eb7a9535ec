"""The start of three services beside the slowest chain of them, and beside one after the other."""

import json
import shutil
import tarfile

import servers
from measuring import median

ROUNDS = 5


def image(bench, engine):
    """Makes an image of busybox, in which each service sleeps before it is healthy."""
    archive = bench.folder / "stack.tar"
    with tarfile.open(archive, "w") as tar:
        tar.add(shutil.which("busybox"), "bin/busybox")
        link = tarfile.TarInfo("bin/sh")
        link.type, link.linkname = tarfile.SYMTYPE, "busybox"
        tar.addfile(link)
    engine.must("import", archive, "stack:1")


def run(bench):
    if not shutil.which("busybox"):
        bench.note("not measured: busybox is not installed (Debian: busybox-static)")
        return
    with servers.Engine(bench.folder / "stack-engine") as engine:
        if engine.problem:
            bench.note(f"not measured: {engine.problem}")
            return
        image(bench, engine)
        rounds = []
        for _ in range(ROUNDS):
            bench.cost(bench.stack_part, engine.address, "stack:1")
            rounds.append(json.loads(bench.out.read_text()))
        together, chain, apart = (
            median([times[name] for times in rounds]) for name in ("together", "chain", "apart"))
        bench.note(f"three services: {together:.2f} s; slowest chain alone: {chain:.2f} s; "
                   f"one after the other: {apart:.2f} s (medians of {ROUNDS})")
        bench.clause("three services beside the slowest chain", together / chain, 1.2, " times")

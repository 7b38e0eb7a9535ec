"""Running one program and saying what it cost; comparing medians with a limit."""

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

# The kernel counts what a process was before it called exec as its peak memory, so the program is
# started by a bare interpreter: its 9 MB are the least that can be shown.
LAUNCHER = """
import json, os, sys, time
answer, out, command = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
files = [(os.POSIX_SPAWN_OPEN, 1, out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
         (os.POSIX_SPAWN_OPEN, 2, out + ".err", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
         (os.POSIX_SPAWN_CLOSE, answer)]
began = time.perf_counter()
pid = os.posix_spawnp(command[0], command, os.environ, file_actions=files)
_, status, usage = os.wait4(pid, 0)
wall = time.perf_counter() - began
os.write(answer, json.dumps([wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss,
                             os.waitstatus_to_exitcode(status)]).encode())
"""


class Cost:
    """What one run of a program cost: seconds, seconds of CPU, peak memory in bytes."""

    def __init__(self, wall, cpu, peak):
        self.wall, self.cpu, self.peak = wall, cpu, peak


class Bench:
    """The folder and the programs of a run, and what was found so far."""

    def __init__(self, folder, tidegate, registry_part, engine_part, stack_part):
        self.folder, self.tidegate, self.registry_part = folder, str(tidegate), str(registry_part)
        self.engine_part = str(engine_part)
        self.stack_part = str(stack_part)
        self.out = folder / "stdout"
        self.lines = []
        home = folder / "home"
        home.mkdir()
        kept = {"PATH": os.environ["PATH"], "TMPDIR": str(folder), "LC_ALL": "C.UTF-8"}
        self.environment = kept | {
            "HOME": str(home),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "bench", "GIT_AUTHOR_EMAIL": "bench@example.com",
            "GIT_COMMITTER_NAME": "bench", "GIT_COMMITTER_EMAIL": "bench@example.com",
            "GIT_AUTHOR_DATE": "1767225600 +0000", "GIT_COMMITTER_DATE": "1767225600 +0000",
        }

    def cost(self, *command, cwd=None, exits=(0,)):
        """Runs a program and returns what it cost; its output is in `self.out`."""
        reader, writer = os.pipe()
        words = [str(word) for word in command]
        subprocess.run(
            [sys.executable, "-I", "-S", "-c", LAUNCHER, str(writer), str(self.out), *words],
            cwd=cwd or self.folder, env=self.environment, pass_fds=[writer], check=True,
            stdin=subprocess.DEVNULL,
        )
        os.close(writer)
        with os.fdopen(reader) as answer:
            wall, cpu, peak, code = json.load(answer)
        if code not in exits:
            said = Path(f"{self.out}.err").read_text(errors="replace") or self.out.read_text()
            raise SystemExit(f"{' '.join(words)} ended with {code}:\n{said}")
        return Cost(wall, cpu, peak * 1024)

    def own_peak(self, *command, cwd=None):
        """Runs a program and returns its peak memory in bytes, without that of the programs which it
        starts: `wait4` tells the largest of them all. Asked again and again, the kernel's figure lacks
        only what the program takes in its last milliseconds (proc(5), VmHWM)."""
        words, peak = [str(word) for word in command], 0
        with open(self.out, "wb") as out, open(f"{self.out}.err", "wb") as err:
            child = subprocess.Popen(words, cwd=cwd or self.folder, env=self.environment,
                                     stdin=subprocess.DEVNULL, stdout=out, stderr=err)
            while child.poll() is None:
                for line in Path(f"/proc/{child.pid}/status").read_text().splitlines():
                    if line.startswith("VmHWM:"):
                        peak = max(peak, int(line.split()[1]) * 1024)
                time.sleep(0.002)
        if child.returncode != 0:
            said = Path(f"{self.out}.err").read_text(errors="replace") or self.out.read_text()
            raise SystemExit(f"{' '.join(words)} ended with {child.returncode}:\n{said}")
        return peak

    def quietly(self, *command, cwd=None, **options):
        """Runs a program of the set-up, which is not measured, and returns what it printed."""
        done = subprocess.run(
            [str(word) for word in command], cwd=cwd or self.folder, env=self.environment,
            capture_output=True, **options,
        )
        if done.returncode != 0:
            raise SystemExit(f"{command} failed:\n{done.stderr.decode(errors='replace')}")
        return done.stdout.decode(errors="replace").strip()

    def note(self, text):
        print(f"        {text}", flush=True)

    def clause(self, what, value, limit, unit, at_least=False):
        """Holds a figure against its limit."""
        held = value >= limit if at_least else value <= limit
        sign = "at least" if at_least else "at most"
        line = f"{what}: {value:.4g}{unit} ({sign} {limit}{unit})"
        self.lines.append((held, line))
        print(f"  {'PASS' if held else 'MISS'}  {line}", flush=True)

    def missed(self):
        return [line for held, line in self.lines if not held]


def alternate(rounds, *runs):
    """Runs each of them in turn, `rounds` times, and returns the results of each: what else the
    machine does then slows down all of them alike."""
    results = [[] for _ in runs]
    for _ in range(rounds):
        for found, run in zip(results, runs):
            found.append(run())
    return results


def median(values):
    return statistics.median(values)


def walls(costs):
    return median(cost.wall for cost in costs)


def ms(seconds):
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


def timed(run):
    """Returns how long a call took, in seconds."""
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def machine():
    """Describes the machine, without its name."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    load = os.getloadavg()[0]
    return (
        f"{os.cpu_count()} cores ({platform.machine()}), {memory:.0f} GB of memory,"
        f" {platform.system()} {platform.release().split('-')[0]}, load {load:.1f} at the start"
    )

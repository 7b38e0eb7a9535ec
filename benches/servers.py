"""A registry and a Docker Engine of our own, on free ports and sockets, stopped by process id."""

import http.client
import os
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path

REGISTRY_CONFIG = """version: 0.1
log: {{level: error}}
storage:
  filesystem: {{rootdirectory: {folder}}}
  delete: {{enabled: true}}
http:
  addr: {host}
  draintimeout: 1s
"""

# remote user, time, request, status, bytes, referrer and user agent: the "combined" log format
ACCESS = re.compile(r'^\S+ - - \[[^]]*\] "(\S+) (\S+) [^"]*" (\d+) (\d+) "[^"]*" "([^"]*)"')


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def stop(process):
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Registry:
    """The CNCF registry with the access log that it writes itself."""

    def __init__(self, folder):
        folder.mkdir()
        self.host = f"127.0.0.1:{free_port()}"
        config = folder / "config.yml"
        config.write_text(REGISTRY_CONFIG.format(folder=folder / "data", host=self.host))
        self.log = folder / "log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                ["docker-registry", "serve", config], stdout=log, stderr=log)
        for _ in range(200):
            try:
                self.request("GET", "/v2/")
                break
            except OSError:
                if self.process.poll() is not None:
                    raise SystemExit(f"docker-registry ended:\n{self.log.read_text()}")
                time.sleep(0.05)
        else:
            raise SystemExit("docker-registry does not answer")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        stop(self.process)

    def request(self, method, path, body=None, headers=None):
        connection = http.client.HTTPConnection(self.host)
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        if answer.status >= 400:
            raise SystemExit(f"{method} {path}: {answer.status} {data[:500]}")
        return answer.headers, data

    def mark(self):
        """Returns the place in the log from which `requests` reads."""
        return self.log.stat().st_size

    def requests(self, mark, agent):
        """Returns (method, path, status, bytes sent) of each request of a client since then."""
        with open(self.log, "rb") as log:
            log.seek(mark)
            lines = log.read().decode().splitlines()
        found = (ACCESS.match(line) for line in lines)
        return [
            (m[1], m[2], int(m[3]), int(m[4])) for m in found if m and m[5].startswith(agent)
        ]


class Engine:
    """A Docker Engine with its own data, or the reason why there is none."""

    def __init__(self, folder):
        self.process, self.problem = None, self.impossible()
        if self.problem:
            return
        folder.mkdir()
        self.folder, self.address = folder, f"unix://{folder}/docker.sock"
        self.log = folder / "log"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                ["dockerd", "--iptables=false", "--ip6tables=false", "--bridge=none",
                 "--storage-driver=overlay2", "--data-root", folder / "data",
                 "--exec-root", folder / "exec", "-p", folder / "pid", "-H", self.address],
                stdout=log, stderr=log)
        for _ in range(120):
            if self.process.poll() is not None:
                break
            if self.docker("info").returncode == 0:
                return
            time.sleep(0.5)
        last = self.log.read_text(errors="replace").splitlines()[-1:]
        self.problem = f"dockerd does not start: {' '.join(last)}"

    @staticmethod
    def impossible():
        if os.geteuid() != 0:
            return "dockerd needs root"
        for program in ("dockerd", "containerd", "docker"):
            if not shutil.which(program):
                return f"{program} is not installed (Debian: docker.io containerd docker-cli)"
        return None

    def docker(self, *arguments):
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder)}
        return subprocess.run(
            ["docker", "-H", self.address, *arguments], env=environment, capture_output=True)

    def must(self, *arguments):
        done = self.docker(*arguments)
        if done.returncode != 0:
            raise SystemExit(f"docker {' '.join(arguments)}: {done.stderr.decode()}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process and self.process.poll() is None:
            stop(self.process)
        if self.process:
            # What the engine mounted has to go before its folder can be removed.
            mounts = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
            for mount in reversed([m for m in mounts if m.startswith(f"{self.folder}/")]):
                subprocess.run(["umount", mount], check=False)

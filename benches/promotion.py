"""Promotion of a two-platform image of 1 GB on a local registry: how many requests, how long beside
a bare loop of them, beside pull, tag and push with the Docker Engine, and beside skopeo."""

import gzip
import hashlib
import json
import os
import re

from measuring import alternate, median, ms, timed, walls
from servers import Engine, Registry

REPOSITORY = "acme/app"
PLATFORMS = ("amd64", "arm64")
LAYERS = 2
LAYER_BYTES = 250_000_000
ROUNDS = 60
GATES = 5
SKOPEOS = 5
PULLS = 3
INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


def digest_of(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def random_layer(name):
    """Returns a tar of one file of random bytes, and the same in gzip's form. Random bytes do not
    become smaller, so nobody spends time on trying."""
    header = bytearray(512)
    for offset, value in ((0, name), (100, "0000644\0"), (108, "0000000\0"), (116, "0000000\0"),
                          (124, f"{LAYER_BYTES:011o}\0"), (136, "00000000000\0"), (148, " " * 8),
                          (156, "0"), (257, "ustar\00000")):
        header[offset:offset + len(value)] = value.encode()
    header[148:156] = f"{sum(header):06o}\0 ".encode()
    padding = -LAYER_BYTES % 512 + 1024
    tar = bytes(header) + os.urandom(LAYER_BYTES) + bytes(padding)
    return tar, gzip.compress(tar, compresslevel=0, mtime=0)


class Images:
    """Pushes images over the same layers: only their configurations differ."""

    def __init__(self, registry):
        self.registry = registry
        self.layers = {
            platform: [self.layer(f"{platform}{n}") for n in range(LAYERS)]
            for platform in PLATFORMS
        }

    def layer(self, name):
        """Pushes a layer; returns the digest of its tar, its own digest and its size."""
        tar, compressed = random_layer(name)
        return digest_of(tar), *self.blob(compressed)

    def blob(self, data):
        headers, _ = self.registry.request("POST", f"/v2/{REPOSITORY}/blobs/uploads/")
        digest = digest_of(data)
        place = headers["Location"].split(self.registry.host, 1)[-1]
        join = "&" if "?" in place else "?"
        kind = {"Content-Type": "application/octet-stream"}
        self.registry.request("PUT", f"{place}{join}digest={digest}", data, kind)
        return digest, len(data)

    def manifest(self, media_type, document, reference=None):
        data = json.dumps(document).encode()
        digest = digest_of(data)
        path = f"/v2/{REPOSITORY}/manifests/{reference or digest}"
        self.registry.request("PUT", path, data, {"Content-Type": media_type})
        return {"mediaType": media_type, "digest": digest, "size": len(data)}

    def push(self, commit, tag):
        """Returns the digest of the index, and of each child manifest and its configuration."""
        children, pairs = [], []
        for platform, layers in self.layers.items():
            config = json.dumps({
                "created": "2026-01-01T00:00:00Z", "architecture": platform, "os": "linux",
                "config": {"Labels": {"org.opencontainers.image.revision": commit}},
                "rootfs": {"type": "layers", "diff_ids": [tar for tar, _, _ in layers]},
            }).encode()
            config_digest, _ = self.blob(config)
            child = self.manifest(MANIFEST, {
                "schemaVersion": 2, "mediaType": MANIFEST,
                "config": {"mediaType": CONFIG, "digest": config_digest, "size": len(config)},
                "layers": [{"mediaType": LAYER, "digest": d, "size": n} for _, d, n in layers],
            })
            pairs.append(f"{child['digest']},{config_digest}")
            children.append(child | {"platform": {"os": "linux", "architecture": platform}})
        index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": children}
        return self.manifest(INDEX, index, tag)["digest"], pairs


class World:
    """A repository whose commits have images, and what it takes to promote them."""

    def __init__(self, bench, registry, images):
        self.bench, self.registry, self.images = bench, registry, images
        self.remote, self.clone = bench.folder / "app.git", bench.folder / "app"
        bench.quietly("git", "init", "--quiet", "--bare", "--initial-branch=main", self.remote)
        bench.quietly("git", "clone", "--quiet", self.remote, self.clone)
        self.git("switch", "--quiet", "--create", "main")
        self.needs = bench.folder / "green.json"
        self.needs.write_text(json.dumps({"tests": {"result": "success", "outputs": {}}}))
        self.commits = 0

    def git(self, *arguments):
        return self.bench.quietly("git", *arguments, cwd=self.clone)

    def commit(self, images):
        """Makes a commit on top of what the remote has, and returns its id."""
        if self.commits:
            self.git("pull", "--quiet", "--ff-only", "origin", "main")
        (self.clone / ".github").mkdir(exist_ok=True)
        (self.clone / ".github/tidegate.yml").write_text(
            f"version: 1\nimages: {json.dumps(images)}\n# commit {self.commits}\n")
        self.commits += 1
        self.git("add", ".")
        self.git("commit", "--quiet", "--message", f"Change {self.commits}")
        self.git("push", "--quiet", "origin", "main")
        return self.git("rev-parse", "HEAD")

    def gate(self, with_image=True):
        """Promotes a new commit; returns the cost, the requests and the image."""
        name = f"{self.registry.host}/{REPOSITORY}"
        commit = self.commit([name] if with_image else [])
        command = [self.bench.tidegate, "gate", "--needs", f"@{self.needs}"]
        pushed = None
        if with_image:
            pushed = self.images.push(commit, commit)
            command += ["--digest", pushed[0]]
        mark = self.registry.mark()
        cost = self.bench.cost(*command, cwd=self.clone)
        return cost, self.registry.requests(mark, "tidegate/"), pushed, f"good-{commit[:7]}"


def run(bench):
    with Registry(bench.folder / "registry") as registry:
        world = World(bench, registry, Images(registry))
        former, new, requests = count(bench, world)
        ours = beside_bare_loop(bench, registry, former, new, requests)
        beside_skopeo(bench, registry, former, new, ours)
        beside_engine(bench, registry, new, ours)


def count(bench, world):
    """Counts what a promotion sends. Returns the last two images that were promoted, as words for
    `registry_part`, and the requests of the last promotion."""
    world.gate()  # the first one has no former stable to keep, the others are the usual case
    gates, without = alternate(GATES, world.gate, lambda: world.gate(with_image=False)[0])
    _, requests, (_, pairs), _ = gates[-1]
    configs = {pair.split(",")[1] for pair in pairs}
    blobs = [r for r in requests if "/blobs/" in r[1]]
    layers = [r for r in blobs if r[0] != "GET" or r[1].rsplit("/", 1)[1] not in configs]
    keep = [r for r in requests if "/manifests/good-" in r[1]]
    bench.note("requests of one gate: " + ", ".join(shapes(requests)))
    bench.note(f"the registry sent {sum(r[3] for r in requests)} bytes in all these answers")
    bench.note(f"whole gate, medians of {GATES}: {ms(walls(g[0] for g in gates))};"
               f" the same without an image {ms(walls(without))}")
    bench.clause("promotion, requests for layers", len(layers), 0, "")
    allowed = 2 + 2 * len(("stable", "latest")) + 2 * len(PLATFORMS)
    bench.clause("promotion, requests besides keep tags", len(requests) - len(keep), allowed, "")
    bench.clause("promotion, requests for the keep tags of two releases", len(keep), 2 * 2, "")
    former, new = ((image[0], keep, *image[1]) for _, _, image, keep in (gates[-1], gates[-2]))
    return former, new, requests


def shapes(requests):
    """Says what requests are for, without the names that differ from run to run."""
    found = []
    for method, path, *_ in requests:
        kind, reference = path.rsplit("/", 2)[1:]
        reference = re.sub(r"^good-.*", "good-<commit>", reference)
        found.append(f"{method} {kind} {re.sub('^sha256:.*', '<digest>', reference)}")
    return found


def beside_bare_loop(bench, registry, former, new, requests):
    """Returns how long the registry part of a promotion takes."""
    mark = registry.mark()
    printed = bench.quietly(
        bench.registry_part, registry.host, REPOSITORY, ROUNDS, *former, *new)
    rows = [[int(word) for word in line.split()] for line in printed.splitlines()]
    for agent in ("tidegate/", "bare-loop"):
        sent = shapes(registry.requests(mark, agent))
        if sent != shapes(requests) * (ROUNDS + 1):
            raise SystemExit(f"{agent} sent other requests than the gate: {sent[:20]}")
    ours, bare = (median(row[column] for row in rows) / 1e6 for column in (0, 1))
    bench.note(f"registry part, medians of {ROUNDS}: tidegate {ms(ours)}, bare loop {ms(bare)}")
    bench.clause("promotion, registry part beside the bare loop", ours / bare, 1.2, "x")
    return ours


def beside_skopeo(bench, registry, former, new, ours):
    """Moves one tag with skopeo, where tidegate moves two and keeps one."""
    name = f"docker://{registry.host}/{REPOSITORY}"
    sources = [new[0], former[0]] * SKOPEOS  # each changes what the tag points at
    costs = [
        bench.cost("skopeo", "copy", "--all", "--quiet", "--insecure-policy",
                   "--src-tls-verify=false", "--dest-tls-verify=false",
                   f"{name}@{source}", f"{name}:stable")
        for source in sources
    ]
    bench.note(f"skopeo copy --all to one tag, median of {len(costs)}: {ms(walls(costs))}")
    bench.clause("promotion, registry part beside skopeo", ours / walls(costs), 1, "x")


def beside_engine(bench, registry, new, ours):
    """Pulls, tags and pushes with the Docker Engine, which moves one platform only."""
    with Engine(bench.folder / "engine") as engine:
        if engine.problem:
            bench.note(f"Docker Engine: not measured ({engine.problem})")
            return
        name = f"{registry.host}/{REPOSITORY}"
        candidate, tags = f"{name}@{new[0]}", [f"{name}:stable", f"{name}:latest"]

        def pull_tag_push():
            engine.must("pull", "--quiet", candidate)
            for tag in tags:
                engine.must("tag", candidate, tag)
                engine.must("push", "--quiet", tag)

        seconds = []
        for _ in range(PULLS):
            seconds.append(timed(pull_tag_push))
            engine.must("rmi", "--force", candidate, *tags)
    bench.note(f"pull, tag, push of one platform, median of {PULLS}: {ms(median(seconds))}")
    bench.clause(
        "promotion, times faster than the Docker Engine", median(seconds) / ours, 100, "x", True)

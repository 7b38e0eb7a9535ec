"""A rollback of five commits over 500 files in a repository of 100,000 files, by `tidegate gate`,
beside `git revert --no-commit` of the range and `git commit`."""

import json

from measuring import alternate, median, ms, walls

FILES = 100_000
FILES_IN_A_FOLDER = 100
BAD_COMMITS = 5
BAD_FILES = 500
ROUNDS = 11
LEDGER = "docs/ML_EXPERIMENT_RESULTS.md"
CONFIG = "version: 1\nimages: []\n"
ENTRY = """# Experiments

---

## CI/CD Test Execution Log

**Date**: 2025-12-22 02:33:00 UTC
**Branch**: main
**Commit**: {good}
**Status**: ✅ Tests Passed

**Deployment**: Ready for production
"""


def path_of(number):
    return f"src/part{number // FILES_IN_A_FOLDER:04}/file{number:06}.txt"


def content_of(number, version):
    line = f"file {number}, version {version}\n"
    return line + "".join(f"line {n} of {number}\n" for n in range(10))


class History:
    """A stream for `git fast-import`."""

    def __init__(self):
        self.chunks = []
        self.marks = 0

    def commit(self, message, files):
        self.marks += 1
        parent = f"from :{self.marks - 1}\n" if self.marks > 1 else ""
        self.chunks.append(
            f"commit refs/heads/main\nmark :{self.marks}\n"
            f"committer bench <bench@example.com> {1767225600 + self.marks} +0000\n"
            f"data {len(message.encode())}\n{message}\n{parent}".encode()
        )
        for path, text in files:
            data = text.encode()
            self.chunks.append(f"M 100644 inline {path}\ndata {len(data)}\n".encode() + data + b"\n")


def make(bench):
    """Makes the remote and a clone with a work tree."""
    remote, clone = bench.folder / "remote.git", bench.folder / "clone"
    bench.quietly("git", "init", "--quiet", "--bare", "--initial-branch=main", remote)
    good = History()
    files = [(path_of(n), content_of(n, 1)) for n in range(FILES)]
    good.commit("Good", [*files, (".github/tidegate.yml", CONFIG)])
    bench.quietly("git", "fast-import", "--quiet", cwd=remote, input=b"".join(good.chunks))
    sha = bench.quietly("git", "rev-parse", "main", cwd=remote)

    bad = History()
    bad.commit("Note the passed build [skip ci]", [(LEDGER, ENTRY.format(good=sha))])
    each = BAD_FILES // BAD_COMMITS
    for commit in range(BAD_COMMITS):
        # Spread over the whole tree: every hundredth folder has a share.
        numbers = [(commit * each + n) * (FILES // BAD_FILES) for n in range(each)]
        bad.commit(f"Change {commit}", [(path_of(n), content_of(n, 2)) for n in numbers])
    bad.chunks.insert(1, f"from {sha}\n".encode())
    bench.quietly("git", "fast-import", "--quiet", cwd=remote, input=b"".join(bad.chunks))
    bench.quietly("git", "clone", "--quiet", remote, clone)
    return remote, clone, sha


def run(bench):
    remote, clone, good = make(bench)
    head = bench.quietly("git", "rev-parse", "main", cwd=remote)
    needs = bench.folder / "needs.json"
    needs.write_text(json.dumps({"tests": {"result": "failure", "outputs": {}}}))
    rolled_back = 3  # the exit code

    def restore():
        bench.quietly("git", "update-ref", "refs/heads/main", head, cwd=remote)
        bench.quietly("git", "update-ref", "-d", "refs/heads/tidegate", cwd=remote)
        bench.quietly("git", "reset", "--quiet", "--hard", head, cwd=clone)

    def same_tree(revision, folder):
        tree = f"{revision}:src"
        return bench.quietly("git", "rev-parse", tree, cwd=folder) == bench.quietly(
            "git", "rev-parse", f"{good}:src", cwd=folder)

    def gate():
        restore()
        cost = bench.cost(
            bench.tidegate, "gate", "--needs", f"@{needs}", cwd=clone, exits=(rolled_back,))
        if not same_tree("main", remote):
            raise SystemExit("the gate did not restore the good tree")
        return cost

    def revert():
        restore()
        cost = bench.cost(
            "sh", "-c", f"git revert --no-commit {head}~{BAD_COMMITS}..{head}"
            " && git commit --quiet --message Revert", cwd=clone)
        if not same_tree("HEAD", clone):
            raise SystemExit("git revert did not restore the good tree")
        return cost

    gates, reverts = alternate(ROUNDS, gate, revert)
    bench.note(f"{FILES} files, {BAD_COMMITS} bad commits over {BAD_FILES} files; medians of {ROUNDS}:")
    for what, costs in (("whole gate, pushes included", gates),
                        ("git revert and git commit, no push", reverts)):
        bench.note(f"{what}: {ms(walls(costs))}, CPU {ms(median(cost.cpu for cost in costs))}")
    faster = walls(reverts) / walls(gates)
    bench.clause("rollback, times faster than git revert", faster, 10, "x", True)
    bench.clause("rollback, peak memory", max(cost.peak for cost in gates) / 1e6, 200, " MB")

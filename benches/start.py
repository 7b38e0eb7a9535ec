"""What it costs to start: `--help`, and `status` on a small repository."""

from measuring import alternate, median, ms, walls

ROUNDS = 25


def run(bench):
    # The repository that the demo leaves: a release, a rollback, an image, and a remote to ask.
    world = bench.folder / "demo"
    bench.quietly(bench.tidegate, "demo", "--dir", world)
    helps, statuses = alternate(
        ROUNDS,
        lambda: bench.cost(bench.tidegate, "--help"),
        lambda: bench.cost(bench.tidegate, "status", cwd=world / "app"),
    )
    bench.note(f"medians of {ROUNDS}, wall clock: --help {ms(walls(helps))}, status {ms(walls(statuses))}")
    bench.clause("--help", walls(helps) * 1000, 20, " ms")
    bench.clause("status, CPU", median(cost.cpu for cost in statuses) * 1000, 50, " ms")

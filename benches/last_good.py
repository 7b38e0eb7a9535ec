"""`last-good` from a ledger of 100 MB, beside the shell pipeline that teams copy."""

from measuring import alternate, median, ms, walls

ENTRIES = 265_000
ROUNDS = 15
LEDGER = "docs/ML_EXPERIMENT_RESULTS.md"

ENTRY = """---

## CI/CD Test Execution Log

**Date**: 2025-12-22 02:33:00 UTC
**Branch**: main
**Commit**: {commit}
**Status**: ✅ Tests Passed

### Automated Tests Executed:
- ✅ Data Validation Tests
- ✅ Unit Tests
- ✅ Integration Tests
- ✅ Model Performance Tests
- ✅ Code Quality Checks (build no. {number:06})

**Deployment**: Ready for production

"""

# As it is copied, but with a pattern that matches the bold form and the bold field's third word.
PIPELINE = (
    f"grep -B 3 'Status\\*\\*: ✅ Tests Passed' {LEDGER}"
    " | grep 'Commit' | tail -1 | awk '{print $2}'"
)


def run(bench):
    repository = bench.folder / "ledger"
    bench.quietly("git", "init", "--quiet", "--initial-branch=main", repository)
    bench.quietly("git", "commit", "--quiet", "--allow-empty", "--message=Good", cwd=repository)
    good = bench.quietly("git", "rev-parse", "HEAD", cwd=repository)
    bench.quietly("git", "commit", "--quiet", "--allow-empty", "--message=Next", cwd=repository)
    (repository / "docs").mkdir()
    with open(repository / LEDGER, "w") as ledger:
        ledger.write("# Experiments\n\n")
        for number in range(ENTRIES):
            # All but the last are of commits that this clone does not have.
            last = number == ENTRIES - 1
            ledger.write(ENTRY.format(commit=good if last else f"{number:040x}", number=number))
    size = (repository / LEDGER).stat().st_size

    def answered(*command):
        cost = bench.cost(*command, cwd=repository)
        if (answer := bench.out.read_text().strip()) != good:
            raise SystemExit(f"{command} answered {answer!r} and not {good}")
        return cost

    ours, shell = alternate(
        ROUNDS,
        lambda: answered(bench.tidegate, "last-good"),
        lambda: answered("sh", "-c", PIPELINE),
    )
    bench.note(f"ledger of {size / 1e6:.0f} MB, {ENTRIES} entries; medians of {ROUNDS}:")
    bench.note(f"tidegate last-good {ms(walls(ours))}, shell pipeline {ms(walls(shell))}")
    bench.clause("last-good, times faster than the pipeline", walls(shell) / walls(ours), 5, "x", True)
    peak = max(cost.peak for cost in ours)
    bench.clause("last-good, peak memory", peak / 1e6, 20, " MB")
    (repository / LEDGER).unlink()

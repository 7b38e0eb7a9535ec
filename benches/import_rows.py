"""`data import` of 1,000,000 rows of sales with all their checks: into DuckDB beside its own bare
`INSERT ... FROM read_csv` and beside Python row by row, into SQLite beside `sqlite3 .import`."""

import os
import random
import shutil
import sqlite3
from datetime import date, timedelta

from azurite import cache
from measuring import alternate, median, ms, walls

ROWS = 1_000_000
BY_PYTHON = 20_000
ROUNDS = 5
MEMORY = 100

COLUMNS = (
    ("date", "DATE", "TEXT"), ("user_id", "BIGINT", "INTEGER"), ("product_name", "VARCHAR", "TEXT"),
    ("quantity", "BIGINT", "INTEGER"), ("unit_price", "DECIMAL(18,2)", "REAL"),
    ("total_amount", "DECIMAL(18,2)", "REAL"), ("region", "VARCHAR", "TEXT"),
)

# The way of the field: a loop over the rows of a data frame, and a statement for each of them.
ROW_BY_ROW = """
import sys, time
import duckdb, pandas
base, path, rows = sys.argv[1], sys.argv[2], int(sys.argv[3])
connection = duckdb.connect(base)
frame = pandas.read_csv(path, nrows=rows)
began = time.perf_counter()
for _, row in frame.iterrows():
    connection.execute("INSERT INTO sales VALUES (?, ?, ?, ?, ?, ?, ?)", [
        row["date"], row["user_id"], row["product_name"], row["quantity"], row["unit_price"],
        row["total_amount"], row["region"]])
connection.close()
print(time.perf_counter() - began)
"""


def sales(path, rows):
    """Two years of sales, by day: no row is there twice, since no user buys twice on a day."""
    chance = random.Random(7)
    begin = date(2024, 1, 1)
    days = [(begin + timedelta(days=number)).isoformat() for number in range(730)]
    products = [f"Product {number:03}{' (large)' if number % 5 == 0 else ''}" for number in range(200)]
    prices = [chance.randrange(99, 20_000) for _ in products]
    regions = ["north", "south", "east", "west", "overseas"]
    with open(path, "w", buffering=1 << 20) as file:
        file.write(",".join(name for name, _, _ in COLUMNS) + "\n")
        for number in range(rows):
            product, quantity = int(chance.random() * 200), number % 9 + 1
            price = prices[product]
            total = price * quantity
            file.write(
                f"{days[number * 730 // rows]},{number * 7919 % 50_000 + 1},{products[product]},{quantity},"
                f"{price // 100}.{price % 100:02},{total // 100}.{total % 100:02},{regions[product % 5]}\n")


def table(engine):
    columns = ", ".join(f"{name} {kinds[engine]}" for name, *kinds in COLUMNS)
    return f"CREATE TABLE sales ({columns})"


class Base:
    """A database with an empty table, made anew for each run."""

    def __init__(self, bench, name, make):
        self.empty, self.file = bench.folder / f"empty.{name}", bench.folder / f"app.{name}"
        make(self.empty)

    def fresh(self):
        for end in ("", ".wal", "-wal", "-shm", "-journal"):
            self.file.with_name(self.file.name + end).unlink(missing_ok=True)
        shutil.copyfile(self.empty, self.file)
        return self.file


def importing(bench, base, path):
    return (bench.tidegate, "data", "import", "sales", path, "--database", base)


def run(bench):
    path = bench.folder / "sales.csv"
    sales(path, ROWS)
    os.sync()
    bench.note(f"{ROWS} rows in {path.stat().st_size / 1e6:.0f} MB")
    larger = bench.folder / "larger.csv"
    if shutil.which("duckdb"):
        into_duckdb(bench, path, larger)
    else:
        bench.note("DuckDB not measured: the duckdb command is not installed")
    if shutil.which("sqlite3"):
        into_sqlite(bench, path)
    else:
        bench.note("SQLite not measured: the sqlite3 command is not installed")
    for file in (path, larger):
        file.unlink(missing_ok=True)


def into_duckdb(bench, path, larger):
    def counted(file):
        said = bench.quietly("duckdb", "-readonly", "-csv", "-noheader", file, "SELECT count(*), sum(total_amount) FROM sales")
        return said.split(",")

    base = Base(bench, "duckdb", lambda file: bench.quietly("duckdb", file, table(0)))
    bare = f"INSERT INTO sales SELECT * FROM read_csv('{path}')"
    seen = []

    def ours():
        cost = bench.cost(*importing(bench, base.fresh(), path))
        seen.append(counted(base.file))
        return cost

    def theirs():
        cost = bench.cost("duckdb", base.fresh(), bare)
        seen.append(counted(base.file))
        return cost

    imports, inserts = alternate(ROUNDS, ours, theirs)
    same(seen)
    bench.note(f"DuckDB, medians of {ROUNDS}: tidegate {ms(walls(imports))}"
               f" ({median([cost.cpu for cost in imports]):.1f} s of CPU, with DuckDB's),"
               f" {ROWS / walls(imports):.0f} rows/s; INSERT FROM read_csv {ms(walls(inserts))}"
               f" ({median([cost.cpu for cost in inserts]):.1f} s of CPU)")
    bench.clause("import into DuckDB beside INSERT FROM read_csv", walls(imports) / walls(inserts), 3, " times")

    row_by_row(bench, base, path, walls(imports))

    peak = bench.own_peak(*importing(bench, base.fresh(), path))
    bench.clause("peak memory of tidegate, into DuckDB", peak / 1e6, MEMORY, " MB")
    again = bench.cost(*importing(bench, base.file, path))
    if f"{ROWS:,} there already" not in bench.out.read_text():
        raise SystemExit(f"the second import changed something:\n{bench.out.read_text()}")
    bench.note(f"the same file again, nothing changes: {ms(again.wall)}")
    sales(larger, 3 * ROWS)
    peak = bench.own_peak(*importing(bench, base.fresh(), larger))
    bench.clause("peak memory of tidegate, three times as many rows", peak / 1e6, MEMORY, " MB")


def row_by_row(bench, base, path, ours):
    python = cache() / "pandas/bin/python"
    if not python.exists():
        bench.note("Python row by row: pandas is not installed, not compared")
        return
    seconds = float(bench.quietly(python, "-c", ROW_BY_ROW, base.fresh(), path, BY_PYTHON))
    all_rows = seconds * ROWS / BY_PYTHON
    bench.note(f"Python, a row at a time: {BY_PYTHON} rows in {ms(seconds)}, {BY_PYTHON / seconds:.0f} rows/s;"
               f" a million, extrapolated: {all_rows:.0f} s")
    bench.clause("Python row by row, extrapolated / import", all_rows / ours, 100, " times", at_least=True)


def into_sqlite(bench, path):
    def make(file):
        with sqlite3.connect(file) as connection:
            connection.execute(table(1))
        connection.close()

    def counted(file):
        connection = sqlite3.connect(file)
        count, total = connection.execute("SELECT count(*), round(sum(total_amount), 2) FROM sales").fetchone()
        connection.close()
        return [str(count), f"{total:.2f}"]

    base = Base(bench, "db", make)
    seen = []

    def ours():
        cost = bench.cost(*importing(bench, base.fresh(), path))
        seen.append(counted(base.file))
        return cost

    def theirs():
        cost = bench.cost("sqlite3", base.fresh(), ".mode csv", f".import --skip 1 {path} sales")
        seen.append(counted(base.file))
        return cost

    imports, shell = alternate(ROUNDS, ours, theirs)
    same(seen)
    bench.note(f"SQLite, medians of {ROUNDS}: tidegate {ms(walls(imports))}"
               f" ({median([cost.cpu for cost in imports]):.1f} s of CPU), {ROWS / walls(imports):.0f} rows/s;"
               f" sqlite3 .import {ms(walls(shell))} ({median([cost.cpu for cost in shell]):.1f} s of CPU)")
    bench.clause("import into SQLite beside sqlite3 .import", walls(imports) / walls(shell), 2, " times")
    bench.clause("peak memory of tidegate, into SQLite", max(cost.peak for cost in imports) / 1e6, MEMORY, " MB")
    bench.cost(*importing(bench, base.fresh(), path))
    again = bench.cost(*importing(bench, base.file, path))
    if f"{ROWS:,} there already" not in bench.out.read_text():
        raise SystemExit(f"the second import changed something:\n{bench.out.read_text()}")
    bench.note(f"the same file again, nothing changes: {ms(again.wall)}")


def same(seen):
    """Both sides have to have written the same rows."""
    if any(found != seen[0] for found in seen) or seen[0][0] != str(ROWS):
        raise SystemExit(f"expected {ROWS} rows and the same sum from all, found {seen}")

"""Cost of Tenure in Python, beside the stock `datafusion` package on the same data in the same run.

    pip install ./bindings/python 'datafusion==55.*' pyarrow
    python benches/python.py

- open a lake and ask the first question, in a process of its own: at most 300 ms are promised;
- ten million rows to a pyarrow table: no slower than the `datafusion` package is promised.

Each figure is the best of several, with the spread.
"""

import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).parents[1]
ROWS = 10_000_000
TIMES = 7

FIRST = """
import time
import tenure
started = time.perf_counter()
t = tenure.open({lake!r}, as_of="2018-01-01")
t.sql("SELECT count(*) AS n FROM orders").to_arrow()
print(time.perf_counter() - started)
"""


def show(what, seconds):
    best, middle = min(seconds), statistics.median(seconds)
    print(f"{what:<44} {best * 1000:8.0f} ms   median {middle * 1000:8.0f} ms")


def first_question():
    program = FIRST.format(lake=str(ROOT / "data/retail"))
    run = [sys.executable, "-c", program]
    found = [subprocess.run(run, capture_output=True, text=True, check=True) for _ in range(TIMES)]
    show("open data/retail and the first SELECT", [float(each.stdout) for each in found])


def many_rows():
    import datafusion
    import pyarrow as pa
    import pyarrow.parquet
    import tenure

    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder) / "rows.parquet"
        numbers = pa.array(range(ROWS), pa.int64())
        table = pa.table({"id": numbers, "amount": numbers.cast(pa.float64())})
        pyarrow.parquet.write_table(table, file)
        del table, numbers

        own = tenure.open()
        stock = datafusion.SessionContext()
        stock.register_parquet("rows", str(file))
        ways = {
            f"{ROWS:,} rows to Arrow: tenure": lambda: own.sql(f"SELECT * FROM '{file}'").to_arrow(),
            f"{ROWS:,} rows to Arrow: datafusion": lambda: stock.sql(
                "SELECT * FROM rows"
            ).to_arrow_table(),
        }
        taken = {name: [] for name in ways}
        # in turn, so that both see the same machine
        for _ in range(TIMES):
            for name, way in ways.items():
                started = time.perf_counter()
                rows = way().num_rows
                taken[name].append(time.perf_counter() - started)
                assert rows == ROWS
        for name, seconds in taken.items():
            show(name, seconds)


if __name__ == "__main__":
    first_question()
    many_rows()

"""Weekly series of the benches, drawn with a fixed seed: `weeks.parquet`, 20,000 customers by 78 weeks.

Half of the customers keep their level, three in ten change it once, two in ten twice; noise has a
standard deviation of 2.
"""

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

SEED = 20_240_703
CUSTOMERS, WEEKS = 20_000, 78


def main():
    rng = np.random.default_rng(SEED)
    level = np.repeat(rng.uniform(5, 30, (CUSTOMERS, 1)), WEEKS, axis=1)
    breaks = rng.choice([0, 1, 2], CUSTOMERS, p=[0.5, 0.3, 0.2])
    for number in (1, 2):
        at = rng.integers(8, WEEKS - 8, CUSTOMERS)
        step = rng.normal(0, 12, CUSTOMERS) * (breaks >= number)
        level += step[:, None] * (np.arange(WEEKS) >= at[:, None])
    value = level + rng.normal(0, 2, level.shape)
    week = np.datetime64("2023-01-02", "us") + np.arange(WEEKS) * np.timedelta64(7 * 86_400_000_000, "us")
    table = pa.table({
        "customer_id": np.repeat(np.arange(CUSTOMERS), WEEKS),
        "week": pa.array(np.tile(week, CUSTOMERS), pa.timestamp("us")),
        "value": value.ravel(),
    })
    pq.write_table(table, Path(sys.argv[1]) / "weeks.parquet")


if __name__ == "__main__":
    main()

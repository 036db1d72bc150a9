"""Durations of the benches, drawn with a fixed seed: how long customers stay, some of them not over.

`durations.parquet`: 1 million customers of 100 groups, with whole days, as a shop counts them.
`hazards.parquet`: 100,000 customers with 10 features, of which 7 change the hazard, and durations
as differences of times are, of which hardly any are equal.
"""

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

SEED = 20_240_702
FEATURES = 10


def stay(rng, scale):
    """Days until a customer leaves or the two years that are watched are over, and which it was."""
    days = rng.weibull(0.8, len(scale)) * scale
    watched = rng.uniform(30, 730, len(scale))
    return np.minimum(days, watched), days <= watched


def main():
    folder = Path(sys.argv[1])
    rng = np.random.default_rng(SEED)
    group = rng.integers(0, 100, 1_000_000)
    duration, event = stay(rng, 150.0 + 3 * group)
    pq.write_table(pa.table({"region": group, "duration": np.ceil(duration), "event": event}), folder / "durations.parquet")
    x = rng.normal(size=(100_000, FEATURES))
    x[:, 5:] = x[:, 5:] > 0.5
    coefs = np.array([0.5, -0.3, 0.2, 0.1, 0.0, 0.4, -0.4, 0.05, 0.0, 0.0])
    duration, event = stay(rng, 300.0 * np.exp(-x @ coefs))
    columns = {f"x{i}": x[:, i] for i in range(FEATURES)}
    pq.write_table(pa.table({"duration": duration, "event": event, **columns}), folder / "hazards.parquet")


if __name__ == "__main__":
    main()

"""Data of the benches: a shop's events, drawn from the MBG/NBD model with a fixed seed.

Customers join over the first fifteen months, buy at rates that differ (gamma) and leave for good
after a purchase with probabilities that differ (beta). Half of all events are purchases; the rest
are page views, carts, checkouts and searches before a purchase, and returns, complaints and reviews
after one. Events lie in one Parquet file a month, in the order of time within the month, so that
customers come in random order. Ids are whole numbers, or UUIDs as text.
"""

import hashlib
import sys
import uuid
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

SEED = 20_240_701
START = np.datetime64("2023-01-01", "us")
END = np.datetime64("2024-07-01", "us")
DAY = 86_400_000_000
# event, share of what is not a purchase, days after its purchase (earliest, latest), has an amount
OTHERS = [
    ("page_view", 0.46, -0.50, -0.002, False),
    ("add_to_cart", 0.30, -0.25, -0.001, True),
    ("checkout", 0.10, -0.01, -0.0005, True),
    ("search", 0.05, -0.50, -0.01, False),
    ("return", 0.04, 1.0, 30.0, True),
    ("complaint", 0.03, 0.5, 20.0, False),
    ("review", 0.02, 3.0, 30.0, False),
]


def purchases(rng, customers, days, mean_gap):
    """(customer, day of purchase with a fraction) of everyone, until each has left or time is up."""
    rate = rng.gamma(1.2, 1 / 1.2, customers) / mean_gap
    leave = rng.beta(0.6, 9.0, customers)
    who = np.arange(customers, dtype=np.int64)
    at = rng.uniform(0, days * 15 / 18, customers)
    out = []
    while len(who):
        out.append((who, at))
        stay = rng.random(len(who)) >= leave[who]
        who, at = who[stay], at[stay]
        at = at + rng.exponential(1.0, len(who)) / rate[who]
        inside = at < days
        who, at = who[inside], at[inside]
    return np.concatenate([w for w, _ in out]), np.concatenate([a for _, a in out])


def generate(folder: Path, events: int, customers: int, kind_of_ids: str):
    days = (END - START).astype(np.int64) / DAY
    # the gap between purchases that gives half as many purchases as events, found on a small sample
    low, high = 1.0, 400.0
    for _ in range(20):
        gap = (low * high) ** 0.5
        n = len(purchases(np.random.default_rng(1), 20_000, days, gap)[0]) / 20_000
        low, high = (gap, high) if n > events / customers / 2 else (low, gap)
    rng = np.random.default_rng(SEED)
    who, at = purchases(rng, customers, days, gap)
    # people buy in the daytime
    at = np.floor(at) + np.clip(rng.normal(0.6, 0.15, len(at)), 0.0, 0.999)
    spend = rng.lognormal(3.2, 0.5, customers)
    ids = rng.permutation(customers).astype(np.int64) * 7 + 100_003
    if kind_of_ids == "uuid":
        digest = (hashlib.blake2b(int(i).to_bytes(8, "little"), digest_size=16).digest() for i in ids)
        ids = pa.array([str(uuid.UUID(bytes=d, version=4)) for d in digest])
    else:
        ids = pa.array(ids)
    parts = [(who, at, np.full(len(who), 0, np.int8))]
    rest = events - len(who)
    names = ["purchase"] + [name for name, *_ in OTHERS]
    for i, (_, share, first, last, _) in enumerate(OTHERS, 1):
        near = rng.integers(0, len(who), int(rest * share))
        shift = rng.uniform(first, last, len(near))
        parts.append((who[near], np.clip(at[near] + shift, 0, days - 1e-6), np.full(len(near), i, np.int8)))
    who, at, kind = (np.concatenate(column) for column in zip(*parts, strict=True))
    ts = (at * DAY).astype(np.int64) + START.astype(np.int64)
    amount = np.round(spend[who] * rng.lognormal(0.0, 0.6, len(who)), 2)
    has_amount = np.array([True] + [has for *_, has in OTHERS])[kind]

    order = np.argsort(ts, kind="stable")
    ts, who, kind, amount, has_amount = (c[order] for c in (ts, who, kind, amount, has_amount))
    months = np.arange("2023-01", "2024-08", dtype="datetime64[M]").astype("datetime64[us]").astype(np.int64)
    cuts = np.searchsorted(ts, months)
    folder.mkdir(parents=True, exist_ok=True)
    for month in range(18):
        rows = slice(cuts[month], cuts[month + 1])
        kinds = pa.DictionaryArray.from_arrays(pa.array(kind[rows]), pa.array(names))
        table = pa.table({
            "customer_id": ids.take(pa.array(who[rows])),
            "ts": pa.array(ts[rows], pa.timestamp("us")),
            "event_type": kinds.cast(pa.string()),
            "amount": pa.array(amount[rows], mask=~has_amount[rows]),
        })
        name = str(np.datetime64("2023-01", "M") + month)
        pq.write_table(table, folder / f"events-{name}.parquet", row_group_size=131_072)


if __name__ == "__main__":
    generate(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])

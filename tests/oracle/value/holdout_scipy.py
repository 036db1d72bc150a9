"""Recomputes with SciPy what BG/NBD expects of the CDNOW holdout, by frequency and by week.

    python3 -m venv target/oracle-scores
    target/oracle-scores/bin/pip install scipy==1.17.1
    cargo build --release
    target/oracle-scores/bin/python tests/oracle/value/holdout_scipy.py target/release/tenure

Takes the customers' frequency, recency and t from `customer_summary_between` and the formulae from
Fader, Hardie & Lee 2005, at the parameters of the published fit. `src/verify/figures/back_tests.toml`
has the means that this prints.
"""

import json
import pathlib
import subprocess
import sys

import numpy as np
from scipy.special import hyp2f1

ROOT = pathlib.Path(__file__).resolve().parents[3]
TENURE = sys.argv[1] if len(sys.argv) > 1 else "tenure"
R, ALPHA, A, B = 0.24259453, 4.4136025, 0.7929220, 2.4259065

SPLIT = """
SELECT frequency, recency, t, holdout_frequency FROM customer_summary_between(
  (SELECT customer_id, ts, amount FROM orders WHERE customer_id IN (SELECT customer_id FROM raw.sample WHERE sample_id IS NOT NULL)),
  calibration_end => '1997-09-30', holdout_end => '1998-06-30', unit => INTERVAL '7 days')"""


def expected(x, tx, t, h):
    factor = (A + B + x - 1) / (A - 1)
    shrunk = ((ALPHA + t) / (ALPHA + t + h)) ** (R + x)
    mean = factor * (1 - shrunk * hyp2f1(R + x, B + x, A + B + x - 1, h / (ALPHA + t + h)))
    gone = np.where(x > 0, A / (B + np.maximum(x, 1) - 1) * ((ALPHA + t) / (ALPHA + tx)) ** (R + x), 0)
    return mean / (1 + gone)


def unseen(h):
    """Of a new customer."""
    return (A + B - 1) / (A - 1) * (1 - (ALPHA / (ALPHA + h)) ** R * hyp2f1(R, B, A + B - 1, h / (ALPHA + h)))


def main():
    command = [TENURE, str(ROOT / "data/cdnow"), "--format", "ndjson", "-c", SPLIT]
    out = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True).stdout
    rows = [json.loads(line) for line in out.splitlines()]
    x, tx, t, actual = (np.array([row[k] for row in rows], float) for k in rows[0])
    bucket = np.minimum(x, 7)
    said = expected(x, tx, t, 39)
    for k in range(8):
        here = bucket == k
        print(f"frequency {k}: n {here.sum()}, actual {actual[here].mean():.7f}, expected {said[here].mean():.7f}")
    born = t.max() - t
    total = [sum(unseen(week - b) for b in born if week > b) for week in range(19, 26)]
    for week, (before, now) in enumerate(zip(total, total[1:]), start=20):
        print(f"week {week}: expected {now - before:.5f}, from the first on {now:.4f}")


main()

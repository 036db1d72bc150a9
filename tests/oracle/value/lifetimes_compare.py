"""Compares the models of purchase and spend with Lifetimes on the CDNOW sample and on made-up customers.

    python3 -m venv target/oracle
    target/oracle/bin/pip install Lifetimes==0.11.3 "scipy<1.18" "pandas<4" setuptools
    cargo build --release
    target/oracle/bin/python tests/oracle/value/lifetimes_compare.py target/release/tenure

Prints the table of `lifetimes_compare.md`: parameters, likelihoods and scores of both on CDNOW, and
with `--speed N` the processor seconds of Lifetimes for N customers.
"""

import json
import pathlib
import subprocess
import sys
import time
import warnings

warnings.filterwarnings("ignore")
import numpy as np
import pandas as pd
from lifetimes import (
    BetaGeoBetaBinomFitter,
    BetaGeoFitter,
    GammaGammaFitter,
    ModifiedBetaGeoFitter,
    ParetoNBDFitter,
)

ROOT = pathlib.Path(__file__).resolve().parents[3]
TENURE = sys.argv[1] if len(sys.argv) > 1 and not sys.argv[1].startswith("--") else "tenure"

SUMMARIES = """
CREATE VIEW cdnow AS SELECT customer_id, customer_summary(date, dollars, DATE '1997-09-30', INTERVAL '7 days') AS s
FROM raw.orders WHERE customer_id IN (SELECT customer_id FROM raw.sample WHERE sample_id IS NOT NULL) GROUP BY customer_id;
"""


def tenure(sql, lake="data/cdnow", setup=SUMMARIES):
    command = [TENURE, str(ROOT / lake), "--format", "ndjson", "-c", setup + sql]
    out = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    if out.returncode:
        raise SystemExit(out.stderr)
    return [json.loads(line) for line in out.stdout.splitlines() if line.startswith("{")]


def row(what, ours, theirs):
    """Parameters may be apart by what the other search leaves, sums at given parameters may not."""
    apart = abs(ours - theirs) / max(abs(theirs), 1e-300)
    assert apart < (1e-12 if what.split()[1] in ("sum", "of") else 1e-3), f"{what}: {ours} {theirs}"
    print(f"| {what} | {ours:.9g} | {theirs:.9g} | {apart:.1e} |")


def compare():
    customers = pd.DataFrame(
        tenure(
            "SELECT s.frequency AS x, s.recency AS tx, s.t AS t, s.monetary_value AS m FROM cdnow ORDER BY customer_id"
        )
    )
    x, tx, t = (customers[c].to_numpy(float) for c in ("x", "tx", "t"))
    fitters = {
        "bg_nbd": (BetaGeoFitter, ("r", "alpha", "a", "b")),
        "mbg_nbd": (ModifiedBetaGeoFitter, ("r", "alpha", "a", "b")),
        "pareto_nbd": (ParetoNBDFitter, ("r", "alpha", "s", "beta")),
    }
    print("| figure | Tenure | Lifetimes | apart |\n| --- | --- | --- | --- |")
    for name, (fitter, parameters) in fitters.items():
        theirs = fitter()
        theirs.fit(x, tx, t, tol=1e-8) if name != "pareto_nbd" else theirs.fit(x, tx, t, maxiter=20000)
        ours = tenure(f"SELECT m FROM (SELECT {name}_fit(s) AS m FROM cdnow)")[0]["m"]
        for p in parameters:
            row(f"{name} {p}", ours[p], theirs.params_[p])
        # scores at the same parameters
        given = ", ".join(f"'{p}', {theirs.params_[p]!r}".replace("np.float64(", "").replace(")", "") for p in parameters)
        scores = tenure(
            f"SELECT sum(p_alive(m, s)) AS alive, sum(expected_purchases(m, 39, s)) AS expected FROM cdnow, (SELECT named_struct('model', '{name}', {given}, 'unit_days', 7) AS m)"
        )[0]
        row(f"{name} sum of p_alive", scores["alive"], float(np.sum(theirs.conditional_probability_alive(x, tx, t))))
        row(
            f"{name} sum of expected_purchases(39)",
            scores["expected"],
            float(np.sum(theirs.conditional_expected_number_of_purchases_up_to_time(39, x, tx, t))),
        )
    some = customers[(customers.x > 0) & (customers.m > 0)]
    spend = GammaGammaFitter()
    spend.fit(some.x, some.m, tol=1e-8)
    ours = tenure("SELECT m FROM (SELECT gamma_gamma_fit(s) AS m FROM cdnow)")[0]["m"]
    for p in ("p", "q", "v"):
        row(f"gamma_gamma {p}", ours[p], spend.params_[p])
    given = ", ".join(f"'{p}', {float(spend.params_[p])!r}" for p in ("p", "q", "v"))
    expected = tenure(
        f"SELECT sum(expected_spend(m, s)) AS e FROM cdnow, (SELECT named_struct('model', 'gamma_gamma', {given}) AS m) WHERE s.frequency > 0 AND s.monetary_value > 0"
    )[0]["e"]
    row("gamma_gamma sum of expected_spend", expected, float(spend.conditional_expected_average_profit(some.x, some.m).sum()))
    bg = BetaGeoFitter()
    bg.fit(x, tx, t, tol=1e-8)
    # in days a month of Lifetimes is 30 of them, and its discount is by month; a horizon of 30 days
    # without discount is the same in both
    theirs = spend.customer_lifetime_value(bg, some.x, some.tx, some.t, some.m, time=3, discount_rate=0.0, freq="W").sum()
    given_bg = ", ".join(f"'{p}', {float(bg.params_[p])!r}" for p in ("r", "alpha", "a", "b"))
    days = 3 * 4.345 * 7
    ours = tenure(
        f"SELECT sum(clv(b, g, s, INTERVAL '{round(days * 86400)} seconds', 0)) AS v FROM cdnow, (SELECT named_struct('model', 'gamma_gamma', {given}) AS g, named_struct('model', 'bg_nbd', {given_bg}, 'unit_days', 7) AS b) WHERE s.frequency > 0 AND s.monetary_value > 0"
    )[0]["v"]
    row("clv of 3 months of 4.345 weeks, undiscounted, of repeaters", ours, float(theirs))
    donors = pd.read_csv(ROOT / "udfs/testdata/value/donations.csv", comment="#")
    theirs = BetaGeoBetaBinomFitter()
    theirs.fit(donors.frequency, donors.recency, donors.periods, donors.weights, tol=1e-8)
    values = ", ".join(str(tuple(int(v) for v in r)) for r in donors.to_numpy())
    ours = tenure(f"SELECT m FROM (SELECT bg_bb_fit(x, tx, n, w) AS m FROM (VALUES {values}) AS d(x, tx, n, w))")[0]["m"]
    for p in ("alpha", "beta", "gamma", "delta"):
        row(f"bg_bb {p}", ours[p], theirs.params_[p])


def made_up(n, seed=1):
    """Customers of MBG/NBD with r .5, alpha 60 days, a .9, b 2.5, Gamma-Gamma spending, in whole days."""
    g = np.random.default_rng(seed)
    t = g.integers(30, 731, n)
    rate, leave = g.gamma(0.5, 1 / 60, n), g.beta(0.9, 2.5, n)
    x, tx, alive, at = np.zeros(n, int), np.zeros(n, int), g.random(n) > leave, np.zeros(n)
    while alive.any():
        i = np.flatnonzero(alive)
        at[i] += np.maximum(g.exponential(1 / np.maximum(rate[i], 1e-300)), 1)
        inside = at[i] <= t[i]
        j = i[inside]
        x[j] += 1
        tx[j] = np.floor(at[j]).astype(int)
        alive[i[~inside]] = False
        alive[j] = g.random(len(j)) > leave[j]
    mean = g.gamma(6.0 * np.maximum(x, 1), 1 / g.gamma(4.0, 1 / 15.0, n)) / np.maximum(x, 1)
    return x.astype(float), tx.astype(float), t.astype(float), mean


def clock(what, run, results):
    begin = time.process_time()
    out = run()
    results[what] = time.process_time() - begin
    print(f"{what}: {results[what]:.3f} s", flush=True)
    return out


def speed(n):
    x, tx, t, m = made_up(n)
    results = {}

    def fit(fitter, *args, **kw):
        f = fitter()
        f.fit(*args, **kw)
        return f

    some = x > 0
    bg = clock("BG/NBD fit", lambda: fit(BetaGeoFitter, x, tx, t), results)
    clock("MBG/NBD fit", lambda: fit(ModifiedBetaGeoFitter, x, tx, t), results)
    gg = clock("Gamma-Gamma fit", lambda: fit(GammaGammaFitter, x[some], m[some]), results)
    clock("BG/NBD p_alive", lambda: bg.conditional_probability_alive(x, tx, t), results)
    clock("BG/NBD expected purchases", lambda: bg.conditional_expected_number_of_purchases_up_to_time(90, x, tx, t), results)
    s = pd.Series
    clock("BG/NBD clv, 12 months", lambda: gg.customer_lifetime_value(bg, s(x), s(tx), s(t), s(m), time=12, freq="D"), results)
    clock("Pareto/NBD fit", lambda: fit(ParetoNBDFitter, x, tx, t, maxiter=5000), results)


if __name__ == "__main__":
    if "--speed" in sys.argv:
        speed(int(sys.argv[sys.argv.index("--speed") + 1]))
    elif "--write" in sys.argv:
        np.stack(made_up(1_000_000), axis=1).tofile(sys.argv[sys.argv.index("--write") + 1])
    else:
        compare()

"""Compares the models of purchase and spend with pymc-marketing on the CDNOW sample.

    python3 -m venv target/oracle-pymc
    target/oracle-pymc/bin/pip install pymc-marketing==0.19.2
    cargo build --release
    target/oracle-pymc/bin/python tests/oracle/value/pymc_marketing_compare.py target/release/tenure

Prints the table of `pymc_marketing_compare.md`: with flat priors its maximum a posteriori is the
maximum likelihood that Tenure looks for; scores are those of both at the parameters that it found.
"""

import json
import logging
import pathlib
import subprocess
import sys
import time
import warnings

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)
import pandas as pd
from pymc_extras.prior import Prior
from pymc_marketing import clv

ROOT = pathlib.Path(__file__).resolve().parents[3]
TENURE = sys.argv[1] if len(sys.argv) > 1 else "tenure"
SUMMARIES = """
CREATE VIEW cdnow AS SELECT customer_id, customer_summary(date, dollars, DATE '1997-09-30', INTERVAL '7 days') AS s
FROM raw.orders WHERE customer_id IN (SELECT customer_id FROM raw.sample WHERE sample_id IS NOT NULL) GROUP BY customer_id;
"""
MODELS = {
    "bg_nbd": (clv.BetaGeoModel, ("r", "alpha", "a", "b")),
    "mbg_nbd": (clv.ModifiedBetaGeoModel, ("r", "alpha", "a", "b")),
    "pareto_nbd": (clv.ParetoNBDModel, ("r", "alpha", "s", "beta")),
    "gamma_gamma": (clv.GammaGammaModel, ("p", "q", "v")),
}


def tenure(sql):
    command = [TENURE, str(ROOT / "data/cdnow"), "--format", "ndjson", "-c", SUMMARIES + sql]
    out = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    if out.returncode:
        raise SystemExit(out.stderr)
    return [json.loads(line) for line in out.stdout.splitlines() if line.startswith("{")]


def row(what, ours, theirs, most):
    apart = abs(ours - theirs) / abs(theirs)
    print(f"| {what} | {ours:.9g} | {theirs:.9g} | {apart:.1e} |", flush=True)
    return [] if apart < most else [what]


def main():
    data = pd.DataFrame(
        tenure(
            'SELECT customer_id, s.frequency AS frequency, s.recency AS recency, s.t AS "T",'
            " s.monetary_value AS monetary_value FROM cdnow ORDER BY customer_id"
        )
    )
    some = data[(data.frequency > 0) & (data.monetary_value > 0)]
    print("| figure | Tenure | pymc-marketing | apart |\n| --- | --- | --- | --- |")
    missed, seconds = [], {}
    for name, (kind, parameters) in MODELS.items():
        rows = some if name == "gamma_gamma" else data
        rows = rows if name == "gamma_gamma" else rows.drop(columns="monetary_value")
        rows = rows[["customer_id", "frequency", "monetary_value"]] if name == "gamma_gamma" else rows
        flat = {p: Prior("HalfFlat") for p in parameters}
        begin = time.perf_counter()
        model = kind(data=rows, model_config=flat)
        model.fit(method="map", progressbar=False)
        seconds[name] = time.perf_counter() - begin
        theirs = {p: float(model.fit_result[p].mean()) for p in parameters}
        ours = tenure(f"SELECT m FROM (SELECT {name}_fit(s) AS m FROM cdnow)")[0]["m"]
        for p in parameters:
            missed += row(f"{name} {p}", ours[p], theirs[p], 1e-3)
        given = ", ".join(f"'{p}', {theirs[p]!r}" for p in parameters)
        given = f"named_struct('model', '{name}', {given}" + ("" if name == "gamma_gamma" else ", 'unit_days', 7") + ")"
        if name == "gamma_gamma":
            scores = {"expected_spend(m, s)": model.expected_customer_spend(some)}
        else:
            scores = {
                "p_alive(m, s)": model.expected_probability_alive(data),
                "expected_purchases(m, 39, s)": model.expected_purchases(data, future_t=39),
            }
        for score, answer in scores.items():
            which = "WHERE s.frequency > 0 AND s.monetary_value > 0" if name == "gamma_gamma" else ""
            sql = f"SELECT sum({score}) AS total FROM cdnow, (SELECT {given} AS m) {which}"
            missed += row(f"{name} sum of {score}", tenure(sql)[0]["total"], float(answer.sum()), 1e-12)
    print("\nSeconds of its fits, compilation included:", ", ".join(f"{k} {v:.1f}" for k, v in seconds.items()))
    if missed:
        raise SystemExit(f"further apart: {missed}")


main()

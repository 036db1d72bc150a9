"""Compares curves, tests, hazards and odds with lifelines, statsmodels and scikit-learn.

    python3 -m venv target/oracle
    target/oracle/bin/pip install lifelines==0.30.3 statsmodels==0.15.0 scikit-learn==1.9.1
    cargo build --release
    target/oracle/bin/python tests/oracle/survival/lifelines_compare.py target/release/tenure

Prints the table of `lifelines_compare.md`: for each of five data sets the figures of both and how
far they are apart. The data are those of `udfs/testdata/survival`.
"""

import json
import subprocess
import sys
import warnings
from pathlib import Path

import lifelines
import lifelines.statistics as tests
import numpy as np
import pandas as pd
import statsmodels.api as sm
from sklearn.metrics import roc_auc_score

warnings.filterwarnings("ignore")
ROOT = Path(__file__).resolve().parents[3]
TENURE = sys.argv[1] if len(sys.argv) > 1 else "tenure"
GROUPS = {"waltons": "mir", "rossi": "mar", "lung": "ecog", "g3": "rit", "dd": "democracy"}
TESTS = {"logrank": None, "wilcoxon": "wilcoxon", "tarone_ware": "tarone-ware", "peto": "peto"}


def tenure(table, sql):
    """The only row of a statement over the rows of `table`."""
    rows = ", ".join("(" + ", ".join(repr(float(v)) for v in row) + ")" for row in table.to_numpy())
    with_rows = f"WITH t AS (SELECT * FROM (VALUES {rows}) AS v ({', '.join(table)})) {sql}"
    command = [TENURE, "--no-init", "--format", "ndjson", "-f", "-"]
    out = subprocess.run(command, input=with_rows, capture_output=True, text=True)
    if out.returncode:
        raise SystemExit(out.stderr[:2000])
    return json.loads(out.stdout.splitlines()[0])


def row(name, what, ours, theirs):
    """One figure, or the one of several that is furthest apart."""
    ours, theirs = np.atleast_1d(np.asarray(ours, float)), np.atleast_1d(np.asarray(theirs, float))
    apart = np.abs(ours - theirs) / np.maximum(np.abs(theirs), 1e-300)
    worst = int(np.argmax(apart))
    which = what if len(ours) == 1 else f"{what}, worst of {len(ours)}"
    print(f"| {name} | {which} | {ours[worst]:.10g} | {theirs[worst]:.10g} | {apart[worst]:.0e} |")


def curves(name, data):
    t, e = data["duration"], data["event"]
    ours = tenure(data, "SELECT m.times AS times, m.survival AS survival, m.ci_low AS low, median_survival(m) AS median FROM (SELECT km_fit(duration, event = 1) AS m FROM t)")
    km = lifelines.KaplanMeierFitter().fit(t, e)
    row(name, "survival", ours["survival"], km.survival_function_at_times(ours["times"]))
    low = km.confidence_interval_.iloc[:, 0].reindex(ours["times"])
    told = [i for i, v in enumerate(ours["low"]) if v is not None and v < 1]
    row(name, "lower limit of survival", [ours["low"][i] for i in told], low.iloc[told])
    if np.isfinite(km.median_survival_time_):
        row(name, "median", ours["median"], km.median_survival_time_)
    # a third from the start, the others late
    i = np.arange(len(data))
    entry = np.where(i % 3 == 0, 0.0, np.floor(t * (i * 7 % 10) / 20.0))
    ours = tenure(data.assign(entry=entry), "SELECT m.times AS times, m.survival AS survival, m.ci_low AS low FROM (SELECT km_fit(duration, event = 1, entry => entry) AS m FROM t)")
    late = lifelines.KaplanMeierFitter().fit(t, e, entry=entry)
    row(name, "survival with entries", ours["survival"], late.survival_function_at_times(ours["times"]))
    low = late.confidence_interval_.iloc[:, 0].reindex(ours["times"])
    told = [i for i, v in enumerate(ours["low"]) if v is not None and v < 1]
    row(name, "its lower limit", [ours["low"][i] for i in told], low.iloc[told])


def differences(name, data):
    for test, weightings in TESTS.items():
        ours = tenure(data, f"SELECT r.chi2 AS chi2, r.p AS p FROM (SELECT logrank(duration, event = 1, {GROUPS[name]}, '{test}') AS r FROM t)")
        theirs = tests.multivariate_logrank_test(data["duration"], data[GROUPS[name]], data["event"], weightings=weightings)
        row(name, f"χ², {test}", ours["chi2"], theirs.test_statistic)
        row(name, f"p, {test}", ours["p"], theirs.p_value)


def gone(times, events, weights):
    """The share that has gone before each time, which is how R's cox.zph counts time."""
    curve = lifelines.KaplanMeierFitter().fit(times, events, weights=weights).survival_function_
    before = np.searchsorted(curve.index, times, side="left")
    return pd.Series(1 - np.r_[1, curve.iloc[:, 0]][before], index=times.index)


def hazards(name, data, features):
    fields = ", ".join(f"'{f}': {f}" for f in features)
    for ties in ("efron", "breslow"):
        ours = tenure(data, f"SELECT m.terms AS terms, m.ll AS ll, m.concordance AS concordance, m.ph_test AS ph_test FROM (SELECT cox_fit(duration, event = 1, {{{fields}}}, '{ties}') AS m FROM t)")
        coefs, errors = ([t[k] for t in ours["terms"]] for k in ("coef", "std_error"))
        if ties == "efron":
            cox = lifelines.CoxPHFitter().fit(data, "duration", "event", fit_options={"precision": 1e-12})
            figures = cox.params_, cox.standard_errors_, cox.log_likelihood_
            row(name, "concordance", ours["concordance"], cox.concordance_index_)
            test = tests.proportional_hazard_test(cox, data, time_transform=gone)
            row(name, "χ², proportional hazards", [t["chi2"] for t in ours["ph_test"]], test.test_statistic)
            row(name, "p, proportional hazards", [t["p"] for t in ours["ph_test"]], test.p_value)
        else:
            cox = sm.PHReg(data["duration"], data[features], status=data["event"], ties="breslow").fit(method="newton", tol=1e-14)
            figures = cox.params, cox.bse, cox.llf
        row(name, f"coefficient of Cox, {ties}", coefs, figures[0])
        row(name, f"its standard error, {ties}", errors, figures[1])
        row(name, f"log-likelihood, {ties}", ours["ll"], figures[2])


def odds(name, data, features):
    if name == "waltons":
        return  # whoever has the gene dies: nobody has finite odds
    fields = ", ".join(f"'{f}': {f}" for f in features)
    ours = tenure(data, f"SELECT m.terms AS terms, m.ll AS ll, m.auc AS auc FROM (SELECT logit_fit(event = 1, {{{fields}}}) AS m FROM t)")
    x = sm.add_constant(data[features].astype(float))
    logit = sm.Logit(data["event"], x).fit(disp=0, tol=1e-14, maxiter=100)
    row(name, "coefficient of the odds", [t["coef"] for t in ours["terms"]], logit.params)
    row(name, "its standard error", [t["std_error"] for t in ours["terms"]], logit.bse)
    row(name, "log-likelihood of the odds", ours["ll"], logit.llf)
    row(name, "AUC", ours["auc"], roc_auc_score(data["event"], logit.predict(x)))


print("| data | figure | Tenure | peer | apart |\n| --- | --- | --- | --- | --- |")
for name in GROUPS:
    data = pd.read_csv(ROOT / "udfs/testdata/survival" / f"{name}.csv", comment="#")
    features = [c for c in data if c not in ("duration", "event")]
    curves(name, data)
    differences(name, data)
    hazards(name, data, features)
    odds(name, data, features)

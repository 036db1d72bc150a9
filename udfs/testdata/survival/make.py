#!/usr/bin/env python3
"""Writes the data sets of survival analysis that the tests read, and answers.txt: what lifelines,
statsmodels and scikit-learn say of them.

    pip install lifelines==0.30.3 statsmodels==0.15.0 scikit-learn==1.9.1 && python3 make.py

The data come with lifelines (MIT). A line of answers.txt is `name: number …`; NaN stands where the
method says nothing.
"""

import warnings
from pathlib import Path

import lifelines
import lifelines.datasets as data
import lifelines.statistics as tests
import numpy as np
import pandas as pd
import statsmodels.api as sm
from lifelines.utils import restricted_mean_survival_time
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

HERE = Path(__file__).resolve().parent
warnings.filterwarnings("ignore")
answers = []


def say(name, *values):
    values = np.concatenate([np.atleast_1d(np.asarray(v, dtype=float)) for v in values])
    answers.append(f"{name}: {' '.join(repr(float(v)) for v in values)}")


def ship(name, frame, of):
    with open(HERE / f"{name}.csv", "w", newline="\n") as out:
        out.write(f"# {of}, as distributed in lifelines 0.30.3 (MIT)\n")
        frame.to_csv(out, index=False, lineterminator="\n")
    return frame


def whole(frame):
    return frame.astype({c: int for c in frame if (frame[c] % 1 == 0).all()})


def sets():
    waltons = data.load_waltons()
    waltons = pd.DataFrame({
        "duration": waltons["T"].astype(int), "event": waltons["E"], "mir": (waltons["group"] != "control").astype(int)})
    yield "waltons", ship("waltons", waltons, "Survival of 163 fruit flies with and without miR-137 (Walton)")
    rossi = data.load_rossi().rename(columns={"week": "duration", "arrest": "event"})
    yield "rossi", ship("rossi", rossi, "Rearrest of 432 released prisoners within a year (Rossi, Berk & Lenihan 1980)")
    lung = data.load_lung()
    lung["status"] = lung["status"] - lung["status"].min()
    lung = lung[["time", "status", "age", "sex", "ph.ecog", "ph.karno", "wt.loss"]].dropna()
    lung.columns = ["duration", "event", "age", "sex", "ecog", "karno", "loss"]
    yield "lung", ship("lung", whole(lung), "Survival of patients with advanced lung cancer (Loprinzi et al. 1994), complete cases")
    g3 = data.load_g3()
    g3 = pd.DataFrame({
        "duration": g3["time"], "event": g3["event"].astype(int), "age": g3["age"],
        "rit": (g3["group"] == "RIT").astype(int)})
    yield "g3", ship("g3", g3, "Radioimmunotherapy of 17 grade III glioma patients (Grana et al. 2002)")
    dd = data.load_dd()
    dd = pd.DataFrame({
        "duration": dd["duration"], "event": dd["observed"], "start": dd["start_year"],
        "democracy": (dd["democracy"] == "Democracy").astype(int)})
    yield "dd", ship("dd", dd, "Duration of 1,808 political regimes (Cheibub, Gandhi & Vreeland 2010)")


GROUPS = {"waltons": "mir", "rossi": "mar", "lung": "ecog", "g3": "rit", "dd": "democracy"}
TESTS = {
    "logrank": {}, "wilcoxon": {"weightings": "wilcoxon"}, "tarone_ware": {"weightings": "tarone-ware"},
    "peto": {"weightings": "peto"},
    "fleming_harrington": {"weightings": "fleming-harrington", "p": 1.0, "q": 0.5}}

for name, frame in sets():
    t, e = frame["duration"], frame["event"]
    # curves
    km = lifelines.KaplanMeierFitter().fit(t, e)
    # the first row is time 0, where nobody need have gone
    table = km.event_table[km.event_table["removed"] > 0]
    s = km.survival_function_.loc[table.index].iloc[:, 0]
    limits = km.confidence_interval_.loc[table.index]
    say(f"{name} times", table.index)
    say(f"{name} at_risk", table["at_risk"])
    say(f"{name} events", table["observed"])
    say(f"{name} censored", table["censored"])
    say(f"{name} survival", s)
    say(f"{name} ci_low", np.where(s > 0, limits.iloc[:, 0], np.nan))
    say(f"{name} ci_high", np.where(s > 0, limits.iloc[:, 1], np.nan))
    right = sm.SurvfuncRight(t, e)
    say(f"{name} std_error", right.surv_prob_se)
    say(f"{name} std_error_times", right.surv_times)
    say(f"{name} median", km.median_survival_time_)
    half = float(np.median(t))
    say(f"{name} rmst", half, restricted_mean_survival_time(km, t=half))
    weights = 1.0 + np.arange(len(t)) % 3 / 2.0
    heavy = lifelines.KaplanMeierFitter().fit(t, e, weights=weights)
    say(f"{name} weighted", heavy.survival_function_.loc[table.index].iloc[:, 0])
    # those who came under observation late, a third of them from the start
    i = np.arange(len(t))
    entry = np.where(i % 3 == 0, 0.0, np.floor(t * (i * 7 % 10) / 20.0))
    for what, how in [("delayed", {}), ("delayed weighted", {"weights": weights})]:
        late = lifelines.KaplanMeierFitter().fit(t, e, entry=entry, **how)
        table = late.event_table[late.event_table["removed"] > 0]
        come = table["entrance"].where(table.index > 0, 0)
        s = late.survival_function_.loc[table.index].iloc[:, 0]
        limits = late.confidence_interval_.loc[table.index]
        say(f"{name} {what} at_risk", table["at_risk"] - come)
        say(f"{name} {what} survival", s)
        if not how:  # it cuts the weights at risk to whole numbers before it makes limits of them
            say(f"{name} {what} ci_low", np.where(s > 0, limits.iloc[:, 0], np.nan))
            say(f"{name} {what} ci_high", np.where(s > 0, limits.iloc[:, 1], np.nan))
        say(f"{name} {what} median", late.median_survival_time_)
    # tests of two and more groups
    for test, options in TESTS.items():
        try:
            result = tests.multivariate_logrank_test(t, frame[GROUPS[name]], e, **options)
            say(f"{name} {test}", result.test_statistic, result.p_value)
        except ValueError:
            pass
    # proportional hazards
    features = [c for c in frame if c not in ("duration", "event")]
    cox = lifelines.CoxPHFitter().fit(frame, "duration", "event", fit_options={"precision": 1e-12})
    say(f"{name} cox coef", cox.params_)
    say(f"{name} cox std_error", cox.standard_errors_)
    say(f"{name} cox p", cox.summary["p"])
    say(f"{name} cox ll", cox.log_likelihood_, cox.log_likelihood_ - cox.log_likelihood_ratio_test().test_statistic / 2)
    say(f"{name} cox concordance", cox.concordance_index_)
    say(f"{name} cox hazard_times", cox.baseline_cumulative_hazard_.index)
    say(f"{name} cox hazard", cox.baseline_cumulative_hazard_.iloc[:, 0])
    say(f"{name} cox first_partial_hazards", cox.predict_partial_hazard(frame.head(5)))
    # proportional or not, over the share that has gone before each event, as R's cox.zph counts time
    def gone(times, events, weights):
        curve = lifelines.KaplanMeierFitter().fit(times, events, weights=weights).survival_function_
        before = np.searchsorted(curve.index, times, side="left")
        return pd.Series(1 - np.r_[1, curve.iloc[:, 0]][before], index=times.index)

    test = tests.proportional_hazard_test(cox, frame, time_transform=gone)
    say(f"{name} cox ph_chi2", test.test_statistic)
    say(f"{name} cox ph_p", test.p_value)
    # of all at once, from the same residuals
    r = cox.compute_residuals(frame, kind="schoenfeld")
    g = gone(t, e, None).loc[r.index]
    u = ((g - g.mean()).to_numpy()[:, None] * r.to_numpy()).sum(0)
    say(f"{name} cox ph_global", e.sum() * (u @ cox.variance_matrix_.to_numpy() @ u) / ((g - g.mean()) ** 2).sum())
    breslow = sm.PHReg(t, frame[features], status=e, ties="breslow").fit(method="newton", tol=1e-14)
    say(f"{name} breslow coef", breslow.params)
    say(f"{name} breslow std_error", breslow.bse)
    say(f"{name} breslow ll", breslow.llf)
    weighted = lifelines.CoxPHFitter().fit(
        frame.assign(w=weights), "duration", "event", weights_col="w", fit_options={"precision": 1e-12})
    say(f"{name} cox weighted coef", weighted.params_)
    say(f"{name} cox weighted std_error", weighted.standard_errors_)
    # logistic regression of the event, without time
    x = sm.add_constant(frame[features].astype(float))
    logit = sm.Logit(e, x).fit(disp=0, tol=1e-14, maxiter=100)
    say(f"{name} logit coef", logit.params)
    say(f"{name} logit std_error", logit.bse)
    say(f"{name} logit p", logit.pvalues)
    say(f"{name} logit ll", logit.llf, logit.llnull)
    say(f"{name} logit auc", roc_auc_score(e, logit.predict(x)))
    heavy = sm.GLM(e, x, family=sm.families.Binomial(), freq_weights=weights).fit(tol=1e-14, maxiter=100)
    say(f"{name} logit weighted coef", heavy.params)
    say(f"{name} logit weighted std_error", heavy.bse)
    # ridge: of features with mean 0 and standard deviation 1, told in those of the data
    plain = frame[features].to_numpy(float)
    mean, sd = plain.mean(0), plain.std(0)
    ridge = LogisticRegression(C=1 / 2.5, tol=1e-14, max_iter=10_000, solver="newton-cholesky")
    ridge.fit((plain - mean) / sd, e)
    say(f"{name} logit ridge coef", ridge.intercept_ - (ridge.coef_[0] / sd * mean).sum(), ridge.coef_[0] / sd)

(HERE / "answers.txt").write_text("\n".join(answers) + "\n")

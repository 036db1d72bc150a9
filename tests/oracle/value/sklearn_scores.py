"""Scores of customers that never were, and what scikit-learn says of them.

    python3 -m venv target/oracle-scores
    target/oracle-scores/bin/pip install scikit-learn==1.9.0
    target/oracle-scores/bin/python tests/oracle/value/sklearn_scores.py

Writes `scores.csv`, what was said and what happened, and `sklearn_scores.csv`, the figures: the test
`twins::evaluation` gives the one to `evaluate_scores` and wants the other. Equal scores are many, since
they are where definitions differ.
"""

import csv
import pathlib
import random

import numpy as np
from sklearn.calibration import calibration_curve
from sklearn.metrics import (
    brier_score_loss,
    mean_absolute_error,
    roc_auc_score,
    root_mean_squared_error,
    root_mean_squared_log_error,
)

HERE = pathlib.Path(__file__).resolve().parent
# how many customers, and to how many digits probabilities are known
MODELS = {"smooth": (240, 9), "tied": (200, 2), "coarse": (37, 1), "tiny": (5, 9)}


def customers():
    random.seed(20)
    for model, (n, digits) in MODELS.items():
        for _ in range(n):
            rate = random.gammavariate(0.6, 1.5)
            actual = sum(random.random() < rate / 8 for _ in range(8))
            said = rate * random.lognormvariate(0, 0.5)
            yield model, actual, round(said, 6), round(1 - 2.718281828 ** -said, digits)


def main():
    rows = list(customers())
    with open(HERE / "scores.csv", "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["model", "actual", "expected", "probability"])
        writer.writerows(rows)
    with open(HERE / "sklearn_scores.csv", "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["model", "figure", "value"])
        for model in MODELS:
            actual, expected, probability = (
                np.array([row[i] for row in rows if row[0] == model], dtype=float) for i in (1, 2, 3)
            )
            active = actual > 0
            figures = {
                "mae": mean_absolute_error(actual, expected),
                "rmse": root_mean_squared_error(actual, expected),
                "rmsle": root_mean_squared_log_error(actual, expected),
                "auc": roc_auc_score(active, probability),
                "brier": brier_score_loss(active, probability),
            }
            happened, said = calibration_curve(active, probability, n_bins=10, strategy="quantile")
            for i, (a, e) in enumerate(zip(happened, said)):
                figures[f"calibration {i} actual"] = a
                figures[f"calibration {i} expected"] = e
            writer.writerows([model, name, repr(float(value))] for name, value in figures.items())


main()

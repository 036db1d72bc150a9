#!/usr/bin/env python3
"""Writes clickhouse.txt: random logs and what ClickHouse's windowFunnel says of them, in every mode.

    pip install chdb==4.4.0 && python3 make.py

A line is `steps window | time:conditions … | levels`: the conditions that a row satisfies as the
bits of a number, the levels in the order of the modes in the first line. Rows come in the order of
time and conditions, for ClickHouse's strict_once depends on the order of rows of one time.
"""

import itertools
import random
from pathlib import Path

import chdb

LOGS = 1_000
MODES = [
    ",".join(m for m in modes if m)
    for modes in itertools.product(
        ["", "strict_increase"],
        ["", "strict_deduplication"],
        ["", "strict_order", "strict_order,allow_reentry"],
        ["", "strict_once"],
    )
]


def log(draw, steps):
    times = draw.randint(1, 9)
    rows = []
    for _ in range(draw.randint(0, 9)):
        mask = 1 << draw.randrange(steps)
        kind = draw.randrange(6)
        if kind == 0:
            mask = draw.randrange(1 << steps)
        elif kind == 1:
            mask |= 1 << draw.randrange(steps)
        elif kind == 2 and draw.random() < 0.5:
            mask = 0
        rows.append((draw.randrange(times), mask))
    return sorted(rows)


def main():
    draw = random.Random(20_241)
    logs = [(steps := draw.randint(1, 4), draw.randint(0, 7), log(draw, steps)) for _ in range(LOGS)]
    levels = [[0] * len(MODES) for _ in logs]
    for steps, window in itertools.product(range(1, 5), range(8)):
        mine = [i for i, l in enumerate(logs) if l[:2] == (steps, window)]
        rows = [(i, t, m) for i in mine for t, m in logs[i][2]]
        if not rows:
            continue
        values = ",".join(f"({i},{t},{m})" for i, t, m in rows)
        conditions = ", ".join(f"bitTest(m, {s})" for s in range(steps))
        calls = []
        for mode in MODES:
            words = "".join(f", '{w}'" for w in mode.split(",") if w)
            calls.append(f"windowFunnel({window}{words})(t, {conditions})")
        answer = chdb.query(
            f"SELECT i, {', '.join(calls)} FROM values('i UInt32, t UInt32, m UInt8', {values}) "
            "GROUP BY i SETTINGS max_threads = 1"
        )
        for line in str(answer).split():
            i, *got = map(int, line.split(","))
            levels[i] = got
    lines = [" ".join(m or "default" for m in MODES)]
    for (steps, window, rows), got in zip(logs, levels):
        row_text = " ".join(f"{t}:{m}" for t, m in rows)
        lines.append(f"{steps} {window} | {row_text} | {''.join(map(str, got))}")
    Path(__file__).with_name("clickhouse.txt").write_text("\n".join(lines) + "\n")


main()

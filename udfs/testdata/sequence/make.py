#!/usr/bin/env python3
"""Writes clickhouse.txt: random patterns and logs, and what ClickHouse says of them.

    pip install chdb==4.4.0 && python3 make.py

A line is `pattern | time:conditions … | match count chain`: the conditions that a row satisfies as the
bits of a number, ClickHouse's sequenceMatch and sequenceCount, and how many times its
sequenceMatchEvents has. Rows come in the order of time and conditions, for ClickHouse leaves the
order of rows of one time open.
"""

import random
from pathlib import Path

import chdb

PATTERNS = 250
LOGS = 4
CONDITIONS = 3


def pattern(draw):
    tokens = []
    for take in range(draw.randint(1, 4)):
        guard = f"(?t{draw.choice(['<=', '<', '>=', '>', '=='])}{draw.randint(0, 4)})"
        if guard == "(?t<0)":
            guard = "(?t<=0)"
        gaps = ["", ".*"] if take == 0 else ["", "", ".*", ".*", guard, guard, guard + ".*", ".*" + guard]
        tokens.append(draw.choice(gaps))
        tokens.append("." if draw.random() < 0.15 else f"(?{draw.randint(1, CONDITIONS)})")
    if draw.random() < 0.1:
        tokens.append(".*")
    return "".join(tokens)


def log(draw):
    times = draw.randint(1, 9)
    rows = []
    for _ in range(draw.randint(1, 14)):
        mask = 1 << draw.randrange(CONDITIONS)
        if draw.random() < 0.2:
            mask = draw.randrange(1, 1 << CONDITIONS)
        rows.append((draw.randrange(times), mask))
    return sorted(rows)


def main():
    draw = random.Random(20_242)
    conditions = ", ".join(f"bitTest(m, {c})" for c in range(CONDITIONS))
    lines = []
    for _ in range(PATTERNS):
        text = pattern(draw)
        logs = [log(draw) for _ in range(LOGS)]
        values = ",".join(f"({i},{t},{m})" for i, rows in enumerate(logs) for t, m in rows)
        answer = chdb.query(
            f"SELECT sequenceMatch('{text}')(t, {conditions}), sequenceCount('{text}')(t, {conditions}), "
            f"length(sequenceMatchEvents('{text}')(t, {conditions})) "
            f"FROM values('i UInt32, t UInt32, m UInt8', {values}) GROUP BY i ORDER BY i SETTINGS max_threads = 1"
        )
        for rows, got in zip(logs, str(answer).split(), strict=True):
            row_text = " ".join(f"{t}:{m}" for t, m in rows)
            lines.append(f"{text} | {row_text} | {got.replace(',', ' ')}")
    Path(__file__).with_name("clickhouse.txt").write_text("\n".join(lines) + "\n")


main()

#!/usr/bin/env python3
"""Writes duckdb.txt: random times, and what DuckDB says of the periods that they lie in.

    pip install duckdb==2.0.0 && python3 make.py

A line is `zone | a | b | start of the hour, day, week, month, quarter, year of a | how many
hours, …, years lie between a and b`. Times are seconds: a and b of instants, starts of the wall
clock. Half of the times lie within a day of a change of clocks. `hours` are counted on the wall
clock, as everything else is.
"""

import datetime as dt
import random
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb

TIMES = 200
ZONES = ["Europe/London", "America/New_York", "Asia/Shanghai"]
UNITS = ["hour", "day", "week", "month", "quarter", "year"]
FROM = dt.datetime(1971, 1, 1, tzinfo=dt.UTC)
UNTIL = dt.datetime(2037, 1, 1, tzinfo=dt.UTC)


def changes(zone):
    """The hours at which the offset of a zone changes."""
    step, at = dt.timedelta(hours=1), FROM
    offset = lambda t: t.astimezone(ZoneInfo(zone)).utcoffset()
    while at < UNTIL:
        day = at + dt.timedelta(days=1)
        if offset(at) != offset(day):
            hour = at
            while offset(hour) == offset(at):
                hour += step
            yield hour
        at = day


def moment(draw, near):
    if near and draw.random() < 0.5:
        return draw.choice(near) + dt.timedelta(seconds=draw.randrange(-86_400, 86_400))
    return FROM + dt.timedelta(seconds=draw.randrange(int((UNTIL - FROM).total_seconds())))


def between(unit, a, b):
    if unit == "week":
        # DuckDB's datediff counts whole lengths of seven days, and not how often a Monday came
        return f"datediff('day', date_trunc('week', {a}), date_trunc('week', {b})) // 7"
    return f"datediff('{unit}', {a}, {b})"


def main():
    draw = random.Random(7)
    con = duckdb.connect()
    lines = [f"zone | a | b | {' '.join(UNITS)} | {' '.join(UNITS)}"]
    for zone in ZONES:
        con.execute(f"SET TimeZone = '{zone}'")
        near = list(changes(zone))
        for _ in range(TIMES):
            a, b = (int(moment(draw, near).timestamp()) for _ in range(2))
            wall = [f"timezone('{zone}', to_timestamp({t}))" for t in (a, b)]
            starts = [
                f"epoch(timezone('{zone}', date_trunc('{u}', to_timestamp({a}))))::BIGINT" for u in UNITS
            ]
            counts = [between(u, *wall) for u in UNITS]
            row = con.execute(f"SELECT {', '.join(starts + counts)}").fetchone()
            starts, counts = (" ".join(map(str, r)) for r in (row[: len(UNITS)], row[len(UNITS) :]))
            lines.append(f"{zone} | {a} | {b} | {starts} | {counts}")
    Path(__file__).with_name("duckdb.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Tenure beside its peers on the same data in the same run; see docs/benchmarks.md.

    cargo build --release --workspace
    python3 benches/run.py                                       20 million events, 1 million customers
    python3 benches/run.py --events 2000000 --customers 100000   a minute
    python3 benches/run.py rfm stages                            only these

Each engine runs in a process of its own with 2 threads. After one run to warm up, the engines take
turns (A B C A B C …); the figure is the median of five. Tenure's is the wall time of the whole
program, from start to exit; a peer's is that of the query alone, without start-up and imports. Of
a peer's ways to write a query the fastest counts. Needs Python 3 and the release program; fetches
the peers from PyPI into target/bench-venv.
"""

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
TARGET = ROOT / "target"
VENV = TARGET / "bench-venv"
PYTHON = VENV / "bin" / "python"
AS_OF = "2024-07-01"

# Tenure's side: the query, and how its rows become the answer
TENURE = {
    "rfm": """
        SELECT s.score, count(*) FROM (
          SELECT rfm_score(r, f, m) OVER () AS s FROM (
            SELECT recency(ts) AS r, frequency(ts) AS f, monetary(amount) AS m
            FROM '{log}' WHERE event_type = 'purchase' GROUP BY customer_id))
        GROUP BY s.score""",
    "stages": """
        SELECT stage_of(s), count(*) FROM (
          SELECT customer_summary(ts, amount) AS s FROM '{log}' WHERE event_type = 'purchase' GROUP BY customer_id)
        GROUP BY 1""",
    "fit": """
        SELECT unnest(['a', 'alpha', 'b', 'r']), unnest([m.a, m.alpha, m.b, m.r])
        FROM (SELECT mbg_nbd_fit(frequency, recency, t) AS m FROM '{summaries}')""",
    "km": """
        SELECT concat(region, ' after ', t), survival_at(m, t) FROM (
          SELECT region, km_fit(duration, event) AS m FROM '{durations}' GROUP BY region)
        CROSS JOIN (SELECT unnest([30, 180, 365]) AS t)""",
    "cox": """
        SELECT t.term, t.coef FROM (
          SELECT unnest(cox_fit(duration, event, {{'x0': x0, 'x1': x1, 'x2': x2, 'x3': x3, 'x4': x4, 'x5': x5,
                   'x6': x6, 'x7': x7, 'x8': x8, 'x9': x9}}).terms) AS t FROM '{hazards}')""",
    # every turn of every life is made, and none is printed
    "turning_points": """
        SELECT 'customers', count(p) FROM (
          SELECT turning_points(ts, event_type, amount) AS p FROM '{log}' GROUP BY customer_id)""",
    "funnel": """
        SELECT level, count(*) FROM (
          SELECT window_funnel(INTERVAL '24 hours', ts, event_type = 'page_view', event_type = 'add_to_cart',
                   event_type = 'checkout', event_type = 'purchase') AS level
          FROM '{log}' GROUP BY customer_id)
        GROUP BY level""",
    "matrix": """
        SELECT concat(to_char(cohort_start, '%Y-%m'), ' ', n), retained
        FROM retention_matrix((SELECT customer_id, ts FROM '{log}'), periods => 17) WHERE retained > 0""",
    "sessionize": """
        SELECT 'sum of ids', sum(s) FROM (
          SELECT sessionize(ts, INTERVAL '30 minutes') OVER (PARTITION BY customer_id ORDER BY ts) AS s FROM '{log}')""",
    "retention": """
        SELECT concat(CAST(r[1] AS INT), CAST(r[2] AS INT), CAST(r[3] AS INT), CAST(r[4] AS INT)), count(*) FROM (
          SELECT retention(ts < '2023-02-01', ts >= '2023-02-01' AND ts < '2023-03-01',
                   ts >= '2023-03-01' AND ts < '2023-04-01', ts >= '2023-04-01' AND ts < '2023-05-01') AS r
          FROM '{log}' GROUP BY customer_id)
        GROUP BY 1""",
    "sequence_count": """
        SELECT 'matches', sum(n) FROM (
          SELECT sequence_count('(?1).*(?2)', ts, event_type = 'page_view', event_type = 'purchase') AS n
          FROM '{log}' GROUP BY customer_id)""",
}
# what is not asked of the events
OTHER_DATA = {"fit": "summaries.parquet", "km": "durations.parquet", "cox": "hazards.parquet"}
# asked once, after the clock: each customer of the data has bought, once for the first time
CHECK = """
    SELECT 'rows', count(*) FILTER (WHERE p.point = 'first_purchase'), count(*) FROM (
      SELECT unnest(turning_points(ts, event_type, amount)) AS p FROM '{log}' GROUP BY customer_id)"""
# what Tenure shall do: at most so many times the time of the fastest peer
TARGETS = {
    "rfm": 1.0,
    "stages": 1.0,
    "fit": 1 / 50,
    "km": 1 / 10,
    "cox": 1 / 10,
    "turning_points": 5.0,
    "funnel": 0.5,
    "matrix": 0.5,
    "sessionize": 0.5,
    "retention": 1.0,
    "sequence_count": 1.0,
}
TITLES = {
    "rfm": "RFM scores of all customers",
    "stages": "stages of all customers",
    "fit": "fit of MBG/NBD",
    "km": "curves of survival of 1 million customers in 100 groups",
    "cox": "proportional hazards of 100,000 customers by 10 features",
    "turning_points": "turning points of all events, against a scan",
    "funnel": "funnel of 4 steps in 24 hours, each customer",
    "matrix": "monthly retention of all customers",
    "sessionize": "sessions of all events, 30 minutes apart",
    "retention": "retention of four months",
    "sequence_count": "views that lead to a purchase, counted",
}


def prepare(options):
    """The peers and the data, made once."""
    wanted = (HERE / "requirements.txt").read_text()
    stamp = VENV / "requirements.txt"
    if not stamp.exists() or stamp.read_text() != wanted:
        print("fetching the peers from PyPI …", file=sys.stderr)
        venv.create(VENV, with_pip=True)
        subprocess.run([PYTHON, "-m", "pip", "install", "-q", "-r", HERE / "requirements.txt"], check=True)
        stamp.write_text(wanted)
    folder = TARGET / "bench-data" / f"{options.events}x{options.customers}"
    if not (folder / "DONE").exists():
        print("drawing the data …", file=sys.stderr)
        subprocess.run(
            [PYTHON, HERE / "data.py", folder / "events", str(options.events), str(options.customers)], check=True
        )
        summaries = f"""
            import duckdb; duckdb.sql('SET enable_progress_bar = false')
            duckdb.sql('''COPY (
              SELECT count(*) - 1 AS frequency, CAST(max(d) - min(d) AS DOUBLE) AS recency,
                     CAST(DATE '{AS_OF}' - min(d) AS DOUBLE) AS t
              FROM (SELECT DISTINCT customer_id, CAST(ts AS DATE) AS d FROM '{folder}/events/*.parquet'
                    WHERE event_type = 'purchase')
              GROUP BY customer_id ORDER BY customer_id) TO '{folder}/summaries.parquet' ''')"""
        subprocess.run([PYTHON, "-c", "\n".join(line.strip() for line in summaries.splitlines())], check=True)
        (folder / "DONE").touch()
    if not (folder / "hazards.parquet").exists():
        subprocess.run([PYTHON, HERE / "durations.py", folder], check=True)
    return folder


class Tenure:
    name, way = "tenure", ""

    def __init__(self, query, folder, threads):
        files = {name: folder / f"{name}.parquet" for name in ("summaries", "durations", "hazards")}
        sql = TENURE[query].format(log=folder / "events/*.parquet", **files)
        program = TARGET / "release" / "tenure"
        self.query, self.folder = query, folder
        self.command = [program, "--no-init", "--threads", str(threads), "--as-of", AS_OF, "--format", "csv", "-c", sql]

    def check(self, options):
        """What no peer has an answer to."""
        if self.query == "turning_points":
            sql = CHECK.format(log=self.folder / "events/*.parquet")
            done = subprocess.run([*self.command[:-1], sql], capture_output=True, text=True, check=True)
            _, first, points = done.stdout.splitlines()[1].split(",")
            right = "as there are" if int(first) == options.customers else "WRONG"
            print(f"    {int(points):,} turns, {int(first):,} first purchases: {right}")

    def run(self):
        start = time.perf_counter()
        done = subprocess.run(self.command, capture_output=True, text=True, check=False)
        seconds = time.perf_counter() - start
        if done.returncode:
            sys.exit(done.stderr)
        rows = (line.rsplit(",", 1) for line in done.stdout.splitlines()[1:])
        return seconds, {key: float(value) for key, value in rows}

    def close(self):
        pass


class Peer:
    def __init__(self, name, way, query, folder, threads):
        self.name, self.way = name, way
        data = folder / OTHER_DATA.get(query, "events")
        self.process = subprocess.Popen(
            [PYTHON, HERE / "peers.py", name, query, way, data, str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "POLARS_MAX_THREADS": str(threads)},
        )

    def run(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{self.name} ({self.way}) failed")
        result = json.loads(line)
        return result["seconds"], result["answer"]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def disagreement(query, answer, other):
    """How far two answers are apart: share of customers, or of a parameter; None where there is nothing to compare."""
    if query in ("km", "cox"):
        return max(abs(answer[name] - value) for name, value in other.items())
    if query == "fit":
        return max(abs(answer[name] / value - 1) for name, value in other.items())
    if query == "turning_points":
        return None
    apart = sum(abs(answer.get(key, 0) - other.get(key, 0)) for key in answer.keys() | other.keys())
    return apart / sum(answer.values())


def bench(query, options, folder, ways):
    engines = [Tenure(query, folder, options.threads)]
    for peer, written in ways[query].items():
        engines += [Peer(peer, way, query, folder, options.threads) for way in written]
    # a fit of lifetimes takes minutes: it runs once, cold, as its users run it
    rounds = 1 + options.rounds
    seconds = {engine: [] for engine in engines}
    answers = {}
    for turn in range(rounds):
        for engine in engines:
            if engine.name == "lifetimes" and turn != 1:
                continue
            took, answers[engine] = engine.run()
            if turn:
                seconds[engine].append(took)
    for engine in engines:
        engine.close()
    medians = {engine: statistics.median(all_) for engine, all_ in seconds.items()}
    ours = engines[0]
    fastest = {}
    for engine in sorted(engines[1:], key=medians.get):
        fastest.setdefault(engine.name, engine)
    best = min(fastest.values(), key=medians.get)
    ratio = medians[ours] / medians[best]
    print(f"\n{TITLES[query]}")
    print(f"  {'tenure':<10} {medians[ours]:>9.3f} s  {'':<8}  {spread(seconds[ours])}")
    for engine in fastest.values():
        apart = disagreement(query, answers[ours], answers[engine])
        agrees = "" if apart is None else f"answers differ by {apart:.1e}"
        times = f"× {medians[engine] / medians[ours]:<6.2f}"
        print(f"  {engine.name:<10} {medians[engine]:>9.3f} s  {times}  {spread(seconds[engine])}  {engine.way}  {agrees}")
    for engine in engines[1:]:
        if engine not in fastest.values():
            print(f"    also {engine.name}, {engine.way}: {medians[engine]:.3f} s")
    ours.check(options)
    met = "met" if ratio <= TARGETS[query] else "MISSED"
    print(f"  tenure / fastest peer = {ratio:.4g}, target at most {TARGETS[query]:.4g}: {met}", flush=True)
    return query, medians[ours], best.name, medians[best], ratio, met, answers[ours]


def spread(seconds):
    return f"[{min(seconds):.3f} … {max(seconds):.3f}]"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("queries", nargs="*", choices=[[], *TENURE], help="default: all")
    parser.add_argument("--events", type=int, default=20_000_000)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--answers", action="store_true", help="print Tenure's answers too")
    options = parser.parse_args()
    folder = prepare(options)
    spec = importlib.util.spec_from_file_location("peers", HERE / "peers.py")
    peers = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(peers)
    program = subprocess.run([TARGET / "release" / "tenure", "--version"], capture_output=True, text=True, check=True)
    versions = (HERE / "requirements.txt").read_text().split()
    load = " ".join(f"{x:.1f}" for x in os.getloadavg())
    print(f"{program.stdout.strip()}; {', '.join(v.replace('==', ' ') for v in versions)}")
    print(f"{options.events:,} events, {options.customers:,} customers, {options.threads} threads, load before {load}")
    results = [bench(query, options, folder, peers.WAYS) for query in options.queries or TENURE]
    print("\n| query | tenure | fastest peer | | tenure / peer | target |\n|---|---|---|---|---|---|")
    for query, ours, name, theirs, ratio, met, answer in results:
        print(f"| {TITLES[query]} | {ours:.3f} s | {theirs:.3f} s | {name} | {ratio:.4g} | {met} |")
        if options.answers:
            print(answer)
    print(f"\nload after {' '.join(f'{x:.1f}' for x in os.getloadavg())}")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Tenure beside its peers on the same data in the same run; see docs/benchmarks.md.

    cargo build --release --workspace
    python3 benches/run.py                                       20 million events, 1 million customers
    python3 benches/run.py --events 2000000 --customers 100000   a minute
    python3 benches/run.py rfm stages                            only these
    python3 benches/run.py --ids uuid funnel                     customers named by text
    python3 benches/run.py --clustered --limit 512MB funnel      also so
    python3 benches/run.py --alone --events 100000000 --customers 5000000 matrix   no peers: how it grows

Each engine runs in a process of its own with 2 threads. After one run to warm up, the engines take
turns (A B C A B C …); the figure is the median of five. Tenure's is the wall time of the whole
program, from start to exit; a peer's is that of the query alone, without start-up and imports. Tenure
is asked in the peers' way too, as a package of Python in a process that has started: of the same
files ("started"), and what packages are asked of data in memory, of a table in memory. Of a peer's
ways to write a query the fastest counts. Memory is the greatest resident size of a process
by the end of its runs; a peer's holds its imports too. Needs Python 3 and the release program; fetches
the peers from PyPI into target/bench-venv.
"""

import argparse
import json
import os
import shutil
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
PROGRAM = TARGET / "release" / "tenure"
PYTHON = VENV / "bin" / "python"
AS_OF = "2024-07-01"
# asked in a process that has started, of files as chdb and DuckDB are, or of a table in memory as lifetimes is
STARTED = "started"
IN_MEMORY = "in memory"
OTHER_FILES = ("summaries", "customers", "durations", "hazards", "weeks")

sys.path.insert(0, str(HERE))
import peers  # noqa: E402
from queries import CHECK, CLUSTERED, LIMITED, MODELS, OTHER_DATA, TARGETS, TENURE, TITLES  # noqa: E402


def prepare(options):
    """The peers and the data, made once."""
    wanted = (HERE / "requirements.txt").read_text()
    stamp = VENV / "requirements.txt"
    if not stamp.exists() or stamp.read_text() != wanted:
        print("fetching the peers from PyPI …", file=sys.stderr)
        venv.create(VENV, with_pip=True)
        subprocess.run([PYTHON, "-m", "pip", "install", "-q", "-r", HERE / "requirements.txt"], check=True)
        stamp.write_text(wanted)
    name = f"{options.events}x{options.customers}" + ("-uuid" if options.ids == "uuid" else "")
    folder = TARGET / "bench-data" / name
    if not (folder / "DONE").exists():
        print("drawing the data …", file=sys.stderr)
        sizes = [str(options.events), str(options.customers)]
        subprocess.run([PYTHON, HERE / "data.py", folder / "events", *sizes, options.ids], check=True)
        (folder / "DONE").touch()
    made = [("summaries.py", "customers"), ("durations.py", "hazards"), ("series.py", "weeks")]
    for script, last in made:
        if not (folder / f"{last}.parquet").exists():
            subprocess.run([PYTHON, HERE / script, folder], check=True)
    if options.clustered:
        cluster(folder)
    install()
    return folder


def install():
    """Tenure's own package as it was built, beside the peers."""
    package = next((VENV / "lib").glob("python*/site-packages")) / "tenure"
    shutil.copytree(ROOT / "bindings/python/python/tenure", package, dirs_exist_ok=True)
    shutil.copy(PROGRAM.with_name("lib_tenure.so"), package / "_tenure.abi3.so")


def cluster(folder):
    """The same events by customer, made once."""
    if (folder / "clustered").exists():
        return
    start = time.perf_counter()
    lake = folder / "lake"
    lake.mkdir(exist_ok=True)
    if not (lake / "events").exists():
        (lake / "events").symlink_to(folder / "events")
    usage = resident([PROGRAM, "cluster", lake, folder / "clustered"])[1]
    print(f"clustered in {time.perf_counter() - start:.1f} s, {usage / 1e6:,.0f} MB of memory")


def resident(command):
    """The output of a program and the most memory that it had resident, in bytes."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        out = process.stdout.read()
        err = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(err)
    return out, usage.ru_maxrss * 1024


class Tenure:
    name = "tenure"

    def __init__(self, query, folder, threads, way="", limit=None):
        files = {name: folder / f"{name}.parquet" for name in OTHER_FILES}
        on_lake = way == "clustered lake"
        log = "events" if on_lake else f"'{folder / 'events/*.parquet'}'"
        sql = TENURE[query].replace("'{log}'", log).format(**files, **MODELS)
        lake = [folder / "clustered"] if on_lake else []
        limits = ["--memory-limit", limit] if limit else []
        self.query, self.folder, self.way, self.memory = query, folder, way, 0
        options = ["--no-init", "--threads", str(threads), "--as-of", AS_OF, "--format", "csv", *limits]
        self.command = [PROGRAM, *options, "-c", sql, *lake]

    def check(self, options):
        """What no peer has an answer to."""
        if self.query == "turning_points":
            sql = CHECK.replace("{log}", str(self.folder / "events/*.parquet"))
            done = subprocess.run([*self.command[:-1], sql], capture_output=True, text=True, check=True)
            _, first, points = done.stdout.splitlines()[1].split(",")
            right = "as there are" if int(first) == options.customers else "WRONG"
            print(f"    {int(points):,} turns, {int(first):,} first purchases: {right}")

    def run(self):
        start = time.perf_counter()
        out, memory = resident(self.command)
        seconds = time.perf_counter() - start
        self.memory = max(self.memory, memory)
        rows = (line.rsplit(",", 1) for line in out.splitlines()[1:])
        return seconds, {key: float(value) for key, value in rows}

    def close(self):
        pass


class Peer:
    def __init__(self, name, way, query, folder, threads):
        self.name, self.way, self.memory = name, way, 0
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
        _, _, usage = os.wait4(self.process.pid, 0)
        self.process.returncode = 0
        self.memory = usage.ru_maxrss * 1024


def disagreement(query, answer, other):
    """How far two answers are apart: share of customers, or of a parameter; None where there is nothing to compare."""
    if query in ("km", "cox"):
        return max(abs(answer[name] - value) for name, value in other.items())
    if query == "log_to_clv":
        return None
    if query == "scores" or query.endswith("fit"):
        return max(abs(answer[name] / value - 1) for name, value in other.items())
    if query == "turning_points":
        return None
    apart = sum(abs(answer.get(key, 0) - other.get(key, 0)) for key in answer.keys() | other.keys())
    return apart / sum(answer.values())


def engines(query, options, folder):
    """Tenure on the lake as it is, then otherwise, then the peers."""
    ours = [Tenure(query, folder, options.threads)]
    if options.clustered and query in CLUSTERED:
        ours.append(Tenure(query, folder, options.threads, "clustered lake"))
    way = IN_MEMORY if query in OTHER_DATA else STARTED
    ours.append(Peer("tenure", way, query, folder, options.threads))
    if options.limit and query in LIMITED:
        ours.append(Tenure(query, folder, options.threads, f"limit {options.limit}", options.limit))
    theirs = []
    for peer, ways in ({} if options.alone else peers.WAYS[query]).items():
        if peer == "tenure":
            theirs += [Tenure(way, folder, options.threads, way) for way in ways]
        else:
            theirs += [Peer(peer, way, query, folder, options.threads) for way in ways]
    return ours, theirs


def bench(query, options, folder):
    ours, theirs = engines(query, options, folder)
    # a fit of lifetimes takes minutes: it runs once, cold, as its users run it
    seconds = {engine: [] for engine in ours + theirs}
    answers = {}
    for turn in range(1 + options.rounds):
        for engine in ours + theirs:
            if engine.name == "lifetimes" and query != "scores" and turn != 1:
                continue
            took, answers[engine] = engine.run()
            if turn:
                seconds[engine].append(took)
    for engine in ours + theirs:
        engine.close()
    medians = {engine: statistics.median(all_) for engine, all_ in seconds.items()}
    plain, fastest = ours[0], {}
    for engine in sorted(theirs, key=medians.get):
        fastest.setdefault(engine.name, engine)
    best = min(fastest.values(), key=medians.get, default=None)

    print(f"\n{TITLES[query]}")
    for engine in ours + list(fastest.values()):
        apart = disagreement(query, answers[plain], answers[engine]) if engine is not plain else None
        agrees = "" if apart is None else f"answers differ by {apart:.1e}"
        times = f"× {medians[engine] / medians[plain]:<6.2f}" if engine is not plain else " " * 8
        memory = f"{engine.memory / 1e6:>7,.0f} MB"
        print(f"  {engine.name:<10} {medians[engine]:>9.3f} s  {times} {memory}  {spread(seconds[engine])}  {engine.way}  {agrees}")
    for engine in theirs:
        if engine not in fastest.values():
            print(f"    also {engine.name}, {engine.way}: {medians[engine]:.3f} s")
    plain.check(options)
    rows = []
    for engine in ours:
        against, target = best, TARGETS[query]
        if engine.way == "clustered lake":
            target = CLUSTERED[query]
        elif engine.way and engine.way not in (STARTED, IN_MEMORY):
            against, target = plain, LIMITED[query]
        if against is None:
            continue
        ratio = medians[engine] / medians[against]
        met = "" if target is None else "met" if ratio <= target else f"MISSED by {ratio / target:.2f}"
        name = " ".join(filter(None, (against.name, against.way if against is plain else "")))
        goal = "no target" if target is None else f"target at most {target:.4g}: {met}"
        print(f"  {' '.join(filter(None, (engine.name, engine.way)))} / {name} = {ratio:.4g}, {goal}", flush=True)
        title = TITLES[query] + (f", {engine.way}" if engine.way else "")
        rows.append((title, medians[engine], engine.memory, name, medians[against], ratio, goal))
    if options.answers:
        print(answers[plain])
    return rows, medians[plain]


def growth(results, options, folder):
    """The time of each query beside that of a run with fewer events, if there was one."""
    file = folder / f"seconds-{options.threads}.json"
    known = json.loads(file.read_text()) if file.exists() else {}
    file.write_text(json.dumps(known | results))
    for other in sorted(folder.parent.glob(f"*/{file.name}")):
        events = int(other.parent.name.split("x")[0])
        if events >= options.events or other.parent.name.endswith("uuid") != (options.ids == "uuid"):
            continue
        print(f"\n{options.events / events:.3g} times the events of a run with {events:,}:")
        before = json.loads(other.read_text())
        for query in results.keys() & before.keys():
            print(f"  {TITLES[query]}: {results[query] / before[query]:.2f} times the time")


def spread(seconds):
    return f"[{min(seconds):.3f} … {max(seconds):.3f}]"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("queries", nargs="*", choices=[[], *TENURE], help="default: all")
    parser.add_argument("--events", type=int, default=20_000_000)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--ids", choices=["int", "uuid"], default="int", help="what customers are named by")
    parser.add_argument("--clustered", action="store_true", help="on the clustered lake too")
    parser.add_argument("--limit", help="with this limit of memory too, such as 512MB")
    parser.add_argument("--alone", action="store_true", help="without the peers")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--answers", action="store_true", help="print Tenure's answers too")
    options = parser.parse_args()
    folder = prepare(options)
    program = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=True)
    versions = (HERE / "requirements.txt").read_text().split()
    load = " ".join(f"{x:.1f}" for x in os.getloadavg())
    print(f"{program.stdout.strip()}; {', '.join(v.replace('==', ' ') for v in versions)}")
    size = f"{options.events:,} events, {options.customers:,} customers with ids of type {options.ids}"
    print(f"{size}, {options.threads} threads, load before {load}")
    results = {query: bench(query, options, folder) for query in options.queries or TENURE}
    print("\n| query | tenure | memory | against | | ratio | target |\n|---|---|---|---|---|---|---|")
    for title, ours, memory, name, theirs, ratio, goal in (row for rows, _ in results.values() for row in rows):
        print(f"| {title} | {ours:.3f} s | {memory / 1e6:,.0f} MB | {theirs:.3f} s | {name} | {ratio:.4g} | {goal} |")
    growth({query: seconds for query, (_, seconds) in results.items()}, options, folder)
    print(f"\nload after {' '.join(f'{x:.1f}' for x in os.getloadavg())}")


if __name__ == "__main__":
    main()

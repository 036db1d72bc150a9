"""Errors as exceptions, Ctrl-C, threads."""

import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

import pyarrow as pa
import pytest
import tenure

SLOW = (
    "SELECT sum(a.value * b.value) AS s "
    "FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b"
)


@pytest.mark.parametrize(
    ("sql", "state", "kind", "place"),
    [
        ("SELEC 1", "42601", tenure.ProgrammingError, (1, 1)),
        ("SELECT 1,\n  amuont FROM orders", "42703", tenure.ProgrammingError, (2, 3)),
        ("SELECT * FROM odrers", "42P01", tenure.ProgrammingError, (1, 15)),
        ("SELECT stage_lable('x')", "42883", tenure.ProgrammingError, (1, 8)),
    ],
)
def test_an_exception_says_what_where_and_what_to_do(t, sql, state, kind, place):
    with pytest.raises(kind) as e:
        t.sql(sql).to_arrow()
    assert e.value.sqlstate == state
    assert (e.value.line, e.value.column) == place
    assert f"(line {place[0]}, column {place[1]})" in str(e.value)
    if e.value.hint:
        assert str(e.value).endswith(f"hint: {e.value.hint}")


def test_an_error_in_the_middle_of_the_rows(empty):
    sql = "SELECT 1 / (1000000 - value) AS x FROM generate_series(1, 2000000)"
    for read in [
        lambda r: r.to_arrow(),
        lambda r: list(r.stream()),
    ]:
        with pytest.raises(tenure.DataError, match="division by zero") as e:
            read(empty.sql(sql))
        assert e.value.sqlstate == "22012"
    # other libraries know a text only
    with pytest.raises(Exception, match="division by zero"):
        pa.table(empty.sql(sql))
    assert empty.sql("SELECT 1 AS x").to_pylist() == [{"x": 1}]


def test_too_little_memory_is_an_operational_error():
    with tenure.open(memory_limit=1 << 20, settings={"datafusion.execution.batch_size": 1024}) as t:
        with pytest.raises(tenure.OperationalError) as e:
            t.sql(
                "SELECT array_agg(value) AS a FROM generate_series(1, 5000000) GROUP BY value % 2"
            ).to_arrow()
    assert e.value.sqlstate == "53200"


def test_other_threads_run_meanwhile(empty):
    counted = 0
    done = threading.Event()

    def count():
        nonlocal counted
        while not done.is_set():
            counted += 1
            time.sleep(0.001)

    thread = threading.Thread(target=count)
    thread.start()
    started = time.monotonic()
    empty.sql(
        "SELECT sum(a.value * b.value) AS s "
        "FROM generate_series(1, 20000) a, generate_series(1, 5000) b"
    ).to_arrow()
    took = time.monotonic() - started
    done.set()
    thread.join()
    # one that held the lock would stop the count
    assert counted > 50 * took


def test_one_session_serves_many_threads(t):
    found = []

    def ask():
        found.append(t.sql("SELECT count(*) AS n FROM orders").to_pylist())

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8 and all(rows == found[0] for rows in found)


# compares many rows and keeps none of them
FEW = (
    "SELECT count(*) AS n FROM generate_series(1, 100000) a, generate_series(1, 100000) b "
    "WHERE a.value * b.value < 0"
)

# what is imported is imported before the signal: an import may swallow it
CHILD = """
import sys, time
import pyarrow
import tenure
t = tenure.open()
how = sys.argv[1]
result = t.sql({few!r} if how == "few" else {slow!r})
print("ready", flush=True)
try:
    if how in ("arrow", "few"):
        result.to_arrow()
    elif how == "stream":
        list(result.stream())
    else:
        pyarrow.table(result)
        time.sleep(1)
    print("answered")
except KeyboardInterrupt:
    print("interrupted", t.sql("SELECT 41 + 1 AS x").to_pylist()[0]["x"])
""".format(slow=SLOW, few=FEW)


@pytest.mark.parametrize("how", ["arrow", "stream", "capsule", "few"])
def test_ctrl_c_cancels(how):
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, how],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert child.stdout.readline() == "ready\n"
        time.sleep(0.5)
        started = time.monotonic()
        os.kill(child.pid, signal.SIGINT)
        out, err = child.communicate(timeout=60)
        took = time.monotonic() - started
    finally:
        child.kill()
    assert "interrupted 42" in out or (how == "capsule" and "KeyboardInterrupt" in err), (out, err)
    assert took < 10


def test_python_ends_while_the_engine_works():
    program = f"""
import threading
import tenure
t = tenure.open()
slow = t.sql({SLOW!r})
threading.Thread(target=slow.to_arrow, daemon=True).start()
rows = t.sql("SELECT value FROM generate_series(1, 100000000)").stream()
next(rows)
print("the end")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "the end\n", "")


def test_a_forked_child_has_an_engine_of_its_own(t):
    assert t.sql("SELECT 1 AS x").to_pylist() == [{"x": 1}]
    child = os.fork()
    if child == 0:
        rows = tenure.open().sql("SELECT 2 AS x").to_pylist()
        os._exit(0 if rows == [{"x": 2}] else 1)
    deadline = time.monotonic() + 60
    status = None
    while status is None and time.monotonic() < deadline:
        found, code = os.waitpid(child, os.WNOHANG)
        if found:
            status = code
        time.sleep(0.05)
    if status is None:
        os.kill(child, signal.SIGKILL)
    assert status == 0


def test_no_path_of_the_machine_is_in_an_error(tmp_path):
    lake = tmp_path / "lake" / "orders"
    lake.mkdir(parents=True)
    (lake / "bad.parquet").write_bytes(b"PAR1 this is not Parquet PAR1")
    with pytest.raises(tenure.Error) as e:
        tenure.open(lake.parent)
    assert "bad.parquet" in str(e.value)
    assert pathlib.Path(tenure.__file__).parent.as_posix() not in str(e.value)

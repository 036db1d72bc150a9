"""The queries of the bench in DuckDB, Polars, ClickHouse (chdb), lifetimes, lifelines and ruptures.

Each query has one or more ways to write it; `run.py` measures all and shows the fastest. Run as
`peers.py PEER QUERY WAY DATA THREADS`, it runs the query once for every line of standard input and
answers with one line of JSON: seconds (without start-up and imports) and the answer.

RFM: recency is the last purchase, frequency the number of distinct days with purchases, monetary
the sum of amounts; a score is 1 + floor(5 · share of customers who are worse).

Stages: the rules of Tenure's default policy ('retail', absolute lengths): new, churned, dormant,
at_risk, reactivated, growing, loyal, active. Tenure computes the whole `customer_summary`; the
peers only what these rules read. Left out: monetary value, litt, median gap, orders and revenue,
and the stages of customers who never bought, who are not in the data.

Fits and scores: lifetimes on the same summary, in memory; reading it is not counted. Likewise
lifelines and its durations; of a group its curve alone is made, of hazards the whole fit.

Breaks: ruptures in a loop over series in memory, exact (jump 1), 200 of the 20,000; its time is
multiplied by 100.

What customers do: see the queries; a day of a funnel is 24 hours, months are those of UTC.

Scan: the four columns of the log, each reduced to one value: what reading them costs.
"""

import json
import os
import sys
import time

AS_OF = "2024-07-01 00:00:00"
QUERY, WAY, DATA, THREADS = "", "", "", 2


# ------------------------------------------------------------------------------------------ DuckDB
RFM_CUSTOMERS = {
    "distinct": """
        SELECT customer_id, max(ts) AS r, count(DISTINCT {day}) AS f, sum(amount) AS m
        FROM {log} WHERE event_type = 'purchase' AND ts <= TIMESTAMP '{as_of}' GROUP BY customer_id""",
    "by day": """
        SELECT customer_id, max(ts) AS r, count(*) AS f, sum(amount) AS m
        FROM (SELECT customer_id, {day} AS day, max(ts) AS ts, sum(amount) AS amount
              FROM {log} WHERE event_type = 'purchase' AND ts <= TIMESTAMP '{as_of}' GROUP BY ALL)
        GROUP BY customer_id""",
}

RFM_SCORES = {
    "rank": """
        SELECT 100 * r + 10 * f + m AS score, count(*) AS customers
        FROM (SELECT 1 + 5 * (rank() OVER (ORDER BY r) - 1) // count(*) OVER () AS r,
                     1 + 5 * (rank() OVER (ORDER BY f) - 1) // count(*) OVER () AS f,
                     1 + 5 * (rank() OVER (ORDER BY m) - 1) // count(*) OVER () AS m
              FROM customers)
        GROUP BY score""",
    # a score is 1 plus the number of quantiles that a value lies above
    "quantiles": """
        SELECT 100 * ((r > rq[1])::INT + (r > rq[2])::INT + (r > rq[3])::INT + (r > rq[4])::INT + 1)
              + 10 * ((f > fq[1])::INT + (f > fq[2])::INT + (f > fq[3])::INT + (f > fq[4])::INT + 1)
                   + ((m > mq[1])::INT + (m > mq[2])::INT + (m > mq[3])::INT + (m > mq[4])::INT + 1) AS score,
               count(*) AS customers
        FROM customers, (SELECT quantile_disc(r, [0.2, 0.4, 0.6, 0.8]) AS rq,
                                quantile_disc(f, [0.2, 0.4, 0.6, 0.8]) AS fq,
                                quantile_disc(m, [0.2, 0.4, 0.6, 0.8]) AS mq FROM customers)
        GROUP BY score""",
}

STAGE = """
    CASE WHEN periods = 1 AND {age} <= 30 THEN 'new'
         WHEN {silent} > 365 THEN 'churned'
         WHEN {silent} > 180 THEN 'dormant'
         WHEN {silent} > 90 THEN 'at_risk'
         WHEN periods > 1 AND {gap} >= 365 AND {silent} <= 30 THEN 'reactivated'
         WHEN periods > 2 AND ({repeats} - 2 * earlier) / {repeats} >= 0.3 THEN 'growing'
         WHEN periods >= 6 THEN 'loyal'
         ELSE 'active' END"""

DUCK_STAGE = STAGE.format(
    age="epoch_us(TIMESTAMP '{as_of}' - first_ts) / 86400e6",
    silent="epoch_us(TIMESTAMP '{as_of}' - last_ts) / 86400e6",
    gap="epoch_us(last_ts - previous_ts) / 86400e6",
    repeats="(periods - 1)",
)

DUCK_STAGES = {
    "lists": """
        WITH days AS (
          SELECT customer_id, CAST(ts AS DATE) AS day, min(ts) AS first_ts, max(ts) AS last_ts
          FROM {log} WHERE event_type = 'purchase' AND ts <= TIMESTAMP '{as_of}' GROUP BY ALL),
        lives AS (
          SELECT count(*) AS periods, min(first_ts) AS first_ts, max(last_ts) AS last_ts,
                 max(last_ts, 2)[2] AS previous_ts, min(day) AS first_day, list(day) AS days
          FROM days GROUP BY customer_id),
        counted AS (
          SELECT *, len(list_filter(days, lambda d: d - first_day <= (DATE '{as_of}' - first_day) // 2)) - 1 AS earlier
          FROM lives)
        SELECT {stage} AS stage, count(*) AS customers FROM counted GROUP BY stage""",
    "join": """
        WITH days AS MATERIALIZED (
          SELECT customer_id, CAST(ts AS DATE) AS day, min(ts) AS first_ts, max(ts) AS last_ts
          FROM {log} WHERE event_type = 'purchase' AND ts <= TIMESTAMP '{as_of}' GROUP BY ALL),
        ends AS MATERIALIZED (
          SELECT customer_id, min(day) AS first_day, max(day) AS last_day, count(*) AS periods,
                 min(first_ts) AS first_ts, max(last_ts) AS last_ts
          FROM days GROUP BY customer_id),
        counted AS (
          SELECT any_value(periods) AS periods, any_value(e.first_ts) AS first_ts, any_value(e.last_ts) AS last_ts,
                 max(d.last_ts) FILTER (WHERE day < last_day) AS previous_ts,
                 count(*) FILTER (WHERE day - first_day <= (DATE '{as_of}' - first_day) // 2) - 1 AS earlier
          FROM days d JOIN ends e USING (customer_id) GROUP BY customer_id)
        SELECT {stage} AS stage, count(*) AS customers FROM counted GROUP BY stage""",
}


# -------------------------------------------------------------------------- what customers do
# each answers with names and counts; DuckDB by window functions, ClickHouse by its own functions
DUCK_BEHAVIOUR = {
    # the latest first step of each chain, carried from step to step
    "funnel": """
        WITH e AS (
          SELECT customer_id AS c, ts, CASE event_type WHEN 'page_view' THEN 1 WHEN 'add_to_cart' THEN 2
                   WHEN 'checkout' THEN 3 WHEN 'purchase' THEN 4 END AS s FROM {log}),
        a AS (SELECT *, max(CASE WHEN s = 1 THEN ts END) OVER w AS a1 FROM e
              WINDOW w AS (PARTITION BY c ORDER BY ts, s ROWS UNBOUNDED PRECEDING)),
        b AS (SELECT *, max(CASE WHEN s = 2 AND ts <= a1 + INTERVAL 24 HOUR THEN a1 END) OVER w AS a2 FROM a
              WINDOW w AS (PARTITION BY c ORDER BY ts, s ROWS UNBOUNDED PRECEDING)),
        d AS (SELECT *, max(CASE WHEN s = 3 AND ts <= a2 + INTERVAL 24 HOUR THEN a2 END) OVER w AS a3 FROM b
              WINDOW w AS (PARTITION BY c ORDER BY ts, s ROWS UNBOUNDED PRECEDING))
        SELECT level, count(*) FROM (
          SELECT c, max(CASE WHEN s = 4 AND ts <= a3 + INTERVAL 24 HOUR THEN 4 WHEN a3 IS NOT NULL THEN 3
                   WHEN a2 IS NOT NULL THEN 2 WHEN a1 IS NOT NULL THEN 1 ELSE 0 END) AS level
          FROM d GROUP BY c)
        GROUP BY level""",
    "matrix": """
        WITH months AS (SELECT DISTINCT customer_id, date_trunc('month', ts) AS m FROM {log}),
        firsts AS (SELECT customer_id, min(m) AS f FROM months GROUP BY customer_id)
        SELECT strftime(f, '%Y-%m') || ' ' || datediff('month', f, m), count(*)
        FROM months JOIN firsts USING (customer_id) GROUP BY ALL""",
    "sessionize": """
        SELECT 'sum of ids', sum(s) FROM (
          SELECT sum(n) OVER (PARTITION BY customer_id ORDER BY ts ROWS UNBOUNDED PRECEDING) AS s FROM (
            SELECT customer_id, ts, CASE WHEN ts - lag(ts) OVER (PARTITION BY customer_id ORDER BY ts)
                     <= INTERVAL 30 MINUTE THEN 0 ELSE 1 END AS n FROM {log}))""",
    "path_transitions": """
        SELECT a || ' > ' || b, count(*) FROM (
          SELECT event_type AS a, lead(event_type) OVER (PARTITION BY customer_id ORDER BY ts, event_type) AS b FROM {log})
        WHERE b IS NOT NULL GROUP BY ALL""",
}

MICROS = "toUInt64(toUnixTimestamp64Micro(ts))"
CLICK_BEHAVIOUR = {
    "funnel": f"""
        SELECT level, count() FROM (
          SELECT windowFunnel(86400000000)({MICROS}, event_type = 'page_view', event_type = 'add_to_cart',
                   event_type = 'checkout', event_type = 'purchase') AS level
          FROM {{log}} GROUP BY customer_id)
        GROUP BY level""",
    "matrix": """
        SELECT concat(formatDateTime(f, '%Y-%m'), ' ', toString(dateDiff('month', f, m))), count() FROM (
          SELECT arrayMin(ms) AS f, arrayJoin(ms) AS m FROM (
            SELECT groupUniqArray(toStartOfMonth(ts)) AS ms FROM {log} GROUP BY customer_id))
        GROUP BY f, m""",
    "sessionize": """
        SELECT 'sum of ids', sum(s) FROM (
          SELECT sum(n) OVER (PARTITION BY customer_id ORDER BY ts ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS s
          FROM (SELECT customer_id, ts, ts - lagInFrame(ts, 1, toDateTime64('1970-01-01', 6, 'UTC')) OVER
                  (PARTITION BY customer_id ORDER BY ts ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) > 1800 AS n
                FROM {log}))""",
    "retention": """
        SELECT arrayStringConcat(r), count() FROM (
          SELECT retention(ts < '2023-02-01', ts >= '2023-02-01' AND ts < '2023-03-01',
                   ts >= '2023-03-01' AND ts < '2023-04-01', ts >= '2023-04-01' AND ts < '2023-05-01') AS r
          FROM {log} GROUP BY customer_id)
        GROUP BY r""",
    "sequence_count": f"""
        SELECT 'matches', sum(n) FROM (
          SELECT sequenceCount('(?1).*(?2)')({MICROS}, event_type = 'page_view', event_type = 'purchase') AS n
          FROM {{log}} GROUP BY customer_id)""",
    # one array a customer: leadInFrame takes longer
    "path_transitions": """
        SELECT concat(p.1, ' > ', p.2), count() FROM (
          SELECT arrayMap(x -> x.2, arraySort(groupArray((ts, event_type)))) AS e,
                 arrayJoin(arrayZip(arrayPopBack(e), arrayPopFront(e))) AS p
          FROM {log} GROUP BY customer_id)
        GROUP BY p""",
}


def duckdb_query():
    import duckdb

    connection = duckdb.connect(config={"threads": THREADS})
    log = f"read_parquet('{DATA}/*.parquet')"
    if QUERY == "rfm":
        rows, scores = WAY.split(", ")
        customers = RFM_CUSTOMERS[rows].format(log=log, as_of=AS_OF, day="CAST(ts AS DATE)")
        sql = f"WITH customers AS MATERIALIZED ({customers}) {RFM_SCORES[scores]}"
    elif QUERY == "stages":
        stage = DUCK_STAGE.replace("{as_of}", AS_OF)
        sql = DUCK_STAGES[WAY].format(log=log, as_of=AS_OF, stage=stage)
    elif QUERY in DUCK_BEHAVIOUR:
        sql = DUCK_BEHAVIOUR[QUERY].format(log=log)
    else:
        sql = f"SELECT max(customer_id), max(ts), max(event_type), sum(amount), count(*) FROM {log}"

        def scan():
            *_, rows = connection.execute(sql).fetchone()
            return {"rows": rows}

        return scan
    return lambda: dict(connection.execute(sql).fetchall())


# -------------------------------------------------------------------------------------- ClickHouse
CLICK_DAYS = """
    SELECT customer_id, toDate(ts) AS day, min(ts) AS first_ts, max(ts) AS last_ts
    FROM {log} WHERE event_type = 'purchase' AND ts <= toDateTime64('{as_of}', 6, 'UTC') GROUP BY customer_id, day"""

CLICK_STAGES = {
    # one array a customer
    "arrays": """
        SELECT {stage} AS stage, count() AS customers FROM (
          SELECT arraySort(groupArray(ts)) AS t, arrayMap(x -> toDate(x), t) AS d, length(arrayDistinct(d)) AS periods,
                 t[1] AS first_ts, t[-1] AS last_ts,
                 t[indexOf(d, d[-1]) - 1] AS previous_ts,
                 length(arrayDistinct(arrayFilter(x -> x - d[1] <= intDiv(toDate('{as_of}') - d[1], 2), d))) - 1 AS earlier
          FROM {log} WHERE event_type = 'purchase' AND ts <= toDateTime64('{as_of}', 6, 'UTC') GROUP BY customer_id)
        GROUP BY stage""",
    "days": """
        SELECT {stage} AS stage, count() AS customers FROM (
          SELECT count() AS periods, min(first_ts) AS first_ts, max(d.last_ts) AS last_ts,
                 arraySort(groupArray(d.last_ts))[-2] AS previous_ts,
                 groupArray(day) AS days, min(day) AS first_day,
                 arrayCount(x -> x - first_day <= intDiv(toDate('{as_of}') - first_day, 2), days) - 1 AS earlier
          FROM ({days}) AS d GROUP BY customer_id)
        GROUP BY stage""",
}

CLICK_STAGE = STAGE.format(
    age="(toUnixTimestamp64Micro(toDateTime64('{as_of}', 6, 'UTC')) - toUnixTimestamp64Micro(first_ts)) / 86400e6",
    silent="(toUnixTimestamp64Micro(toDateTime64('{as_of}', 6, 'UTC')) - toUnixTimestamp64Micro(last_ts)) / 86400e6",
    gap="(toUnixTimestamp64Micro(last_ts) - toUnixTimestamp64Micro(previous_ts)) / 86400e6",
    repeats="(periods - 1)",
)

CLICK_RFM = {
    "rank": """
        SELECT 100 * r + 10 * f + m AS score, count() AS customers
        FROM (SELECT 1 + intDiv(5 * (rank() OVER (ORDER BY r) - 1), count() OVER ()) AS r,
                     1 + intDiv(5 * (rank() OVER (ORDER BY f) - 1), count() OVER ()) AS f,
                     1 + intDiv(5 * (rank() OVER (ORDER BY m) - 1), count() OVER ()) AS m
              FROM ({customers}))
        GROUP BY score""",
    # by a quantile's index a customer or two stand on the other side of it
    "quantiles": """
        WITH (SELECT (quantilesExactLow(0.2, 0.4, 0.6, 0.8)(r), quantilesExactLow(0.2, 0.4, 0.6, 0.8)(f), quantilesExactLow(0.2, 0.4, 0.6, 0.8)(m)) FROM customers) AS q
        SELECT 100 * (1 + (r > q.1[1]) + (r > q.1[2]) + (r > q.1[3]) + (r > q.1[4]))
              + 10 * (1 + (f > q.2[1]) + (f > q.2[2]) + (f > q.2[3]) + (f > q.2[4]))
              + 1 + (m > q.3[1]) + (m > q.3[2]) + (m > q.3[3]) + (m > q.3[4]) AS score,
               count() AS customers
        FROM customers GROUP BY score""",
}


def chdb_query():
    from chdb import session

    connection = session.Session()
    connection.query(f"SET max_threads = {THREADS}")
    log = f"file('{os.path.abspath(DATA)}/*.parquet', Parquet)"
    before = []
    if QUERY == "rfm":
        customers = f"""
            SELECT customer_id, max(ts) AS r, uniqExact(toDate(ts)) AS f, sum(amount) AS m
            FROM {log} WHERE event_type = 'purchase' AND ts <= toDateTime64('{AS_OF}', 6, 'UTC') GROUP BY customer_id"""
        sql = CLICK_RFM[WAY]
        if WAY == "rank":
            sql = sql.format(customers=customers)
        else:
            # a CTE would be computed twice
            before = [
                "DROP TABLE IF EXISTS customers",
                f"CREATE TEMPORARY TABLE customers ENGINE = Memory AS {customers}",
            ]
    elif QUERY in CLICK_BEHAVIOUR:
        sql = CLICK_BEHAVIOUR[QUERY].format(log=log)
    else:
        days = CLICK_DAYS.format(log=log, as_of=AS_OF)
        stage = CLICK_STAGE.replace("{as_of}", AS_OF)
        sql = CLICK_STAGES[WAY].format(log=log, as_of=AS_OF, stage=stage, days=days)

    def run():
        for statement in before:
            connection.query(statement)
        lines = str(connection.query(sql, "JSONCompactEachRow")).splitlines()
        return {str(k): int(n) for k, n in map(json.loads, lines)}

    return run


# ------------------------------------------------------------------------------------------ Polars
def polars_query():
    import polars as pl

    as_of = pl.lit(AS_OF).str.to_datetime(time_unit="us")
    log = pl.scan_parquet(f"{DATA}/*.parquet").filter(
        (pl.col("event_type") == "purchase") & (pl.col("ts") <= as_of)
    )
    day = pl.col("ts").dt.date().alias("day")
    engine = "streaming" if "streaming" in WAY else "in-memory"
    if QUERY == "rfm":
        if "by day" in WAY:
            customers = (
                log.group_by("customer_id", day)
                .agg(pl.col("ts").max(), pl.col("amount").sum())
                .group_by("customer_id")
                .agg(pl.col("ts").max().alias("r"), pl.len().alias("f"), pl.col("amount").sum().alias("m"))
            )
        else:
            customers = log.group_by("customer_id").agg(
                pl.col("ts").max().alias("r"),
                pl.col("ts").dt.date().n_unique().alias("f"),
                pl.col("amount").sum().alias("m"),
            )
        score = {c: 1 + (pl.col(c).rank("min").cast(pl.Int64) - 1) * 5 // pl.len() for c in "rfm"}
        plan = (
            customers.select((100 * score["r"] + 10 * score["f"] + score["m"]).alias("answer"))
            .group_by("answer")
            .len()
        )
    else:
        days = log.group_by("customer_id", day).agg(
            pl.col("ts").min().alias("first_ts"), pl.col("ts").max().alias("last_ts")
        )
        half = (as_of.dt.date() - pl.col("first_day")).dt.total_days() // 2
        early = (pl.col("day") - pl.col("first_day")).dt.total_days() <= half
        ends = days.group_by("customer_id").agg(
            pl.len().alias("periods"),
            pl.col("first_ts").min(),
            pl.col("last_ts").max(),
            pl.col("day").min().alias("first_day"),
            pl.col("day").max().alias("last_day"),
        )
        rest = (
            days.select("customer_id", "day", pl.col("last_ts").alias("ts"))
            .join(ends.select("customer_id", "first_day", "last_day"), on="customer_id")
            .select(
                "customer_id",
                early.alias("early"),
                pl.when(pl.col("day") < pl.col("last_day")).then("ts").alias("ts"),
            )
            .group_by("customer_id")
            .agg(pl.col("ts").max().alias("previous_ts"), pl.col("early").sum().cast(pl.Int64) - 1)
        )
        lives = ends.join(rest, on="customer_id")
        length = lambda a, b: (b - a).dt.total_microseconds() / 86_400e6
        silent, age = length(pl.col("last_ts"), as_of), length(pl.col("first_ts"), as_of)
        repeats = pl.col("periods").cast(pl.Int64) - 1
        stage = (
            pl.when((repeats == 0) & (age <= 30)).then(pl.lit("new"))
            .when(silent > 365).then(pl.lit("churned"))
            .when(silent > 180).then(pl.lit("dormant"))
            .when(silent > 90).then(pl.lit("at_risk"))
            .when((repeats > 0) & (length(pl.col("previous_ts"), pl.col("last_ts")) >= 365) & (silent <= 30))
            .then(pl.lit("reactivated"))
            .when((repeats > 1) & ((repeats - 2 * pl.col("early")) / repeats >= 0.3)).then(pl.lit("growing"))
            .when(repeats >= 5).then(pl.lit("loyal"))
            .otherwise(pl.lit("active"))
        )
        plan = lives.select(stage.alias("answer")).group_by("answer").len()
    return lambda: {str(k): n for k, n in plan.collect(engine=engine).iter_rows()}


# --------------------------------------------------------------------------------------- lifetimes
# a fit of before, for the scores
BG_NBD = {"r": 1.1, "alpha": 30.0, "a": 0.7, "b": 8.0}
GAMMA_GAMMA = {"p": 5.0, "q": 4.0, "v": 15.0}


def lifetimes_query():
    import duckdb
    import lifetimes
    import pandas

    frame = duckdb.sql(f"SELECT * FROM '{DATA}'").df()
    times = (frame["frequency"], frame["recency"], frame["t"])

    def model(name, parameters):
        fitter = getattr(lifetimes, name)()
        fitter.params_ = pandas.Series(parameters)
        if name == "BetaGeoFitter":
            fitter.predict = fitter.conditional_expected_number_of_purchases_up_to_time
        return fitter

    def fit(name):
        def run():
            fitter = getattr(lifetimes, name)()
            if name == "GammaGammaFitter":
                again = frame[frame["frequency"] > 0]
                fitter.fit(again["frequency"], again["monetary_value"])
            else:
                fitter.fit(*times)
            return {name: float(value) for name, value in fitter.params_.items()}

        return run

    def scores():
        buys, spends = model("BetaGeoFitter", BG_NBD), model("GammaGammaFitter", GAMMA_GAMMA)
        alive = buys.conditional_probability_alive(*times)
        purchases = buys.conditional_expected_number_of_purchases_up_to_time(90, *times)
        # its months have 30 days, its discount is monthly: the sum is not compared
        spends.customer_lifetime_value(buys, *times, frame["monetary_value"], time=12, freq="D", discount_rate=0.008)
        return {"alive": float(alive.sum()), "purchases": float(purchases.sum())}

    return scores if QUERY == "scores" else fit(WAY)


# ---------------------------------------------------------------------------------------- ruptures
# ruptures is asked for so many of the series, and its time counts for all
SERIES, ASKED = 20_000, 200


def ruptures_query():
    import duckdb
    import numpy
    import ruptures

    values = duckdb.sql(f"SELECT list(value ORDER BY week) FROM '{DATA}' WHERE customer_id < {ASKED} GROUP BY customer_id")
    series = [numpy.array(v) for (v,) in values.fetchall()]

    def run():
        # the last index that it gives is the end of the series, not a break
        found = (ruptures.Pelt(model="l2", min_size=2, jump=1).fit(v).predict(pen=40.0) for v in series)
        return {"breaks": sum(len(breaks) - 1 for breaks in found)}

    return run


# --------------------------------------------------------------------------------------- lifelines
def lifelines_query():
    import duckdb
    from lifelines import CoxPHFitter, KaplanMeierFitter

    frame = duckdb.sql(f"SELECT * FROM '{DATA}'").df()

    def curves():
        answer = {}
        for region, rows in frame.groupby("region"):
            curve = KaplanMeierFitter().fit(rows["duration"], rows["event"])
            survival = curve.survival_function_at_times([30, 180, 365])
            answer |= {f"{region} after {t}": float(s) for t, s in survival.items()}
        return answer

    def hazards():
        fitter = CoxPHFitter().fit(frame, "duration", "event")
        return {name: float(value) for name, value in fitter.params_.items()}

    return {"km": curves, "cox": hazards}[QUERY]


# ---------------------------------------------------------------- Tenure, in a process that has started
def tenure_query():
    """Tenure as the peers are asked: the log on disk, all else of a table in memory."""
    import pyarrow.parquet
    import tenure
    from queries import MODELS, TENURE

    session = tenure.open(threads=THREADS, as_of=AS_OF)
    if os.path.isdir(DATA):
        sql = TENURE[QUERY].format(log=f"{DATA}/*.parquet", **MODELS)
    else:
        session.register("asked", pyarrow.parquet.read_table(DATA))
        name = os.path.basename(DATA).removesuffix(".parquet")
        sql = TENURE[QUERY].replace(f"'{{{name}}}'", "asked").format(**MODELS)

    def run():
        columns = session.sql(sql).to_arrow().to_pydict()
        return dict(zip(*columns.values()))

    return run


# what there is, with the ways to write it
WAYS = {
    "rfm": {
        "duckdb": ["distinct, rank", "distinct, quantiles", "by day, rank", "by day, quantiles"],
        "polars": ["n_unique", "by day", "by day, streaming"],
        "chdb": ["rank", "quantiles"],
    },
    "stages": {"duckdb": ["lists", "join"], "polars": ["join", "join, streaming"], "chdb": ["arrays", "days"]},
    "fit": {"lifetimes": ["ModifiedBetaGeoFitter"]},
    "bg_fit": {"lifetimes": ["BetaGeoFitter"]},
    "pareto_fit": {"lifetimes": ["ParetoNBDFitter"]},
    "gamma_gamma_fit": {"lifetimes": ["GammaGammaFitter"]},
    "scores": {"lifetimes": ["scores"]},
    "change_points": {"ruptures": ["Pelt, 200 of the series, for all"]},
    "log_to_clv": {"tenure": ["summary"]},
    "km": {"lifelines": ["fit"]},
    "cox": {"lifelines": ["fit"]},
    "turning_points": {"duckdb": ["scan"]},
    "funnel": {"chdb": ["windowFunnel"], "duckdb": ["windows"]},
    "matrix": {"chdb": ["arrays"], "duckdb": ["join"]},
    "sessionize": {"chdb": ["windows"], "duckdb": ["windows"]},
    "retention": {"chdb": ["retention"]},
    "sequence_count": {"chdb": ["sequenceCount"]},
    "path_transitions": {"chdb": ["arrays"], "duckdb": ["windows"]},
}


def main():
    global QUERY, WAY, DATA, THREADS
    peer, QUERY, WAY, DATA, threads = sys.argv[1:]
    THREADS = int(threads)
    # numpy's and Polars' threads are set before they start
    for name in ("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[name] = threads
    run = {
        "duckdb": duckdb_query,
        "polars": polars_query,
        "chdb": chdb_query,
        "lifetimes": lifetimes_query,
        "lifelines": lifelines_query,
        "ruptures": ruptures_query,
        "tenure": tenure_query,
    }[peer]()
    for _ in sys.stdin:
        start = time.perf_counter()
        answer = run()
        seconds = (time.perf_counter() - start) * (SERIES / ASKED if peer == "ruptures" else 1)
        print(json.dumps({"seconds": seconds, "answer": {str(k): v for k, v in answer.items()}}), flush=True)


if __name__ == "__main__":
    main()

"""Tenure's side of the bench: the queries, what they are called, and what they shall reach."""

import peers


def struct(model, parameters, *more):
    """A model as SQL."""
    fields = [f"'model', '{model}'", *(f"'{name}', {value}" for name, value in parameters.items()), *more]
    return f"named_struct({', '.join(fields)})"


# models that scores are made with
MODELS = {
    "bg_nbd": struct("bg_nbd", peers.BG_NBD, "'unit_days', 1"),
    "gamma_gamma": struct("gamma_gamma", peers.GAMMA_GAMMA),
}
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
    "bg_fit": """
        SELECT unnest(['a', 'alpha', 'b', 'r']), unnest([m.a, m.alpha, m.b, m.r])
        FROM (SELECT bg_nbd_fit(frequency, recency, t) AS m FROM '{customers}')""",
    "pareto_fit": """
        SELECT unnest(['alpha', 'beta', 'r', 's']), unnest([m.alpha, m.beta, m.r, m.s])
        FROM (SELECT pareto_nbd_fit(frequency, recency, t) AS m FROM '{customers}')""",
    "gamma_gamma_fit": """
        SELECT unnest(['p', 'q', 'v']), unnest([m.p, m.q, m.v])
        FROM (SELECT gamma_gamma_fit(frequency, monetary_value) AS m FROM '{customers}' WHERE frequency > 0)""",
    # the sums of three scores of all customers; the parameters are those of a fit before
    "scores": """
        SELECT unnest(['alive', 'clv', 'purchases']), unnest([alive, clv, purchases]) FROM (
          SELECT sum(p_alive(b, frequency, recency, t)) AS alive,
                 sum(expected_purchases(b, INTERVAL '90 days', frequency, recency, t)) AS purchases,
                 sum(clv(b, g, frequency, recency, t, monetary_value, INTERVAL '12 months', 0.1)) AS clv
          FROM '{customers}', (SELECT {bg_nbd} AS b, {gamma_gamma} AS g))""",
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
        SELECT concat(CAST(r[1] AS INT), CAST(r[2] AS INT), CAST(r[3] AS INT), CAST(r[4] AS INT)), n FROM (
          SELECT r, count(*) AS n FROM (
            SELECT retention(ts < '2023-02-01', ts >= '2023-02-01' AND ts < '2023-03-01',
                     ts >= '2023-03-01' AND ts < '2023-04-01', ts >= '2023-04-01' AND ts < '2023-05-01') AS r
            FROM '{log}' GROUP BY customer_id)
          GROUP BY r)""",
    "sequence_count": """
        SELECT 'matches', sum(n) FROM (
          SELECT sequence_count('(?1).*(?2)', ts, event_type = 'page_view', event_type = 'purchase') AS n
          FROM '{log}' GROUP BY customer_id)""",
    "path_transitions": """
        SELECT concat(step, ' > ', next_step), n
        FROM path_transitions((SELECT customer_id, ts, event_type FROM '{log}'))
        WHERE step <> 'path_start' AND next_step <> 'path_end'""",
    # from the log to what each customer will bring, in one statement
    "log_to_clv": """
        SELECT 'customers', count(clv) FROM (
          SELECT clv(mbg_nbd_fit(s) OVER (), gamma_gamma_fit(s) OVER (), s, INTERVAL '12 months', 0.1) AS clv FROM (
            SELECT customer_summary(ts, amount) AS s FROM '{log}' WHERE event_type = 'purchase' GROUP BY customer_id))""",
    "summary": """
        SELECT 'customers', count(s) FROM (
          SELECT customer_summary(ts, amount) AS s FROM '{log}' WHERE event_type = 'purchase' GROUP BY customer_id)""",
    "change_points": """
        SELECT 'breaks', sum(array_length(k)) FILTER (WHERE customer_id < 200) FROM (
          SELECT customer_id, change_points(week, value, penalty => 40.0, rows => true) AS k
          FROM '{weeks}' GROUP BY customer_id)""",
}
# what is not asked of the events
OTHER_DATA = {
    "fit": "summaries.parquet",
    "bg_fit": "customers.parquet",
    "pareto_fit": "customers.parquet",
    "gamma_gamma_fit": "customers.parquet",
    "scores": "customers.parquet",
    "change_points": "weeks.parquet",
    "km": "durations.parquet",
    "cox": "hazards.parquet",
}
# asked once, after the clock: each customer of the data has bought, once for the first time
CHECK = """
    SELECT 'rows', count(*) FILTER (WHERE p.point = 'first_purchase'), count(*) FROM (
      SELECT unnest(turning_points(ts, event_type, amount)) AS p FROM '{log}' GROUP BY customer_id)"""
# what Tenure shall do: at most so many times the time of the fastest peer
TARGETS = {
    "rfm": 1.0,
    "stages": 1.0,
    "fit": 1 / 100,
    "bg_fit": 1 / 100,
    "pareto_fit": 1 / 100,
    "gamma_gamma_fit": 1 / 100,
    "scores": 1 / 20,
    "log_to_clv": 2.0,
    "change_points": 1 / 1000,
    "km": 1 / 10,
    "cox": 1 / 10,
    "turning_points": 5.0,
    "funnel": 0.5,
    "matrix": 0.5,
    "sessionize": 0.5,
    "retention": 1.0,
    "sequence_count": 1.0,
    "path_transitions": 1.0,
}
# the same on the clustered lake, where there is one
CLUSTERED = {"funnel": 0.25, "sessionize": None, "matrix": None}
# and the same with a limit of memory: at most so many times the time without
LIMITED = {"funnel": 3.0}
TITLES = {
    "rfm": "RFM scores of all customers",
    "stages": "stages of all customers",
    "fit": "fit of MBG/NBD",
    "bg_fit": "fit of BG/NBD",
    "pareto_fit": "fit of Pareto/NBD",
    "gamma_gamma_fit": "fit of Gamma-Gamma",
    "scores": "P(alive), purchases of 90 days and value of 12 months",
    "log_to_clv": "from the log to the value of each customer, against its summary alone",
    "change_points": "breaks in 20,000 series of 78 weeks",
    "km": "curves of survival of 1 million customers in 100 groups",
    "cox": "proportional hazards of 100,000 customers by 10 features",
    "turning_points": "turning points of all events, against a scan",
    "funnel": "funnel of 4 steps in 24 hours, each customer",
    "matrix": "monthly retention of all customers",
    "sessionize": "sessions of all events, 30 minutes apart",
    "retention": "retention of four months",
    "sequence_count": "views that lead to a purchase, counted",
    "path_transitions": "steps from one kind of event to the next, counted",
}

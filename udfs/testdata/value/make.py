"""Makes the figures that the tests of udfs/src/value are held against.

    python3 -m venv target/value
    target/value/bin/pip install mpmath==1.3.0 gmpy2==2.2.2 Lifetimes==0.11.3
    target/value/bin/python udfs/testdata/value/make.py references > udfs/testdata/value/references.csv
    target/value/bin/python udfs/testdata/value/make.py donations > udfs/testdata/value/donations.csv

`references` computes the formulae of the papers with 50 digits: sums as sums, integrals by
quadrature, hypergeometric functions by mpmath. A line is a model, its parameters, a customer
(frequency, recency, t), a horizon, and p_alive, churn_prob and expected purchases; or, where the
horizon is `d` and a number, the discounted residual purchases at that rate per unit of time. Names
of models after `references` make it theirs alone: it takes some minutes of each.
`donations` copies the file of that name out of the package.
"""

import functools
import sys

import mpmath as mp

mp.mp.dps = 50
M = mp.mpf
MODELS = ("pareto_nbd", "bg_nbd", "mbg_nbd", "mbg_cnbd", "bg_bb", "sbg", "bdw")


def pieces(high, falls, log):
    """Points of [0, high] between which a function falls by a few powers of e, down to e^-150."""
    points = [M(0)]
    while points[-1] < high and log(points[-1]) > -150:
        at = points[-1]
        step = min(high - at, M(1))
        while abs(falls(at + step)) * step > 8:
            step /= 2
        points.append(at + step)
    return points


@functools.cache
def pareto_end(r, alpha, s, beta, x, tx, t):
    """The integral of s (alpha+y)^-(r+x) (beta+y)^-(s+1) from tx to t, over its value at tx."""
    if t == tx:
        return M(0)
    near = min(alpha, beta) + tx
    width = mp.log1p((t - tx) / near)

    def log(w):
        y = near * mp.expm1(w)
        return w - (r + x) * mp.log1p(y / (alpha + tx)) - (s + 1) * mp.log1p(y / (beta + tx))

    def falls(w):
        grown = near * mp.exp(w)
        y = grown - near
        return (r + x) * grown / (alpha + tx + y) + (s + 1) * grown / (beta + tx + y) - 1

    whole = mp.quad(lambda w: mp.exp(log(w)), pieces(width, falls, log))
    return s / (beta + tx) * near * whole


def pareto_alive(r, alpha, s, beta, x, tx, t):
    return mp.exp(
        -(r + x) * mp.log((alpha + t) / (alpha + tx)) - s * mp.log((beta + t) / (beta + tx))
    )


def pareto(p, x, tx, t, h):
    r, alpha, s, beta = p
    alive = pareto_alive(r, alpha, s, beta, x, tx, t)
    gone = pareto_end(r, alpha, s, beta, x, tx, t)
    later = pareto_alive(r, alpha, s, beta, x, t, t + h)
    ends = pareto_end(r, alpha, s, beta, x, t, t + h)
    p_alive = alive / (alive + gone)
    churn = (gone + alive * (later + ends)) / (alive + gone)
    u = mp.log((beta + t + h) / (beta + t))
    share = u if s == 1 else -mp.expm1(-(s - 1) * u) / (s - 1)
    return p_alive, churn, p_alive * (r + x) * (beta + t) / (alpha + t) * share


def pareto_residual(p, x, tx, t, rate):
    r, alpha, s, beta = p
    alive = pareto_alive(r, alpha, s, beta, x, tx, t)
    p_alive = alive / (alive + pareto_end(r, alpha, s, beta, x, tx, t))
    z = rate * (beta + t)
    # Gamma(r+x+1)/… Psi(s, s; z) z^(s-1) of the paper is e^z E_s(z)
    return p_alive * (r + x) / (alpha + t) * (beta + t) * z ** (s - 1) * mp.hyperu(s, s, z)


def survived(model, x):
    return x if model == "bg_nbd" else x + 1


def nbd_alive(model, p, x, tx, t):
    r, alpha, a, b = p
    n = survived(model, x)
    if n == 0:
        return M(1)
    return 1 / (1 + a / (b + n - 1) * ((alpha + t) / (alpha + tx)) ** (r + x))


def nbd_mean(model, p, x, t, h):
    """E[Y] of who is alive: the published formula after Euler's transformation, a away from 1."""
    r, alpha, a, b = p
    b = b + survived(model, x)
    if a == 1:
        a = a + M(10) ** -30
    s, z = r + x, h / (alpha + t + h)
    c = a + b - 1
    try:
        f = mp.hyp2f1(a - 1, c - s, c, z)
    except mp.libmp.NoConvergence:
        return nbd_mean_by_quadrature(a, b, s, h / (alpha + t))
    return c / (a - 1) * (1 - (1 - z) ** (a - 1) * f)


def nbd_mean_by_quadrature(a, b, s, u):
    """The mean of (1 - (1 + p u)^-s) / p over the logit of p ~ Beta(a, b)."""

    def f(y):
        p = 1 / (1 + mp.exp(-y))
        log = -a * mp.log1p(mp.exp(-y)) - b * mp.log1p(mp.exp(y)) - log_beta(a, b)
        return mp.exp(log) * -mp.expm1(-s * mp.log1p(p * u)) / p

    with mp.workdps(30):
        middle = mp.log(a / b)
        low, high = middle - 75 / a, middle + 8 + 75 / b
        return mp.quad(f, mp.linspace(low, high, int((high - low) / 2) + 2))


def nbd(model):
    def figures(p, x, tx, t, h):
        r, alpha = p[0], p[1]
        p_alive = nbd_alive(model, p, x, tx, t)
        silent = ((alpha + t) / (alpha + t + h)) ** (r + x)
        with mp.workdps(110):
            mean = nbd_mean(model, p, x, t, h)
        return p_alive, 1 - p_alive + p_alive * silent, p_alive * mean

    return figures


def exponential_integral(n, v):
    """e^v E_n(v) by its continued fraction (Lentz); mpmath's own loses digits for large n."""
    b = v + n
    c, d = M(10) ** 60, 1 / b
    h, i = d, 1
    while True:
        a = -i * (n - 1 + i)
        b += 2
        d = 1 / (a * d + b)
        c = b + a / c
        h *= c * d
        i += 1
        if abs(c * d - 1) < M(10) ** -28:
            return h


def nbd_residual(model):
    def figure(p, x, tx, t, rate):
        r, alpha, a, b = p
        b = b + survived(model, x)
        s = r + x
        z = rate * (alpha + t)

        def f(y):
            # over the logit of the probability to leave
            q = 1 / (1 + mp.exp(-y))
            log = -a * mp.log1p(mp.exp(-y)) - b * mp.log1p(mp.exp(y)) - log_beta(a, b)
            return mp.exp(log) * exponential_integral(s + 1, z / q) / q

        with mp.workdps(30):
            # analytic within pi/2 of the real line: the trapezoidal rule errs by e^-79
            step, middle = M(1) / 8, mp.log(a / b)
            low, high = int((-middle + 60 / a) / step), int((middle + 8 + 60 / b) / step)
            mean = step * sum(f(k * step) for k in range(-low, high + 1))
        return nbd_alive(model, p, x, tx, t) * s * mean

    return figure


def cnbd(p, x, tx, t, h):
    """Stages of an Erlang process, given the rate: means over its distribution."""
    k, r, alpha, a, b = p
    k = int(k)
    s, since = r + k * x, t - tx

    def stages(time):
        """Likelihood of fewer than k stages in a time since the last purchase."""
        return sum(
            mp.rf(s, j) / mp.factorial(j) * time**j / (alpha + tx + time) ** (s + j)
            for j in range(k)
        )

    alive = stages(since)
    gone = a / (b + x) / (alpha + tx) ** s
    p_alive = alive / (alive + gone)
    churn = (gone + stages(since + h)) / (alive + gone)
    # purchase n after t has happened by t + h, and nobody left at those before
    mean, stays, n = M(0), M(1), 1
    while True:
        # fewer than k stages until t and n*k until t + h: one less all with fewer than n*k
        fewer = M(0)
        for j in range(k):
            # j stages before t, up to n*k − 1 in all
            head = mp.rf(s, j) / mp.factorial(j) * since**j / (alpha + t) ** (s + j)
            u = h / (alpha + t + h)
            m = n * k - 1 - j
            # negative binomial up to m
            fewer += head * mp.betainc(s + j, m + 1, 0, 1 - u, regularized=True)
        part = stays * (alive - fewer) / alive
        mean += part
        stays *= (b + x + n) / (a + b + x + n)
        n += 1
        if part < mean * M(10) ** -18 and n > 5:
            break
    return p_alive, churn, p_alive * mean


def log_beta(a, b):
    return mp.loggamma(a) + mp.loggamma(b) - mp.loggamma(a + b)


def bg_bb_likelihood(p, x, tx, n):
    alpha, beta, gamma, delta = p
    alive = mp.exp(log_beta(alpha + x, beta + n - x) + log_beta(gamma, delta + n))
    gone = sum(
        (
            mp.exp(log_beta(alpha + x, beta + tx - x + i) + log_beta(gamma + 1, delta + tx + i))
            for i in range(int(n - tx))
        ),
        M(0),
    )
    return alive, gone


def bg_bb(p, x, tx, n, h):
    alpha, beta, gamma, delta = p
    alive, gone = bg_bb_likelihood(p, x, tx, n)
    next_one = mp.exp(log_beta(alpha + x, beta + n - x) + log_beta(gamma, delta + n + 1))
    later = sum(bg_bb_likelihood(p, x, tx, n + h))
    expected = (
        mp.exp(log_beta(alpha + x + 1, beta + n - x))
        * sum(mp.beta(gamma, delta + n + j) for j in range(1, int(h) + 1))
    )
    whole = alive + gone
    return next_one / whole, later / whole, expected / whole


def contract(p, x, tx, n, h):
    alpha, beta = p[0], p[1]
    c = p[2] if len(p) > 2 else 1
    survival = lambda n: mp.exp(log_beta(alpha, beta + n**c) - log_beta(alpha, beta))
    renewals = sum(survival(n + k) for k in range(1, int(h) + 1)) / survival(n)
    return survival(n), 1 - survival(n + h) / survival(n), renewals


def contract_residual(p, x, tx, n, rate):
    # the paper's n is one more: it counts the period that is running
    alpha, beta = p
    n = n + 1
    chance = (beta + n - 1) / (alpha + beta + n - 1)
    return chance * mp.hyp2f1(1, beta + n, alpha + beta + n, mp.exp(-rate))


def lines(wanted):
    def rows(model, sets, customers, horizons, figures):
        for p in sets if model in wanted else []:
            p = [M(v) for v in p]
            for x, tx, t in customers:
                for h in horizons:
                    got = figures(p, M(x), M(tx), M(t), M(h))
                    yield model, p, x, tx, t, h, got

    def residuals(model, sets, customers, rates, figure):
        for p in sets if model in wanted else []:
            p = [M(v) for v in p]
            for x, tx, t in customers:
                for rate in rates:
                    got = figure(p, M(x), M(tx), M(t), M(rate))
                    yield model, p, x, tx, t, f"d{rate}", (got,)

    customers = [
        (x, str(M(t) * M(share)), t)
        for x in ("1", "7", "26", "300", "1000000")
        for t in ("0.5", "39", "365", "100000")
        for share in ("0.02", "0.5", "0.97", "1")
    ] + [("0", "0", t) for t in ("0", "1", "39", "365", "10000", "100000")]
    few = [c for c in customers if c[0] in ("0", "1", "26", "1000000") and c[2] in ("39", "100000")]
    horizons = ("1", "39", "3650")
    yield from rows(
        "pareto_nbd",
        [
            ("0.553", "10.578", "0.606", "11.669"),
            ("0.5", "10", "1", "10"),
            ("2", "300", "0.01", "0.5"),
            ("20", "50", "1.0000001", "50.0001"),
        ],
        customers,
        horizons,
        pareto,
    )
    yield from residuals(
        "pareto_nbd",
        [("0.553", "10.578", "0.606", "11.669"), ("2", "300", "1", "0.5")],
        few,
        ("0.0027", "0.05"),
        pareto_residual,
    )
    for model in ("bg_nbd", "mbg_nbd"):
        yield from rows(
            model,
            [
                ("0.243", "4.414", "0.793", "2.426"),
                ("0.5", "6", "1", "1.6"),
                ("3", "200", "1.00001", "0.4"),
                ("1", "10", "5", "0.2"),
            ],
            customers,
            ("1", "39", "3650"),
            nbd(model),
        )
        yield from residuals(
            model,
            [("0.243", "4.414", "0.793", "2.426"), ("3", "200", "1", "0.4")],
            [("0", "0", "39"), ("2", "30.43", "38.86"), ("26", "30", "39"), ("300", "390", "400")],
            ("0.0027", "0.05"),
            nbd_residual(model),
        )
    yield from rows(
        "mbg_cnbd",
        [
            ("1", "0.5", "6", "0.9", "1.6"),
            ("2", "0.6", "2.3", "1.1", "1.6"),
            ("4", "3", "40", "1", "8"),
            ("12", "0.2", "1", "0.2", "0.5"),
        ],
        [c for c in customers if M(c[0]) <= 26 and M(c[2]) in (39, 365)],
        ("1", "39"),
        cnbd,
    )
    counts = [
        (str(x), str(tx), str(n))
        for n in (1, 6, 40, 300)
        for tx in sorted({0, 1, n // 2, n})
        for x in sorted({min(1, tx), tx // 2, tx} - ({0} if tx else set()))
    ]
    yield from rows(
        "bg_bb",
        [
            ("1.204", "0.750", "0.657", "2.783"),
            ("0.2", "3", "1", "20"),
            ("50", "1", "0.01", "0.3"),
        ],
        counts,
        ("1", "5", "60"),
        bg_bb,
    )
    periods = [("0", "0", str(n)) for n in (0, 1, 2, 5, 12, 60, 365, 1000)]
    yield from rows(
        "sbg",
        [("0.704", "1.182"), ("0.668", "3.806"), ("1", "1"), ("40", "0.01"), ("0.001", "500")],
        periods,
        ("1", "3", "40", "400"),
        contract,
    )
    yield from rows(
        "bdw",
        [("0.456", "0.779", "1.283"), ("2", "9", "0.5"), ("0.2", "1.4", "1.72")],
        periods,
        ("1", "3", "40"),
        contract,
    )
    yield from residuals(
        "sbg",
        [("0.704", "1.182"), ("0.668", "3.806"), ("1", "1"), ("40", "0.01")],
        periods,
        ("0.0001", "0.0953101798043249", "1.5"),
        contract_residual,
    )


def references():
    print("# made by make.py with mpmath at 50 digits; what the columns are is said there")
    print("model,parameters,frequency,recency,t,horizon,p_alive or residual,churn_prob,expected")
    wanted = sys.argv[2:] or MODELS
    for model, p, x, tx, t, h, got in lines(wanted):
        figures = ",".join(mp.nstr(v, 18, min_fixed=0, max_fixed=0) for v in got)
        given = " ".join(mp.nstr(v, 18) for v in p)
        print(f"{model},{given},{x},{mp.nstr(M(tx), 18)},{t},{h},{figures}", flush=True)


def donations():
    from importlib.resources import files

    print("# 11,104 donors of an arts organisation who gave first in 1995, by year to 2001, by Peter")
    print("# Fader, Bruce Hardie & Jen Shang (Marketing Science 29, 2010), as distributed in Lifetimes")
    print("# 0.11.3 (MIT).")
    print(files("lifetimes").joinpath("datasets/donations.csv").read_text(), end="")


if __name__ == "__main__":
    {"references": references, "donations": donations}[sys.argv[1]]()

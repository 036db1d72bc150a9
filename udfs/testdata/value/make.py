"""Makes the figures that the tests of udfs/src/value are held against.

    python3 -m venv target/value
    target/value/bin/pip install mpmath==1.3.0 gmpy2==2.2.2 Lifetimes==0.11.3
    target/value/bin/python udfs/testdata/value/make.py references > udfs/testdata/value/references.csv
    target/value/bin/python udfs/testdata/value/make.py grid > udfs/testdata/value/grid.csv
    target/value/bin/python udfs/testdata/value/make.py clv > udfs/testdata/value/clv.csv
    target/value/bin/python udfs/testdata/value/make.py nbd_grid > udfs/testdata/value/nbd_grid.csv
    target/value/bin/python udfs/testdata/value/make.py counts > udfs/testdata/value/counts.csv
    target/value/bin/python udfs/testdata/value/make.py donations > udfs/testdata/value/donations.csv

`references` computes the formulae of the papers with 50 digits: sums as sums, integrals by
quadrature, hypergeometric functions by mpmath. A line is a model, its parameters, a customer
(frequency, recency, t), a horizon, and p_alive, churn_prob and expected purchases; or, where the
horizon is `d` and a number, the discounted residual purchases at that rate per unit of time. Names
of models after `references` make it theirs alone: it takes some minutes of each.

`grid` has more of the same lines for the models of buying and leaving where they are hard: x up to
10^6, t up to 10^5, a near 1 and at it, alpha near beta and at it. Recencies are chosen for p_alive
to be neither 0 nor 1. `clv` has customer lifetime values, from the definition: sums over months of
differences of the published means, times what a purchase brings. Numbers given are the doubles next
to what is written. A second way has to give the same, or a line is left out; how many were, and how
far apart the two ways are, is told on stderr. Of Pareto/NBD they are Gauss's function and the
integrals; of BG/NBD and MBG/NBD the odds and the likelihoods of both ends, and the closed form of
the mean with more digits and, now and then, as an integral over the chance to leave. It takes five
minutes.

`nbd_grid` has BG/NBD and MBG/NBD alone, by the formulae of `references`: 12 sets of parameters, 15
customers and 3 horizons. Numbers given are the doubles next to what is written.

`counts` has the probability of a number of purchases, no more and no fewer, within a horizon. A
line is a model, its parameters, a customer, a horizon, the number and the probability. Contracts
(sbg, bdw) have renewals in place of purchases, t of them so far, and write frequency and recency as
0. Numbers given are the doubles next to what is written. Lines below 10^-280 are left out. A second
way has to give the same, or it stops. Of BG/NBD and MBG/NBD they are sums of negative binomial
terms with Beta functions, and integrals over the rate and over the chance to leave. Of Pareto/NBD
they are an integral over the time of leaving, a series of incomplete Beta functions where it
converges, and for a few lines an integral over both rates. Of MBG/CNBD they are sums, and an
integral over the rate. Of BG/BB they are sums of Beta functions, and steps from one opportunity to
the next. Of contracts they are Beta functions, and an integral over the chance to leave. The
probability of none has to be churn_prob as `references` has it. For one customer of each set all
numbers have to add up to 1, and to the expected purchases. Figures that the package BTYD gives are
among them and are checked. How far apart all these are is told on stderr. It takes three minutes.

`donations` copies the file of that name out of the package.
"""

import fractions
import functools
import itertools
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
    return p_alive, churn, p_alive * pareto_mean(p, x, t, h)


def pareto_mean(p, x, t, h):
    """E[Y] of who is alive."""
    r, alpha, s, beta = p
    u = mp.log((beta + t + h) / (beta + t))
    share = u if s == 1 else -mp.expm1(-(s - 1) * u) / (s - 1)
    return (r + x) * (beta + t) / (alpha + t) * share


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


def gauss(a, b, c, z):
    """Gauss's function by its series, where that is quick or mpmath gives up."""

    def series(most):
        term, whole, n = M(1), M(0), 0
        while n < most:
            whole += term
            ratio = (a + n) * (b + n) / ((c + n) * (1 + n)) * z
            term *= ratio
            n += 1
            # from here on terms fall at least as this one, or as z^n
            tail = 1 - max(abs(ratio), z)
            if n > 5 + abs(a) + abs(b) - max(a, 0) - max(b, 0) and tail > 0:
                if abs(term) < abs(whole) * tail * mp.eps:
                    return whole
        return None

    found = series(1000) if c > 1000 else None
    if found is None:
        try:
            found = mp.hyp2f1(a, b, c, z)
        # it says so in two ways
        except (mp.libmp.NoConvergence, ValueError):
            found = series(10**7)
    return found


def nbd_mean(model, p, x, t, h):
    """E[Y] of who is alive: the published formula after Euler's transformation, a away from 1."""
    r, alpha, a, b = p
    b = b + survived(model, x)
    # the formula has a removable pole at each
    if a == 1:
        a = a + M(10) ** -60
    if a + b == 1:
        b = b + M(10) ** -60
    s, z = r + x, h / (alpha + t + h)
    c = a + b - 1
    f = gauss(a - 1, c - s, c, z)
    return c / (a - 1) * (1 - (1 - z) ** (a - 1) * f)


def nbd_mean_by_quadrature(a, b, s, u):
    """The mean of (1 - (1 + p u)^-s) / p over the logit of p ~ Beta(a, b)."""

    def f(y):
        p = 1 / (1 + mp.exp(-y))
        log = -a * mp.log1p(mp.exp(-y)) - b * mp.log1p(mp.exp(y)) - log_beta(a, b)
        return mp.exp(log) * -mp.expm1(-s * mp.log1p(p * u)) / p

    with mp.workdps(30):
        middle = mp.log(a / b)
        low, high = middle - 8 - 75 / a, middle + 8 + 75 / b
        return mp.quad(f, mp.linspace(low, high, int((high - low) / 2) + 2))


def nbd(model):
    def figures(p, x, tx, t, h):
        r, alpha = p[0], p[1]
        p_alive = nbd_alive(model, p, x, tx, t)
        silent = ((alpha + t) / (alpha + t + h)) ** (r + x)
        with mp.workdps(130):
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


def cnbd_likelihoods(p, x, tx, t, h):
    """Of being alive at t, of having left by then, and of no purchase until t + h."""
    k, r, alpha, a, b = p
    k = int(k)
    s, since = r + k * x, t - tx

    def stages(time):
        """Likelihood of fewer than k stages in a time since the last purchase."""
        return sum(
            mp.rf(s, j) / mp.factorial(j) * time**j / (alpha + tx + time) ** (s + j)
            for j in range(k)
        )

    gone = a / (b + x) / (alpha + tx) ** s
    return stages(since), gone, gone + stages(since + h)


def cnbd(p, x, tx, t, h):
    """Stages of an Erlang process, given the rate: means over its distribution."""
    k, r, alpha, a, b = p
    k = int(k)
    s, since = r + k * x, t - tx
    alive, gone, silent = cnbd_likelihoods(p, x, tx, t, h)
    p_alive = alive / (alive + gone)
    churn = silent / (alive + gone)
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


class Apart(Exception):
    """Two ways gave two figures."""


class Ways:
    """How far apart two ways of a figure are, and how many lines have none."""

    def __init__(self, bound):
        self.bound, self.worst, self.compared, self.left_out = bound, M(0), 0, 0

    def same(self, one, other):
        apart = abs(one - other) / max(abs(one), M(10) ** -400)
        if not apart < self.bound:
            raise Apart(f"{mp.nstr(one, 30)} and {mp.nstr(other, 30)}")
        self.compared += 1
        self.worst = max(self.worst, apart)

    def tell(self, what):
        print(
            f"{what}: {self.compared} figures by two ways, at most {mp.nstr(self.worst, 2)} apart,"
            f" {self.left_out} lines left out",
            file=sys.stderr,
        )


def exactly(text):
    """The double next to a number."""
    return M(float(text))


@functools.cache
def pareto_end_closed(r, alpha, s, beta, x, tx, t):
    """`pareto_end` by the A_0 of Fader, Hardie & Lee (2005)."""
    power = r + s + x
    with mp.workdps(150):
        at = max(alpha, beta)

        def part(time):
            z = abs(alpha - beta) / (at + time)
            if alpha >= beta:
                f = gauss(power, s + 1, power + 1, z)
            else:
                # that of (power, r + x; power + 1), transformed
                f = (1 - z) ** (1 - r - x) * gauss(1, s + 1, power + 1, z)
            return f / (1 + (time - tx) / (at + tx)) ** power

        whole = (part(tx) - part(t)) * s / power
        # relative to (alpha+tx)^-(r+x) (beta+tx)^-s
        return whole * mp.exp(
            (r + x) * mp.log((alpha + tx) / (at + tx)) + s * mp.log((beta + tx) / (at + tx))
        )


def nbd_alive_by_likelihoods(model, p, x, tx, t):
    r, alpha, a, b = p
    n = survived(model, x)
    with mp.workdps(80):
        stayed = log_beta(a, b + n) - (r + x) * mp.log(alpha + t)
        # nobody leaves whom the model gives no chance to
        left = log_beta(a + 1, b + n - 1) - (r + x) * mp.log(alpha + tx) if n else -mp.inf
        most = max(stayed, left)
        return mp.exp(stayed - most) / (mp.exp(stayed - most) + mp.exp(left - most))


@functools.cache
def alive(model, p, x, tx, t, ways):
    """P(alive) by two ways."""
    if model == "pareto_nbd":
        one = pareto_alive(*p, x, tx, t)
        gone = pareto_end_closed(*p, x, tx, t)
        ways.same(gone, pareto_end(*p, x, tx, t))
        return one / (one + gone)
    p_alive = nbd_alive(model, p, x, tx, t)
    ways.same(p_alive, nbd_alive_by_likelihoods(model, p, x, tx, t))
    return p_alive


def churned(model, p, x, tx, t, h, ways, and_by_integral):
    """The probability of no purchase within `h`, by two ways if that is asked for."""
    p_alive = alive(model, p, x, tx, t, ways)
    if model == "pareto_nbd":
        # as if the last purchase had been at t: alive and silent, or leaving on the way
        silent = pareto_alive(*p, x, t, t + h)
        leaves = pareto_end_closed(*p, x, t, t + h)
        if and_by_integral:
            ways.same(leaves, pareto_end(*p, x, t, t + h))
        return 1 - p_alive + p_alive * (silent + leaves)
    r, alpha = p[:2]
    return 1 - p_alive + p_alive * ((alpha + t) / (alpha + t + h)) ** (r + x)


def mean(model, p, x, t, h, ways, and_by_digits, and_by_integral):
    """E[Y] of who is alive, by other ways too if these are asked for."""
    if model == "pareto_nbd":
        found = pareto_mean(p, x, t, h)
        if and_by_integral:
            r, alpha, s, beta = p
            # the customer stays with (1 + time/(beta+t))^-s
            width = mp.log1p(h / (beta + t))
            points = pieces(width, lambda w: s - 1, lambda w: 0)
            stays = mp.quad(lambda w: mp.exp((1 - s) * w), points)
            ways.same(found, (r + x) / (alpha + t) * (beta + t) * stays)
        return found
    with mp.workdps(130):
        found = nbd_mean(model, p, x, t, h)
    if and_by_digits:
        with mp.workdps(180):
            ways.same(found, nbd_mean(model, p, x, t, h))
    if and_by_integral and p[2] > M("0.1"):
        r, alpha, a, b = p
        ways.same(found, nbd_mean_by_quadrature(a, b + survived(model, x), r + x, h / (alpha + t)))
    return found


def turns(*lists):
    """Each list over and over, all at once."""
    return zip(*(itertools.cycle(each) for each in lists))


def recency(p, x, t, fall):
    """The last purchase, after which silence has made it less likely by e^fall to be alive."""
    if x == 0:
        return "0"
    r, alpha = p[0], p[1]
    # (alpha + t)/(alpha + tx) = e^(fall/(r+x)); a time before the first purchase is none
    tx = (alpha + t) * mp.exp(-fall / (r + x)) - alpha
    tx = mp.nstr(min(tx if tx > 0 else t / 7, t), 12, strip_zeros=True, min_fixed=-5, max_fixed=12)
    return tx.removesuffix(".0")


GRID = {
    "nbd": [
        ("0.243", "4.414", "1", "2.426"),
        ("0.243", "4.414", "0.999999999999", "2.426"),
        ("0.243", "4.414", "1.000000000001", "2.426"),
        ("0.243", "4.414", "0.9999999", "2.426"),
        ("0.243", "4.414", "1.0000001", "2.426"),
        ("0.243", "4.414", "0.999", "2.426"),
        ("3", "200", "1", "0.4"),
        ("3", "200", "1.00000001", "0.4"),
        ("10", "1000", "0.99999", "1"),
        # a + b - 1 is 0, and below it
        ("0.7", "12", "0.5", "0.5"),
        ("0.05", "0.5", "0.02", "0.3"),
        ("1.5", "60", "25", "2"),
        ("0.52", "43", "1.001", "1.61"),
    ],
    "pareto_nbd": [
        ("0.553", "10.578", "0.606", "10.578"),
        ("0.553", "10.578", "0.606", "10.5780000001"),
        ("0.553", "10.578", "1", "10.577999"),
        ("0.553", "10.578", "0.999999999", "10.6"),
        ("3", "200", "1.0000001", "200"),
        ("3", "200", "1", "200.00000001"),
        ("20", "50", "4", "49.9"),
        ("0.5", "1000", "0.02", "0.1"),
        ("0.05", "0.5", "1", "0.5"),
        ("2", "0.5", "15", "300"),
        ("1.2", "35", "0.98", "34.9999999999"),
        ("0.2", "7", "2.5", "7"),
    ],
}
XS = ("0", "1", "2", "7", "26", "300", "10000", "1000000")
FALLS = ("0.4", "3", "0.01", "20", "1", "120", "6", "0", "560")


def sets_of(model, sets):
    return sets[model if model in sets else "nbd"]


def grid():
    print("# made by make.py with mpmath at 50 digits; what the columns are is said there")
    print("model,parameters,frequency,recency,t,horizon,p_alive,churn_prob,expected")
    for model in sys.argv[2:] or ("bg_nbd", "mbg_nbd", "pareto_nbd"):
        # an integral with 30 digits is what it is compared to
        ways, lines, asked = Ways(M(10) ** -24), 0, itertools.count()
        rest = turns(FALLS, ("1", "90", "3650", "100000", "0.25"))
        for given in sets_of(model, GRID):
            p = tuple(exactly(v) for v in given)
            for x, t in itertools.product(XS, ("1", "39", "365", "3650", "100000")):
                fall = next(rest)[0]
                tx = recency(p, M(x), M(t), M(fall))
                for _ in range(3):
                    h = next(rest)[1]
                    at, turn = (M(x), exactly(tx), M(t)), next(asked)
                    try:
                        p_alive = alive(model, p, *at, ways)
                        found = mean(model, p, M(x), M(t), M(h), ways, True, turn % 40 == 0)
                        churn = churned(model, p, *at, M(h), ways, turn % 10 == 0)
                    except (mp.libmp.NoConvergence, Apart) as e:
                        ways.left_out += 1
                        print(model, given, x, tx, t, h, e, file=sys.stderr)
                        continue
                    lines += 1
                    figures = (p_alive, churn, p_alive * found)
                    figures = ",".join(mp.nstr(v, 18, min_fixed=0, max_fixed=0) for v in figures)
                    print(f"{model},{' '.join(given)},{x},{tx},{t},{h},{figures}", flush=True)
        ways.tell(f"{model}: {lines} lines")


CLV = {
    # parameters and the days of the unit
    "nbd": [
        (("0.243", "4.414", "0.793", "2.426"), "7"),
        (("0.5", "45", "1", "1.6"), "1"),
        (("0.5", "45", "1.0000000001", "1.6"), "1"),
        (("3", "12", "0.9999", "0.4"), "30.4375"),
        (("0.7", "12", "0.5", "0.5"), "1"),
        (("1.5", "60", "25", "2"), "7"),
    ],
    "pareto_nbd": [
        (("0.553", "10.578", "0.606", "11.669"), "7"),
        (("0.5", "75", "1", "75"), "1"),
        (("0.5", "75", "0.9999999", "75.0000001"), "1"),
        (("2", "9", "4", "8.99"), "30.4375"),
        (("0.05", "0.5", "1.00000000001", "0.5"), "1"),
        (("1.2", "500", "0.03", "0.1"), "7"),
    ],
}
# the last takes long
HORIZONS = 4 * (
    ("12 months", 12, 0),
    ("90 days", 0, 90),
    ("1 month", 1, 0),
    ("3 years", 36, 0),
    ("1461 days", 0, 1461),
    ("10 days", 0, 10),
    ("10 years", 120, 0),
    ("5 months 17 days", 5, 17),
) + (("100 years", 1200, 0),)
DISCOUNTS = ("0.1", "0", "0.000000001", "3", "0.0225")
SPENDS = (
    ("6.25", "3.74", "15.44"),
    ("0.7", "1.0000001", "300"),
    ("40", "12", "0.001"),
    # of one without a repeat purchase it says nothing: the mean of all is infinite
    ("2.5", "0.4", "8"),
)
MONEY = ("22.35", "0.01", "1000000", "3", "250.5", "0.5", "19")
# one that is left out is 1
MARGINS = ("1", "", "0.3")


def clv():
    print("# made by make.py with mpmath at 50 digits; what is empty is NULL")
    print("model,parameters,unit_days,frequency,recency,t,spend,money,horizon,discount,margin,clv")
    for model in sys.argv[2:] or ("bg_nbd", "mbg_nbd", "pareto_nbd"):
        ways, lines, asked = Ways(M(10) ** -24), 0, itertools.count()
        falls, rest = itertools.cycle(FALLS), turns(HORIZONS, DISCOUNTS, SPENDS, MONEY, MARGINS)
        for given, unit in sets_of(model, CLV):
            p, of_year = tuple(exactly(v) for v in given), M("365.25") / exactly(unit)
            xs, ts = ("0", "1", "7", "300", "1000000"), ("3", "39", "365", "100000")
            for x, t in itertools.product(xs, ts):
                tx = recency(p, M(x), M(t), M(next(falls)))
                at = M(x), exactly(tx), M(t)

                @functools.cache
                def expected(years):
                    """Purchases within years, of who is alive."""
                    turn, ahead = next(asked), years * of_year
                    return mean(model, p, M(x), M(t), ahead, ways, turn % 5 == 0, turn % 4000 == 0)

                for _ in range(8):
                    (horizon, months, days), discount, spend, money, margin = next(rest)
                    if x == "0":
                        # of his money nothing is known, and nothing asked
                        money = ""
                        if float(spend[1]) <= 1:
                            spend = SPENDS[0]
                    try:
                        p_alive = alive(model, p, *at, ways)
                        years = fractions.Fraction(months, 12) + days / fractions.Fraction("365.25")
                        figure = p_alive * worth(expected, years, exactly(discount))
                    except (mp.libmp.NoConvergence, Apart) as e:
                        ways.left_out += 1
                        print(model, given, x, tx, t, horizon, e, file=sys.stderr)
                        continue
                    figure *= spent(spend, M(x), exactly(money or "0")) * exactly(margin or "1")
                    lines += 1
                    before = f"{model},{' '.join(given)},{unit},{x},{tx},{t},{' '.join(spend)},{money}"
                    figure = mp.nstr(figure, 18, min_fixed=0, max_fixed=0)
                    print(f"{before},{horizon},{discount},{margin},{figure}", flush=True)
        ways.tell(f"clv of {model}: {lines} lines")


def worth(expected, years, discount):
    """Purchases, discounted from the ends of the months in which they are made."""
    ends = [fractions.Fraction(k, 12) for k in range(1, int(years * 12) + 1)]
    if not ends or ends[-1] < years:
        ends.append(years)
    ends = [M(end.numerator) / end.denominator for end in ends]
    with mp.workdps(60):
        return sum(
            (expected(end) - (expected(before) if before else 0)) / (1 + discount) ** end
            for before, end in zip([None, *ends], ends)
        )


def spent(spend, x, money):
    """What a purchase brings: the mean of the conditional expectation of Fader & Hardie (2013)."""
    p, q, v = (exactly(value) for value in spend)
    # a mean of what all spend and what this customer did, by what is known of either
    own = p * x / (p * x + q - 1)
    return own * money + (1 - own) * p * v / (q - 1)


def nbd_grid():
    print("# made by make.py with mpmath at 50 digits; what the columns are is said there")
    print("model,r,alpha,a,b,frequency,recency,t,horizon,p_alive,churn_prob,expected_purchases")
    sets = [
        ("0.243", "4.414", "0.793", "2.426"),
        ("0.52484", "6.18309", "0.89136", "1.61400"),
        ("1.5", "10", "1", "3"),
        ("0.7", "20", "1.0000000001", "2.5"),
        ("0.7", "20", "0.9999", "2.5"),
        ("3", "2", "2.5", "0.8"),
        ("0.05", "0.5", "0.02", "0.6"),
        ("12", "90", "0.3", "40"),
        ("0.3", "5", "30", "60"),
        ("40", "100", "1.2", "0.4"),
        ("0.1", "3", "0.2", "0.3"),
        ("0.4", "7", "0.5", "0.5"),
    ]
    customers = [
        ("0", "0", "0"),
        ("0", "0", "38.86"),
        ("0", "0", "100000"),
        ("1", "1.71", "38.86"),
        ("1", "0.5", "1000"),
        ("2", "30.43", "38.86"),
        ("5", "80", "100"),
        ("26", "30.86", "31"),
        ("100", "300", "365"),
        ("100", "100", "110"),
        ("500", "700", "730"),
        ("2000", "3640", "3650"),
        ("10000", "9990", "10000"),
        ("1000000", "99990", "100000"),
        ("1000000", "99999.99", "100000"),
    ]
    models, horizons = ("bg_nbd", "mbg_nbd"), ("0.5", "39", "3650")
    for model, p, at, h in itertools.product(models, sets, customers, horizons):
        got = nbd(model)([exactly(v) for v in p], *(exactly(v) for v in at), M(h))
        figures = ",".join(mp.nstr(v, 18, min_fixed=0, max_fixed=0) for v in got)
        print(",".join((model, *p, *at, h, figures)), flush=True)


def real_line(f, at, step):
    """The integral of a function with one peak, by the trapezoidal rule, to both sides of `at`."""
    middle = whole = f(at)
    for step_to in (step, -step):
        last, k = middle, 1
        while True:
            value = f(at + k * step_to)
            whole += value
            if value < last and value < whole * mp.eps:
                break
            last = value
            k += 1
    return whole * step


@functools.cache
def counting(s, since, h, n):
    """The chances of n events within h, and of n or more, at a rate ~ Gamma(s, since)."""
    # the rest of 1 has to keep its digits down to 10^-280
    with mp.workdps(350):
        z = h / (since + h)
        term, fewer = (1 - z) ** s, M(0)
        for j in range(n):
            fewer += term
            term *= (s + j) / (j + 1) * z
        return term, 1 - fewer


def poisson(n, mean):
    """The chances of n events, and of n or more."""
    if n <= mean:
        term, fewer = mp.exp(-mean), M(0)
        for j in range(n):
            fewer += term
            term *= mean / (j + 1)
        return term, 1 - fewer
    first = term = mp.exp(n * mp.log(mean) - mean - mp.loggamma(n + 1))
    more = M(0)
    while term > more * mp.eps:
        more += term
        n += 1
        term *= mean / n
    return first, more


@functools.cache
def counting_by_quadrature(s, since, h, n):
    """`counting`, over the logarithm of the rate."""
    with mp.workdps(36):
        scale = s * mp.log(since) - mp.loggamma(s)

        def f(which):
            def at(y):
                rate = mp.exp(y)
                return mp.exp(scale + s * y - since * rate) * poisson(n, h * rate)[which]

            return at

        peak, step = mp.log((s + n) / (since + h)), 1 / max(M(10), 3 * mp.sqrt(s + n))
        return tuple(real_line(f(which), peak, step) for which in (0, 1))


def leaving(a, b, n):
    """Means, over p ~ Beta(a, b), of staying n times and of leaving at the n-th."""
    stays = mp.exp(log_beta(a, b + n) - log_beta(a, b))
    return stays, mp.exp(log_beta(a + 1, b + n - 1) - log_beta(a, b)) if n else M(0)


@functools.cache
def leaving_by_quadrature(a, b, n):
    """`leaving`, over the logit of p."""
    with mp.workdps(36):
        scale = log_beta(a, b)

        def f(times, rest):
            def at(y):
                return mp.exp(
                    -(a + times) * mp.log1p(mp.exp(-y)) - (b + rest) * mp.log1p(mp.exp(y)) - scale
                )

            return at

        peak, step = mp.log((a + 1) / (b + n)), 1 / max(M(10), 3 * mp.sqrt(min(a + 1, b + n)))
        return real_line(f(0, n), peak, step), real_line(f(1, n - 1), peak, step) if n else M(0)


def nbd_count(model, p, x, t, h, n, ways):
    """The chance of n purchases of who is alive."""
    r, alpha, a, b = p
    b = b + survived(model, x)

    def chance(leaving, counting):
        stays, leaves = leaving(a, b, n)
        exactly_n, or_more = counting(r + x, alpha + t, h, n)
        return stays * exactly_n + leaves * or_more

    found = chance(leaving, counting)
    ways.same(found, chance(leaving_by_quadrature, counting_by_quadrature))
    return found


def pareto_count(p, x, t, h, n, ways, rates):
    """The chance of n purchases of who is alive, and by both rates too if that is asked for."""
    r, alpha, s, beta = p
    k, own, others = r + x, alpha + t, beta + t
    stays = counting(k, own, h, n)[0] * (others / (others + h)) ** s
    scale = mp.loggamma(k + n) - mp.loggamma(k) - mp.loggamma(n + 1) + mp.log(s)

    def f(v):
        # over the logit of the time of leaving as a share of h
        time = h / (1 + mp.exp(-v))
        log = scale - k * mp.log1p(time / own) - n * mp.log1p(own / time)
        log -= (s + 1) * mp.log1p(time / others) + mp.log(others / time) + mp.log1p(mp.exp(v))
        return mp.exp(log)

    leaves = real_line(f, M(0), 1 / max(M(8), 2 * mp.sqrt(k + n + s + 1)))
    by_series = pareto_leaves_by_series(k, own, s, others, h, n)
    if by_series is not None:
        ways.same(leaves, by_series)
    if rates:
        rates.same(stays + leaves, pareto_count_by_rates(k, own, s, others, h, n))
    return stays + leaves


def pareto_leaves_by_series(k, own, s, others, h, n):
    """The chance to leave within h after n purchases: a binomial series in 1 - own/others."""
    most = max(own, others)
    ratio = 1 - min(own, others) / most
    power = s + 1 if own >= others else k + n
    q, z = k + s, h / (most + h)
    part = counting(q, most, h, n + 1)[1] * mp.exp(log_beta(n + 1, q))
    end = z ** (n + 1) * (1 - z) ** q
    whole, factor = M(0), M(1)
    for i in range(20_000):
        term = factor * part
        whole += term
        shrinks = ratio * (power + i + 1) / (i + 2)
        if shrinks < 1 and term < whole * mp.eps * (1 - shrinks):
            scale = mp.loggamma(k + n) - mp.loggamma(k) - mp.loggamma(n + 1) + mp.log(s)
            scale += s * mp.log(others / most) + k * mp.log(own / most)
            return mp.exp(scale) * whole
        # the incomplete Beta function of n + 1 and q + i + 1
        part = ((q + i) * part + end) / (n + 1 + q + i)
        end *= 1 - z
        factor *= ratio * (power + i) / (i + 1)
    return None


def pareto_count_by_rates(k, own, s, others, h, n):
    """Over the logarithms of both rates, with less than the usual digits."""
    with mp.workdps(22):
        scale = k * mp.log(own) - mp.loggamma(k) + s * mp.log(others) - mp.loggamma(s)
        step = 1 / max(M(9), 2 * mp.sqrt(k + n))

        def given(mu):
            def f(y):
                rate = mp.exp(y)
                both = rate + mu
                stays = mp.exp(-both * h + n * mp.log(rate * h) - mp.loggamma(n + 1))
                leaves = mu / both * (rate / both) ** n * poisson(n + 1, both * h)[1]
                return mp.exp(k * y - own * rate) * (stays + leaves)

            return real_line(f, mp.log((k + n) / (own + h)), step)

        def f(y):
            return mp.exp(scale + s * y - others * mp.exp(y)) * given(mp.exp(y))

        return real_line(f, mp.log(s / others), M(1) / 6)


def cnbd_count(p, x, tx, t, h, n, ways):
    """The chance of n purchases of who is alive."""
    k, r, alpha, a, b = p
    k, b = int(k), b + x + 1
    s, since = r + k * x, t - tx
    # j stages of the next purchase may be over at t
    weights = [mp.rf(s, j) / mp.factorial(j) * (since / (alpha + t)) ** j for j in range(k)]
    stays, leaves = leaving(a, b, n)
    found = M(0)
    for j, weight in enumerate(weights):
        bought, next_too = (
            counting(s + j, alpha + t, h, max(m * k - j, 0))[1] for m in (n, n + 1)
        )
        found += weight * (stays * (bought - next_too) + leaves * bought)
    found /= sum(weights)
    # that of none is compared to churn_prob, and what is less is left out
    if n and found > M(10) ** -280:
        with mp.workdps(36):

            def over(y):
                """The density of the rate, and of what is over at t."""
                rate = mp.exp(y)
                density = mp.exp(s * y - (alpha + t) * rate)
                return rate, [density * (rate * since) ** j / mp.factorial(j) for j in range(k)]

            def f(y):
                rate, parts = over(y)
                # of each number of stages within h, and of those of n purchases or more
                least = max(n - 1, 0) * k
                chances = [poisson(least, rate * h)[0]]
                for i in range(least + 1, (n + 1) * k):
                    chances.append(chances[-1] * rate * h / i)
                bought, whole, of_n = poisson(n * k, rate * h)[1], M(0), n * k - least
                for j, part in enumerate(parts):
                    if n and j:
                        bought += chances[of_n - j]
                    exactly_n = sum(chances[max(of_n - j, 0) : of_n - j + k])
                    whole += part * (stays * exactly_n + leaves * bought)
                return whole

            peak, step = mp.log((s + n * k) / (alpha + t + h)), 3 * mp.sqrt(s + (n + 2) * k)
            step = 1 / max(M(10), step)
            every = real_line(lambda y: sum(over(y)[1]), peak, step)
            ways.same(found, real_line(f, peak, step) / every)
    return found


def bg_bb_count(p, x, tx, t, h, n, ways):
    """The chance of n purchases of anybody with this history."""
    alpha, beta, gamma, delta = p
    alive, gone = bg_bb_likelihood(p, x, tx, t)

    def buys(opportunities):
        return mp.binomial(opportunities, n) * mp.exp(
            log_beta(alpha + x + n, beta + t - x + opportunities - n)
        )

    if n > h:
        return M(0)
    found = buys(h) * mp.exp(log_beta(gamma, delta + t + h))
    for i in range(n, int(h)):
        found += buys(i) * mp.exp(log_beta(gamma + 1, delta + t + i))
    found = (found + (0 if n else gone)) / (alive + gone)
    # what is learnt at each opportunity changes the chances of the next
    states, left = [alive / (alive + gone)], [gone / (alive + gone)] + [M(0)] * int(h)
    for i in range(int(h)):
        stays = (delta + t + i) / (gamma + delta + t + i)
        after = [M(0)] * (i + 2)
        for bought, chance in enumerate(states):
            left[bought] += chance * (1 - stays)
            next_one = (alpha + x + bought) / (alpha + beta + t + i)
            after[bought] += chance * stays * (1 - next_one)
            after[bought + 1] += chance * stays * next_one
        states = after
    ways.same(found, states[n] + left[n])
    return found


def contract_count(p, x, tx, t, h, n, ways):
    """The chance of n renewals of who has renewed t times."""
    alpha, beta = p[:2]
    c = p[2] if len(p) > 2 else 1
    if n > h:
        return M(0)
    with mp.workdps(350):
        survival = lambda n: mp.exp(log_beta(alpha, beta + n**c) - log_beta(alpha, beta + t**c))
        found = survival(t + n) - (survival(t + n + 1) if n < h else 0)

    with mp.workdps(36):
        scale = log_beta(alpha, beta + t**c)
        until, longer = (t + n) ** c, (t + n + 1) ** c - (t + n) ** c

        def f(y):
            # the logarithm of the chance to stay
            stay = -mp.log1p(mp.exp(y))
            chance = mp.exp(-alpha * mp.log1p(mp.exp(-y)) + (beta + until) * stay - scale)
            return chance * -mp.expm1(longer * stay) if n < h else chance

        peak = mp.log((alpha + 1) / (beta + until))
        step = 1 / max(M(10), 3 * mp.sqrt(min(alpha + 1, beta + until + longer)))
        ways.same(found, real_line(f, peak, step))
    return found


COUNTS = {
    "nbd": [
        ("0.243", "4.414", "0.793", "2.426"),
        ("0.5", "6", "1", "1.6"),
        ("3", "200", "1.0000001", "0.4"),
        ("0.7", "12", "0.5", "0.5"),
        ("1.5", "60", "25", "2"),
        ("12", "90", "0.3", "40"),
    ],
    "pareto_nbd": [
        ("0.553", "10.578", "0.606", "11.669"),
        ("0.5", "10", "1", "10"),
        ("2", "300", "0.01", "0.5"),
        ("20", "50", "4", "49.9999"),
        ("0.2", "7", "2.5", "7"),
        ("3", "20", "1.0000001", "200"),
    ],
    "mbg_cnbd": [
        ("1", "0.5", "6", "0.9", "1.6"),
        ("2", "0.6", "2.3", "1.1", "1.6"),
        ("4", "3", "40", "1", "8"),
        ("12", "0.2", "1", "0.2", "0.5"),
    ],
    "bg_bb": [
        ("1.204", "0.750", "0.657", "2.783"),
        ("0.2", "3", "1", "20"),
        ("50", "1", "0.3", "0.3"),
    ],
    "sbg": [("0.704", "1.182"), ("0.668", "3.806"), ("1", "1"), ("40", "0.2")],
    "bdw": [("0.456", "0.779", "1.283"), ("2", "9", "0.5"), ("0.2", "1.4", "1.72")],
}
BUYERS = [
    ("0", "0", "0"),
    ("0", "0", "39"),
    ("2", "30.43", "38.86"),
    ("26", "30.86", "31"),
    ("300", "390", "400"),
]
DONORS = [
    ("0", "0", "0"),
    ("0", "0", "6"),
    ("1", "1", "6"),
    ("3", "5", "6"),
    ("6", "6", "6"),
    ("4", "30", "40"),
    ("40", "40", "40"),
    ("120", "280", "300"),
]
SUBSCRIBERS = [("0", "0", t) for t in ("0", "1", "12", "60", "365")]
# of BG/NBD's first set and a new customer: horizon, purchases, what BTYD gives, its last digit
PUBLISHED = [
    ("2", 10, "1.07869e-7", "1e-12"),
    ("39", 0, "0.5737864", "1e-7"),
    ("30", 11, "0.0019995214", "1e-10"),
    ("30", 20, "0.0002222260", "1e-10"),
]


def wanted_counts(model):
    """Parameters, customers, horizons and numbers: all of BG/NBD's first set, and each fourth."""
    sets = sets_of(model, COUNTS)
    customers = {"bg_bb": DONORS, "sbg": SUBSCRIBERS, "bdw": SUBSCRIBERS}.get(model, BUYERS)
    discrete, turn = customers is not BUYERS, itertools.count()
    horizons = ("1", "5", "60") if discrete else ("1", "39", "3650")
    for given in sets:
        every = model == "bg_nbd" and given is sets[0]
        if every:
            # that of 39 comes by itself
            yield from ((given, BUYERS[0], h, n) for h, n, _, _ in PUBLISHED if h != "39")
        for at, h in itertools.product(customers, horizons):
            for n in (0, 1, 2, 5, 11, 20, 60 if discrete else 100):
                if discrete and n > int(h):
                    continue
                if next(turn) % 4 == 0 or every:
                    yield given, at, h, n
            if h == "3650" and given in sets[:2]:
                yield given, at, h, 1000


def counts():
    print("# made by make.py with mpmath at 50 digits; what the columns are is said there")
    print("model,parameters,frequency,recency,t,horizon,purchases,probability")
    for model in sys.argv[2:] or MODELS:
        # an integral with 36 digits, or with 22, is what it is compared to
        ways, rates, sums = Ways(M(10) ** -24), Ways(M(10) ** -18), Ways(M(10) ** -16)
        lines, asked = 0, itertools.count()
        nbds = model in ("bg_nbd", "mbg_nbd")
        figures = nbd(model) if nbds else {"pareto_nbd": pareto, "mbg_cnbd": cnbd}.get(model)
        # p_alive, churn_prob and expected purchases
        figures = functools.cache(figures or {"bg_bb": bg_bb}.get(model, contract))

        def chance(p, x, tx, t, h, n, turn):
            if model in ("sbg", "bdw"):
                return contract_count(p, x, tx, t, h, n, ways)
            if model == "bg_bb":
                return bg_bb_count(p, x, tx, t, h, n, ways)
            if model == "mbg_cnbd":
                stayed, left, _ = cnbd_likelihoods(p, x, tx, t, h)
                p_alive = stayed / (stayed + left)
                found = cnbd_count(p, x, tx, t, h, n, ways)
            else:
                p_alive = alive(model, p, x, tx, t, ways)
                if nbds:
                    found = nbd_count(model, p, x, t, h, n, ways)
                else:
                    by_rates = turn % 8 == 0 and x > 0 and p[2] > M("0.5") and n < 50
                    found = pareto_count(p, x, t, h, n, ways, rates if by_rates else None)
            return p_alive * found + (0 if n else 1 - p_alive)

        summed = set()
        for given, at, h, n in wanted_counts(model):
            p = tuple(exactly(v) for v in given)
            asks = (p, *(exactly(v) for v in at), M(h))
            found = chance(*asks, n, next(asked))
            if found < M(10) ** -280:
                continue
            for horizon, number, published, digit in PUBLISHED:
                if (model, given[0], at, h, n) == ("bg_nbd", "0.243", BUYERS[0], horizon, number):
                    assert abs(found - M(published)) < M(digit), (horizon, number, found)
            if n == 0 and model == "mbg_cnbd":
                stayed, left, silent = cnbd_likelihoods(*asks)
                sums.same(silent / (stayed + left), found)
            elif n == 0 and model not in ("sbg", "bdw"):
                sums.same(figures(*asks)[1], found)
            # all numbers of one horizon of each set
            if given not in summed and at != ("0", "0", "0") and h in ("1", "5"):
                summed.add(given)
                all_of_them, expected, i = M(0), M(0), 0
                while i <= int(h) or part > M(10) ** -30:
                    part = chance(*asks, i, 1)
                    all_of_them += part
                    expected += i * part
                    i += 1
                    if model in ("bg_bb", "sbg", "bdw") and i > int(h):
                        break
                sums.same(all_of_them, M(1))
                sums.same(figures(*asks)[2], expected)
            lines += 1
            figure = mp.nstr(found, 18, min_fixed=0, max_fixed=0)
            print(",".join((model, " ".join(given), *at, h, str(n), figure)), flush=True)
        ways.tell(f"counts of {model}: {lines} lines")
        if rates.compared:
            rates.tell(f"both rates of {model}")
        sums.tell(f"sums of {model}")


def donations():
    from importlib.resources import files

    print("# 11,104 donors of an arts organisation who gave first in 1995, by year to 2001, by Peter")
    print("# Fader, Bruce Hardie & Jen Shang (Marketing Science 29, 2010), as distributed in Lifetimes")
    print("# 0.11.3 (MIT).")
    print(files("lifetimes").joinpath("datasets/donations.csv").read_text(), end="")


if __name__ == "__main__":
    modes = (references, grid, clv, nbd_grid, counts, donations)
    {mode.__name__: mode for mode in modes}[sys.argv[1]]()

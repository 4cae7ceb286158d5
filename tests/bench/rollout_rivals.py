"""What other libraries make of the worlds that rollout_em.c, rollout_tokens.c and rollout_watch.c simulate.

Where a library's own code would take hours, its formula is computed for all runs or looks at once; that this is the library's is checked
first, on streams of some hundred units. ville and ADWIN are run as they are.
"""
import math
import os
import sys

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(threads, "1")
import numpy as np

RAMP = [(0.05, 2000), (0.25, 4000), (0.5, 20000)]


# ---- what is simulated for the rivals: as in rollout_em.c, rollout_tokens.c, rollout_watch.c ----

EM = {  # champion, drift, apart, ramp, look at every k-th unit
    "em-aa": (0.6, 0, 0, [(0.5, 20000)], 1),
    "em-aa-5": (0.6, 0, 0, [(0.05, 20000)], 1),
    "em-aa-ramp": (0.6, 0, 0, RAMP, 1),
    "em-aa-ramp-up": (0.6, 0.1, 0, RAMP, 1),
    "em-aa-ramp-down": (0.6, -0.1, 0, RAMP, 1),
    "em-aa-95": (0.95, 0, 0, [(0.05, 20000)], 1),
    "em-loss-2": (0.6, 0, -0.02, [(0.5, 76000)], 10),
    "em-loss-5": (0.6, 0, -0.05, [(0.5, 12300)], 1),
    "em-loss-5-at-5": (0.6, 0, -0.05, [(0.05, 66000)], 10),
    "em-loss-5-ramp": (0.6, 0, -0.05, RAMP, 1),
}
TOKENS = {  # Pareto, zeros, saved, ramp
    "tokens-aa-log-normal-ramp": (False, 0, 0, RAMP[:2] + [(0.5, 16000)]),
    "tokens-aa-pareto": (True, 0, 0, [(0.5, 20000)]),
    "tokens-aa-pareto-zeros-ramp": (True, 0.01, 0, RAMP[:2] + [(0.5, 16000)]),
    "tokens-log-normal": (False, 0, 0.1, [(0.5, 12000)]),
    "tokens-pareto": (True, 0, 0.1, [(0.5, 6000)]),
    "tokens-pareto-zeros": (True, 0.01, 0.1, [(0.5, 6000)]),
}


def shares(ramp):
    out, start = np.empty(ramp[-1][1]), 0
    for share, until in ramp:
        out[start:until], start = share, until
    return out


def em_world(name, rng, runs):
    """Outcomes and arms, runs × units."""
    champion, drift, apart, ramp, _ = EM[name]
    n = ramp[-1][1]
    arm = rng.random((runs, n)) < shares(ramp)
    y = rng.random((runs, n)) < champion + drift * np.arange(n) / n + apart * arm
    return y.astype(float), arm


def tokens_world(name, rng, runs):
    pareto, zeros, saved, ramp = TOKENS[name]
    n = ramp[-1][1]
    arm = rng.random((runs, n)) < shares(ramp)
    y = 300 * (rng.random((runs, n)) ** (-1 / 2.2) if pareto else np.exp(rng.standard_normal((runs, n))))
    y = y * np.where(arm, 1 - saved, 1)
    return np.where(rng.random((runs, n)) < zeros, 0, y) if zeros else y, arm


# ---- GrowthBook ----

ALPHA, TUNING = 0.05, 5000


def growthbook(y, arm, every, relative, proportion):
    """First look at which each run has a verdict (units; 0: none), and its sign."""
    a, b = [np.cumsum(x, axis=1)[:, every - 1::every] for x in (~arm, arm)], None
    (na, nb), b = a, [np.cumsum(np.where(arm, y ** k, 0), axis=1)[:, every - 1::every] for k in (1, 2)]
    a = [np.cumsum(np.where(arm, 0, y ** k), axis=1)[:, every - 1::every] for k in (1, 2)]
    with np.errstate(all="ignore"):
        ma, mb = a[0] / na, b[0] / nb
        va, vb = ((m * (1 - m) if proportion else (s[1] - n * m * m) / (n - 1)) for m, s, n in ((ma, a, na), (mb, b, nb)))
        apart, variance = (mb - ma) / ma if relative else mb - ma, va / na + vb / nb
        if relative:
            variance = vb / (nb * ma ** 2) + va * mb ** 2 / (na * ma ** 4)
        n, rho2 = na + nb, (-2 * math.log(ALPHA) + math.log(-2 * math.log(ALPHA) + 1)) / TUNING
        width = np.sqrt(variance * n * 2 * (n * rho2 + 1) * np.log(np.sqrt(n * rho2 + 1) / ALPHA) / (n * n * rho2))
        said = (np.abs(apart) > width) & (va > 0) & (vb > 0)
    first = said.argmax(axis=1)
    row = np.arange(len(first))
    return np.where(said.any(axis=1), (first + 1) * every, 0), np.sign(apart[row, first])


def check_growthbook():
    from gbstats.frequentist.tests import SequentialConfig, SequentialTwoSidedTTest
    from gbstats.models.statistics import ProportionStatistic, SampleMeanStatistic
    rng = np.random.default_rng(0)
    for relative, proportion in ((False, True), (False, False), (True, False)):
        y = rng.random((1, 900)) < 0.5 if proportion else rng.lognormal(size=(1, 900))
        arm = rng.random((1, 900)) < 0.5
        y = np.where(arm, y * (1 if proportion else 0.7), y).astype(float)
        at, _ = growthbook(y, arm, 1, relative, proportion)
        first = 0
        for n in range(20, 901):
            parts = [y[0, :n][arm[0, :n] == k] for k in (False, True)]
            stats = [ProportionStatistic(n=len(p), sum=p.sum()) if proportion else SampleMeanStatistic(n=len(p), sum=p.sum(), sum_squares=(p * p).sum()) for p in parts]
            low, high = SequentialTwoSidedTTest(*stats, SequentialConfig(difference_type="relative" if relative else "absolute", traffic_percentage=1, phase_length_days=1)).compute_result().ci
            if low > 0 or high < 0:
                first = n
                break
        assert at[0] == first or at[0] < 20, (relative, proportion, at, first)


def summary(name, at, signs, horizon, saved):
    runs, done = len(at), np.sort(at[at > 0])
    def quantile(q):
        i = int(runs * q)
        return int(done[i]) if i < len(done) else 0
    above, below = float((signs[at > 0] > 0).sum() / runs), float((signs[at > 0] < 0).sum() / runs)
    return {"name": name, "runs": runs, "above": above, "below": below, "wrong": above if saved else above + below,
            "median": quantile(0.5), "p80": quantile(0.8), "mean": float(np.where(at > 0, at, horizon).mean())}


def run_growthbook(name, runs, kind):
    world, table = (em_world, EM) if name in EM else (tokens_world, TOKENS)
    rng, done = np.random.default_rng(1), []
    every = EM[name][4] if name in EM else 1
    for start in range(0, runs, 50):
        y, arm = world(name, rng, min(50, runs - start))
        done.append(growthbook(np.log1p(y) if kind == "log1p" else y, arm, every, kind == "relative", name in EM))
    at, signs = (np.concatenate(x) for x in zip(*done))
    return summary(f"gbstats{'-' + kind if kind else ''}:{name}", at, signs, table[name][3][-1][1], table[name][2] != 0)


# ---- sequences of e-values: savvi, sequential-analysis ----

def first_of(log_e, signs, units):
    """When each run's log E first reached log 1/α, after `units`; its sign then."""
    said = log_e >= -math.log(ALPHA)
    first = said.argmax(axis=1)
    row = np.arange(len(first))
    return np.where(said.any(axis=1), units[row, first] if units.ndim > 1 else units[first], 0), signs[row, first]


def dirichlet(k, n, share, concentration=100):
    """log E that the k of n are not a share: a mixture by Beta(100 share, 100 (1 − share)) [Lindon & Malek 2022]."""
    from scipy.special import gammaln
    c, p, q = concentration, share, 1 - share
    return (gammaln(c) - gammaln(c + n) + gammaln(c * p + k) - gammaln(c * p) - k * math.log(p)
            + gammaln(c * q + n - k) - gammaln(c * q) - (n - k) * math.log(q))


def lindon(name, y, arm):
    """Do wrong answers come in the shares of the arms? Right ones, which are more, would take longer."""
    every, share = EM[name][4], EM[name][3][0][0]
    k, n = [np.cumsum(x, axis=1)[:, every - 1::every] for x in (arm & (y < 1), y < 1)]
    return first_of(dirichlet(k, n, share), np.sign(n * share - k), every * np.arange(1, k.shape[1] + 1))


def check_savvi():
    from savvi.multinomial import InhomogeneousBernoulliProcess, Multinomial
    rng = np.random.default_rng(0)
    for share in (0.5, 0.05):
        test, counts = Multinomial(0.05, np.array([1 - share, share])), np.zeros(2, dtype=int)
        for _ in range(40):
            lot = rng.multinomial(25, [0.9 - share, 0.1 + share])
            test.update(lot)
            counts += lot
        assert np.isclose(math.log(test.odds), dirichlet(counts[1], counts.sum(), share))
    test = InhomogeneousBernoulliProcess(0.05, np.array([0.5, 0.5]), lambda delta: [delta[0] == delta[1]], np.array([[1, -1]]))
    test.update(np.array([60, 90])) # of the rate itself the same number, by an optimiser
    assert np.isclose(math.log(test.odds), dirichlet(90, 150, 0.5), atol=1e-3)


def grow(y, arm):
    """One run of the two-sided test on blocks of one unit of each arm [Turner, Ly & Grünwald 2024]: log E after each, and its unit."""
    at = [np.flatnonzero(arm), np.flatnonzero(~arm)]
    n = min(map(len, at))
    y, at = [y[x[:n]] for x in at], np.maximum(at[0][:n], at[1][:n]) + 1
    a, b = [(np.cumsum(x) - x + 0.5) / (np.arange(n) + 1) for x in y]
    p = (a + b) / 2
    return np.cumsum(sum(np.where(x > 0, np.log(q / p), np.log((1 - q) / (1 - p))) for x, q in zip(y, (a, b)))), at, np.sign(a - b)


def blocks(name, y, arm):
    made = [grow(*run) for run in zip(y, arm)]
    n = max(len(log_e) for log_e, _, _ in made)
    made = [np.stack([np.pad(run[i], (0, n - len(run[i])), "edge") for run in made]) for i in range(3)]
    return first_of(made[0], made[2], made[1])


def bounded(name, y, arm):
    """Bets on scores divided by the share, whatever that is: exact in a ramp, too; log E after each unit."""
    share = shares(EM[name][3])
    x = 0.5 + np.where(arm, 1 / share, -1 / (1 - share)) * (y - 0.5) * min(share.min(), (1 - share).min())
    n, before, squares = np.arange(x.shape[1]), np.cumsum(x, axis=1) - x, np.cumsum(x * x, axis=1) - x * x
    by = (0.5 + before) / (n + 1) - 0.5
    bet = np.clip(by / ((0.25 + squares - before ** 2 / np.maximum(n, 1)) / (n + 1) + by * by), -1, 1)
    up, down = [np.cumsum(np.log1p(np.maximum(side * bet, 0) * side * (x - 0.5)), axis=1) for side in (1, -1)]
    return np.logaddexp(up, down) - math.log(2), up - down


def bets(name, y, arm):
    log_e, sign = bounded(name, y, arm)
    return first_of(log_e, np.sign(sign), np.arange(1, log_e.shape[1] + 1))


def discordant(name, y, arm):
    """Of pairs, one unit of each arm, of which one is right: is it the champion's? Its chance where the effect is true; the unit."""
    at = [np.flatnonzero(arm), np.flatnonzero(~arm)]
    n = min(map(len, at))
    its, champions = [y[x[:n]] > 0 for x in at]
    p, q = EM[name][0], EM[name][0] + EM[name][2]
    differ = its != champions
    return champions[differ], p * (1 - q) / (p * (1 - q) + q * (1 - p)), np.maximum(at[0][:n], at[1][:n])[differ] + 1


SPRT = {"alpha": 0.025, "beta": 0.1}


def ratio(x, chance):
    return np.cumsum(np.where(x, math.log(chance / 0.5), math.log((1 - chance) / 0.5)))


def sprt(name, y, arm):
    """Wald's test of that very loss against none."""
    at = np.zeros(len(y), dtype=int)
    upper, lower = math.log((1 - SPRT["beta"]) / SPRT["alpha"]), math.log(SPRT["beta"] / (1 - SPRT["alpha"]))
    for i, run in enumerate(zip(y, arm)):
        x, chance, unit = discordant(name, *run)
        log_ratio = ratio(x, chance)
        over = np.flatnonzero((log_ratio >= upper) | (log_ratio <= lower))
        if len(over) and log_ratio[over[0]] >= upper:
            at[i] = unit[over[0]]
    return at, -np.ones(len(y))


def check_sequential_analysis():
    from sequential_analysis.procedures import SPRT as WaldTest, Bernoulli, BoundedABTest, SampleRatioMismatch, TwoProportionTest
    rng = np.random.default_rng(0)
    arm = rng.random(900) < 0.5
    y = (rng.random(900) < 0.6 - 0.15 * arm).astype(float)
    test, shares_ = TwoProportionTest(ALPHA), SampleRatioMismatch((0.5, 0.5), 0.01)
    state, arrived = test.initial_state(), shares_.initial_state()
    for k in range(900):
        state, out = test.step(state, {"arm": int(arm[k]), "y": int(y[k])})
        arrived, mismatch = shares_.step(arrived, {"arm": int(arm[k])})
    assert np.isclose(out.log_e_value, grow(y, arm)[0][-1])
    assert np.isclose(mismatch.log_e_value, dirichlet(arm.sum(), 900, 0.5))
    y, arm = em_world("em-loss-5", rng, 1)
    x, chance, _ = discordant("em-loss-5", y[0], arm[0])
    test = WaldTest(Bernoulli(), 0.5, chance, **SPRT)
    state, steps = test.initial_state(), 0
    while not test.is_terminal(state):
        state, out = test.step(state, {"x": int(x[steps])})
        steps += 1
    assert np.isclose(out.llr, ratio(x, chance)[steps - 1])
    assert (state.decision == "reject_h0") == (sprt("em-loss-5", y, arm)[0][0] > 0)
    y, arm = em_world("em-loss-5-ramp", rng, 1)
    test, share = BoundedABTest(propensity_input="share", floor=0.05, grid=10), shares(RAMP)
    state = test.initial_state()
    for k in range(2500):
        state, out = test.step(state, {"arm": int(arm[0, k]), "y": int(y[0, k]), "share": [1 - share[k], share[k]]})
    assert np.isclose(out.log_e_value, bounded("em-loss-5-ramp", y, arm)[0][0, 2499])


def run_sequence(of, library, name, runs):
    rng, done = np.random.default_rng(1), []
    for start in range(0, runs, 50):
        done.append(of(name, *em_world(name, rng, min(50, runs - start))))
    at, signs = (np.concatenate(x) for x in zip(*done))
    return summary(f"{library}:{name}", at, signs, EM[name][3][-1][1], EM[name][2] != 0)


def run_shares(library, name, runs):
    """Do units arrive half and half? A part of the challenger's is lost; those are counted that arrive. α = 1 %."""
    lost, horizon = {"mismatch-none": (0, 20000), "mismatch-10": (0.1, 40000)}[name]
    rng, at, units = np.random.default_rng(1), [], np.arange(1, horizon + 1)
    for _ in range(0, runs, 50):
        k = np.cumsum(rng.random((50, horizon)) < (1 - lost) / (2 - lost), axis=1)
        said = dirichlet(k, units, 0.5) >= math.log(100)
        at.append(np.where(said.any(axis=1), said.argmax(axis=1) + 1, 0))
    at = np.concatenate(at)
    return summary(f"{library}:{name}", at, np.where(at > 0, -1, 0), horizon, lost > 0)


# ---- ville ----

def run_ville(name, runs):
    import ville
    share, rng, at, signs = EM[name][3][0][0], np.random.default_rng(1), [], []
    for _ in range(runs):
        y, arm = em_world(name, rng, 1)
        test = ville.AsymptoticABTest(alpha=ALPHA, propensity=share, t_opt=3000).fit(y[0], arm[0].astype(float))
        found = test.stopping_time() or 0
        at.append(found)
        signs.append(np.sign(test.estimate_[found - 1]))
    return summary(f"ville:{name}", np.array(at), np.array(signs), EM[name][3][-1][1], EM[name][2] != 0)


# ---- drift: frouros and sequential-analysis as vectors of runs; ADWIN ----

CAP = 200000


def averaged(recurrence):
    """frouros watches wrong answers, beside their mean so far: fields sum, mean."""
    def step(fields, y, n):
        total, mean = fields
        wrong = 1 - y
        mean += (wrong - mean) / n
        total[:] = recurrence(total, wrong - mean)
        return total if n >= 30 else np.full_like(total, -np.inf)
    return step


def shiryaev_roberts(fields, y, n):
    fields[0][:] = (fields[0] + 1) * np.where(y > 0, 0.57 / 0.6, 0.43 / 0.4)
    return fields[0]


BETS = -0.5 / 0.4 * 2.0 ** -np.arange(10)


def betting(fields, y, n):
    fields[0][:] = (fields[0] + 1) * (1 + np.outer(y - 0.6, BETS))
    return fields[0].mean(axis=1)


# limit (frouros: calibrated by simulation to a run length of 10,000; sequential-analysis: what it promises), width of its fields, step
DETECTORS = {
    "frouros-cusum": (36.2, [(), ()], averaged(lambda total, by: np.maximum(0, total + by - 0.005))),
    "frouros-page-hinkley": (4.9, [(), ()], averaged(lambda total, by: 0.9999 * total + by - 0.005)),
    "frouros-gma": (0.1053, [(), ()], averaged(lambda total, by: 0.99 * total + 0.01 * by)),
    "frouros-gma-998": (0.0362, [(), ()], averaged(lambda total, by: 0.998 * total + 0.002 * by)),
    "sequential-analysis-sr": (10000, [()], shiryaev_roberts),
    "sequential-analysis-mean": (10000, [(10,)], betting),
}


def alarms(detector, runs, fall, after, limit=None):
    """When each of the runs has its alarm."""
    calibrated, widths, step = DETECTORS[detector]
    limit = limit or calibrated
    rng, at, n = np.random.default_rng(1), np.full(runs, CAP), 0
    row, fields = np.arange(runs), [np.zeros((runs, *w)) for w in widths]
    while len(row) and n < CAP:
        for u in rng.random((100, len(row))):
            n += 1
            said = (step(fields, (u < (0.6 - fall if n > after else 0.6)).astype(float), n) >= limit) & (at[row] == CAP)
            at[row[said]] = n
        left = at[row] == CAP
        row, fields = row[left], [f[left] for f in fields]
    return at


def run_drift(detector, name, runs):
    fall, after = {"drift-none": (0, CAP), "drift-3": (0.03, 2000)}[name]
    at = alarms(detector, runs, fall, after)
    delays = at if name == "drift-none" else at[at > after] - after
    return {"name": f"{detector}:{name}", "runs": runs, "wrong": float((at <= after).mean()), "median": int(np.median(delays)),
            "p80": int(np.quantile(delays, 0.8)), "mean": float(delays.mean())}


def traced(detector, y):
    _, widths, step = DETECTORS[detector]
    fields = [np.zeros((1, *w)) for w in widths]
    return np.array([float(step(fields, np.array([x]), n + 1)[0]) for n, x in enumerate(y)])


def check_frouros():
    from frouros.detectors import concept_drift as c
    y = (np.random.default_rng(0).random(600) < 0.6).astype(float)
    for name, made in (("frouros-cusum", c.CUSUM()), ("frouros-page-hinkley", c.PageHinkley()), ("frouros-gma", c.GeometricMovingAverage())):
        theirs = []
        for x in y:
            made.update(value=1 - x)
            theirs.append(float(made.sum_))
        assert np.allclose(theirs[29:], traced(name, y)[29:]), name


def check_detectors():
    from sequential_analysis.procedures import Bernoulli, MeanEDetector, ShiryaevRoberts
    y = (np.random.default_rng(0).random(600) < 0.6).astype(float)
    for name, made, of in (("sequential-analysis-sr", ShiryaevRoberts(Bernoulli(), 0.6, 0.57, 1e9), lambda o: math.exp(o.log_statistic)),
                           ("sequential-analysis-mean", MeanEDetector(0.6, arl=1e9, direction="decrease"), lambda o: o.statistic)):
        state, theirs = made.initial_state(), []
        for x in y:
            state, out = made.step(state, {"x": x if name.endswith("mean") else int(x)})
            theirs.append(of(out))
        assert np.allclose(theirs, traced(name, y)), name


def run_adwin(runs):
    """A fall by 3 points after 2,000; δ for an average run length of 10,000."""
    from river.drift import ADWIN
    rng, delays, early = np.random.default_rng(1), [], 0
    for _ in range(runs):
        test, y = ADWIN(delta=0.33), (rng.random(14000) < np.where(np.arange(14000) < 2000, 0.6, 0.57)).astype(int)
        for n, x in enumerate(y):
            test.update(int(x))
            if test.drift_detected:
                break
        early += n < 2000
        if n >= 2000:
            delays.append(n - 2000 + 1)
    return {"name": "adwin:drift-3", "runs": runs, "wrong": early / runs, "median": int(np.median(delays)),
            "p80": int(np.quantile(delays, 0.8)), "mean": float(np.mean(delays))}


# ---- all of them ----

CONSTANT = [n for n in EM if len(EM[n][3]) == 1]


def of_growthbook(runs):
    check_growthbook()
    out = {"gbstats:" + name: (run_growthbook, name, runs, "") for name in EM}
    out |= {"gbstats-log1p:" + name: (run_growthbook, name, runs, "log1p") for name in TOKENS}
    return out | {"gbstats-relative:" + name: (run_growthbook, name, runs, "relative") for name in TOKENS if "-aa-" in name}


def of_drift(library, runs):
    return {f"{d}:{name}": (run_drift, d, name, runs) for d in DETECTORS if d.startswith(library) for name in ("drift-none", "drift-3")}


def of_savvi(runs):
    check_savvi()
    out = {"savvi:" + name: (run_sequence, lindon, "savvi", name, runs) for name in CONSTANT}
    return out | {"savvi:" + name: (run_shares, "savvi", name, runs) for name in ("mismatch-none", "mismatch-10")}


def of_sequential_analysis(runs):
    check_sequential_analysis()
    check_detectors()
    names = [n for n in EM if EM[n][3][-1][0] == 0.5]
    out = {"sequential-analysis:" + n: (run_sequence, bets, "sequential-analysis", n, runs) for n in EM}
    out |= {"sequential-analysis-blocks:" + n: (run_sequence, blocks, "sequential-analysis-blocks", n, runs) for n in names}
    out |= {"sequential-analysis-sprt:" + n: (run_sequence, sprt, "sequential-analysis-sprt", n, runs) for n in ("em-loss-2", "em-loss-5")}
    return out | of_drift("sequential-analysis", runs)


def of_frouros(runs):
    check_frouros()
    return of_drift("frouros", runs)


def of_ville(runs):
    return {"ville:" + name: (run_ville, name, runs) for name in CONSTANT}


def of_river(runs):
    return {"adwin:drift-3": (run_adwin, runs)}


def rivals(runs):
    """name → what makes it."""
    out = {}
    for library in (of_growthbook, of_savvi, of_sequential_analysis, of_frouros, of_ville, of_river):
        try:
            out |= library(runs)
        except ImportError as e:
            print(e, file=sys.stderr)
    return out

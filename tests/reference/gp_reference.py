#!/usr/bin/env python3
"""Independent predictions for test_surrogate.c: the textbook formulas in 40-digit arithmetic.

No Cholesky, no standardisation trick, no code of ours: K + N is inverted by mpmath's LU solver.
Needs mpmath (pip install mpmath). Writes gp_reference.csv:

    case,n,d,mean,variance,log_evidence     one row per query of a case

The data of a case are made by the same 64-bit generator in C and here (SplitMix64), so that
nothing but the answers is stored. Run: python3 gp_reference.py > gp_reference.csv
"""
import mpmath as mp

mp.mp.dps = 40
MASK = (1 << 64) - 1


def splitmix(state):
    state = (state + 0x9E3779B97F4A7C15) & MASK
    z = state
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return state, z ^ (z >> 31)


def make(n, d, seed):
    """Rows in [0, 1] with the last dimension a category of 3 when d > 1, y, known noise."""
    xs, ys, noise, s = [], [], [], seed
    for i in range(n + 3):
        row = []
        for k in range(d):
            s, bits = splitmix(s)
            row.append((bits >> 11) / 2.0**53 if k < d - 1 or d == 1 else float(bits % 3))
        s, bits = splitmix(s)
        xs.append(row)
        ys.append(5.0 + 3.0 * ((bits >> 11) / 2.0**53) + 2.0 * row[0])
        noise.append(0.01 + 0.05 * row[0])
    return xs[:n], ys[:n], noise[:n], xs[n:]


def kernel(a, b, d, signal, length):
    r2 = mp.mpf(0)
    for k in range(d):
        delta = mp.mpf(a[k] != b[k]) if d > 1 and k == d - 1 else mp.mpf(a[k]) - mp.mpf(b[k])
        r2 += (delta / length[k]) ** 2
    t = mp.sqrt(5) * mp.sqrt(r2)
    return signal * (1 + t + t * t / 3) * mp.exp(-t)


def case(name, n, d, seed):
    X, y, noise, Q = make(n, d, seed)
    mean_y = mp.fsum(map(mp.mpf, y)) / n
    sd = mp.sqrt(mp.fsum((mp.mpf(v) - mean_y) ** 2 for v in y) / n)
    if sd == 0:
        sd = abs(mp.mpf(y[0]))
    signal, own = mp.mpf("1.3"), mp.mpf("0.02")
    length = [mp.mpf("0.3") + mp.mpf("0.2") * k for k in range(d)]
    K = mp.matrix(n, n)
    for i in range(n):
        for j in range(n):
            K[i, j] = kernel(X[i], X[j], d, signal, length)
        K[i, i] += own + mp.mpf(noise[i]) / sd**2
    z = mp.matrix([(mp.mpf(v) - mean_y) / sd for v in y])
    columns = [z]
    stars = []
    for q in Q:
        k = mp.matrix([kernel(q, X[i], d, signal, length) for i in range(n)])
        stars.append(k)
        columns.append(k)
    rhs = mp.matrix(n, len(columns))
    for c, col in enumerate(columns):
        for i in range(n):
            rhs[i, c] = col[i]
    # one LU for all right-hand sides
    LU, p = mp.mp.LU_decomp(K.copy())
    solved = []
    for c in range(len(columns)):
        b = mp.mp.L_solve(LU, rhs[:, c], p)
        solved.append(mp.mp.U_solve(LU, b))
    for q, k, s in zip(Q, stars, solved[1:]):
        mean = mean_y + sd * mp.fsum(k[i] * solved[0][i] for i in range(n))
        var = sd**2 * (signal - mp.fsum(k[i] * s[i] for i in range(n)))
        print(f"{name},{n},{d},{mp.nstr(mean, 17)},{mp.nstr(var, 17)}")


print("case,n,d,mean,variance")
for number, (n, d) in enumerate([(1, 1), (2, 1), (2, 3), (20, 2), (20, 4), (200, 4)]):
    case(number, n, d, 1000 + number)

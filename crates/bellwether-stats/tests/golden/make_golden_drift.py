# /// script
# requires-python = ">=3.11"
# dependencies = ["numpy==2.4.6", "scipy==1.17.1"]
# ///
"""Golden values of drift reports: Hadamard transform, unbiased two-sample distances, and the split of a mean's movement.

    python3 -m venv venv && venv/bin/pip install numpy==2.4.6 scipy==1.17.1
    venv/bin/python make_golden_drift.py
"""
from importlib.metadata import version

import golden_file
import numpy as np
from golden_file import rng
from scipy.linalg import hadamard
from scipy.spatial.distance import cdist

PINNED = {"numpy": "2.4.6", "scipy": "1.17.1"}


def unit(rows):
    return np.float32(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def off_diagonal_mean(gram):
    n = len(gram)
    return (gram.sum() - np.trace(gram)) / (n * (n - 1))


def split(x, c, y, d):
    """By pairs, as the definitions have it: E over different rows, less what the reference's own means add."""
    n, m = len(x), len(y)
    classes = range(max(d) + 1)
    mu = np.array([y[d == k].mean(0) for k in classes])
    error = np.array([y[d == k].var(0, ddof=1).sum() / (d == k).sum() for k in classes])
    same = lambda a, b: (a[:, None] == b[None, :]) * error[a][:, None]
    total = off_diagonal_mean(x @ x.T) + off_diagonal_mean(y @ y.T) - 2 * (x @ y.T).mean()
    r, a, b = x - mu[c], mu[c], mu[d]
    within = off_diagonal_mean(r @ r.T - same(c, c))
    mix = off_diagonal_mean(a @ a.T - same(c, c)) + off_diagonal_mean(b @ b.T - same(d, d)) - 2 * (a @ b.T - same(c, d)).mean()
    own = sum(((x[c == k] - x[c == k].mean(0)) ** 2).sum() for k in classes)
    expected = sum(((c == k).sum() - 1) * error[k] * (d == k).sum() for k in classes)
    moved = [off_diagonal_mean(r[c == k] @ r[c == k].T) - error[k] for k in classes]
    return {"total": total, "mix": mix, "within": within, "spread": own / expected,
            "moved": [v / (e * (d == k).sum()) for k, v, e in zip(classes, moved, error)]}


def main():
    r = rng(60)
    cases = []
    for n in (1, 2, 4, 8, 16, 64, 512):
        x = np.round(r.normal(size=n), 3)
        cases.append({"kind": "hadamard", "values": x, "expected": hadamard(n) @ x})
    for n, m, dim in ((12, 20, 3), (30, 25, 8)):
        x, y = unit(r.normal(size=(n, dim)) + 0.3), unit(r.normal(size=(m, dim)))
        x64, y64 = x.astype(float), y.astype(float)
        linear = off_diagonal_mean(x64 @ x64.T) + off_diagonal_mean(y64 @ y64.T) - 2 * (x64 @ y64.T).mean()
        energy = 2 * cdist(x64, y64).mean() - off_diagonal_mean(cdist(x64, x64)) - off_diagonal_mean(cdist(y64, y64))
        cases.append({"kind": "distances", "dim": dim, "x": x.ravel(), "y": y.ravel(), "linear": linear, "energy": energy})
    for n, m, dim in ((24, 40, 4), (40, 60, 6)):
        places = r.normal(size=(3, dim))
        c, d = np.arange(n) * 7 % 3, np.arange(m) % 3
        x = unit(places[c] + 0.6 * r.normal(size=(n, dim)) + 0.3)
        y = unit(places[d] + 0.6 * r.normal(size=(m, dim)))
        cases.append({"kind": "split", "dim": dim, "x": x.ravel(), "class": c, "y": y.ravel(), "reference_class": d,
                      **split(x.astype(float), c, y.astype(float), d)})
    golden_file.write(
        "drift",
        "scipy.linalg.hadamard(n) @ x; U-statistics over pairs of different rows in numpy, distances by scipy cdist; split as in the script",
        cases, PINNED, "make_golden_drift.py")


if __name__ == "__main__":
    for package, wanted in PINNED.items():
        assert version(package) == wanted, f"{package} {version(package)}, pinned is {wanted}"
    main()

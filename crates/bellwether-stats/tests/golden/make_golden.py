# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "numpy==2.4.6",
#   "scipy==1.17.1",
#   "scikit-learn==1.9.1",
#   "seqeval==1.2.2",
#   "statsmodels==0.15.0",
# ]
# ///
"""Makes the golden values beside this file: one JSON a source of truth.

Run from anywhere, in an environment with exactly the versions above (checked at start):

    python3 -m venv venv && venv/bin/pip install numpy==2.4.6 scipy==1.17.1 scikit-learn==1.9.1 \
        seqeval==1.2.2 statsmodels==0.15.0
    venv/bin/python make_golden.py

The same versions give the same bytes. Each JSON holds `provenance` (versions, seed, date, the exact call) and `cases`.
A difference between our code and these numbers is a finding: never run this only to make a test pass.
"""

import warnings
from importlib.metadata import version

import golden_file
import numpy as np
import scipy
from golden_file import rng
from scipy import stats
from seqeval.metrics import f1_score as span_f1_score
from seqeval.metrics.sequence_labeling import get_entities
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score, mean_absolute_error
from statsmodels.stats.proportion import proportion_confint

PINNED = {
    "numpy": "2.4.6",
    "scipy": "1.17.1",
    "scikit-learn": "1.9.1",
    "seqeval": "1.2.2",
    "statsmodels": "0.15.0",
}
BETS = np.array([0.02, 0.05, 0.12, 0.3, 0.6])


def write(name, call, cases, tools):
    golden_file.write(name, call, cases, {t: PINNED[t] for t in tools}, "make_golden.py")


def isotonic():
    r = rng(1)
    n = 60
    x = np.round(r.uniform(0, 1, n), 4)
    cases = {
        "noisy increasing": (x, (r.uniform(0, 1, n) < x).astype(float)),
        "ties in x": (np.round(x, 1), (r.uniform(0, 1, n) < x).astype(float)),
        "all x equal": (np.full(8, 0.5), np.array([0, 1, 1, 0, 1, 0, 0, 0.0])),
        "constant y": (x[:10], np.full(10, 0.25)),
        "strictly decreasing": (np.arange(10) / 10, 1 - np.arange(10) / 10),
        "already increasing": (np.arange(7) / 7, (np.arange(7) / 7) ** 2),
        "one point": (np.array([0.3]), np.array([1.0])),
        "two points, violating": (np.array([0.3, 0.7]), np.array([1.0, 0.0])),
        "negative and large": (np.round(r.normal(0, 100, 25), 2), np.round(r.normal(0, 10, 25), 3)),
    }
    out = []
    for name, (a, b) in cases.items():
        model = IsotonicRegression(out_of_bounds="clip").fit(a, b)
        span = max(a.max() - a.min(), 0.1)
        at = np.concatenate([np.linspace(a.min() - span, a.max() + span, 41), a[:15]])
        out.append({"name": name, "x": a, "y": b, "at": at, "expected": model.predict(at)})
    write(
        "isotonic",
        'IsotonicRegression(out_of_bounds="clip").fit(x, y).predict(at)',
        out,
        ["numpy", "scikit-learn"],
    )


def classification():
    r = rng(2)
    cases = []

    def case(name, classes, truth, predicted):
        # A class outside the label set is -1 here and None there; scikit-learn takes it for one more class.
        cases.append(
            {
                "name": name,
                "classes": classes,
                "truth": truth,
                "predicted": predicted,
                "accuracy": accuracy_score(truth, predicted),
                "macro_f1": f1_score(truth, predicted, average="macro", zero_division=0),
            }
        )

    t = r.integers(0, 5, 200)
    p = np.where(r.uniform(size=200) < 0.7, t, r.integers(0, 5, 200))
    case("five classes", 5, t, p)
    case("absent classes", 9, t, p)
    case("a class only predicted", 6, t, np.where(r.uniform(size=200) < 0.1, 5, p))
    case("a class never predicted", 5, t, np.where(p == 3, 2, p))
    case("truths outside the label set", 5, np.where(r.uniform(size=200) < 0.15, -1, t), p)
    case("predictions outside the label set", 5, t, np.where(r.uniform(size=200) < 0.15, -1, p))
    case("all truths outside", 5, np.full(40, -1), p[:40])
    case("all right", 5, t, t)
    case("all wrong", 5, t, (t + 1) % 5)
    case("one class", 1, np.zeros(7, int), np.zeros(7, int))
    case("one outcome, wrong", 3, np.array([0]), np.array([2]))
    case("rare class", 3, np.array([0] * 98 + [1, 2]), np.array([0] * 97 + [1, 1, 0]))
    write(
        "classification",
        'accuracy_score(truth, predicted); f1_score(truth, predicted, average="macro", zero_division=0)',
        cases,
        ["numpy", "scikit-learn"],
    )


def spans():
    r = rng(3)
    bio = ["O"] + [f"{p}-{t}" for t in ("date", "city", "price") for p in "BI"]
    bioes = ["O"] + [f"{p}-{t}" for t in ("date", "city") for p in "BIES"]
    cases = []

    def case(name, labels, sentences):
        truth = [[labels[i] for i in s["truth"]] for s in sentences]
        predicted = [[labels[i] for i in s["predicted"]] for s in sentences]
        hits = size_p = size_t = 0
        for a, b in zip(predicted, truth):
            ea, eb = set(get_entities(a)), set(get_entities(b))
            hits, size_p, size_t = hits + len(ea & eb), size_p + len(ea), size_t + len(eb)
        f1 = span_f1_score(truth, predicted, average="micro") if size_p + size_t else float("nan")
        cases.append(
            {
                "name": name,
                "labels": labels,
                "sentences": sentences,
                "hits": hits,
                "predicted": size_p,
                "truth": size_t,
                "f1": f1,
            }
        )

    def one(labels, predicted, truth):
        at = {label: i for i, label in enumerate(labels)}
        return [{"predicted": [at[x] for x in predicted.split()], "truth": [at[x] for x in truth.split()]}]

    case("equal", bio, one(bio, "O B-date I-date O B-city", "O B-date I-date O B-city"))
    case("no spans", bio, one(bio, "O O O", "O O O"))
    case("too short", bio, one(bio, "B-date O O", "B-date I-date O"))
    case("inside without beginning", bio, one(bio, "I-date I-date O I-city", "B-date I-date O B-city"))
    case("type changes without beginning", bio, one(bio, "B-date I-city I-city", "B-date B-city I-city"))
    case("beginning twice", bio, one(bio, "B-date B-date I-date", "B-date I-date I-date"))
    case("wrong type", bio, one(bio, "O B-city I-city", "O B-date I-date"))
    case("span to the last token", bio, one(bio, "O O B-price I-price", "O O B-price I-price"))
    case("BIOES strict", bioes, one(bioes, "B-date I-date E-date O S-city", "B-date I-date E-date O S-city"))
    case("BIOES end alone", bioes, one(bioes, "E-date E-date O", "S-date S-date O"))
    case("BIOES after a single", bioes, one(bioes, "S-date I-date E-date", "S-date B-date E-date"))
    case("BIOES unclosed", bioes, one(bioes, "B-date I-date O S-city", "B-date E-date O S-city"))
    case("BIOES other type ends", bioes, one(bioes, "B-date I-date E-city", "B-date E-date S-city"))
    for scheme, labels in (("BIO", bio), ("BIOES", bioes)):
        sentences = []
        for _ in range(150):
            n = int(r.integers(1, 14))
            truth = r.integers(0, len(labels), n)
            predicted = np.where(r.uniform(size=n) < 0.8, truth, r.integers(0, len(labels), n))
            sentences.append({"predicted": predicted.tolist(), "truth": truth.tolist()})
        case(f"any {scheme} tags in any order", labels, sentences)
    write(
        "spans",
        'seqeval.metrics.f1_score(truth, predicted, average="micro") in its default mode (conlleval); '
        "counts from seqeval.metrics.sequence_labeling.get_entities, sentence by sentence",
        cases,
        ["numpy", "seqeval"],
    )


def intervals():
    r = rng(4)
    cases = []
    for k, n in ((0, 1), (1, 1), (0, 20), (20, 20), (1, 2), (3, 10), (50, 100), (997, 1000), (123456, 1000000)):
        low, high = proportion_confint(k, n, alpha=0.05, method="wilson")
        again = stats.binomtest(k, n).proportion_ci(0.95, method="wilson")
        assert np.allclose([low, high], [again.low, again.high], rtol=0, atol=1e-14)
        cases.append({"kind": "wilson", "successes": k, "n": n, "low": low, "high": high})
    samples = [
        np.array([1.0, 2.0]),
        np.array([0.5, 0.5]),
        np.array([1e6, 1e6 + 1, 1e6 + 2]),
        np.round(r.normal(3, 2, 7), 4),
        np.round(r.exponential(1, 50), 4),
        np.round(r.uniform(0, 1, 400), 4),
    ]
    for v in samples:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            low, high = stats.t.interval(0.95, len(v) - 1, loc=v.mean(), scale=stats.sem(v))
        if v.std() == 0:
            low = high = v.mean()  # scipy answers NaN for scale 0; the interval has no width
        cases.append({"kind": "mean", "values": v, "low": low, "high": high})
    for p in (np.round(r.uniform(0, 1, 30), 4), np.array([0.5]), np.array([0.0, 1.0]), np.full(1000, 0.9)):
        half = stats.norm.ppf(0.975) * np.sqrt((p * (1 - p)).sum()) / len(p)
        low, high = max(0.0, p.mean() - half), min(1.0, p.mean() + half)
        cases.append({"kind": "poisson_binomial", "values": p, "low": low, "high": high})
    for n in (2, 5, 40):
        truth = r.integers(0, 5, n) + 1
        predicted = r.integers(0, 5, n)
        hits = np.minimum(truth, predicted) - r.integers(0, 2, n)
        hits = np.maximum(hits, 0)
        f1 = 2 * hits.sum() / (truth + predicted).sum()
        out = np.array([2 * np.delete(hits, i).sum() / np.delete(truth + predicted, i).sum() for i in range(n)])
        half = stats.norm.ppf(0.975) * np.sqrt((n - 1) / n * ((out - out.mean()) ** 2).sum())
        counts = np.stack([hits, predicted, truth], 1)
        cases.append({"kind": "span_f1", "counts": counts, "low": max(0.0, f1 - half), "high": min(1.0, f1 + half)})
    write(
        "intervals",
        'wilson: proportion_confint(successes, n, alpha=0.05, method="wilson"), equal to '
        'binomtest(successes, n).proportion_ci(0.95, method="wilson"); '
        "mean: stats.t.interval(0.95, n - 1, loc=mean, scale=stats.sem(values)); "
        "poisson_binomial: mean ± norm.ppf(0.975)·sqrt(Σp(1−p))/n, clipped; "
        "span_f1: jackknife, f1 ± norm.ppf(0.975)·sqrt((n−1)/n Σ(f1₋ᵢ − mean)²), clipped; counts are [hits, predicted, truth]",
        cases,
        ["numpy", "scipy", "statsmodels"],
    )


def distances():
    r = rng(5)
    cases = []
    for n in (1, 2, 50):
        a, b = np.round(r.normal(0, 3, n), 3), np.round(r.normal(0, 3, n), 3)
        cases.append({"kind": "mean_absolute_error", "predicted": a, "truth": b, "expected": mean_absolute_error(b, a)})
    for k in (1, 2, 30):
        p, q = r.dirichlet(np.full(k, 0.5)), r.dirichlet(np.full(k, 0.5))
        expected = scipy.spatial.distance.cityblock(p, q) / 2
        cases.append({"kind": "total_variation", "p": p, "q": q, "expected": expected})
    cases.append({"kind": "total_variation", "p": [1, 0], "q": [0, 1], "expected": 1.0})
    for k, n in ((2, 100), (5, 100), (20, 200), (20, 2000), (80, 1600)):
        j = np.arange(n + 1)
        expected = k / 2 * (stats.binom.pmf(j, n, 1 / k) * np.abs(j / n - 1 / k)).sum()
        cases.append({"kind": "total_variation_noise", "categories": k, "n": n, "expected": expected})
    for scores in (np.array([0.5]), np.round(r.normal(size=25), 1), np.full(6, 0.25)):
        at = np.concatenate([np.round(np.linspace(-3, 3, 25), 2), scores[:6]])
        p = [((scores <= a).sum() + 1) / (len(scores) + 1) for a in at]
        rank = [(scores < a).mean() for a in at]
        cases.append({"kind": "conformal", "scores": scores, "at": at, "p_value": p, "rank": rank})
    for n, d, mean in ((2, 1, 0.0), (2, 4, 1.0), (12, 5, 0.0), (30, 8, 0.5)):
        # Quarters are exact in float32, so that both sides see the same numbers.
        x = np.round(4 * r.normal(mean, 1, (n, d))) / 4
        gram = x @ x.T
        u = sum(gram[i, j] for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
        # The same number as an MMD² U-statistic with kernel x·y against a second sample whose mean is zero:
        # that sample's own U-term is replaced by the known |0|² = 0.
        zero = np.vstack([x, -x])
        mmd = u - 2 * (x @ zero.T).mean() + 0.0
        assert abs(mmd - u) < 1e-12
        cases.append({"kind": "squared_mean_shift", "dim": d, "rows": x.ravel(), "expected": u, "mean": x.mean(0)})
    write(
        "distances",
        "sklearn.metrics.mean_absolute_error; scipy cityblock / 2; "
        "total_variation_noise: k/2 Σ_j binom.pmf(j, n, 1/k) |j/n − 1/k|, the exact expectation; "
        "conformal: (#(scores <= at) + 1) / (n + 1) and mean(scores < at); "
        "squared_mean_shift: mean over i != j of rows_i · rows_j",
        cases,
        ["numpy", "scipy", "scikit-learn"],
    )


def logistic():
    r = rng(6)
    cases = []

    def case(name, x, y):
        x = np.round(x, 4)
        model = LogisticRegression(C=1, class_weight="balanced", solver="newton-cholesky", tol=1e-12, max_iter=1000)
        model.fit(x, y)
        weights = np.r_[model.intercept_, model.coef_[0]]
        rough = LogisticRegression(C=1, class_weight="balanced", solver="lbfgs", tol=1e-10, max_iter=100000).fit(x, y)

        n = len(y)
        z = np.c_[np.ones(n), x]
        sample = np.where(y == 1, n / (2 * (y == 1).sum()), n / (2 * (y == 0).sum()))
        sign = np.where(y == 1, 1.0, -1.0)

        def objective(w):
            return 0.5 * (w[1:] ** 2).sum() + (sample * np.logaddexp(0, -sign * (z @ w))).sum()

        def gradient(w):
            return np.r_[0, w[1:]] - z.T @ (sample * sign * scipy.special.expit(-sign * (z @ w)))

        # The documented objective, minimised with no regard to scikit-learn's weights, is the same problem.
        direct = scipy.optimize.minimize(objective, np.zeros(z.shape[1]), jac=gradient, method="BFGS", options={"gtol": 1e-9})
        assert np.abs(gradient(weights)).max() < 1e-8, (name, gradient(weights))
        assert objective(weights) <= direct.fun + 1e-9 and objective(weights) <= objective(np.r_[rough.intercept_, rough.coef_[0]]) + 1e-9
        assert np.allclose(weights, direct.x, rtol=1e-3, atol=1e-4), (name, weights, direct.x)
        right = (((z @ weights) > 0) == (y == 1)).mean()
        cases.append(
            {"name": name, "rows": x, "positive": y == 1, "weights": weights, "training_accuracy": right}
        )

    x = r.normal(size=(80, 3))
    case("overlapping", x, (x @ [1.0, -2.0, 0.0] + r.normal(size=80) > 0).astype(int))
    x = r.normal(size=(60, 4)) + 0.3
    y = np.zeros(60, int)
    y[:6] = 1
    x[:6] += 1.5
    case("one in ten positive", x, y)
    case("separable, few rows", np.array([[-3.0], [-2.5], [4.0], [5.0], [6.0]]), np.array([0, 0, 1, 1, 1]))
    case("far from separable, two rows", np.array([[0.0], [0.0]]), np.array([0, 1]))
    case("far off centre", np.array([[10.0], [11.0], [12.5], [13.0], [14.0], [15.5]]), np.array([0, 0, 1, 0, 1, 1]))
    x = r.normal(size=(40, 2))
    case("collinear", np.c_[x, x[:, 0] + x[:, 1]], (x[:, 0] > 0).astype(int))
    x = r.normal(size=(50, 2)) * [100.0, 0.01]
    case("badly scaled", x, (x[:, 0] / 100 + 50 * x[:, 1] + r.normal(size=50) > 0).astype(int))
    x = r.normal(size=(30, 8))
    case("more features than the rows bear", x, (r.uniform(size=30) < 0.5).astype(int))
    write(
        "logistic",
        'LogisticRegression(C=1, class_weight="balanced", solver="newton-cholesky", tol=1e-12, max_iter=1000)'
        ".fit(rows, positive); weights = [intercept_, *coef_]; checked in the script against solver=\"lbfgs\", tol=1e-10 "
        "and against scipy.optimize.minimize of ½|w|² + Σ n/(2 n_class) log(1 + exp(−± z·w)), the intercept unpenalised",
        cases,
        ["numpy", "scipy", "scikit-learn"],
    )


def similarity():
    r = rng(7)
    cases = []
    for rows, dim, k, n in ((40, 8, 5, 12), (3, 4, 5, 4), (64, 24, 1, 9), (50, 6, 16, 6)):
        sample = np.round(r.normal(size=(rows, dim)), 3).astype(np.float32)
        queries = np.round(r.normal(size=(n, dim)), 3).astype(np.float32)
        queries[0] = sample[0]  # the same text again
        queries[1] = 2 * sample[1]  # and once more, at another length
        sample[-1] = sample[0]  # a repeat within the sample
        a = sample / np.linalg.norm(sample.astype(float), axis=1, keepdims=True)
        b = queries / np.linalg.norm(queries.astype(float), axis=1, keepdims=True)
        cosines = b @ a.T
        assert np.abs(cosines - 0.9995).min() > 1e-5  # no case rests on rounding at the border
        expected = []
        for c in cosines:
            kept = np.sort(c[c <= 0.9995])[::-1]
            m = min(k, rows)
            top = np.r_[kept[:m], np.full(max(0, m - len(kept)), -1.0)]
            expected.append(top.mean())
        cases.append(
            {
                "dim": dim,
                "k": k,
                "sample": sample.astype(float).round(3).ravel(),
                "queries": queries.astype(float).round(3).ravel(),
                "expected": expected,
            }
        )
    write(
        "similarity",
        "cosines = unit(queries) @ unit(sample).T in float64; mean of the min(k, rows) largest among those <= 0.9995, "
        "missing ones counted as −1",
        cases,
        ["numpy"],
    )


def detectors():
    r = rng(8)
    cases = []

    def shiryaev_roberts(factors, cap=np.exp(60.0)):
        """The recursion itself, in plain numbers: R ← min((R + 1) L, cap), from R = e⁻³⁰."""
        big = np.full(5, np.exp(-30.0))
        trace = []
        for f in factors:
            big = np.minimum((big + 1) * f, cap)
            trace.append(np.log(big.mean()))
        return trace

    streams = {
        "coin at the bound": (0.2, (r.uniform(size=120) < 0.2).astype(float)),
        "coin that shifts": (0.1, np.r_[r.uniform(size=80) < 0.1, r.uniform(size=60) < 0.6].astype(float)),
        "beta": (0.5, np.round(r.beta(2, 2, 100), 4)),
        "constant at the bound": (0.3, np.full(50, 0.3)),
        "constant zero": (0.3, np.zeros(60)),
        "to the cap and back": (0.05, np.r_[np.ones(60), np.zeros(120)]),
        "above one": (1.5, np.round(r.exponential(1.5, 80), 4)),
    }
    for name, (mean, values) in streams.items():
        factors = [1 + BETS / mean * (v - mean) for v in values]
        cases.append({"kind": "bounded", "name": name, "mean": mean, "values": values, "log_e_value": shiryaev_roberts(factors)})

    epsilon = np.array([0.2, 0.4, 0.6, 0.8, 1.0])
    for name, counts, decay, prior, tolerance, shares in (
        ("as in the reference", [40, 30, 20, 9, 0], 0.98, 20.0, 0.0, [0.4, 0.3, 0.2, 0.1, 0.0]),
        ("shifted", [40, 30, 20, 9, 0], 0.98, 20.0, 0.05, [0.1, 0.1, 0.1, 0.3, 0.4]),
        ("two classes", [5, 5], 0.9, 1.0, 0.01, [0.9, 0.1]),
        ("runs", [40, 30, 20, 9, 0], 0.98, 20.0, 0.0, None),
    ):
        p0 = (np.array(counts) + 0.5) / (np.array(counts) + 0.5).sum()
        if shares is None:
            seen = np.repeat([0, 2, 1, 0, 3, 1], [9, 12, 8, 14, 7, 10])
        else:
            seen = r.choice(len(counts), size=60, p=shares)
        logs, distance, noise = [], [], []
        fresh, surplus, weights = [], [], []  # of each observation; of each pair of neighbours
        for i, c in enumerate(seen):
            weight = decay ** np.arange(i - 1, -1, -1.0)  # the newest of the past counts one
            past = np.array([(weight * np.array(fresh) * (seen[:i] == j)).sum() for j in range(len(counts))])
            q = (past + prior * p0) / (past.sum() + prior)
            slow = decay**0.25
            pairs = slow ** np.arange(len(surplus) - 1, -1, -1.0)
            rho = (pairs * surplus).sum() / ((pairs * weights).sum() + 5 * slow ** len(surplus))
            rho = min(max(rho, 0.0), 0.9)
            stayed = i > 0 and seen[i - 1] == c
            ratio = (rho + (1 - rho) * q[c]) / (rho + (1 - rho) * p0[c]) if stayed else q[c] / p0[c]
            logs.append(np.log(1 - epsilon + epsilon * ratio) - tolerance * epsilon)
            fresh.append((1 - rho) * q[c] / (rho + (1 - rho) * q[c]) if stayed else 1.0)
            if i > 0:
                last = q[seen[i - 1]]
                surplus.append((1 - last) * (stayed - last))
                weights.append((1 - last) ** 2)
            now = past * decay
            now[c] += fresh[-1]
            distance.append(0.5 * np.abs(now / now.sum() - p0).sum())
            noise.append(np.sqrt(len(counts) / (2 * np.pi * now.sum())))
        cases.append(
            {
                "kind": "mix",
                "name": name,
                "counts": counts,
                "decay": decay,
                "prior": prior,
                "tolerance": tolerance,
                "seen": seen,
                "log_factors": logs,
                "log_e_value": shiryaev_roberts(np.exp(logs)),
                "distance": distance,
                "noise": noise,
            }
        )

    powers = np.array([0.3, 0.5, 0.7, 0.85, 0.95])
    for tolerance in (0.0, 0.15):
        residuals = np.round(np.abs(r.normal(size=40)), 3)
        at = np.r_[np.round(np.abs(r.normal(size=30)) * 1.5, 3), 0.0, 100.0]
        p = np.array([((residuals * (1 + tolerance) >= a).sum() + 1) / 41 for a in at])
        logs = np.log(powers) + (powers - 1) * np.log(p)[:, None]
        rank = [(residuals < a).mean() for a in at]
        cases.append(
            {"kind": "regression", "residuals": residuals, "tolerance": tolerance, "at": at, "log_factors": logs, "rank": rank}
        )

    shifts = np.array([0.15, 0.35, 0.7, 1.4, 2.8])
    for n, tolerated in ((1, 0.0), (20, 0.1), (500, 0.37), (2000, 0.0)):
        ends = stats.norm.ppf(np.arange(n + 2) / (n + 1))
        ranks = sorted({0, 1, n // 3, n // 2, n - 1, n})
        ties = [(k, k) for k in ranks] + [(0, n), (n // 4, n // 2)]
        chance = lambda low, high, shift: stats.norm.cdf(ends[high + 1] - shift) - stats.norm.cdf(ends[low] - shift)
        factors = [[chance(*tie, tolerated + s) / chance(*tie, tolerated) for s in shifts] for tie in ties]
        score = [stats.norm.ppf((low + high + 1) / (2 * (n + 1))) for low, high in ties]
        cases.append({"kind": "shift", "n": n, "tolerated": tolerated, "ranks": ties, "factors": factors, "score": score})
    write(
        "detectors",
        "R ← min((R + 1) L, e⁶⁰) from e⁻³⁰ in plain (not logarithmic) float64, log of the mean over the bets; "
        "bounded: L = 1 + κ/m (u − m); mix: L = (1 − ε + ε q(c)/p₀(c)) e^(−ε·tolerance), for a repeat with ρ + (1 − ρ) q over ρ + (1 − ρ) p₀; q and ρ recomputed "
        "from the whole past at each step; regression: L = a p^(a−1); shift: L = P(ranks | δ₀ + δ) / P(ranks | δ₀) of a rank "
        "whose normal score is shifted",
        cases,
        ["numpy", "scipy"],
    )


if __name__ == "__main__":
    for package, wanted in PINNED.items():
        assert version(package) == wanted, f"{package} {version(package)}, pinned is {wanted}"
    isotonic()
    classification()
    spans()
    intervals()
    distances()
    logistic()
    similarity()
    detectors()

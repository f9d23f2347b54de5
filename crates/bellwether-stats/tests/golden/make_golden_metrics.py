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
"""Golden values of the weighted metrics, of quality without labels and of two-sample statistics: as `make_golden.py`."""

import warnings
from importlib.metadata import version

import golden_file
import numpy as np
from golden_file import rng
from scipy import optimize, special, stats
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import cdist, pdist, squareform
from seqeval.metrics import classification_report
from sklearn import metrics as skm
from sklearn.calibration import calibration_curve
from sklearn.covariance import LedoitWolf
from statsmodels.stats.proportion import proportion_confint
from statsmodels.stats.weightstats import DescrStatsW

PINNED = {
    "numpy": "2.4.6",
    "scipy": "1.17.1",
    "scikit-learn": "1.9.1",
    "seqeval": "1.2.2",
    "statsmodels": "0.15.0",
}


def write(name, call, cases, tools):
    golden_file.write(name, call, cases, {t: PINNED[t] for t in tools}, "make_golden_metrics.py")


def wilson(p, n):
    """proportion_confint wants counts; Wilson's formula does not care that they are whole."""
    return proportion_confint(p * n, n, alpha=0.05, method="wilson")


def confusion():
    r = rng(20)
    cases = []

    def case(name, classes, truth, predicted, weights=None):
        w = {"sample_weight": weights}
        labels = list(range(classes))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            p, rec, f, support = skm.precision_recall_fscore_support(
                truth, predicted, labels=labels, average=None, zero_division=0, **w
            )
            cases.append(
                {
                    "name": name,
                    "classes": classes,
                    "truth": truth,
                    "predicted": predicted,
                    "weights": weights,
                    "accuracy": skm.accuracy_score(truth, predicted, **w),
                    "balanced_accuracy": skm.balanced_accuracy_score(truth, predicted, **w),
                    "macro_f1": skm.f1_score(truth, predicted, average="macro", zero_division=0, **w),
                    "micro_f1": skm.f1_score(truth, predicted, average="micro", zero_division=0, **w),
                    "weighted_f1": skm.f1_score(truth, predicted, average="weighted", zero_division=0, **w),
                    "matthews_correlation": skm.matthews_corrcoef(truth, predicted, **w),
                    "precision": p,
                    "recall": rec,
                    "f1": f,
                    "support": support,
                }
            )

    t = r.integers(0, 5, 200)
    p = np.where(r.uniform(size=200) < 0.7, t, r.integers(0, 5, 200))
    case("five classes", 5, t, p)
    case("weighted", 5, t, p, np.round(r.exponential(1, 200) + 0.001, 3))
    case("a class never true", 6, t, np.where(r.uniform(size=200) < 0.1, 5, p))
    case("a class never predicted", 5, t, np.where(p == 3, 2, p), np.round(r.exponential(1, 200) + 0.001, 3))
    case("truths outside the label set", 5, np.where(r.uniform(size=200) < 0.15, -1, t), p)
    case("predictions outside the label set", 5, t, np.where(r.uniform(size=200) < 0.15, -1, p))
    case("all right", 5, t, t)
    case("all wrong", 5, t, (t + 1) % 5)
    case("one class", 1, np.zeros(7, int), np.zeros(7, int))
    case("constant prediction", 3, t[:40] % 3, np.zeros(40, int))
    case("rare class", 3, np.array([0] * 98 + [1, 2]), np.array([0] * 97 + [1, 1, 0]))
    write(
        "confusion",
        "accuracy_score, balanced_accuracy_score, f1_score(average=macro, micro, weighted; zero_division=0), matthews_corrcoef, "
        "precision_recall_fscore_support(labels=range(classes), average=None, zero_division=0), all with sample_weight",
        cases,
        ["numpy", "scikit-learn"],
    )


def delong(scores, positive):
    """DeLong's variance by its definition over all pairs, unweighted."""
    a, b = scores[positive], scores[~positive]
    psi = (a[:, None] > b[None, :]) + 0.5 * (a[:, None] == b[None, :])
    return psi.mean(), psi.mean(1).var(ddof=1) / len(a) + psi.mean(0).var(ddof=1) / len(b)


def ranking():
    r = rng(21)
    cases = []
    for n, digits, shift in ((12, 3, 1.0), (60, 1, 1.0), (200, 3, 2.0), (80, 0, 0.5), (40, 6, 0.0)):
        y = r.uniform(size=n) < 0.4
        y[:2], y[2:4] = True, False
        s = np.round(r.normal(size=n) + shift * y, digits)
        w = np.round(r.exponential(1, n) + 0.001, 3)
        for weights in (None, w):
            c = {"kind": "binary", "scores": s, "positive": y, "weights": weights}
            c["auroc"] = skm.roc_auc_score(y, s, sample_weight=weights)
            c["average_precision"] = skm.average_precision_score(y, s, sample_weight=weights)
            if weights is None:
                a, variance = delong(s, y)
                assert abs(a - c["auroc"]) < 1e-12
                c["low"], c["high"] = wilson(a, a * (1 - a) / variance)
            cases.append(c)
    for n, k in ((30, 3), (150, 5)):
        truth = r.integers(0, k - (n == 150), n)  # the second leaves a class out
        p = np.round(special.softmax(r.normal(size=(n, k)) + 1.5 * np.eye(k)[truth], 1), 4)
        p[:, -1] = 1 - p[:, :-1].sum(1)
        for weights in (None, np.round(r.exponential(1, n) + 0.001, 3)):
            seen = np.unique(truth)
            cases.append(
                {
                    "kind": "classes",
                    "classes": k,
                    "probabilities": p.ravel(),
                    "truth": truth,
                    "weights": weights,
                    "auroc": np.mean([skm.roc_auc_score(truth == c, p[:, c], sample_weight=weights) for c in seen]),
                    "average_precision": np.mean(
                        [skm.average_precision_score(truth == c, p[:, c], sample_weight=weights) for c in seen]
                    ),
                }
            )
    write(
        "ranking",
        "roc_auc_score and average_precision_score with sample_weight, for classes the mean of each against the rest over those in the "
        "truth; ends: DeLong's variance v by its definition over all pairs, then Wilson at a(1−a)/v tosses",
        cases,
        ["numpy", "scikit-learn", "statsmodels"],
    )


def probabilities():
    r = rng(22)
    cases = []
    for n, k, sharpness in ((40, 2, 1.0), (150, 4, 3.0), (300, 3, 8.0)):
        truth = r.integers(0, k, n)
        p = np.round(special.softmax(sharpness * (r.normal(size=(n, k)) + np.eye(k)[truth]), 1), 5)
        p[:, -1] = np.maximum(0, 1 - p[:, :-1].sum(1))
        p[0], p[1] = np.eye(k)[(truth[0] + 1) % k], np.eye(k)[truth[1]]  # sure and wrong, sure and right
        confidence, right = p.max(1), p.argmax(1) == truth
        for weights in (None, np.round(r.exponential(1, n) + 0.001, 3)):
            w = np.ones(n) if weights is None else weights
            number = np.clip(np.ceil(confidence * 15 - 1e-9).astype(int) - 1, 0, 14)
            bins = [number == b for b in range(15) if (number == b).any()]
            c = {
                "kind": "classes",
                "classes": k,
                "probabilities": p.ravel(),
                "truth": truth,
                "weights": weights,
                "log_loss": skm.log_loss(truth, p, sample_weight=weights, labels=range(k)),
                "brier": skm.brier_score_loss(truth, p, sample_weight=weights, labels=range(k), scale_by_half=False),
                "ece": sum(abs((w[b] * (confidence[b] - right[b])).sum()) for b in bins) / w.sum(),
                "bins": [
                    [np.average(confidence[b], weights=w[b]), np.average(right[b], weights=w[b]), w[b].sum(), b.sum()]
                    for b in bins
                ],
            }
            if weights is None:
                true, stated = calibration_curve(right, confidence, n_bins=15, strategy="uniform")
                assert np.allclose([b[0] for b in c["bins"]], stated) and np.allclose([b[1] for b in c["bins"]], true)
            cases.append(c)
    for n, bins in ((60, 6), (150, 15)):
        confidence = np.round(r.uniform(0.3, 1, n), 6)
        assert len(np.unique(confidence)) == n
        right = r.uniform(size=n) < confidence
        true, stated = calibration_curve(right, confidence, n_bins=bins, strategy="quantile")
        assert len(true) == bins
        cases.append(
            {
                "kind": "equal mass",
                "confidence": confidence,
                "correct": right,
                "number": bins,
                "frequency": true,
                "stated": stated,
                "ece": np.abs(true - stated).mean(),
            }
        )
    write(
        "probabilities",
        "log_loss; brier_score_loss(scale_by_half=False); bins of the highest probability, those of equal weights checked against "
        'calibration_curve(n_bins=15, strategy="uniform"); equal mass: calibration_curve(n_bins, strategy="quantile"), whose bins hold n/n_bins '
        "observations each; all with sample_weight",
        cases,
        ["numpy", "scikit-learn"],
    )


def regression():
    r = rng(23)
    cases = []
    for n, digits in ((2, 3), (5, 3), (40, 0), (200, 4)):
        y = np.round(r.normal(5, 3, n), digits)
        y[0] += 1  # two rounded values could agree
        p = np.round(0.8 * y + r.normal(0, 1.5, n), digits)
        p[0] += 0.5
        for weights in (None, np.round(r.exponential(1, n) + 0.001, 3)):
            w = np.ones(n) if weights is None else weights

            def ranks(v):
                return np.array([w[v < x].sum() + 0.5 * w[v == x].sum() for x in v])

            def pearson(a, b):
                return DescrStatsW(np.c_[a, b], weights=w).corrcoef[0, 1]

            c = {
                "predicted": p,
                "truth": y,
                "weights": weights,
                "mean_absolute_error": skm.mean_absolute_error(y, p, sample_weight=weights),
                "root_mean_squared_error": skm.root_mean_squared_error(y, p, sample_weight=weights),
                "r_squared": skm.r2_score(y, p, sample_weight=weights),
                "pinball_0.9": skm.mean_pinball_loss(y, p, alpha=0.9, sample_weight=weights),
                "pinball_0.2": skm.mean_pinball_loss(y, p, alpha=0.2, sample_weight=weights),
                "pearson": pearson(p, y),
                "spearman": pearson(ranks(p), ranks(y)),
                "coverage": np.average(np.abs(y - p) <= 1.5, weights=w),
            }
            if weights is None:
                assert np.isclose(c["pearson"], stats.pearsonr(p, y).statistic)
                assert np.isclose(c["spearman"], stats.spearmanr(p, y).statistic)
                if n > 3:
                    c["pearson_ends"] = list(stats.pearsonr(p, y).confidence_interval())
            cases.append(c)
    write(
        "regression",
        "mean_absolute_error, root_mean_squared_error, r2_score, mean_pinball_loss with sample_weight; "
        "pearson: DescrStatsW(weights).corrcoef, ends from pearsonr(...).confidence_interval(); spearman: the same of weighted middle ranks; "
        "unweighted ones equal to pearsonr and spearmanr; coverage: average of |truth − predicted| <= 1.5",
        cases,
        ["numpy", "scipy", "scikit-learn", "statsmodels"],
    )


def sequences():
    r = rng(24)
    labels = ["O"] + [f"{p}-{t}" for t in ("date", "city", "price") for p in "BI"]
    cases = []
    for n in (1, 60):
        sentences = []
        for _ in range(n):
            truth = r.integers(0, len(labels), int(r.integers(3, 14)))
            predicted = np.where(r.uniform(size=len(truth)) < 0.8, truth, r.integers(0, len(labels), len(truth)))
            sentences.append({"predicted": predicted, "truth": truth})
        named = [[[labels[i] for i in s[k]] for s in sentences] for k in ("truth", "predicted")]
        report = classification_report(*named, output_dict=True, zero_division=0)
        flat = [np.concatenate([s[k] for s in sentences]) for k in ("truth", "predicted")]
        cases.append(
            {
                "labels": labels,
                "sentences": sentences,
                "token_accuracy": skm.accuracy_score(*flat),
                "types": {
                    t: [v["precision"], v["recall"], v["f1-score"], v["support"]]
                    for t, v in report.items()
                    if not t.endswith("avg")
                },
                "micro": [report["micro avg"][k] for k in ("precision", "recall", "f1-score")],
            }
        )
    write(
        "sequences",
        "seqeval.metrics.classification_report(truth, predicted, output_dict=True, zero_division=0); accuracy_score of all tokens",
        cases,
        ["numpy", "scikit-learn", "seqeval"],
    )


def label_free():
    r = rng(25)
    cases = []
    for n, k, sharpness in ((60, 2, 3.0), (70, 5, 2.0), (70, 3, 0.3)):
        truth = r.integers(0, k, n)
        p = special.softmax(sharpness * (r.normal(size=(n, k)) + np.eye(k)[truth]), 1)
        for weights in (None, np.round(r.exponential(1, n) + 0.001, 3)):

            def nll(log_t):
                q = special.log_softmax(np.log(p) / np.exp(log_t), axis=1)
                return np.average(-q[np.arange(n), truth], weights=weights)

            best = optimize.minimize_scalar(nll, bracket=(-1, 1), tol=1e-14)
            cases.append(
                {
                    "kind": "temperature",
                    "classes": k,
                    "probabilities": p.ravel(),
                    "truth": truth,
                    "weights": weights,
                    "temperature": np.exp(best.x),
                    "loss": best.fun,
                    "calibrated": special.softmax(np.log(p[:5]) / np.exp(best.x), axis=1),
                }
            )
        right = p.argmax(1) == truth
        for name, score in (("confidence", p.max(1)), ("negative entropy", (p * np.log(p)).sum(1))):
            assert len(np.unique(score)) == n
            threshold = np.sort(score)[(~right).sum()]
            other = special.softmax(sharpness * 0.7 * r.normal(size=(50, k)), 1)
            at = other.max(1) if name == "confidence" else (other * np.log(other)).sum(1)
            cases.append(
                {
                    "kind": "atc",
                    "name": name,
                    "classes": k,
                    "probabilities": p.ravel(),
                    "correct": right,
                    "threshold": threshold,
                    "other": other.ravel(),
                    "accuracy": (at >= threshold).mean(),
                }
            )
    for k in (2, 4):
        joint = np.round(100 * (r.uniform(size=(k, k)) + 3 * np.eye(k)))  # [truth, predicted]
        now = np.round(r.dirichlet(np.ones(k)) * 500) + 20
        c = (joint / joint.sum()).T
        mu = now / now.sum()
        for ridge in (0.0, 0.01):
            a = np.r_[c, np.sqrt(ridge) * np.eye(k)]
            theta = np.linalg.lstsq(a, np.r_[mu - c.sum(1), np.zeros(k)])[0]
            if ridge == 0:
                assert np.allclose(1 + theta, np.linalg.solve(c, mu))
            cases.append(
                {
                    "kind": "label shift",
                    "classes": k,
                    "joint": joint.ravel(),
                    "now": now,
                    "ridge": ridge,
                    "ratios": np.maximum(0, 1 + theta),
                }
            )
    write(
        "label_free",
        "temperature: minimize_scalar of the mean log-loss of softmax(log p / T) over log T; atc: sort(score)[number of errors]; label shift: "
        "1 + lstsq([C; √ridge I], [μ − C 1; 0]), with ridge 0 equal to solve(C, μ), negative ones zero",
        cases,
        ["numpy", "scipy"],
    )


def two_sample():
    r = rng(26)
    cases = []
    for n, m, d in ((2, 3, 1), (30, 25, 1), (12, 9, 4), (60, 40, 16)):
        # Eighths are exact in float32, so that both sides see the same numbers.
        x, y = np.round(8 * r.normal(size=(n, d))) / 8, np.round(8 * (r.normal(size=(m, d)) + 0.4)) / 8
        median = np.median(pdist(np.r_[x, y]))
        xy, xx, yy = cdist(x, y), cdist(x, x), cdist(y, y)
        biased = 2 * xy.mean() - xx.mean() - yy.mean()
        unbiased = 2 * xy.mean() - xx.sum() / (n * (n - 1)) - yy.sum() / (m * (m - 1))
        if d == 1:
            assert np.isclose(np.sqrt(biased), stats.energy_distance(x[:, 0], y[:, 0]), rtol=1e-12, atol=0)
        k = [skm.pairwise.rbf_kernel(a, b, gamma=1 / (2 * median**2)) for a, b in ((x, x), (y, y), (x, y))]
        cases.append(
            {
                "kind": "distance",
                "dim": d,
                "x": x.ravel(),
                "y": y.ravel(),
                "median": median,
                "energy_biased": biased,
                "energy_unbiased": unbiased,
                "mmd_biased": k[0].mean() + k[1].mean() - 2 * k[2].mean(),
                "mmd_unbiased": (k[0].sum() - n) / (n * (n - 1)) + (k[1].sum() - m) / (m * (m - 1)) - 2 * k[2].mean(),
            }
        )
    for n, d in ((6, 3), (40, 5), (20, 30)):
        x = np.round(8 * (r.normal(size=(n, d)) * np.linspace(0.5, 3, d))) / 8
        at = np.round(8 * r.normal(size=(7, d))) / 8
        model = LedoitWolf().fit(x)
        cases.append(
            {
                "kind": "mahalanobis",
                "dim": d,
                "rows": x.ravel(),
                "at": at.ravel(),
                "shrinkage": model.shrinkage_,
                "squared_distance": model.mahalanobis(at),
            }
        )
    for n, d, classes in ((5, 3, 2), (30, 8, 4), (60, 12, 7)):
        centres = r.normal(size=(classes, d))
        x = np.round(64 * (centres[r.integers(0, classes, n)] + 0.4 * r.normal(size=(n, d)))) / 64
        cosine = (1 - squareform(pdist(x, "cosine"))).astype(np.float32).astype(float)
        np.fill_diagonal(cosine, 1)
        tree = linkage(squareform(1 - cosine, checks=False), "average")
        for threshold in (0.2, 0.5, 0.8):
            sizes = np.sort(np.bincount(fcluster(tree, 1 - threshold, "distance"))[1:])[::-1]
            grouped = sizes[sizes > 1]
            cases.append(
                {
                    "kind": "clusters",
                    "n": n,
                    "cosines": cosine.ravel(),
                    "threshold": threshold,
                    "sizes": sizes,
                    "effective": grouped.sum() ** 2 / (grouped**2).sum() if len(grouped) else 1.0,
                }
            )
    write(
        "two_sample",
        "median: median(pdist([x; y])); energy: cdist, in one dimension the square of scipy.stats.energy_distance; "
        "mmd: sklearn rbf_kernel(gamma=1/(2 median²)); LedoitWolf().fit(rows).shrinkage_ and .mahalanobis(at); "
        "clusters: fcluster(linkage(1 - cosines, \"average\"), 1 - threshold, \"distance\")",
        cases,
        ["numpy", "scipy", "scikit-learn"],
    )


if __name__ == "__main__":
    for package, wanted in PINNED.items():
        assert version(package) == wanted, f"{package} {version(package)}, pinned is {wanted}"
    confusion()
    ranking()
    probabilities()
    regression()
    sequences()
    label_free()
    two_sample()

# /// script
# requires-python = ">=3.11,<3.12"
# dependencies = [
#   "alibi-detect==0.13.0",
#   "nannyml==0.13.1",
#   "numpy==1.26.4",
#   "pandas==2.3.3",
#   "scikit-learn==1.9.1",
#   "statsmodels==0.14.6",
#   "tensorflow==2.18.1",
#   "tensorflow-probability==0.25.0",
#   "tf_keras==2.18.0",
# ]
# ///
"""Golden values from NannyML and Alibi Detect, whose dependencies exclude the versions that `make_golden.py` pins.

    python3.11 -m venv venv && venv/bin/pip install alibi-detect==0.13.0 nannyml==0.13.1 numpy==1.26.4 pandas==2.3.3 \
        scikit-learn==1.9.1 statsmodels==0.14.6 tensorflow==2.18.1 tensorflow-probability==0.25.0 tf_keras==2.18.0
    venv/bin/python make_golden_peers.py
"""

import os
from importlib.metadata import version

os.environ["TF_USE_LEGACY_KERAS"] = "1"  # Alibi Detect's kernels are written for Keras 2
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import golden_file
import numpy as np
import pandas as pd
import tensorflow as tf
from alibi_detect.utils.tensorflow.distance import mmd2
from alibi_detect.utils.tensorflow.kernels import GaussianRBF
from golden_file import rng
from nannyml.chunk import DefaultChunker
from nannyml.performance_estimation.confidence_based import metrics as cbpe
from nannyml.thresholds import ConstantThreshold
from scipy.special import softmax

PINNED = {
    "alibi-detect": "0.13.0",
    "nannyml": "0.13.1",
    "numpy": "1.26.4",
    "pandas": "2.3.3",
    "scikit-learn": "1.9.1",
    "statsmodels": "0.14.6",
    "tensorflow": "2.18.1",
    "tensorflow-probability": "0.25.0",
    "tf_keras": "2.18.0",
}


def write(name, call, cases, tools):
    golden_file.write(name, call, cases, {t: PINNED[t] for t in tools}, "make_golden_peers.py")


def nannyml():
    r = rng(40)
    cases = []
    for n, k in ((40, 3), (50, 4), (80, 6)):  # with two classes NannyML's multiclass metrics binarise one of them away
        p = softmax(2 * r.normal(size=(n, k)), axis=1)
        predicted = np.where(r.uniform(size=n) < 0.9, p.argmax(1), r.integers(0, k, n))  # heads may not take the highest
        names = [f"c{j}" for j in range(k)]
        data = pd.DataFrame(p, columns=[f"p{j}" for j in range(k)])
        data["predicted"] = [names[j] for j in predicted]
        arguments = {
            "y_pred_proba": {name: f"p{j}" for j, name in enumerate(names)},
            "y_pred": "predicted",
            "y_true": "truth",
            "chunker": DefaultChunker(),
            "threshold": ConstantThreshold(),
        }
        table = cbpe.MulticlassClassificationConfusionMatrix(**arguments)
        table.classes = names
        accuracy = cbpe.MulticlassClassificationAccuracy(**arguments)
        score = np.round(r.normal(size=n), 6)
        assert len(np.unique(score)) == n
        cases.append(
            {
                "kind": "cbpe",
                "classes": k,
                "probabilities": p.ravel(),
                "predicted": predicted,
                "confusion": table._get_multiclass_confusion_matrix_estimate(data).ravel(),
                "macro_f1": cbpe.MulticlassClassificationF1(**arguments)._estimate(data),
                "balanced_accuracy": cbpe.MulticlassClassificationRecall(**arguments)._estimate(data),
                "accuracy": accuracy._estimate(data),
                "scores": score,
                "auroc": cbpe.estimate_roc_auc(p[:, 0], score),
            }
        )
    write(
        "nannyml",
        "nannyml.performance_estimation.confidence_based.metrics: MulticlassClassificationConfusionMatrix, ...F1, ...Recall and ...Accuracy "
        "(._estimate) on probabilities taken as calibrated; estimate_roc_auc(probabilities[:, 0], scores)",
        cases,
        ["nannyml", "numpy", "pandas", "scikit-learn"],
    )


def alibi_detect():
    r = rng(41)
    tf.keras.backend.set_floatx("float64")
    cases = []
    for n, m, d, sigma in ((2, 2, 1, 1.0), (30, 20, 4, 2.0), (40, 50, 32, 7.5)):
        # Eighths are exact in float32, so that both sides see the same numbers.
        x, y = np.round(8 * r.normal(size=(n, d))) / 8, np.round(8 * (r.normal(size=(m, d)) + 0.3)) / 8
        kernel = GaussianRBF(tf.constant([sigma], dtype=tf.float64))
        value = mmd2(tf.constant(x), tf.constant(y), kernel).numpy()
        cases.append({"kind": "mmd", "dim": d, "x": x.ravel(), "y": y.ravel(), "bandwidth": sigma, "mmd": value})
    write(
        "alibi_detect",
        "alibi_detect.utils.tensorflow.distance.mmd2(x, y, GaussianRBF(sigma)) in float64",
        cases,
        ["alibi-detect", "numpy", "tensorflow"],
    )


if __name__ == "__main__":
    for package, wanted in PINNED.items():
        assert version(package) == wanted, f"{package} {version(package)}, pinned is {wanted}"
    nannyml()
    alibi_detect()

"""NannyML's PCA reconstruction error on the embeddings, and its CBPE of accuracy on the probabilities.

    python nannyml_side.py --work DIR

Each is fitted on the task's reference. Every window is one of its chunks. The level of a trace is how far the value lies
beyond the threshold that NannyML has set itself: reconstruction error above the upper, estimated accuracy below the lower.
"""
import argparse
import os
import pathlib
import typing
import warnings

os.environ["NML_DISABLE_USAGE_LOGGING"] = "1"
import nannyml
import numpy as np
import pandas as pd

from common import WINDOWS, Events, Stream, Traces, load_streams, save_traces, stream_path, window_ends, window_traces

BATCH = 20  # streams in one call


def inputs(events: Events) -> pd.DataFrame:
    """The embedding, a column a dimension."""
    return pd.DataFrame(events.embedding, columns=[f"e{number}" for number in range(events.embedding.shape[1])])


def outputs(events: Events) -> pd.DataFrame:
    """Probabilities, prediction and label; what a stream's label is CBPE does not read."""
    frame = pd.DataFrame(events.probabilities, columns=[f"p{number}" for number in range(events.probabilities.shape[1])])
    return frame.assign(prediction=events.prediction, label=events.label)


def pca(reference: Events, size: int) -> typing.Callable[[pd.DataFrame], np.ndarray]:
    """A fitted reconstruction: windows in a row to their levels."""
    frame = inputs(reference)
    calculator = nannyml.DataReconstructionDriftCalculator(column_names=list(frame.columns), chunk_size=size).fit(frame)

    def levels(windows: pd.DataFrame) -> np.ndarray:
        said = calculator.calculate(windows).filter(period="analysis").to_df()["reconstruction_error"]
        return (said["value"] - said["upper_threshold"]).to_numpy(float)

    return levels


def cbpe(reference: Events, size: int) -> typing.Callable[[pd.DataFrame], np.ndarray]:
    """A fitted estimate of accuracy: windows in a row to their levels."""
    frame = outputs(reference)
    classes = {label: f"p{number}" for label, number in columns_of_classes(reference).items()}
    estimator = nannyml.CBPE(
        metrics=["accuracy"], y_pred_proba=classes, y_pred="prediction", y_true="label",
        problem_type="classification_multiclass", chunk_size=size).fit(frame)

    def levels(windows: pd.DataFrame) -> np.ndarray:
        said = estimator.estimate(windows.drop(columns="label")).filter(period="analysis").to_df()["accuracy"]
        return (said["lower_threshold"] - said["value"]).to_numpy(float)

    return levels


def columns_of_classes(reference: Events) -> dict[str, int]:
    """Which column of the probabilities is which class: that which is largest where it is predicted."""
    largest = reference.probabilities.argmax(axis=1)
    return {str(label): int(np.bincount(largest[reference.prediction == label]).argmax()) for label in sorted(set(reference.prediction))}


def run(work: pathlib.Path, name: str, kinds: list[str], frame: typing.Callable, fit: typing.Callable) -> None:
    """All streams of these kinds."""
    streams = load_streams(work, ["null", *kinds])
    for size in WINDOWS:
        found: dict[str, Traces] = {}
        for task in sorted({stream.task for stream in streams}):
            levels_of = fit(Events(work / "references" / "full.parquet", task), size)
            mine = [stream for stream in streams if stream.task == task]
            for batch in (mine[at:at + BATCH] for at in range(0, len(mine), BATCH)):
                for stream, levels in zip(batch, levels_by_stream(work, batch, size, frame, levels_of)):
                    for variant, trace in window_traces(size, levels).items():
                        found.setdefault(variant, {})[stream.name] = trace
        for variant, traces in found.items():
            save_traces(work, f"{name}@{variant}.unlabelled", traces)
    print(f"{name}: {len(streams)} streams", flush=True)


def levels_by_stream(work: pathlib.Path, batch: list[Stream], size: int, frame: typing.Callable,
                     levels_of: typing.Callable) -> np.ndarray:
    """[streams, windows]"""
    parts = []
    for stream in batch:
        events = frame(Events(stream_path(work, stream)))
        parts += [events[end - size:end] for end in window_ends(size)]
    return levels_of(pd.concat(parts, ignore_index=True)).reshape(len(batch), -1)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", type=pathlib.Path, required=True)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    run(args.work, "nannyml-cbpe", ["shift", "novelty", "confidence"], outputs, cbpe)
    run(args.work, "nannyml-pca", ["shift", "novelty"], inputs, pca)


if __name__ == "__main__":
    main()

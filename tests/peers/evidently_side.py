"""Evidently's domain classifier on the embeddings of a window against those of the reference.

    python evidently_side.py --work DIR

The level of a trace is the classifier's ROC AUC less .55, above which Evidently says drift.
"""
import argparse
import pathlib

import pandas as pd
from evidently.legacy.metrics.data_drift.embedding_drift_methods import model

from common import WINDOWS, Events, Traces, fewer_nulls, load_streams, save_traces, stream_path, window_ends, window_traces

KINDS = ["shift", "novelty"]
SHIPPED = 0.55


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--nulls", type=int, default=250)
    args = parser.parse_args()
    drift = model(threshold=SHIPPED)
    streams = fewer_nulls(load_streams(args.work, ["null", *KINDS]), args.nulls)
    references = {task: pd.DataFrame(Events(args.work / "references" / "full.parquet", task).embedding)
                  for task in {stream.task for stream in streams}}
    found: dict[str, Traces] = {}
    for stream in streams:
        events = pd.DataFrame(Events(stream_path(args.work, stream)).embedding)
        for size in WINDOWS:
            # The function writes a column into what it is given.
            levels = [drift(events[end - size:end].copy(), references[stream.task].copy())[0] - SHIPPED
                      for end in window_ends(size)]
            for variant, trace in window_traces(size, levels).items():
                found.setdefault(variant, {})[stream.name] = trace
    for variant, traces in found.items():
        save_traces(args.work, f"evidently@{variant}.unlabelled", traces)
    print(f"evidently: {len(streams)} streams")


if __name__ == "__main__":
    main()

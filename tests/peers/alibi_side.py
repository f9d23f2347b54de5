"""Alibi Detect's online MMD and LSDD on the embeddings, one event at a time.

    python alibi_side.py --work DIR [--detector mmd] [--window 50]

Each detector is configured on the task's reference and is at its initial state when a stream begins. The level of a trace is
its test statistic over the threshold that it has set itself, for an expected run time of ERT, at the same place in the
stream; less one; so it alarms by itself above 0 (there is no default for the run time).
"""
import argparse
import pathlib

import numpy as np
import torch
from alibi_detect.cd import LSDDDriftOnline, MMDDriftOnline

from common import Events, Traces, fewer_nulls, load_streams, records, save_traces, stream_path

ERT = 1000
BOOTSTRAPS = 3000
KINDS = ["shift", "novelty"]
DETECTORS = {"mmd": MMDDriftOnline, "lsdd": LSDDDriftOnline}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--detector", choices=DETECTORS, required=True)
    parser.add_argument("--window", type=int, default=50)
    parser.add_argument("--nulls", type=int, default=250)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    np.random.seed(0)
    streams = fewer_nulls(load_streams(args.work, ["null", *KINDS]), args.nulls)
    traces: Traces = {}
    for task in sorted({stream.task for stream in streams}):
        reference = Events(args.work / "references" / "full.parquet", task).embedding
        detector = DETECTORS[args.detector](reference, ert=ERT, window_size=args.window, backend="pytorch",
                                            n_bootstraps=BOOTSTRAPS, verbose=False)
        for stream in (stream for stream in streams if stream.task == task):
            detector.reset_state()
            levels = []
            for x in Events(stream_path(args.work, stream)).embedding:
                said = detector.predict(x)["data"]
                levels.append(said["test_stat"] / said["threshold"] - 1)
            traces[stream.name] = records(range(1, len(levels) + 1), levels)
        print(f"{args.detector}, window {args.window}: {task}", flush=True)
    save_traces(args.work, f"{args.detector}@window{args.window}.unlabelled", traces)


if __name__ == "__main__":
    main()

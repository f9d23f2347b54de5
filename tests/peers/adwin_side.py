"""River's ADWIN on two streams of numbers: the labelled error, and 1 - confidence.

    python adwin_side.py --work DIR [--kinds accuracy]

Its delta is the operating point: it runs at each delta of a grid, and the level of a trace is -log10(delta). ADWIN also finds
falls of the mean; only rises count. Variants: started empty or with the reference's numbers, looking at every 32nd event as
shipped or at every one.
"""
import argparse
import copy
import pathlib

import numpy as np
from river.drift import ADWIN

from common import FAMILIES, Trace, Traces, Events, load_streams, records, save_traces, stream_path

SHIPPED_DELTA = 0.002
DELTAS = [SHIPPED_DELTA * 10 ** (step / 4) for step in range(-40, 11)]


def update(adwin: ADWIN, value: float) -> bool:
    """Whether this value let ADWIN drop a past with a lower mean."""
    before = adwin.estimation
    adwin.update(value)
    return adwin.drift_detected and adwin.estimation > before


def trained(delta: float, clock: int, past: np.ndarray) -> ADWIN:
    """ADWIN after these values."""
    adwin = ADWIN(delta=delta, clock=clock)
    for value in past:
        adwin.update(float(value))
    return adwin


def alarms(ready: list[ADWIN], values: np.ndarray) -> Trace:
    """When each delta first alarms, as records: a stricter one that is no later than a looser one makes that one superfluous."""
    points = []
    for delta, adwin in zip(DELTAS, ready):
        adwin = copy.deepcopy(adwin)
        for event, value in enumerate(values, start=1):
            if update(adwin, float(value)):
                points.append((event, -np.log10(delta)))
                break
    points.sort(key=lambda point: (point[0], -point[1]))
    return records(*zip(*points)) if points else []


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--kinds", default=",".join(FAMILIES))
    args = parser.parse_args()
    kinds = args.kinds.split(",")
    for family in sorted({FAMILIES[kind] for kind in kinds}):
        what = {"labelled": "error", "unlabelled": "doubt"}[family]
        streams = load_streams(args.work, ["null"] + [kind for kind in kinds if FAMILIES[kind] == family])
        past = {task: getattr(Events(args.work / "references" / "full.parquet", task), what)
                for task in sorted({stream.task for stream in streams})}
        values = {stream.name: getattr(Events(stream_path(args.work, stream)), what) for stream in streams}
        for clock in (32, 1):
            for start in ("empty", "reference"):
                ready = {task: [trained(delta, clock, numbers if start == "reference" else numbers[:0]) for delta in DELTAS]
                         for task, numbers in past.items()}
                traces: Traces = {stream.name: alarms(ready[stream.task], values[stream.name]) for stream in streams}
                save_traces(args.work, f"adwin-{what}@{start}-clock{clock}.{family}", traces)
        print(f"adwin on {what}: {len(streams)} streams")


if __name__ == "__main__":
    main()

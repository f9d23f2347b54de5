#!/usr/bin/env python3
"""Replays every labelled scenario with the shipped configuration, scores the timelines, and holds the result to its bounds.

    python scenarios.py --binary target/release/bellwether --scenarios DIR --work DIR

DIR holds materialize.py, score.py and scenarios.json. Replays one scenario twice more, on one thread and on two, and demands
equal bytes. Needs numpy and pyarrow.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import time

# What each set of streams must reach, at least or at most, by the name of score.py's figure; a set is known by its first stream.
BOUNDS = {
    "S00_null_a": {
        "macro_f1_end": (0.97, 1), "macro_f1_time": (0.96, 1), "every_f1_end": (0.92, 1), "missed": (0, 0),
        "median_delay_events": (0, 70), "false_alarms_per_10k_null": (0, 0), "false_alarms_per_10k_benign": (0, 0),
        "false_alarms_per_10k_all": (0, 0.1), "shared_encoder_precision": (0.95, 1), "shared_encoder_recall": (1, 1),
        "model_new_task_precision": (0.9, 1), "model_new_task_recall": (0.95, 1),
    },
    "S30_partial_sudden": {
        "macro_f1_end": (0.92, 1), "macro_f1_time": (0.88, 1), "every_f1_end": (0.85, 1), "missed": (0, 0),
        "false_alarms_per_10k_all": (0, 0.2), "wrong_remedy_per_10k": (0, 0.3), "flaps_per_task": (0, 0.4),
        "time_to_clear_h": (0, 24), "shared_encoder_precision": (0.95, 1), "shared_encoder_recall": (0.98, 1),
    },
}
REPEATED = "S16_shared_mojibake"


def run(*command):
    return subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True).stdout


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", type=pathlib.Path, required=True)
    parser.add_argument("--scenarios", type=pathlib.Path, required=True)
    parser.add_argument("--work", type=pathlib.Path, required=True)
    args = parser.parse_args()
    work, data = args.work, args.work / "data"
    timelines = work / "timelines"
    timelines.mkdir(parents=True, exist_ok=True)
    names = [entry["scenario"] for entry in json.loads((args.scenarios / "scenarios.json").read_text())]
    if not all((data / name / "events.parquet").exists() for name in names):
        run(sys.executable, args.scenarios / "materialize.py", data)

    def build(folder, output):
        source = folder if (folder / "reference.parquet").exists() else data
        tasks = folder / "tasks.json" if (folder / "tasks.json").exists() else data / "tasks.json"
        run(args.binary, "reference", "build", "--observations", source / "reference.parquet",
            "--tasks", tasks, "--output", output)
        return output

    def replay(name, timeline, *more):
        folder = data / name
        own = (folder / "reference.parquet").exists()
        reference = build(folder, work / f"{name}.ref") if own else common
        run(args.binary, "replay", "--reference", reference, "--observations", folder / "events.parquet",
            "--labels", folder / "labels.parquet", "--timeline", timeline, *more)
        return timeline.read_bytes()

    common = build(data, work / "model.ref")
    start = time.monotonic()
    for name in names:
        replay(name, timelines / f"{name}.jsonl")
    print(f"{len(names)} replays in {time.monotonic() - start:.1f} s")

    if REPEATED in names:
        once = (timelines / f"{REPEATED}.jsonl").read_bytes()
        for threads in (1, 2):
            again = replay(REPEATED, work / f"again-{threads}.jsonl", "--threads", threads)
            assert once == again, f"a replay on {threads} thread(s) gave another timeline"
        print("two replays are byte-identical, on one thread and on two")

    figures = work / "score.json"
    print(run(sys.executable, args.scenarios / "score.py", timelines, "--root", args.scenarios, "--json", figures))
    overall = json.loads(figures.read_text())["overall"]
    overall["missed"] = overall["detectable"] - overall["detected"]
    overall["every_f1_end"] = min(overall["f1_end"].values())
    for key in ("shared_encoder", "model_new_task"):
        overall |= {f"{key}_{figure}": value for figure, value in overall[key].items()}
    outside = [
        f"{key} is {overall[key]:.3f}, not within {low} to {high}"
        for key, (low, high) in BOUNDS.get(names[0], {}).items()
        if not low <= (overall[key] or 0) <= high + 1e-9
    ]
    assert not outside, "; ".join(outside)
    print("all figures are within their bounds")


if __name__ == "__main__":
    main()

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

MACRO_F1 = 0.90
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
    for key in ("macro_f1_end", "macro_f1_time"):
        assert overall[key] >= MACRO_F1, f"{key} is {overall[key]:.3f}, at least {MACRO_F1} is needed"
    assert not overall["false_alarms_per_10k_null"], "a false verdict on a stationary stream"
    print(f"macro-F1 at least {MACRO_F1}, no false verdict on the stationary streams")


if __name__ == "__main__":
    main()

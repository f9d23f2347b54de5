#!/usr/bin/env python3
"""The false-alarm study and the power study on the labelled null streams, by `bellwether calibrate`.

    python calibrate.py --binary target/release/bellwether --scenarios DIR --work DIR [--streams 400] [--runs 20]

DIR holds materialize.py and scenarios.json. The null streams of the common reference together are the quiet period. Writes
power.json, power.svg and table.txt to the work directory, and fails when the interval of the run length lies below the configured one. Needs numpy and pyarrow.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import time


def is_null(data, name):
    folder = data / name
    return "_null_" in name and not (folder / "reference.parquet").exists()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", type=pathlib.Path, required=True)
    parser.add_argument("--scenarios", type=pathlib.Path, required=True)
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--streams", type=int, default=400)
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    work, data = args.work, args.work / "data"
    work.mkdir(parents=True, exist_ok=True)
    names = [entry["scenario"] for entry in json.loads((args.scenarios / "scenarios.json").read_text())]
    if not all((data / name / "events.parquet").exists() for name in names):
        subprocess.run([sys.executable, args.scenarios / "materialize.py", data], check=True)
    quiet = [name for name in names if is_null(data, name)]
    assert quiet, f"no null stream among {len(names)} scenarios"

    reference = work / "calibrate.ref"
    subprocess.run([args.binary, "reference", "build", "--observations", data / "reference.parquet",
                    "--tasks", data / "tasks.json", "--output", reference], check=True)
    files = []
    for name in quiet:
        files += ["--observations", data / name / "events.parquet", "--labels", data / name / "labels.parquet"]
    start = time.monotonic()
    table = subprocess.run(
        [args.binary, "calibrate", "--reference", reference, *files, "--streams", str(args.streams),
         "--events", str(args.events), "--runs", str(args.runs), "--seed", str(args.seed),
         "--report", work / "power.json", "--picture", work / "power.svg"],
        check=True, capture_output=True, text=True).stdout
    (work / "table.txt").write_text(table)
    print(table)
    print(f"{len(quiet)} null streams; {time.monotonic() - start:.0f} s")
    model = json.loads((work / "power.json").read_text())["quiet"]["model"]
    assert model["finding"] != "below", f"the run length is not kept: {model}"


if __name__ == "__main__":
    main()

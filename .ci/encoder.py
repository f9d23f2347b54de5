#!/usr/bin/env python3
"""Replays labelled scenarios twice, with their recorded vectors and as texts alone, and demands the same verdicts at the same times.

    python encoder.py --binary target/release/bellwether --encoder DIR --data DIR [--data DIR] --work DIR [--only NAME ...]

--data is what scenarios.py has made (its `data` below --work), --encoder a directory with all-MiniLM-L6-v2, whose vectors the
streams carry. With `--arithmetic integer` texts are embedded in whole numbers, for the reference too. Needs pyarrow.
"""
import argparse
import json
import pathlib
import subprocess
import time

import pyarrow.parquet as pq


def run(*command):
    subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True)


def without_vectors(source, target):
    pq.write_table(pq.read_table(source).drop_columns(["embedding"]), target)
    return target


def said(timeline):
    lines = (json.loads(line) for line in timeline.read_text().splitlines())
    return [(line["timestamp"], line["task"], line["verdict"], line["shared_encoder"]) for line in lines]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", type=pathlib.Path, required=True)
    parser.add_argument("--encoder", type=pathlib.Path, required=True)
    parser.add_argument("--data", type=pathlib.Path, action="append", required=True)
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--arithmetic", choices=("float", "integer"), default="float")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    config = args.work / "encoder.toml"
    config.write_text(f'[encoder]\ndirectory = "{args.encoder.resolve()}"\narithmetic = "{args.arithmetic}"\n')
    streams = events = lines = other = 0
    for data in args.data:
        for folder in sorted(path.parent for path in data.glob("*/events.parquet")):
            if args.only and folder.name not in args.only:
                continue
            began = time.monotonic()
            own = (folder / "reference.parquet").exists()
            tasks = folder / "tasks.json" if (folder / "tasks.json").exists() else data / "tasks.json"
            recorded = (folder if own else data) / "reference.parquet"
            texts = without_vectors(folder / "events.parquet", args.work / "events.parquet")
            references = {"vectors": (recorded, []), "texts": (without_vectors(recorded, args.work / "reference.parquet"),
                                                               ["--config", config])}
            timelines = {}
            for name, (observations, more) in references.items():
                reference = args.work / f"{name}.ref"
                run(args.binary, "reference", "build", "--observations", observations, "--tasks", tasks, "--output", reference, *more)
                timeline = args.work / f"{folder.name}.{name}.jsonl"
                run(args.binary, "replay", "--reference", reference, "--observations",
                    folder / "events.parquet" if name == "vectors" else texts, "--labels", folder / "labels.parquet",
                    "--timeline", timeline, *more)
                timelines[name] = said(timeline)
            differing = sum(a != b for a, b in zip(*timelines.values())) + abs(len(timelines["vectors"]) - len(timelines["texts"]))
            streams, events, lines, other = (streams + 1, events + pq.read_metadata(texts).num_rows,
                                             lines + len(timelines["vectors"]), other + differing)
            print(f"{folder.name}: {len(timelines['vectors'])} lines, {differing} differ, {time.monotonic() - began:.0f} s", flush=True)
    print(f"{streams} streams, {events} events as texts alone: {other} of {lines} lines differ from those of the recorded vectors")
    raise SystemExit(other > 0 or streams == 0)


if __name__ == "__main__":
    main()

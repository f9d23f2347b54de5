"""Bellwether's side: one replay a stream, and when its first verdict other than `healthy` came.

    python bellwether_side.py --binary target/release/bellwether --work DIR [--kinds shift,accuracy] [--run-length 0]

`watch` counts, in every family. Without a run length the configuration is the shipped one; with one, it is
`monitor.watch_run_length`, and `monitor.average_run_length` is ten times that, as in the shipped one.
"""
import argparse
import datetime
import json
import os
import pathlib
import subprocess

import pyarrow.parquet as pq

from common import FAMILIES, Stream, Traces, load_streams, save_traces, stream_path


def first_alarm(timeline: pathlib.Path, stream: Stream, work: pathlib.Path) -> int | None:
    """Events that had come when the task's verdict was first neither `healthy` nor `unknown`."""
    times = pq.read_table(stream_path(work, stream), columns=["timestamp"])["timestamp"].to_pylist()
    for line in map(json.loads, timeline.read_text().splitlines()):
        if line["task"] == stream.task and line["verdict"] not in ("healthy", "unknown"):
            at = datetime.datetime.fromisoformat(line["timestamp"])
            return sum(time <= at for time in times)
    return None


def judge(binary: pathlib.Path, work: pathlib.Path, streams: list[Stream], labelled: bool, config: list[str]) -> Traces:
    """A trace of at most one record for each stream."""
    traces: Traces = {}
    timeline = work / f"timeline-{os.getpid()}.tmp"
    for stream in streams:
        path = stream_path(work, stream)
        reference = work / "references" / f"{stream.reference}.ref"
        labels = ["--labels", path] if labelled else []
        subprocess.run([binary, "replay", "--reference", reference, "--observations", path, *labels, *config,
                        "--timeline", timeline, "--threads", "1"], check=True, capture_output=True)
        alarm = first_alarm(timeline, stream, work)
        traces[stream.name] = [] if alarm is None else [(alarm, 1.0)]
    return traces


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", type=pathlib.Path, required=True)
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--kinds", default=",".join(FAMILIES))
    parser.add_argument("--run-length", type=int, default=0, help="the run length of `watch`; 0 for the shipped configuration")
    args = parser.parse_args()
    kinds = args.kinds.split(",")
    for observations in sorted((args.work / "references").glob("*.parquet")):
        subprocess.run([args.binary, "reference", "build", "--observations", observations,
                        "--tasks", observations.with_suffix(".json"), "--output", observations.with_suffix(".ref")],
                       check=True, capture_output=True)
    config = []
    if args.run_length:
        path = args.work / "looser.toml"
        path.write_text(f"[monitor]\nwatch_run_length = {args.run_length}\naverage_run_length = {10 * args.run_length}\n")
        config = ["--config", str(path)]
    setting = str(args.run_length) if args.run_length else "shipped"
    for family in sorted({FAMILIES[kind] for kind in kinds}):
        of_family = ["null"] + [kind for kind in kinds if FAMILIES[kind] == family]
        traces = judge(args.binary, args.work, load_streams(args.work, of_family), family == "labelled", config)
        save_traces(args.work, f"bellwether@{setting}.{family}", traces)
        false = sum(bool(trace) for name, trace in traces.items() if name.startswith("null"))
        print(f"bellwether, {setting}, {family}: {false} null streams with a verdict, of {sum(n.startswith('null') for n in traces)}")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Replays the labelled scenarios that bring something new, and measures the work sets of their alarms against the truth.

    python work_sets.py --binary target/debug/bellwether --scenarios ../shared/scenarios --scenarios ../shared/scenarios_hard --work DIR

Of each `continual_update` and `new_task` set: how many of the first 100 to be labelled are truly novel, against a random choice
among the task's recent observations and against the least confident of them; how much of the proposed groups is truly novel, and,
where annotators named the new classes, how pure the groups are and how many of the classes have one. Holds the means to bounds.
Needs numpy and pyarrow.

The truth of an observation: its text, but for case and punctuation, has a label in some stream or in the reference (20 % of the
events are labelled, and texts recur). A text that never got a label of the task's own set is novel. `truth.json` has the share of
novel events in each interval, and this truth must agree with it.
"""
import argparse
import collections
import json
import pathlib
import re
import shutil
import subprocess
import sys
import time

import numpy as np
import pyarrow.parquet as pq

FIRST = 100
RECENT = 768
# Streams in which the labels say what the texts are not.
UNTRUE = ("concept", "annotator", "label_faults", "mislabelled", "two_causes")
# Streams whose labels name the new classes.
NAMED = ("S12_new_intents_sudden", "S29_new_domain_gradual", "S51_two_new_domains")
NOVELTY = ("continual_update", "new_task")
# At least; of the means over all sets.
BOUNDS = {
    "of possible": 0.93, "over least confidence": 0.10, "over random": 0.60, "group novelty": 0.95, "group recall": 0.60,
    "class purity": 0.75, "class recall": 0.70,
}


def normalised(text):
    return re.sub(r"[^a-z0-9 ]", "", text.lower().replace("'", "")).strip()


def run(*command):
    return subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True).stdout


class Truth:
    """What each text is, by the labels of all streams."""

    def __init__(self, roots):
        self.tasks = json.loads((roots[0] / "tasks.json").read_text())
        self.labels = collections.defaultdict(collections.Counter)
        for root in roots:
            pool = [t for f in sorted((root / "pool").glob("pool-*.parquet")) for t in pq.read_table(f, columns=["text"])["text"].to_pylist()]
            reference = pq.read_table(root / "reference/reference.compact.parquet", columns=["task", "pool_row", "label"])
            self.add(pool, *(reference[c].to_pylist() for c in ("task", "pool_row", "label")))
            for name in [s["scenario"] for s in json.loads((root / "scenarios.json").read_text())]:
                if any(word in name for word in UNTRUE):
                    continue
                events = pq.read_table(root / name / "events.compact.parquet", columns=["event_id", "task", "pool_row"])
                labels = pq.read_table(root / name / "labels.parquet")
                labels = dict(zip(labels["event_id"].to_pylist(), labels["label"].to_pylist()))
                self.add(pool, events["task"].to_pylist(), events["pool_row"].to_pylist(), [labels.get(i) for i in events["event_id"].to_pylist()])

    def add(self, pool, tasks, rows, labels):
        for task, row, label in zip(tasks, rows, labels):
            if label is not None and self.tasks[task]["kind"] == "classification":
                self.labels[normalised(pool[row])][label] += 1

    def class_of(self, text):
        """The class that annotators named most often; None where none was named."""
        names = [name for name, _ in self.labels[normalised(text)].most_common() if name != "__other__"] if normalised(text) in self.labels else []
        return names[0] if names else None

    def is_novel(self, task, text):
        return self.class_of(text) not in self.tasks[task]["labels"]


def measure(truth, intervals, name, events, path):
    """The figures of one set, beside those of the plain choices; None where the truth is not known."""
    header = json.loads(pq.read_metadata(path).metadata[b"bellwether.work_set"])
    task = header["task"]
    if task is None or header["verdict"] not in NOVELTY:
        return None
    if any(is_damaged(i) and i["from_ms"] <= header["taken_ms"] <= i["to_ms"] for i in intervals[task]):
        return None
    rows = pq.read_table(path, columns=["rank", "event_id", "group", "known", "copies"]).to_pydict()
    novel = np.array([truth.is_novel(task, events[i]["text"]) for i in rows["event_id"]])
    unlabelled = np.array([rank is not None for rank in rows["rank"]])
    first = np.array([rank is not None and rank <= FIRST for rank in rows["rank"]])
    recent = [e for e in events.values() if e["task"] == task and e["ms"] <= header["taken_ms"]][-RECENT:]
    recent_novel = np.array([truth.is_novel(task, e["text"]) for e in recent])
    least = np.argsort([e["confidence"] for e in recent], kind="stable")[:FIRST]
    group = np.array([-1 if g is None else g for g in rows["group"]])
    classes = [truth.class_of(events[i]["text"]) if n else None for i, n in zip(rows["event_id"], novel)]
    figures = {
        "scenario": name, "task": task, "verdict": header["verdict"], "revision": header["revision"], "novel": int((novel & unlabelled).sum()),
        "precision": novel[first].mean(), "possible": min(1, (novel & unlabelled).sum() / min(FIRST, first.sum())),
        "random": recent_novel.mean(), "least": recent_novel[least].mean(), "groups": len(header["groups"]),
        "group_novelty": novel[group >= 0].mean() if (group >= 0).any() else np.nan,
        "group_recall": (novel & (group >= 0)).sum() / max(1, novel.sum()), "class": None,
    }
    if name in NAMED:
        # Of the rows whose class was named: those of their group's commonest class, and the classes that are some group's commonest.
        by_group = collections.defaultdict(collections.Counter)
        for g, c in zip(group, classes):
            if g >= 0 and c is not None:
                by_group[g][c] += 1
        counted = [c for c in by_group.values() if sum(c.values()) >= 2]
        frequent = [c for c, k in collections.Counter(c for c in classes if c is not None).items() if k >= 2]
        leading = {c.most_common(1)[0][0] for c in by_group.values()}
        figures["class"] = (sum(max(c.values()) for c in counted), sum(sum(c.values()) for c in counted), len(leading & set(frequent)), len(frequent))
    return figures


def is_damaged(interval):
    """Known texts arrive damaged: they are not those that were labelled."""
    severity = interval["severity"]
    return (severity.get("affected_share") or 0) > (severity.get("novel_share") or 0) + 0.02


def check_truth(truth, intervals_of_tasks, name, events):
    """The truth by texts has the share of novel events that truth.json measured."""
    ordered = list(events.values())
    for task, intervals in intervals_of_tasks.items():
        for interval in intervals:
            share = None if is_damaged(interval) else interval["severity"].get("novel_share")
            mine = [truth.is_novel(task, e["text"]) for e in ordered[interval["from_event_index"]:interval["to_event_index"]] if e["task"] == task]
            if share and interval["verdict"] in NOVELTY and len(mine) >= 200:
                assert abs(np.mean(mine) - share) < 0.03, f"{name}: {task}: {np.mean(mine):.3f} of the events are novel by their texts, {share} by truth.json"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--binary", type=pathlib.Path, required=True)
    parser.add_argument("--scenarios", type=pathlib.Path, action="append", required=True)
    parser.add_argument("--work", type=pathlib.Path, required=True)
    args = parser.parse_args()
    start = time.monotonic()
    truth = Truth(args.scenarios)
    all_figures = []
    for root in args.scenarios:
        data = args.work / root.name
        names = []
        for entry in json.loads((root / "scenarios.json").read_text()):
            intervals = json.loads((root / entry["scenario"] / "truth.json").read_text())["tasks"].values()
            if any(i["verdict"] in NOVELTY for of_task in intervals for i in of_task):
                names.append(entry["scenario"])
        if not all((data / name / "events.parquet").exists() for name in names):
            run(sys.executable, root / "materialize.py", data, *names)
        reference = data / "model.ref"
        run(args.binary, "reference", "build", "--observations", data / "reference.parquet", "--tasks", data / "tasks.json", "--output", reference)
        for name in names:
            sets, folder = data / f"{name}.sets", data / name
            shutil.rmtree(sets, ignore_errors=True)
            run(args.binary, "replay", "--reference", reference, "--observations", folder / "events.parquet",
                "--labels", folder / "labels.parquet", "--timeline", data / f"{name}.jsonl", "--work-sets", sets)
            columns = pq.read_table(folder / "events.parquet", columns=["event_id", "task", "timestamp", "text", "probabilities"])
            columns = {c: (columns[c].cast("int64") if c == "timestamp" else columns[c]).to_pylist() for c in columns.column_names}
            events = {
                i: {"task": t, "ms": ms, "text": x, "confidence": max(p) if p else 1.0}
                for i, t, ms, x, p in zip(*(columns[c] for c in ("event_id", "task", "timestamp", "text", "probabilities")))
            }
            intervals = json.loads((root / name / "truth.json").read_text())["tasks"]
            check_truth(truth, intervals, name, events)
            all_figures += [f for path in sorted(sets.glob("*.parquet")) if (f := measure(truth, intervals, name, events, path))]
    report(all_figures)
    print(f"in {time.monotonic() - start:.0f} s")


def report(figures):
    print(f"Of the first {FIRST}: share that is truly novel, and what could be; of the plain choices; what the groups hold")
    print(f"{'scenario and task':52} {'rev':>3} {'novel':>5} {'p@100':>6} {'best':>5} {'random':>6} {'least':>6} {'groups':>6} {'novel':>6} {'recall':>6} {'classes':>14}")
    for f in figures:
        named = "" if f["class"] is None else "{}/{} pure {}/{}".format(*f["class"])
        label = f"{f['scenario'][:32]} {f['task']}"
        print(f"{label:52} {f['revision']:3} {f['novel']:5} {f['precision']:6.2f} {f['possible']:5.2f} {f['random']:6.2f} {f['least']:6.2f} "
              f"{f['groups']:6} {f['group_novelty']:6.2f} {f['group_recall']:6.2f} {named:>14}")
    mean = lambda key: float(np.nanmean([f[key] for f in figures]))
    pure, named, led, frequent = (sum(f["class"][at] for f in figures if f["class"]) for at in range(4))
    reached = {
        "of possible": float(np.mean([min(1, f["precision"] / f["possible"]) for f in figures if f["possible"] > 0])),
        "over least confidence": mean("precision") - mean("least"), "over random": mean("precision") - mean("random"),
        "group novelty": mean("group_novelty"), "group recall": mean("group_recall"),
        "class purity": pure / named, "class recall": led / frequent,
    }
    print(f"{len(figures)} sets: precision@{FIRST} {mean('precision'):.3f} of {mean('possible'):.3f}, random {mean('random'):.3f}, least confidence {mean('least'):.3f}")
    print(", ".join(f"{key} {value:.3f}" for key, value in reached.items()))
    outside = [f"{key} is {reached[key]:.3f}, less than {bound}" for key, bound in BOUNDS.items() if reached[key] < bound]
    assert len(figures) >= 40 and named >= 100, "there are too few sets for the figures to mean anything"
    assert not outside, "; ".join(outside)
    print("all figures are within their bounds")


if __name__ == "__main__":
    main()

"""Makes the streams: the same bytes for every detector.

    python streams.py --demo crates/bellwether/assets/demo.parquet --work DIR [--runs 30] [--nulls 500]
"""
import argparse
import dataclasses
import json
import pathlib
import zlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

import demo_data
from common import CHANGED, QUIET, SIZES, Stream, stream_path
from demo_data import Task, answers, embeddings

START_MS = 1_773_014_400_000  # Monday, 9 March 2026
GAP_MS = 6 * 60 * 1000  # mean time between two events
REFERENCE_COLUMNS = ["event_id", "task", "timestamp", "embedding", "prediction", "probabilities", "label"]


@dataclasses.dataclass
class Draft:
    """A stream in the making."""

    vectors: np.ndarray
    probabilities: np.ndarray
    prediction: np.ndarray
    label: np.ndarray


def passes(size: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """`count` of `size` things, each once before any again."""
    return np.concatenate([rng.permutation(size) for _ in range(-(-count // size))])[:count]


def quiet(task: Task, rng: np.random.Generator) -> Draft:
    """Messages of the pool, with the answers and labels that they had."""
    rows = task.pool.take(passes(len(task.pool), QUIET + CHANGED, rng))
    return Draft(embeddings(rows), np.array(rows["probabilities"].to_pylist()),
                 np.array(rows["prediction"].to_pylist(), dtype=object), np.array(rows["label"].to_pylist(), dtype=object))


def answer(draft: Draft, task: Task, changed: np.ndarray) -> None:
    """Lets the head answer these events anew."""
    draft.probabilities[changed] = answers(task.head, draft.vectors[changed])
    draft.prediction[changed] = np.array(task.labels, dtype=object)[draft.probabilities[changed].argmax(axis=1)]


def shift(draft: Draft, task: Task, size: float, changed: np.ndarray, rng: np.random.Generator) -> None:
    """Moves every event one way, by `size` root mean square distances of a message from the mean of its class.

    The direction has the covariance of those differences, so that the principal ones come most often.
    """
    vectors, label = embeddings(task.pool), np.array(task.pool["label"].to_pylist())
    within = np.concatenate([vectors[label == name] - vectors[label == name].mean(axis=0) for name in task.labels])
    direction = rng.normal(size=len(within)) @ within
    spread = np.sqrt((within**2).sum(axis=1).mean())
    draft.vectors[changed] += size * spread * direction / np.linalg.norm(direction)
    answer(draft, task, changed)


def novelty(draft: Draft, task: Task, other: Task, size: float, changed: np.ndarray, rng: np.random.Generator) -> None:
    """Replaces some events by messages of a task that the reference does not know."""
    strangers = np.concatenate([embeddings(other.pool), embeddings(other.reference)])
    new = changed[rng.random(len(changed)) < size]
    draft.vectors[new] = strangers[passes(len(strangers), len(new), rng)]
    answer(draft, task, new)
    draft.label[new] = "__other__"


def accuracy(draft: Draft, task: Task, size: float, changed: np.ndarray, rng: np.random.Generator) -> None:
    """Gives some rightly answered events the label of another class, so that accuracy falls by `size`."""
    right = draft.prediction == draft.label
    share = (np.array(task.pool["prediction"].to_pylist()) == np.array(task.pool["label"].to_pylist())).mean()
    for event in changed[right[changed] & (rng.random(len(changed)) < size / share)]:
        draft.label[event] = rng.choice([name for name in task.labels if name != draft.label[event]])


def confidence(draft: Draft, task: Task, size: float, changed: np.ndarray, rng: np.random.Generator) -> None:
    """Softens every answer by one temperature, so that mean confidence falls by `size`; inputs and answers stay."""
    log = np.log(np.array(task.pool["probabilities"].to_pylist()))
    before = soften(log, 1.0).max(axis=1).mean()
    low, high = 1.0, 100.0
    for _ in range(40):
        middle = (low * high) ** 0.5
        enough = before - soften(log, middle).max(axis=1).mean() > size
        low, high = (low, middle) if enough else (middle, high)
    draft.probabilities[changed] = soften(np.log(draft.probabilities[changed]), high)


def soften(log: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities at another temperature."""
    odds = np.exp(log / temperature)
    return odds / odds.sum(axis=1, keepdims=True)


def make(stream: Stream, tasks: dict[str, Task], work: pathlib.Path) -> None:
    """Writes one stream. Streams of one number differ between sizes in the size alone."""
    rng = np.random.default_rng(zlib.crc32(stream.name.replace(f"-{stream.size:g}-", "-").encode()))
    task, changed = tasks[stream.task], np.arange(QUIET, QUIET + CHANGED)
    at = START_MS + np.cumsum(rng.exponential(GAP_MS, QUIET + CHANGED)).astype(np.int64)
    draft = quiet(task, rng)
    if stream.kind == "novelty":
        novelty(draft, task, tasks[stream.reference.removeprefix("without-")], stream.size, changed, rng)
    elif stream.kind != "null":
        {"shift": shift, "accuracy": accuracy, "confidence": confidence}[stream.kind](draft, task, stream.size, changed, rng)
    flat = pa.array(draft.vectors.astype(np.float16).ravel())
    pq.write_table(pa.table({
        "event_id": [f"{stream.name}-{number}" for number in range(len(at))],
        "task": pa.array([stream.task] * len(at)),
        "timestamp": pa.array(at, pa.timestamp("ms", "UTC")),
        "embedding": pa.FixedSizeListArray.from_arrays(flat, draft.vectors.shape[1]),
        "prediction": pa.array(draft.prediction, pa.string()),
        "probabilities": pa.array(list(draft.probabilities.astype(np.float32)), pa.list_(pa.float32())),
        "label": pa.array(draft.label, pa.string()),
    }), stream_path(work, stream))


def plan(tasks: dict[str, Task], runs: int, nulls: int) -> list[Stream]:
    """All streams: each cell and the null streams have as many of every classification task."""
    watched = [name for name, task in tasks.items() if task.head is not None]
    streams = [Stream(f"null-{number:04}", "null", 0, watched[number % len(watched)], "full") for number in range(nulls)]
    for kind, sizes in SIZES.items():
        for size in sizes:
            for number in range(runs):
                task = watched[number % len(watched)]
                others = [name for name in tasks if name != task]
                reference = f"without-{others[number // len(watched) % len(others)]}" if kind == "novelty" else "full"
                streams.append(Stream(f"{kind}-{size:g}-{number:03}", kind, size, task, reference))
    return streams


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--demo", type=pathlib.Path, required=True)
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--nulls", type=int, default=500)
    args = parser.parse_args()
    for folder in ("streams", "references"):
        (args.work / folder).mkdir(parents=True, exist_ok=True)
    tasks = demo_data.load(args.demo)
    specs = json.loads(pq.ParquetFile(args.demo).metadata.metadata[b"bellwether.tasks"])
    for left_out in [None, *tasks]:
        name = "full" if left_out is None else f"without-{left_out}"
        kept = [task for task in tasks if task != left_out]
        pq.write_table(pa.concat_tables([tasks[task].reference for task in kept]).select(REFERENCE_COLUMNS),
                       args.work / "references" / f"{name}.parquet")
        (args.work / "references" / f"{name}.json").write_text(json.dumps({task: specs[task] for task in kept}))
    streams = plan(tasks, args.runs, args.nulls)
    for stream in streams:
        make(stream, tasks, args.work)
    (args.work / "streams.json").write_text(json.dumps([dataclasses.asdict(stream) for stream in streams]))
    print(f"{len(streams)} streams; pools: " + ", ".join(f"{name} {len(task.pool)}" for name, task in tasks.items()))


if __name__ == "__main__":
    main()

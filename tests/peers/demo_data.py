"""The demo's recorded messages as a reference, a disjoint pool of quiet messages for each task, and the heads."""
import dataclasses
import json
import pathlib

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq


@dataclasses.dataclass
class Task:
    """One task's messages: the rows of its reference, and quiet rows that the reference does not have."""

    labels: list[str]
    reference: pa.Table
    pool: pa.Table
    head: np.ndarray | None  # [385, classes]: embedding and 1 to log-odds; none for tags


def embeddings(table: pa.Table) -> np.ndarray:
    """The embeddings, [n, 384]."""
    flat = table["embedding"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    return flat.reshape(len(table), -1).astype(np.float64)


def answers(head: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """The head's probabilities, [n, classes]."""
    logits = np.c_[vectors, np.ones(len(vectors))] @ head
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


def recover_head(table: pa.Table) -> np.ndarray:
    """The head that gave the recorded probabilities: a softmax regression, so its log-odds are linear in the embedding."""
    vectors = embeddings(table)
    log = np.log(np.array(table["probabilities"].to_pylist()))
    log -= log.mean(axis=1, keepdims=True)
    head = np.linalg.lstsq(np.c_[vectors, np.ones(len(vectors))], log, rcond=None)[0]
    error = np.abs(answers(head, vectors) - np.array(table["probabilities"].to_pylist())).max()
    assert error < 1e-4, f"the recorded answers are not those of a softmax regression: {error}"
    return head


def with_the_mix_of(reference: pa.Table, rows: pa.Table, rng: np.random.Generator) -> pa.Table:
    """As many of the rows as have the reference's proportions of labels."""
    want = {entry["values"]: entry["counts"] / len(reference) for entry in pc.value_counts(reference["label"]).to_pylist()}
    label = np.array(rows["label"].to_pylist())
    total = min((label == name).sum() / share for name, share in want.items())
    keep = [rng.permutation(np.flatnonzero(label == name))[: round(total * share)] for name, share in want.items()]
    return rows.take(np.sort(np.concatenate(keep)))


def load(path: pathlib.Path) -> dict[str, Task]:
    """All tasks of the recording.

    A pool is what came under no cause; for the task with a change of mix alone, whose messages are undamaged, it is
    those and the others in the reference's proportions.
    """
    specs = json.loads(pq.ParquetFile(path).metadata.metadata[b"bellwether.tasks"])
    table = pq.read_table(path)
    rng = np.random.default_rng(1)
    tasks = {}
    for name, spec in specs.items():
        rows = table.filter(pc.equal(table["task"], name))
        reference = rows.filter(pc.equal(rows["part"], "reference"))
        stream = rows.filter(pc.equal(rows["part"], "stream"))
        pool = stream.filter(pc.equal(stream["cause"], "none"))
        if "mix" in stream["cause"].unique().to_pylist():
            pool = with_the_mix_of(reference, stream.filter(pc.is_in(stream["cause"], pa.array(["none", "mix"]))), rng)
        head = recover_head(rows) if spec["kind"] == "classification" else None
        tasks[name] = Task(spec["labels"], reference, pool, head)
    return tasks

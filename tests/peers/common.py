"""What every part of the comparison shares: the design of the streams, where things lie, and how traces are kept."""
import dataclasses
import json
import pathlib
import typing

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

QUIET = 200
"""Events of a stream before anything happens."""
CHANGED = 1000
"""Events with the change, after which a stream ends."""
STEP = 50
"""Events between two windows of a detector that judges windows."""
WINDOWS = (100, 200)
"""Their sizes."""
SIZES: dict[str, list[float]] = {
    "shift": [0.05, 0.1, 0.2, 0.4, 0.8],
    "novelty": [0.05, 0.1, 0.2, 0.4, 1.0],
    "accuracy": [0.05, 0.1, 0.2, 0.4],
    "confidence": [0.05, 0.1, 0.2, 0.4],
}
"""The kinds of change, and how large each is made."""
FAMILIES = {"shift": "unlabelled", "novelty": "unlabelled", "confidence": "unlabelled", "accuracy": "labelled"}
"""Whether streams of a kind carry labels. Null streams are judged once without and once with theirs."""


@dataclasses.dataclass(frozen=True)
class Stream:
    """One stream: a task, what happens to it after `QUIET` events, and the reference that it is judged by."""

    name: str
    kind: str  # "null" or a key of SIZES
    size: float
    task: str
    reference: str  # "full", or "without-TASK" where the events of TASK are the novelty


Trace = list[tuple[int, float]]
"""The records of a detector's level on one stream: (events seen, level), each level above all before it."""
Traces = dict[str, Trace]
"""Traces by the name of their stream."""


def records(events: typing.Iterable[int], levels: typing.Iterable[float]) -> Trace:
    """Those points of a level at which it is higher than ever before."""
    trace: Trace = []
    for event, level in zip(events, levels):
        if np.isfinite(level) and (not trace or level > trace[-1][1]):
            trace.append((int(event), float(level)))
    return trace


def window_ends(size: int) -> range:
    """Where windows of this size end, `STEP` events apart; those at multiples of the size are its consecutive chunks."""
    return range(size, QUIET + CHANGED + 1, STEP)


def window_traces(size: int, levels: typing.Sequence[float]) -> dict[str, Trace]:
    """The traces of two variants: overlapping windows, and consecutive chunks."""
    ends = window_ends(size)
    chunks = [(end, level) for end, level in zip(ends, levels) if end % size == 0]
    return {f"sliding{size}": records(ends, levels), f"chunks{size}": records(*zip(*chunks))}


def load_streams(work: pathlib.Path, kinds: typing.Collection[str]) -> list[Stream]:
    """The streams of these kinds, as listed by streams.py."""
    listed = json.loads((work / "streams.json").read_text())
    return [stream for stream in (Stream(**entry) for entry in listed) if stream.kind in kinds]


def fewer_nulls(streams: list[Stream], nulls: int) -> list[Stream]:
    """The streams with no more than so many null streams, for a detector that takes long."""
    return [stream for stream in streams if stream.kind != "null" or int(stream.name.removeprefix("null-")) < nulls]


class Events:
    """The events of a stream, or the rows of one task of a reference."""

    def __init__(self, path: pathlib.Path, task: str | None = None) -> None:
        self.table = pq.read_table(path)
        if task is not None:
            self.table = self.table.filter(pc.equal(self.table["task"], task))

    def _matrix(self, column: str) -> np.ndarray:
        values = self.table[column].combine_chunks().flatten().to_numpy(zero_copy_only=False)
        return values.reshape(len(self.table), -1)

    @property
    def embedding(self) -> np.ndarray:
        """[n, 384]"""
        return self._matrix("embedding").astype(np.float32)

    @property
    def probabilities(self) -> np.ndarray:
        """[n, classes]"""
        return self._matrix("probabilities").astype(float)

    @property
    def prediction(self) -> np.ndarray:
        """Class names."""
        return np.array(self.table["prediction"].to_pylist())

    @property
    def label(self) -> np.ndarray:
        """Class names."""
        return np.array(self.table["label"].to_pylist())

    @property
    def error(self) -> np.ndarray:
        """1 where the prediction is wrong."""
        return (self.prediction != self.label).astype(float)

    @property
    def doubt(self) -> np.ndarray:
        """1 - confidence."""
        return 1 - self.probabilities.max(axis=1)


def stream_path(work: pathlib.Path, stream: Stream) -> pathlib.Path:
    """Where a stream's events are; a label stands beside each of them, which only some detectors may read."""
    return work / "streams" / f"{stream.name}.parquet"


def save_traces(work: pathlib.Path, detector: str, traces: Traces) -> None:
    """Adds to what is known of a detector."""
    path = work / "traces" / f"{detector}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    known = load_traces(work, detector) | traces
    path.write_text(json.dumps(known))


def load_traces(work: pathlib.Path, detector: str) -> Traces:
    """What is known of a detector; nothing where it has not run."""
    path = work / "traces" / f"{detector}.json"
    return json.loads(path.read_text()) if path.exists() else {}

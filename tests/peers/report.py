"""The tables and the picture of the comparison, from the traces.

    python report.py --work DIR [--comparison docs/COMPARISON.md] [--picture docs/images/comparison.svg]

Thresholds are set on the null streams: each detector's is the lowest at which it alarms on at most as many of them as
Bellwether does. Where a detector's level has no common scale, it is first put on one, task by task, by the null streams
themselves, which favours it.
"""
import argparse
import dataclasses
import pathlib

import numpy as np

import picture
from common import CHANGED, FAMILIES, QUIET, SIZES, Stream, Trace, Traces, load_streams, load_traces

NEVER = np.inf
DETECTORS = {
    "Bellwether": "bellwether",
    "Alibi Detect, MMD online": "mmd",
    "Alibi Detect, LSDD online": "lsdd",
    "Evidently, domain classifier": "evidently",
    "NannyML, PCA reconstruction": "nannyml-pca",
    "NannyML, CBPE": "nannyml-cbpe",
    "River, ADWIN on 1 − confidence": "adwin-doubt",
    "River, ADWIN on labelled error": "adwin-error",
}
"""Names for people, and what the names of traces begin with."""
ADWIN_SHIPPED = 2.69
"""Just below the level of ADWIN's own delta of .002."""
TITLES = {"shift": "shift of embeddings", "novelty": "share of novelty", "accuracy": "fall of accuracy, by labels",
          "confidence": "fall of confidence"}
UNITS = {"shift": "sd", "novelty": "% of events", "accuracy": "points", "confidence": "points"}


@dataclasses.dataclass
class Result:
    """What a detector does at one threshold."""

    variant: str
    false: int
    nulls: int
    delays: dict[tuple[str, float], list[float]]  # cell to delays in events; NEVER where not found

    def median(self, cell: tuple[str, float]) -> float:
        """The median delay, `NEVER` where fewer than half are found."""
        delays = sorted(self.delays.get(cell, []))
        return delays[len(delays) // 2] if delays else np.nan

    def found(self, cell: tuple[str, float]) -> float:
        """The share found."""
        return float(np.mean(np.isfinite(self.delays[cell])))


def top(trace: Trace) -> float:
    """The highest level."""
    return trace[-1][1] if trace else -np.inf


def alarm(trace: Trace, threshold: float) -> float:
    """Events until the level passes a threshold."""
    return next((event for event, level in trace if level > threshold), NEVER)


def on_one_scale(traces: Traces, streams: list[Stream]) -> Traces:
    """Levels less the median top of the task's null streams, over their interquartile range."""
    scaled: Traces = {}
    for task in {stream.task for stream in streams}:
        tops = [top(traces[s.name]) for s in streams if s.task == task and s.kind == "null"]
        low, middle, high = np.percentile(tops, [25, 50, 75])
        for name in (s.name for s in streams if s.task == task):
            scaled[name] = [(event, (level - middle) / max(high - low, 1e-12)) for event, level in traces[name]]
    return scaled


def threshold_for(traces: Traces, nulls: list[Stream], allowed: int) -> float:
    """The lowest level that at most so many null streams pass."""
    tops = sorted((top(traces[stream.name]) for stream in nulls), reverse=True)
    return tops[allowed] if allowed < len(tops) else -np.inf


def result(variant: str, traces: Traces, streams: list[Stream], threshold: float) -> Result:
    """Delays at a threshold. A stream on which the alarm stands before the change tells nothing and is left out."""
    delays: dict[tuple[str, float], list[float]] = {}
    nulls = [stream for stream in streams if stream.kind == "null"]
    false = sum(np.isfinite(alarm(traces[stream.name], threshold)) for stream in nulls)
    for stream in streams:
        at = alarm(traces[stream.name], threshold)
        if stream.kind != "null" and at > QUIET:
            delays.setdefault((stream.kind, stream.size), []).append(at - QUIET)
    return Result(variant, int(false), len(nulls), delays)


def variants(work: pathlib.Path, detector: str, family: str) -> dict[str, Traces]:
    """The traces of a detector's variants."""
    paths = sorted((work / "traces").glob(f"{detector}@*.{family}.json"))
    return {path.name.split("@")[1].rsplit(".", 2)[0]: load_traces(work, path.name.removesuffix(".json")) for path in paths}


def results(work: pathlib.Path, family: str, setting: str) -> dict[str, list[Result]]:
    """Every detector's variants at the share of false alarms that Bellwether has with this setting; its own come first."""
    every = load_streams(work, ["null"] + [kind for kind in SIZES if FAMILIES[kind] == family])
    own = load_traces(work, f"bellwether@{setting}.{family}")
    bellwether = result(setting, own, [stream for stream in every if stream.name in own], 0)
    found = {"Bellwether": [bellwether]}
    for name, detector in DETECTORS.items():
        for variant, traces in variants(work, detector, family).items() if detector != "bellwether" else ():
            streams = [stream for stream in every if stream.name in traces]
            nulls = [stream for stream in streams if stream.kind == "null"]
            if not detector.startswith("adwin"):
                traces = on_one_scale(traces, streams)
            at = threshold_for(traces, nulls, bellwether.false * len(nulls) // bellwether.nulls)
            found.setdefault(name, []).append(result(variant, traces, streams, at))
    return found


def best(of: list[Result], cell: tuple[str, float]) -> Result | None:
    """The variant that is first in this cell."""
    able = [one for one in of if cell in one.delays]
    return min(able, key=lambda one: (one.median(cell), -one.found(cell)), default=None)


def interval(delays: list[float]) -> tuple[float, float]:
    """A 95 % bootstrap interval of the median."""
    rng = np.random.default_rng(0)
    medians = [sorted(rng.choice(delays, len(delays)))[len(delays) // 2] for _ in range(1000)]
    return tuple(np.sort(medians)[[25, 974]])


def number(delay: float) -> str:
    """A delay for people."""
    return f"> {CHANGED}" if not np.isfinite(delay) else f"{delay:.0f}"


def entry(one: Result | None, cell: tuple[str, float]) -> str:
    """Median delay, its interval, and the share found where it is not all."""
    if one is None:
        return "–"
    low, high = interval(one.delays[cell])
    share = "" if one.found(cell) == 1 else f"; {100 * one.found(cell):.0f} %"
    return f"{number(one.median(cell))} ({number(low)}–{number(high)}{share})"


def table(kind: str, found: dict[str, list[Result]]) -> list[str]:
    """One kind of change at one operating point."""
    heads = [f"{size:g} {UNITS[kind]}" if kind == "shift" else f"{100 * size:g} {UNITS[kind]}" for size in SIZES[kind]]
    lines = [f"| detector | {' | '.join(heads)} |", "| --- |" + " ---: |" * len(heads)]
    for name, of in found.items():
        if any(best(of, (kind, size)) for size in SIZES[kind]):
            cells = [entry(best(of, (kind, size)), (kind, size)) for size in SIZES[kind]]
            lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def rates(found: dict[str, list[Result]]) -> str:
    """The false alarms at which a table stands."""
    one = found["Bellwether"][0]
    others = {f"{result.false} of {result.nulls}" for name, of in found.items() if name != "Bellwether" for result in of}
    return f"Null streams with an alarm: Bellwether {one.false} of {one.nulls}, the others {', '.join(sorted(others))}."


def as_shipped(work: pathlib.Path) -> list[str]:
    """How often each peer alarms on null streams at its own threshold."""
    lines = ["| detector | null streams with an alarm, by variant |", "| --- | --- |"]
    for name, detector in DETECTORS.items():
        family = "labelled" if detector == "adwin-error" else "unlabelled"
        threshold = ADWIN_SHIPPED if detector.startswith("adwin") else 0
        parts = []
        for variant, traces in variants(work, detector, family).items():
            nulls = [trace for stream, trace in traces.items() if stream.startswith("null-")]
            if detector != "bellwether" or variant == "shipped":
                false = sum(np.isfinite(alarm(trace, threshold)) for trace in nulls)
                parts.append(f"{variant} {100 * false / len(nulls):.3g} %")
        if parts:
            lines.append(f"| {name} | {', '.join(parts)} |")
    return lines


def settings(work: pathlib.Path) -> list[str]:
    """Bellwether's settings that have run, the shipped one first."""
    names = {path.name.split("@")[1].split(".")[0] for path in (work / "traces").glob("bellwether@*")}
    return sorted(names, key=lambda name: (name != "shipped", name))


def between_markers(document: pathlib.Path, lines: list[str]) -> None:
    """Puts these lines in the place of those that were made before."""
    text = document.read_text()
    start, end = "<!-- made by tests/peers/report.py -->", "<!-- end -->"
    before, rest = text.split(start)
    document.write_text(before + start + "\n\n" + "\n".join(lines) + "\n\n" + end + rest.split(end)[1])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--comparison", type=pathlib.Path)
    parser.add_argument("--picture", type=pathlib.Path)
    args = parser.parse_args()
    lines: list[str] = []
    every = {setting: {family: results(args.work, family, setting) for family in sorted(set(FAMILIES.values()))
                       if load_traces(args.work, f"bellwether@{setting}.{family}")} for setting in settings(args.work)}
    for setting, families in every.items():
        title = "As shipped" if setting == "shipped" else f"With `monitor.watch_run_length = {setting}`"
        for kind in SIZES:
            if found := families.get(FAMILIES[kind]):
                lines += ["", f"### {title}: {TITLES[kind]}", "", rates(found), "", *table(kind, found)]
    lines += ["", "### False alarms of each at its own threshold", "", *as_shipped(args.work)]
    print("\n".join(lines))
    if args.comparison:
        between_markers(args.comparison, lines[1:])
    if args.picture:
        args.picture.write_text(picture.draw(panels(every["shipped"])))


def panels(families: dict[str, dict[str, list[Result]]]) -> list[picture.Panel]:
    """What the picture shows: for each kind, a line of median delays for each detector, that of its best variant."""
    return [picture.Panel(TITLES[kind], UNITS[kind], SIZES[kind], {
        name: [one.median((kind, size)) if (one := best(of, (kind, size))) else np.nan for size in SIZES[kind]]
        for name, of in families[FAMILIES[kind]].items() if any(best(of, (kind, size)) for size in SIZES[kind])})
        for kind in SIZES if FAMILIES[kind] in families]


if __name__ == "__main__":
    main()

"""Reads each dashboard with Grafana's own types and writes it again: what vanishes is no field that Grafana knows.

Asks for `pip install grafana-foundation-sdk`.
"""

import json
import sys
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

# Fields that Grafana's Prometheus reads and Grafana's types leave out, each with what it is for.
LEFT_OUT = {
    "definition": "of a variable: its query as the list of variables shows it",
    "step": "of an annotation: the step of its query",
    "titleFormat": "of an annotation: what is written on it",
}


def bare(value):
    """Without what is null: the reader does not expect it."""
    if isinstance(value, dict):
        return {key: bare(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [bare(inner) for inner in value]
    return value


def vanished(before, after, place=""):
    """The places of what is in `before` and not in `after`."""
    if isinstance(before, dict):
        if not isinstance(after, dict):
            return [place]
        lost = []
        for key, inner in before.items():
            if key in after:
                lost += vanished(inner, after[key], f"{place}.{key}")
            else:
                lost.append(f"{place}.{key}")
        return lost
    if isinstance(before, list):
        if not isinstance(after, list) or len(after) < len(before):
            return [place]
        return [lost for at, inner in enumerate(before) for lost in vanished(inner, after[at], f"{place}[{at}]")]
    return [] if before == after else [f"{place}: {before!r} became {after!r}"]


def lost_of(document):
    document = bare(document)
    read = Dashboard.from_json(document)
    return vanished(document, json.loads(json.dumps(read, cls=JSONEncoder)))


def main():
    register_default_plugins()
    folder = Path(__file__).parent.parent / "dashboards"
    files = sorted(folder.glob("*.json"))
    lost = [(file.name, place) for file in files for place in lost_of(json.loads(file.read_text()))]
    wrong = [f"{name}: {place}" for name, place in lost if place.rsplit(".")[-1] not in LEFT_OUT]
    seen = {place.rsplit(".")[-1] for _, place in lost}
    wrong += [f"{field} is kept now, and need not be excused" for field in LEFT_OUT if field not in seen]

    # What one wrong letter does has to be seen, else nothing is shown.
    control = json.loads(files[0].read_text())
    control["graphToltip"] = control.pop("graphTooltip")
    if ".graphToltip" not in lost_of(control):
        wrong.append("a field with one letter wrong was not found")

    print(f"{len(files)} dashboards, {len(wrong)} fields vanished", *wrong, sep="\n")
    return 1 if wrong or not files else 0


if __name__ == "__main__":
    sys.exit(main())

"""Takes files out of rendered objects: `extract.py rules|configurations DIRECTORY FILE...`."""

import pathlib
import sys

import yaml


def main(what, directory, files):
    found = 0
    for file in map(pathlib.Path, files):
        for i, thing in enumerate(yaml.safe_load_all(file.read_text())):
            if thing and what == "rules" and thing["kind"] == "PrometheusRule":
                text, name = yaml.safe_dump(thing["spec"]), f"rules-{file.stem}-{i}.yaml"
            elif thing and what == "configurations" and "bellwether.toml" in thing.get("data", {}):
                text, name = thing["data"]["bellwether.toml"], f"{file.stem}-{i}.toml"
            else:
                continue
            (directory / name).write_text(text)
            found += 1
    if not found:
        sys.exit(f"no {what} in {files}")


main(sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3:])

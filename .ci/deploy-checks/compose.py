"""The Compose file: by the specification's schema, and that each file it mounts is there: `compose.py SCHEMA FILE`."""

import json
import pathlib
import sys

import jsonschema
import yaml

# What one has to make, by the README beside the file.
MADE = {"./token", "./model.ref"}


def mounts(compose):
    for service in compose["services"].values():
        for volume in service.get("volumes", []):
            source = volume["source"] if isinstance(volume, dict) else volume.split(":")[0]
            if source.startswith("${"):
                source = source.split(":-")[1].rstrip("}")
            yield source
    for secret in compose.get("secrets", {}).values():
        yield secret["file"]


def main(schema_file, file):
    schema = json.loads(pathlib.Path(schema_file).read_text())
    # The specification has had a name for the project since 2022, the packaged schema is older.
    schema["properties"]["name"] = {"type": "string"}
    compose = yaml.safe_load(file.read_text())
    schema.pop("$schema")
    errors = jsonschema.Draft201909Validator(schema).iter_errors(compose)
    faults = [f"{list(error.absolute_path)}: {error.message}" for error in errors]
    for source in mounts(compose):
        if source.startswith("."):
            if source not in MADE and not (file.parent / source).exists():
                faults.append(f"{source} is mounted and not there")
        elif source not in compose["volumes"]:
            faults.append(f"volume {source} is not declared")
    for name, service in compose["services"].items():
        faults += [f"{name}: {needed} is no service" for needed in set(service.get("depends_on", {})) - set(compose["services"])]
        faults += [f"{name}: port {port} is open to others" for port in service.get("ports", []) if not port.startswith("127.0.0.1:")]
    if faults:
        sys.exit("\n".join(faults))


main(sys.argv[1], pathlib.Path(sys.argv[2]))

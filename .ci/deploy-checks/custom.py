"""Custom resources: `custom.py TOOLS FILE...`.

By the library's schemas (wrong types, what is missing), and by its TypeScript types, whose compiler refuses keys that they do not
have: the schemas let those pass. Strimzi's two kinds, of which no package has a schema, by ours in strimzi.json, which has only
what we use.
"""

import json
import pathlib
import shutil
import subprocess
import sys

import jsonschema
import yaml

MODULES = {
    "PodMonitor": "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1",
    "PrometheusRule": "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1",
    "ServiceMonitor": "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1",
    "ScaledObject": "@kubernetes-models/keda/keda.sh/v1alpha1",
}
# Of KEDA's trigger `kafka`, a free map to the schema.
TRIGGER = {"bootstrapServers", "consumerGroup", "topic", "lagThreshold", "offsetResetPolicy", "sasl", "tls"}
BUILT_IN = {"apps/v1", "networking.k8s.io/v1", "policy/v1", "v1"}


def objects(files):
    for file in files:
        for document in yaml.safe_load_all(pathlib.Path(file).read_text()):
            if document:
                yield document


def main(tools, files):
    here = pathlib.Path(__file__).parent
    shapes = json.loads((here / "strimzi.json").read_text())
    faults, known = [], []
    for thing in objects(files):
        kind, name = thing["kind"], thing["metadata"]["name"]
        if kind in shapes["definitions"]:
            schema = {"$ref": f"#/definitions/{kind}", "definitions": shapes["definitions"]}
            for error in jsonschema.Draft7Validator(schema).iter_errors(thing):
                faults.append(f"{kind} {name}: {list(error.absolute_path)}: {error.message}")
        elif kind in MODULES:
            known.append(thing)
        elif thing["apiVersion"] not in BUILT_IN:
            faults.append(f"{kind} {name}: nothing here checks it")
        if kind == "ScaledObject":
            for trigger in thing["spec"]["triggers"]:
                unknown = set(trigger["metadata"]) - TRIGGER
                faults += [f"{kind} {name}: trigger has no `{key}`" for key in unknown]
    # Beside the modules, so that they are found.
    (tools / "objects.json").write_text(json.dumps(known))
    shutil.copy(here / "custom.mjs", tools / "custom.mjs")
    lines = [f"import type {{ I{kind} }} from '{module}';" for kind, module in MODULES.items()]
    lines += [
        f"export const o{i}: I{thing['kind']} = {json.dumps(thing)};" for i, thing in enumerate(known)
    ]
    (tools / "objects.ts").write_text("\n".join(lines) + "\n")
    compiler = ["node_modules/.bin/tsc", "--noEmit", "--strict", "--skipLibCheck"]
    compiler += ["--module", "nodenext", "objects.ts"]
    for command in (["node", "custom.mjs", "objects.json"], compiler):
        done = subprocess.run(command, cwd=tools, capture_output=True, text=True)
        if done.returncode:
            faults.append(f"{command[0]}: {(done.stdout + done.stderr).strip()}")
    if faults:
        sys.exit("\n".join(faults))
    kinds = sorted({thing["kind"] for thing in known})
    print(f"  {len(known)} of {', '.join(kinds)}")


main(pathlib.Path(sys.argv[1]).resolve(), sys.argv[2:])

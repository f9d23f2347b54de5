"""Holds what is deployed to the real program: `program.py DIRECTORY`.

Each bellwether.toml is given to `bellwether check`, with the files and the environment that it names. Each probe of each container,
and the path of each scrape, is asked of a running program whose brokers are away.
"""

import json
import os
import pathlib
import re
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request

import yaml

PROGRAM = os.environ["BELLWETHER_BIN"]
# Those that the chart's cases name.
TASKS = ("banking", "my.task")
TOKEN = "a token of the checks, long enough"
# Mounts of a container, or folders of a machine; here they are below a folder of ours.
ROOTS = re.compile(r"/(?:reference|run/secrets|run/credentials|etc/bellwether|var/lib/bellwether)(?=/|\")")
ALONE = 'labels_topic = "l"\nverdicts_topic = "v"\ndead_letter_topic = "d"\n[state]'
GROUP = 'labels_topic = "l"\nverdicts_topic = "v"\ndead_letter_topic = "d"\nevidence_topic = "e"\n[state]\nchangelog_topic = "c"'
WITHOUT_TLS = "OpenSSL not available at build time"


def make(root):
    """A reference, a certificate and secrets, as a cluster would have them."""
    root.mkdir()
    lines = []
    for i in range(400):
        label = "ab"[i % 2]
        embedding = [(i % 7) / 7 + (label == "b"), (i % 11) / 11, (i % 13) / 13, (i % 17) / 17]
        line = {"event_id": f"e{i}", "task": TASKS[i % 4 // 2], "timestamp": f"2026-01-01T{i // 60:02}:{i % 60:02}:00Z"}
        lines.append(json.dumps(line | {"embedding": embedding, "prediction": label, "label": label}))
    (root / "observations.jsonl").write_text("\n".join(lines))
    (root / "tasks.json").write_text(json.dumps(dict.fromkeys(TASKS, {"kind": "classification", "labels": ["a", "b"]})))
    build = [PROGRAM, "reference", "build", "--observations", "observations.jsonl", "--tasks", "tasks.json"]
    subprocess.run([*build, "--output", "model.ref"], cwd=root, check=True, capture_output=True)
    pair = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    subprocess.run([*pair, "-keyout", "tls.key", "-out", "tls.crt"], cwd=root, check=True, capture_output=True)


def placed(text, root):
    """The configuration with its files below `root`, made where they are named."""
    text = ROOTS.sub(lambda match: f"{root}{match.group()}", text)
    for path in map(pathlib.Path, re.findall(rf'"(?:file:)?({re.escape(str(root))}/[^"]+)"', text)):
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.name == "state" or path.exists():
            continue
        source = {".ref": "model.ref", ".key": "tls.key", ".crt": "tls.crt"}.get(path.suffix)
        path.write_bytes((root / source).read_bytes() if source else TOKEN.encode())
    return text


def check(file, root, environment):
    """What the program finds wrong with a configuration."""
    at = root / file.name
    at.write_text(placed(file.read_text(), root))
    names = dict.fromkeys(re.findall(r'"env:([A-Z_]+)"', at.read_text()), TOKEN)
    command = [PROGRAM, "check", "--output", "json", "--config", at]
    done = subprocess.run(command, env=environment | names, capture_output=True, text=True)
    problems = json.loads(done.stdout)["problems"] if done.stdout.startswith("{") else []
    if WITHOUT_TLS in done.stdout and "CI" not in os.environ:
        print(f"  not checked without TLS in the program: properties of {file.name}")
        problems = [problem for problem in problems if not problem["key"].startswith("kafka.properties")]
    elif done.returncode and not problems:
        problems = [{"problem": done.stderr}]
    return [f"{file}: {problem}" for problem in problems]


def containers(pod):
    return pod.get("initContainers", []) + pod.get("containers", [])


def asked(files):
    """(path, what asks for it, scheme, whether it has the token)."""
    for file in files:
        for thing in yaml.safe_load_all(file.read_text()):
            kind = thing and thing["kind"]
            if kind in ("PodMonitor", "ServiceMonitor"):
                for end in thing["spec"].get("podMetricsEndpoints") or thing["spec"]["endpoints"]:
                    yield end["path"], f"{file.name} {kind}", "authorization" in end
            if kind not in ("StatefulSet", "Deployment"):
                continue
            for container in containers(thing["spec"]["template"]["spec"]):
                if container["name"] != "bellwether":
                    continue
                for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                    if probe in container:
                        yield container[probe]["httpGet"]["path"], f"{file.name} {probe}", False


def arguments(files):
    """Command lines of the program in the manifests."""
    for file in files:
        for thing in yaml.safe_load_all(file.read_text()):
            if thing and thing["kind"] in ("StatefulSet", "Deployment"):
                for container in containers(thing["spec"]["template"]["spec"]):
                    if container["name"] == "bellwether":
                        yield tuple(container["args"])


def answers(root, paths, args, topics):
    """Runs the program over TLS with brokers that are away, and asks for each path."""
    served = root / "served.toml"
    served.write_text(
        f'reference = "{root}/model.ref"\n[listen]\naddress = "127.0.0.1:0"\ntoken = "file:{root}/token"\n'
        f'certificate = "{root}/tls.crt"\nkey = "{root}/tls.key"\n'
        f'[kafka]\nbrokers = "127.0.0.1:9"\n{topics}\ndirectory = "{root}/served"\n'
    )
    (root / "token").write_text(TOKEN)
    args = [served if arg == "/etc/bellwether/bellwether.toml" else arg for arg in args]
    with (root / "served.log").open("w+") as log:
        process = subprocess.Popen([PROGRAM, *args], stderr=log, stdout=log)
        try:
            address = None
            for _ in range(100):
                found = re.search(r"listening on (\S+)", (root / "served.log").read_text())
                if found or process.poll() is not None:
                    address = found and found.group(1)
                    break
                time.sleep(0.1)
            if not address:
                sys.exit("the program does not serve: " + (root / "served.log").read_text())
            context = ssl._create_unverified_context()
            for path, who, token in sorted(set(paths)):
                request = urllib.request.Request(address + path)
                if token:
                    request.add_header("Authorization", f"Bearer {TOKEN}")
                try:
                    status = urllib.request.urlopen(request, context=context, timeout=5).status
                except urllib.error.HTTPError as error:
                    status = error.code
                # Ready is what has read back from Kafka what it had said; all else answers without Kafka.
                if status != 200 and not (status == 503 and who.endswith("readinessProbe")):
                    yield f"{who}: {path} is answered with {status}"
        finally:
            process.terminate()
            if process.wait(timeout=30) != 0:
                yield f"SIGTERM ends it with {process.returncode}"


def main(directory):
    root = directory / "program"
    make(root)
    shipped = pathlib.Path("docs/deploy")
    configurations = [*directory.glob("*.toml"), shipped / "compose/bellwether.toml", shipped / "systemd/bellwether.toml"]
    faults = []
    for i, file in enumerate(configurations):
        here = root / str(i)
        here.mkdir()
        for name in ("model.ref", "tls.key", "tls.crt"):
            (here / name).symlink_to(root / name)
        faults += check(file, here, dict(os.environ))
    manifests = sorted(directory.glob("*.yaml"))
    paths = list(asked(manifests))
    command_lines = set(arguments(manifests))
    for args in command_lines:
        faults += answers(root, paths, args, ALONE)
        faults += answers(root, paths, args, GROUP)
    if faults or not command_lines:
        sys.exit("\n".join(faults))
    print(f"  {len(configurations)} configurations, {len(paths)} probes and scrapes, {len(command_lines)} command lines")


main(pathlib.Path(sys.argv[1]))

"""Writes what a monitor needs that is only asked over HTTP: a reference's input, tokens, and a configuration without brokers."""

import json
import pathlib
import random
import secrets
import sys

work = pathlib.Path(sys.argv[1])
noise = random.Random(7)
tasks = {"mood": ["good", "bad"], "topic": ["sport", "news"]}
rows = []
for at in range(400):
    for place, (task, labels) in enumerate(tasks.items()):
        label = noise.randrange(2)
        embedding = [0.2 * noise.uniform(-1, 1) for _ in range(8)]
        embedding[place] += 1.0
        embedding[4] += 0.7 if label else -0.7
        sure = 0.9 + 0.05 * noise.uniform(-1, 1)
        rows.append(
            {
                "event_id": f"{task}-{at}",
                "task": task,
                "timestamp": 1_772_000_000_000 + 60_000 * at,
                "embedding": embedding,
                "prediction": labels[label],
                "probabilities": [1 - sure, sure] if label else [sure, 1 - sure],
                "label": labels[label],
            }
        )
(work / "reference.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
kinds = {task: {"kind": "classification", "labels": labels} for task, labels in tasks.items()}
(work / "tasks.json").write_text(json.dumps(kinds))
for name in ["token", "operate-token"]:
    (work / name).write_text(secrets.token_hex(32))
(work / "bellwether.toml").write_text(
    f"""
reference = "model.ref"
[listen]
address = "127.0.0.1:0"
token = "file:{work}/token"
operate_token = "file:{work}/operate-token"
# One client asks all of it.
requests_per_second = 100000
request_burst = 100000
[state]
directory = "state"
[references]
directory = "references"
max_upload_bytes = 1048576
[kafka]
# Nobody is there: what is asked is answered all the same.
brokers = "127.0.0.1:1"
"""
)
